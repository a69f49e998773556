//! Key sets as they come over the network: nothing panics, no key but its own verifies a
//! token, and what has been published is no secret any longer.
#![no_main]

use std::sync::LazyLock;

use latchkey_verifier::{KeySet, NumericDate, Options, Verifier};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

const NOW: i64 = 1_800_000_000;
const TOKENS: &str = include_str!("../../verifier-wasm/tests/vectors/jwt_attacks.jsonl");
const KEYS: &str = include_str!("../../verifier-wasm/tests/vectors/jwt_attacks_keys.json");

/// A good token and the one key that it was signed with.
struct Signed {
    token: String,
    algorithm: String,
    key: Map<String, Value>,
}

/// The first good token of each algorithm.
static SIGNED: LazyLock<Vec<Signed>> = LazyLock::new(|| {
    let keys: Value = serde_json::from_str(KEYS).expect("JSON");
    let keys = keys["jwk_by_alg"].as_object().expect("keys");
    let rows = TOKENS
        .lines()
        .map(|row| serde_json::from_str(row).expect("JSON"));
    let good: Vec<Value> = rows
        .filter(|row: &Value| row["expect"] == "accept")
        .collect();
    let signed = |(algorithm, key): (&String, &Value)| {
        let row = good.iter().find(|row| row["key"] == *algorithm);
        Signed {
            token: row.expect(algorithm)["token"]
                .as_str()
                .expect("text")
                .to_owned(),
            algorithm: algorithm.clone(),
            key: key.as_object().expect("an object").clone(),
        }
    };
    keys.iter().map(signed).collect()
});

fuzz_target!(|text: &str| {
    let (given, published) = (KeySet::from_jwks(text), KeySet::from_published_jwks(text));
    assert_eq!(given.is_ok(), published.is_ok());
    let (Ok(given), Ok(published)) = (given, published) else {
        return;
    };
    let Ok(document) = serde_json::from_str::<Value>(text) else {
        // Something beside the keys that nobody looks at, such as a number beyond all bounds.
        return;
    };
    let keys = document["keys"].as_array().expect("keys");
    for set in [&given, &published] {
        assert!(set.len() <= keys.len() && keys.len() <= 1000);
        assert!(set.unusable().count() <= set.len());
        hold_back(set, keys);
    }
    let (given, published) = (verifier(given), verifier(published));
    for signed in &*SIGNED {
        let is_secret = signed.key["kty"] == "oct";
        let verify = |by: &Verifier| {
            by.verify(&signed.token, NumericDate::from_seconds(NOW))
                .is_ok()
        };
        if verify(&given) {
            assert!(keys.iter().any(|key| is_key_of(key, signed)));
            let secrets = keys.iter().filter_map(Value::as_object);
            assert!(
                !is_secret
                    || secrets
                        .into_iter()
                        .all(|key| key.get("kty").is_some_and(|kty| kty == "oct"))
            );
        }
        assert_eq!(verify(&published), verify(&given) && !is_secret);
    }
});

fn verifier(keys: KeySet) -> Verifier {
    Verifier::new(keys, Options::default())
}

/// Whether a member of the set is the token's key and may be used for it.
fn is_key_of(key: &Value, signed: &Signed) -> bool {
    let Some(members) = key.as_object() else {
        return false;
    };
    let is_same = ["kty", "kid", "crv", "x", "y", "n", "e", "k"]
        .iter()
        .filter_map(|name| Some((name, signed.key.get(*name)?)))
        .all(|(name, value)| members.get(*name) == Some(value));
    let fits = |name: &str, values: &[&str]| {
        members
            .get(name)
            .is_none_or(|value| value.as_str().is_some_and(|value| values.contains(&value)))
    };
    let algorithms = match signed.algorithm.as_str() {
        "EdDSA" => vec!["EdDSA", "Ed25519"],
        algorithm => vec![algorithm],
    };
    is_same && !members.contains_key("d") && fits("use", &["sig"]) && fits("alg", &algorithms)
}

/// What is written of a set holds none of its secrets.
fn hold_back(set: &KeySet, keys: &[Value]) {
    let mut written = format!("{set:?}");
    for (kid, error) in set.unusable() {
        written.push_str(&error.to_string());
        if let Some(kid) = kid {
            // A name is no secret, whatever it says.
            written = written.replace(&format!("{kid:?}"), "");
        }
    }
    for key in keys {
        if let Some(kid) = key["kid"].as_str() {
            written = written.replace(&format!("{kid:?}"), "");
        }
    }
    for secret in keys.iter().filter_map(|key| key["k"].as_str()) {
        assert!(secret.len() < 16 || !written.contains(secret), "{written}");
    }
}
