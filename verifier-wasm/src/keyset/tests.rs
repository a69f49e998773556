use serde_json::{Value, json};

use super::{KeySet, MAX_KEYS, MAX_TRIES};
use crate::{
    Algorithm, Options, Verifier,
    testing::{SECRET, TestKey, hs256},
};

fn set(keys: &[Value]) -> KeySet {
    KeySet::from_jwks(&json!({ "keys": keys }).to_string()).expect("a JWK Set")
}

fn verdict(keys: KeySet, token: &str) -> &'static str {
    let verifier = Verifier::new(keys, Options::default());
    verifier
        .verify_signature(token)
        .map_or_else(|error| error.code(), |_| "good")
}

fn token(key: &TestKey, kid: Option<&str>) -> String {
    match kid {
        Some(kid) => key.sign(&json!({"alg": "EdDSA", "kid": kid}), "{}"),
        None => key.sign(&json!({"alg": "EdDSA"}), "{}"),
    }
}

fn secret_jwk() -> Value {
    json!({"kty": "oct", "k": crate::encoding::encode(SECRET), "kid": "s"})
}

#[test]
fn only_a_jwk_set_is_a_key_set() {
    for text in [
        "",
        "[]",
        "{}",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[],"keys":[]}"#,
        "{\"keys\":[]} x",
    ] {
        assert!(KeySet::from_jwks(text).is_err(), "{text}");
    }
    assert!(
        KeySet::from_jwks(r#"{"keys":[],"other":{"a":1,"a":2}}"#).is_ok_and(|set| set.is_empty())
    );
}

#[test]
fn a_set_is_bounded() {
    let of = |count: usize| json!({ "keys": vec![json!({}); count] }).to_string();
    let set = KeySet::from_jwks(&of(MAX_KEYS)).expect("a JWK Set");
    assert_eq!(set.unusable().count(), MAX_KEYS);
    assert!(KeySet::from_jwks(&of(MAX_KEYS + 1)).is_err());
    assert!(KeySet::from_published_jwks(&of(MAX_KEYS + 1)).is_err());
}

#[test]
fn a_kid_picks_its_key_and_no_other() {
    let (one, two) = (TestKey::new(1), TestKey::new(2));
    let keys = || {
        set(&[
            one.jwk(&json!({"kid": "1"})),
            two.jwk(&json!({"kid": "2"})),
            two.jwk(&json!({"kid": null})),
        ])
    };
    assert_eq!(verdict(keys(), &token(&one, Some("1"))), "good");
    assert_eq!(verdict(keys(), &token(&two, Some("2"))), "good");
    assert_eq!(verdict(keys(), &token(&two, Some("1"))), "bad_signature");
    assert_eq!(verdict(keys(), &token(&two, Some("3"))), "unknown_key");
    assert_eq!(verdict(keys(), &token(&two, Some(""))), "unknown_key");
    assert_eq!(
        verdict(KeySet::new(), &token(&one, Some("1"))),
        "unknown_key"
    );
    assert_eq!(verdict(KeySet::new(), &token(&one, None)), "unknown_key");
}

