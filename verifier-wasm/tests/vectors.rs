//! Tokens from the RFCs, and 333 hostile or odd ones with their verdicts.

use std::collections::BTreeMap;

use latchkey_verifier::{Algorithm, KeySet, NumericDate, Options, Verifier};
use serde::Deserialize;
use serde_json::{Value, json};

const RFC: &str = include_str!("vectors/rfc7515_8037.json");
const ATTACKS: &str = include_str!("vectors/jwt_attacks.jsonl");
const VERDICTS: &str = include_str!("vectors/jwt_attacks_verdicts.json");
const ATTACK_KEYS: &str = include_str!("vectors/jwt_attacks_keys.json");

/// Between the `nbf` and the `exp` of the tokens that are meant to be good.
const NOW: NumericDate = NumericDate::from_seconds(1_800_000_000);

#[derive(Deserialize)]
struct RfcVector {
    name: String,
    token: Option<String>,
    jwk: Value,
}

#[test]
fn rfc_examples() {
    let vectors: Vec<RfcVector> = serde_json::from_str(RFC).expect("the vectors are JSON");
    let mut verdicts = Vec::new();
    for vector in &vectors {
        let Some(token) = &vector.token else {
            continue;
        };
        let keys = if vector.jwk.is_null() {
            json!([])
        } else {
            json!([vector.jwk])
        };
        let keys = KeySet::from_jwks(&json!({ "keys": keys }).to_string()).expect("a JWK Set");
        let verdict = Verifier::new(keys, Options::default()).verify_signature(token);
        verdicts.push((
            vector.name.as_str(),
            verdict.map_or_else(|error| error.code(), |_| "good"),
        ));
    }
    assert_eq!(
        verdicts,
        [
            ("RFC7515 A.1 HS256", "good"),
            ("RFC7515 A.2 RS256", "good"),
            ("RFC7515 A.3 ES256", "good"),
            ("RFC7515 A.4 ES512", "unsupported_algorithm"),
            ("RFC8037 A.4 EdDSA", "good"),
            ("RFC7515 A.5 / RFC7519 6.1 none", "unsupported_algorithm"),
        ]
    );
}

#[derive(Deserialize)]
struct Attack {
    id: u32,
    group: String,
    name: String,
    key: String,
    allow_algs: Vec<String>,
    iss: String,
    aud: String,
    typ: String,
    expect: String,
    token: String,
    jwks: Option<Value>,
}

#[derive(Deserialize)]
struct AttackKeys {
    jwk_by_alg: serde_json::Map<String, Value>,
}

/// The verdict on one row: `good`, or the code of the refusal.
fn judge(attack: &Attack, keys: &AttackKeys) -> &'static str {
    let jwks = match &attack.jwks {
        Some(jwks) => jwks.clone(),
        None => json!({ "keys": [keys.jwk_by_alg[&attack.key]] }),
    };
    let Ok(keys) = KeySet::from_jwks(&jwks.to_string()) else {
        return "keys_unavailable";
    };
    let algorithms = attack
        .allow_algs
        .iter()
        .filter_map(|name| Algorithm::from_name(name))
        .collect();
    let options = Options {
        algorithms: Some(algorithms),
        issuer: Some(attack.iss.clone()),
        audience: Some(vec![attack.aud.clone()]),
        typ: Some(attack.typ.clone()),
        required_claims: vec!["sub".to_owned()],
        ..Options::default()
    };
    Verifier::new(keys, options)
        .verify(&attack.token, NOW)
        .map_or_else(|error| error.code(), |_| "good")
}

#[test]
fn items_51_to_61_attacks_get_their_verdict() {
    let keys: AttackKeys = serde_json::from_str(ATTACK_KEYS).expect("the keys are JSON");
    let mut verdicts = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in ATTACKS.lines() {
        let attack: Attack = serde_json::from_str(line).expect("each line is JSON");
        let verdict = judge(&attack, &keys);
        let agrees = match attack.expect.as_str() {
            "accept" => verdict == "good",
            "reject" => verdict != "good",
            "either" => true,
            other => panic!("row {}: no such verdict: {other}", attack.id),
        };
        if !agrees {
            wrong.push((attack.id, attack.group, attack.name, attack.expect, verdict));
        }
        verdicts.insert(attack.id, verdict);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(verdicts.len(), 333);
    let expected: BTreeMap<u32, &str> = serde_json::from_str(VERDICTS).expect("a map of codes");
    assert_eq!(verdicts, expected);
}

/// Each family of attacks is refused for the reason it was made for, so that
/// no check hides behind another one.
#[test]
fn items_51_to_61_attacks_are_refused_for_the_right_reason() {
    let keys: AttackKeys = serde_json::from_str(ATTACK_KEYS).expect("the keys are JSON");
    let mut wrong = Vec::new();
    for line in ATTACKS.lines() {
        let attack: Attack = serde_json::from_str(line).expect("each line is JSON");
        let code = judge(&attack, &keys);
        if code == "good" {
            continue;
        }
        let right: &[&str] = match attack.group.as_str() {
            "alg" => &["unsupported_algorithm", "malformed", "bad_signature"],
            "confusion" => &["unsupported_algorithm", "bad_signature"],
            "signature" => &["bad_signature"],
            "signer" => &["bad_signature", "unknown_key"],
            "inject" => &["bad_signature", "unknown_key"],
            "kid" => &["unknown_key", "malformed"],
            "crit" => &["critical_header", "malformed"],
            "structure" => &["malformed", "unsupported_algorithm", "bad_signature"],
            "duplicate" => &["malformed", "missing_claim"],
            "time" => &[
                "expired",
                "not_yet_valid",
                "invalid_claim",
                "missing_claim",
                "malformed",
            ],
            "iss" => &["wrong_issuer", "invalid_claim", "missing_claim"],
            "aud" => &["wrong_audience", "invalid_claim", "missing_claim"],
            "typ" => &["wrong_type"],
            "sub" => &["missing_claim", "invalid_claim"],
            "jwks" => &["bad_key", "unsupported_algorithm", "keys_unavailable"],
            _ => &[],
        };
        if !right.contains(&code) {
            wrong.push((attack.id, attack.group, attack.name, code));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
