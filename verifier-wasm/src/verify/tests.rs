use serde::Deserialize;
use serde_json::json;

use super::{Verified, Verifier};
use crate::{
    Algorithm, KeySet, NumericDate, Options, VerifierError,
    testing::{SECRET, TestKey, hs256},
};

const NOW: NumericDate = NumericDate::from_seconds(1_800_000_000);
const GOOD: &str = r#"{"sub": "s", "exp": 1800000060, "n": 1.0}"#;

fn verifier(options: Options) -> Verifier {
    let mut keys = KeySet::new();
    keys.add_secret(Some("k"), SECRET, &Algorithm::HMAC)
        .expect("a secret");
    Verifier::new(keys, options)
}

fn token(payload: &str) -> String {
    hs256(
        &json!({"alg": "HS256", "kid": "k", "typ": "at+jwt"}),
        payload,
    )
}

fn code(verdict: Result<Verified, VerifierError>) -> &'static str {
    verdict.map_or_else(|error| error.code(), |_| "good")
}

#[test]
fn a_good_token_is_returned_as_it_stands() {
    let verified = verifier(Options::default())
        .verify(&token(GOOD), NOW)
        .expect("a good token");
    assert_eq!(verified.payload_json(), GOOD);
    assert_eq!(
        json!(verified.payload),
        json!({"sub": "s", "exp": 1_800_000_060, "n": 1.0})
    );
    assert_eq!(
        json!(verified.protected_header),
        json!({"alg": "HS256", "kid": "k", "typ": "at+jwt"})
    );
    assert_eq!(verified.claims.subject.as_deref(), Some("s"));
    assert_eq!(
        verified.claims.expires_at,
        Some(NumericDate::from_seconds(1_800_000_060))
    );
}

#[test]
fn claims_are_read_into_a_type_of_the_callers() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Claims {
        sub: String,
        exp: u64,
    }
    #[derive(Debug, Deserialize)]
    struct Others {
        #[expect(dead_code, reason = "never there")]
        sub: u64,
    }
    let verified = verifier(Options::default())
        .verify(&token(GOOD), NOW)
        .expect("a good token");
    let claims = verified.deserialize::<Claims>();
    assert_eq!(
        claims,
        Ok(Claims {
            sub: "s".to_owned(),
            exp: 1_800_000_060
        })
    );
    let refusal = verified
        .deserialize::<Others>()
        .expect_err("`sub` is a string");
    assert_eq!(refusal.code(), "invalid_claim");
}

