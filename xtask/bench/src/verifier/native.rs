//! The native verifier against plain jsonwebtoken with `rust_crypto`.
//!
//! The keys are those of RFC 7515 appendix A and RFC 8037 appendix A, and so
//! are the tokens, but for EdDSA: that one signs no claims there. All expired
//! in 2011, so the peer is told to leave `exp` alone; it has the less to do.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use latchkey_verifier::{KeySet, NumericDate, Options, Verifier};
use serde_json::{Value, json};

use crate::compare::Comparison;

const VECTORS: &str = include_str!("../../../../verifier-wasm/tests/vectors/rfc7515_8037.json");

/// RFC 8037 appendix A.1, `d`.
const ED25519_SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

/// Seconds since 1970, shortly before the tokens expire.
const NOW: f64 = 1_300_819_000.0;

pub(crate) fn run(quick: bool) -> Result<()> {
    println!(
        "\n### Tokens natively\n\n\
         CPU time of one check in µs, against the crate `jsonwebtoken` with `rust_crypto`.\n\n\
         |       | latchkey | jsonwebtoken | ratio | middle half  |\n\
         | ----- | -------: | -----------: | ----: | -----------: |"
    );
    let vectors: Vec<Value> = serde_json::from_str(VECTORS)?;
    for (algorithm, name) in [
        (Algorithm::HS256, "RFC7515 A.1 HS256"),
        (Algorithm::EdDSA, "RFC8037 A.4 EdDSA"),
        (Algorithm::ES256, "RFC7515 A.3 ES256"),
        (Algorithm::RS256, "RFC7515 A.2 RS256"),
    ] {
        let vector = vectors.iter().find(|vector| vector["name"] == name);
        let vector = vector.with_context(|| format!("no vector {name}"))?;
        let token = match algorithm {
            Algorithm::EdDSA => signed_by_ed25519()?,
            _ => vector["token"].as_str().context("a token")?.to_owned(),
        };
        let comparison = compare(quick, algorithm, &token, &vector["jwk"])?;
        let ratio = comparison.ratio();
        println!(
            "| {:5} | {:8.1} | {:12.1} | {:4.2}× | {:4.2} to {:4.2} |",
            format!("{algorithm:?}"),
            comparison.ours().as_secs_f64() * 1e6,
            comparison.peers().as_secs_f64() * 1e6,
            ratio.median,
            ratio.low,
            ratio.high
        );
    }
    Ok(())
}

fn compare(quick: bool, algorithm: Algorithm, token: &str, jwk: &Value) -> Result<Comparison> {
    let keys = KeySet::from_jwks(&json!({ "keys": [jwk] }).to_string())?;
    let options = Options {
        typ: None,
        ..Options::default()
    };
    let verifier = Verifier::new(keys, options);
    let now = NumericDate::from_seconds_f64(NOW).context("a date")?;

    let key = DecodingKey::from_jwk(&serde_json::from_value::<Jwk>(jwk.clone())?)?;
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;

    let ours = || verifier.verify(token, now);
    let peers = || jsonwebtoken::decode::<Value>(token, &key, &validation);
    // What is refused would be measured as fast.
    ensure!(ours().is_ok(), "the verifier refuses {algorithm:?}");
    ensure!(peers().is_ok(), "jsonwebtoken refuses {algorithm:?}");
    Ok(Comparison::of(quick, ours, peers))
}

/// The claims of RFC 7515 appendix A.1 under the key of RFC 8037.
fn signed_by_ed25519() -> Result<String> {
    // RFC 8410 section 7: PKCS #8 around the 32 bytes.
    let mut pkcs8 = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    pkcs8.extend(URL_SAFE_NO_PAD.decode(ED25519_SEED)?);
    let claims = json!({ "iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true });
    let header = Header::new(Algorithm::EdDSA);
    Ok(jsonwebtoken::encode(
        &header,
        &claims,
        &EncodingKey::from_ed_der(&pkcs8),
    )?)
}
