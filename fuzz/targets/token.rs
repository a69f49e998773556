//! Tokens and key sets as strangers write them: nothing panics, nothing hangs, and what is
//! accepted holds what was promised.
//!
//! The first byte of the input says what the rest is: a token as it is, a header and a
//! claims set that are signed with a key that the verifier knows, so that what lies behind
//! the signature is reached as well, or a key set.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use latchkey_verifier::{
    Algorithm, KeySet, NumericDate, Options, Verified, Verifier, VerifierError,
};
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;

const SECRET: &[u8] = b"a secret that the fuzzer may know";
const PUBLIC_KEYS: &str = include_str!("public_keys.json");
const NOW: i64 = 1_800_000_000;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let mut keys = KeySet::from_jwks(PUBLIC_KEYS).expect("a key set");
    assert_eq!(keys.unusable().count(), 0);
    keys.add_secret(Some("secret"), SECRET, &[Algorithm::Hs256])
        .expect("a secret");
    Verifier::new(keys, Options::default())
});

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    match kind % 3 {
        0 => {
            if let Ok(token) = std::str::from_utf8(rest) {
                verify(&VERIFIER, token);
            }
        }
        1 => {
            let (header, claims) = split_at_byte(rest, b'\n');
            verify(&VERIFIER, &signed(header, claims));
        }
        _ => {
            let (keys, token) = split_at_byte(rest, b'\n');
            let keys = std::str::from_utf8(keys).map(KeySet::from_jwks);
            if let (Ok(Ok(keys)), Ok(token)) = (keys, std::str::from_utf8(token)) {
                verify(&Verifier::new(keys, Options::default()), token);
            }
        }
    }
});

/// Verifies a token, and holds the verdict to what it promises.
fn verify(verifier: &Verifier, token: &str) {
    let now = NumericDate::from_seconds(NOW);
    let verdict = verifier.verify(token, now);
    let again = verifier.verify(token, now);
    assert_eq!(
        verdict.as_ref().map_err(VerifierError::code),
        again.as_ref().map_err(VerifierError::code),
        "a token has one verdict"
    );
    if let Ok(verified) = verdict {
        assert!(verifier.verify_signature(token).is_ok());
        hold(token, &verified);
    }
}

fn hold(token: &str, verified: &Verified) {
    let segments: Vec<&str> = token.split('.').collect();
    assert_eq!(segments.len(), 3);
    for segment in &segments {
        let bytes = URL_SAFE_NO_PAD.decode(segment).expect("base64url");
        assert_eq!(&URL_SAFE_NO_PAD.encode(bytes), segment, "canonical");
    }
    let exp = verified.payload["exp"].as_f64().expect("exp is a number");
    assert!(exp > NOW as f64, "{exp} has passed");
    for claim in ["nbf", "iat"] {
        if let Some(time) = verified.payload.get(claim) {
            assert!(time.as_f64().expect("a number") <= NOW as f64);
        }
    }
    let typ = verified.protected_header["typ"].as_str().expect("typ");
    let typ = typ.to_ascii_lowercase();
    assert!(["at+jwt", "application/at+jwt"].contains(&typ.as_str()));
    assert!(!verified.protected_header.contains_key("crit"));
}

/// What stands before the first such byte, and what stands behind.
fn split_at_byte(bytes: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == separator) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

fn signed(header: &[u8], claims: &[u8]) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("a key of any length");
    mac.update(signed.as_bytes());
    let mac = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{signed}.{mac}")
}