#[test]
fn one_bad_key_spoils_only_itself() {
    let key = TestKey::new(1);
    let bad = r#"{"kid":"bad","kty":"OKP","crv":"Ed25519","x":"AA"},{"kid":"twice","kid":"twice"},7,null,{"kid":7}"#;
    let text = format!(r#"{{"keys":[{bad},{}]}}"#, key.jwk(&json!({"kid": "good"})));
    let keys = || KeySet::from_jwks(&text).expect("a JWK Set");
    assert_eq!(keys().len(), 6);
    assert_eq!(keys().unusable().count(), 5);
    assert_eq!(verdict(keys(), &token(&key, Some("good"))), "good");
    assert_eq!(verdict(keys(), &token(&key, None)), "good");
    assert_eq!(verdict(keys(), &token(&key, Some("bad"))), "bad_key");
    assert_eq!(verdict(keys(), &token(&key, Some("twice"))), "unknown_key");
}

#[test]
fn a_token_without_kid_is_tried_with_every_key_that_fits() {
    let keys: Vec<TestKey> = (0..).take(MAX_TRIES).map(TestKey::new).collect();
    let jwks: Vec<Value> = (0..)
        .zip(&keys)
        .map(|(kid, key): (u8, _)| key.jwk(&json!({"kid": kid.to_string()})))
        .collect();
    for key in &keys {
        assert_eq!(verdict(set(&jwks), &token(key, None)), "good");
    }
    assert_eq!(
        verdict(set(&jwks), &token(&TestKey::new(99), None)),
        "bad_signature"
    );
    let one_more = [&jwks[..], &[TestKey::new(99).jwk(&json!({}))]].concat();
    assert_eq!(
        verdict(set(&one_more), &token(&keys[0], None)),
        "unknown_key"
    );
    assert_eq!(
        verdict(set(&jwks), &hs256(&json!({"alg": "HS256"}), "{}")),
        "algorithm_mismatch"
    );
}

#[test]
fn a_kid_that_two_fitting_keys_share_is_bad() {
    let (one, two) = (TestKey::new(1), TestKey::new(2));
    let both = || set(&[one.jwk(&json!({})), two.jwk(&json!({}))]);
    assert_eq!(verdict(both(), &token(&one, Some("k"))), "bad_key");
    let twice_the_same = set(&[one.jwk(&json!({})), one.jwk(&json!({"use": null}))]);
    assert_eq!(verdict(twice_the_same, &token(&one, Some("k"))), "good");
    let mut of_two_types = set(&[one.jwk(&json!({}))]);
    of_two_types
        .add_secret(Some("k"), SECRET, &[Algorithm::Hs256])
        .expect("a secret");
    assert_eq!(verdict(of_two_types, &token(&one, Some("k"))), "good");
}

#[test]
fn a_secret_without_a_name_answers_to_all() {
    let mut keys = KeySet::new();
    keys.add(&TestKey::new(1).named("k"));
    keys.add_secret(None, SECRET, &Algorithm::HMAC)
        .expect("a secret");
    let verifier = Verifier::new(keys, Options::default());
    for (header, expected) in [
        (json!({"alg": "HS256"}), "good"),
        (json!({"alg": "HS256", "kid": "anything"}), "good"),
        (json!({"alg": "HS256", "kid": "k"}), "algorithm_mismatch"),
        (json!({"alg": "HS512"}), "bad_signature"),
        (json!({"alg": "ES256"}), "algorithm_mismatch"),
    ] {
        let verdict = verifier.verify_signature(&hs256(&header, "{}"));
        assert_eq!(
            verdict.map_or_else(|error| error.code(), |_| "good"),
            expected,
            "{header}"
        );
    }
}

#[test]
fn a_secret_beside_public_keys_is_none() {
    let token = hs256(&json!({"alg": "HS256", "kid": "s"}), "{}");
    assert_eq!(verdict(set(&[secret_jwk()]), &token), "good");
    for other in [
        TestKey::new(1).jwk(&json!({})),
        json!({"kty": "RSA"}),
        json!({"kty": "?"}),
    ] {
        assert_eq!(verdict(set(&[secret_jwk(), other]), &token), "bad_key");
    }
    // What one reader takes for a public key, and another for nothing at all.
    for unreadable in [r#"{"kty":"OKP","x":"AA","x":"AA"}"#, r#""a key""#, "null"] {
        let text = format!(r#"{{"keys": [{}, {unreadable}]}}"#, secret_jwk());
        let keys = KeySet::from_jwks(&text).expect("a JWK Set");
        assert_eq!(verdict(keys, &token), "bad_key", "{unreadable}");
    }
    let published = KeySet::from_published_jwks(&json!({"keys": [secret_jwk()]}).to_string());
    assert_eq!(verdict(published.expect("a JWK Set"), &token), "bad_key");
}

#[test]
fn a_secret_is_for_hmac_only() {
    let mut keys = KeySet::new();
    assert!(keys.add_secret(None, b"", &Algorithm::HMAC).is_err());
    assert!(
        keys.add_secret(None, SECRET, &[Algorithm::Hs256, Algorithm::EdDsa])
            .is_err()
    );
    assert!(keys.is_empty());
}

#[test]
fn debug_shows_names_and_reasons_only() {
    let shown = format!(
        "{:?}",
        set(&[
            secret_jwk(),
            json!({"kty": "oct", "kid": "short", "k": "c2VjcmV0"})
        ])
    );
    assert_eq!(
        shown,
        r#"{"s": "usable", "short": "the `oct` key is shorter than 32 bytes"}"#
    );
}