#[test]
fn the_first_failing_check_names_the_error() {
    let verifier = verifier(Options {
        issuer: Some("us".to_owned()),
        algorithms: Some(vec![Algorithm::Hs256, Algorithm::EdDsa]),
        max_token_length: 400,
        ..Options::default()
    });
    let sign = |header, payload: &str| hs256(&header, payload);
    let forge = |token: String| format!("{}AAAA", &token[..token.len() - 4]);
    let payload = |claims| json!({"iss": "us", "exp": 1_800_000_060_i64, "x": claims}).to_string();
    let good = json!({"alg": "HS256", "kid": "k", "typ": "at+jwt"});
    // Each token fails its own check and as many later ones as can be.
    for (expected, token) in [
        ("too_large", ".".repeat(401)),
        ("malformed", ".".repeat(400)),
        ("malformed", "a.b".to_owned()),
        ("malformed", format!("e30.{}", sign(good.clone(), GOOD))),
        ("malformed", forge(sign(json!({"alg": 1, "crit": []}), ""))),
        (
            "critical_header",
            forge(sign(json!({"alg": "none", "crit": []}), "")),
        ),
        (
            "unsupported_algorithm",
            forge(sign(json!({"alg": "none", "kid": "x"}), "")),
        ),
        (
            "unsupported_algorithm",
            forge(sign(json!({"alg": "HS384", "kid": "x"}), "")),
        ),
        (
            "malformed",
            format!("{}=", sign(json!({"alg": "HS256", "kid": "x"}), "")),
        ),
        (
            "unknown_key",
            forge(sign(json!({"alg": "HS256", "kid": "x"}), "")),
        ),
        (
            "algorithm_mismatch",
            forge(sign(json!({"alg": "EdDSA", "kid": "k"}), "")),
        ),
        (
            "bad_signature",
            forge(sign(json!({"alg": "HS256", "kid": "k"}), "")),
        ),
        ("malformed", sign(json!({"alg": "HS256", "kid": "k"}), "[]")),
        (
            "malformed",
            sign(json!({"alg": "HS256", "kid": "k"}), r#"{"a":1,"a":1}"#),
        ),
        (
            "wrong_type",
            sign(json!({"alg": "HS256", "kid": "k"}), r#"{"jti":1}"#),
        ),
        ("invalid_claim", sign(good.clone(), r#"{"jti":1}"#)),
        ("missing_claim", sign(good.clone(), r#"{"iss":"them"}"#)),
        (
            "wrong_issuer",
            sign(good.clone(), r#"{"iss":"them","exp":1}"#),
        ),
        (
            "not_yet_valid",
            sign(
                good.clone(),
                r#"{"iss":"us","exp":1,"nbf":1900000000,"iat":1900000000}"#,
            ),
        ),
        (
            "issued_in_future",
            sign(good.clone(), r#"{"iss":"us","exp":1,"iat":1900000000}"#),
        ),
        ("expired", sign(good.clone(), r#"{"iss":"us","exp":1}"#)),
        ("good", sign(good.clone(), &payload(1))),
    ] {
        assert_eq!(code(verifier.verify(&token, NOW)), expected, "{token}");
    }
}

#[test]
fn a_signature_alone_says_nothing_of_claims() {
    let verifier = verifier(Options::default());
    let token = hs256(&json!({"alg": "HS256"}), "not JSON");
    let signed = verifier.verify_signature(&token).expect("a good signature");
    assert_eq!(signed.payload, b"not JSON");
    assert_eq!(json!(signed.protected_header), json!({"alg": "HS256"}));
    assert_eq!(code(verifier.verify(&token, NOW)), "malformed");
}

#[test]
fn the_type_is_checked_unless_turned_off() {
    let token = hs256(&json!({"alg": "HS256", "typ": "rt+jwt"}), GOOD);
    let with_type = |typ: Option<&str>| {
        let options = Options {
            typ: typ.map(str::to_owned),
            ..Options::default()
        };
        code(verifier(options).verify(&token, NOW))
    };
    assert_eq!(with_type(Some("at+jwt")), "wrong_type");
    assert_eq!(with_type(Some("rt+jwt")), "good");
    assert_eq!(with_type(None), "good");
}

#[test]
fn other_keys_under_the_same_expectations() {
    let verifier = verifier(Options {
        typ: None,
        ..Options::default()
    });
    let key = TestKey::new(1);
    let mut keys = KeySet::new();
    keys.add(&key.named("k"));
    let token = key.sign(&json!({"alg": "Ed25519", "kid": "k"}), GOOD);
    assert_eq!(code(verifier.verify(&token, NOW)), "algorithm_mismatch");
    let renewed = verifier.with_keys(keys);
    assert_eq!(code(renewed.verify(&token, NOW)), "good");
    assert_eq!(renewed.options(), verifier.options());
}

#[test]
fn a_refusal_repeats_nothing_of_the_token() {
    let secret = "hunter2";
    let claims = json!({"iss": secret, "exp": secret}).to_string();
    let headers = [
        json!({"alg": secret}),
        json!({"alg": "HS256", "kid": secret}),
        json!({"alg": "HS256", "typ": secret}),
    ];
    let options = Options {
        issuer: Some("us".to_owned()),
        ..Options::default()
    };
    for header in headers {
        let refusal = verifier(options.clone())
            .verify(&hs256(&header, &claims), NOW)
            .expect_err("refused");
        assert!(
            !format!("{refusal} {refusal:?}").contains(secret),
            "{refusal:?}"
        );
    }
}
