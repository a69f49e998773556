//! Reading one JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).
//!
//! A key is taken only if everything it says about itself holds together:
//! type, curve, algorithm, use and operations. Certificates (`x5c`, `x5u`,
//! `x5t`) and unknown members are ignored, as RFC 7517 section 4 demands.

use serde_json::{Map, Value};

use crate::{Algorithm, KeyError, PublicKey, encoding};

/// The members that only a private key has.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];

/// A key as read, with the algorithms that it may be used with.
pub(crate) struct ParsedKey {
    pub(crate) material: KeyMaterial,
    pub(crate) algorithms: Vec<Algorithm>,
}

pub(crate) enum KeyMaterial {
    Public(PublicKey),
    Secret(Vec<u8>),
}

/// The key's `kid`, read before anything else so that a token which names an
/// unusable key can be told so.
pub(crate) fn key_id(members: &Map<String, Value>) -> Result<Option<&str>, KeyError> {
    text(members, "kid")
}

/// Whether this is a shared secret rather than half of a key pair.
pub(crate) fn is_secret(members: &Map<String, Value>) -> bool {
    members.get("kty").is_some_and(|kty| kty == "oct")
}

pub(crate) fn parse(members: &Map<String, Value>) -> Result<ParsedKey, KeyError> {
    check_use(members)?;
    check_operations(members)?;
    let material = match required_text(members, "kty")? {
        "oct" => KeyMaterial::Secret(bytes(members, "k")?),
        "RSA" => KeyMaterial::Public(rsa(members)?),
        "EC" => KeyMaterial::Public(p256(members)?),
        "OKP" => KeyMaterial::Public(ed25519(members)?),
        _ => return Err(KeyError::new("the `kty` is not supported")),
    };
    let fitting = match &material {
        KeyMaterial::Secret(secret) => algorithms_of_secret(secret)?,
        KeyMaterial::Public(key) => key.algorithms().to_vec(),
    };
    let algorithms = match text(members, "alg")? {
        None => fitting,
        Some(name) => vec![
            Algorithm::from_name(name)
                .filter(|algorithm| fitting.contains(algorithm))
                .ok_or_else(|| {
                    KeyError::new("the `alg` is not supported or does not fit the key")
                })?,
        ],
    };
    Ok(ParsedKey {
        material,
        algorithms,
    })
}

/// RFC 7518 section 3.2: the secret must be at least as long as the hash.
fn algorithms_of_secret(secret: &[u8]) -> Result<Vec<Algorithm>, KeyError> {
    let sizes = [32, 48, 64];
    let fitting: Vec<Algorithm> = Algorithm::HMAC
        .into_iter()
        .zip(sizes)
        .filter(|(_, size)| secret.len() >= *size)
        .map(|(algorithm, _)| algorithm)
        .collect();
    if fitting.is_empty() {
        return Err(KeyError::new("the `oct` key is shorter than 32 bytes"));
    }
    Ok(fitting)
}

fn rsa(members: &Map<String, Value>) -> Result<PublicKey, KeyError> {
    refuse_private(members)?;
    PublicKey::rsa(bytes(members, "n")?, bytes(members, "e")?)
}

fn p256(members: &Map<String, Value>) -> Result<PublicKey, KeyError> {
    refuse_private(members)?;
    if required_text(members, "crv")? != "P-256" {
        return Err(KeyError::new("the `crv` is not supported"));
    }
    PublicKey::p256(bytes32(members, "x")?, bytes32(members, "y")?)
}

fn ed25519(members: &Map<String, Value>) -> Result<PublicKey, KeyError> {
    refuse_private(members)?;
    if required_text(members, "crv")? != "Ed25519" {
        return Err(KeyError::new("the `crv` is not supported"));
    }
    PublicKey::ed25519(bytes32(members, "x")?)
}

/// A private key where a public one belongs is a leak, not a key to trust.
fn refuse_private(members: &Map<String, Value>) -> Result<(), KeyError> {
    if PRIVATE_MEMBERS
        .iter()
        .any(|name| members.contains_key(*name))
    {
        return Err(KeyError::new("the key contains its private part"));
    }
    Ok(())
}

/// RFC 7517 section 4.2.
fn check_use(members: &Map<String, Value>) -> Result<(), KeyError> {
    match text(members, "use")? {
        None | Some("sig") => Ok(()),
        Some(_) => Err(KeyError::new("the `use` is not `sig`")),
    }
}

/// RFC 7517 section 4.3: distinct strings, among them `verify`.
fn check_operations(members: &Map<String, Value>) -> Result<(), KeyError> {
    let Some(value) = members.get("key_ops") else {
        return Ok(());
    };
    let Some(operations) = value.as_array() else {
        return Err(KeyError::new("the `key_ops` are not an array"));
    };
    let distinct = operations.iter().enumerate().all(|(index, operation)| {
        operation.is_string() && !operations[..index].contains(operation)
    });
    if !distinct {
        return Err(KeyError::new("the `key_ops` are not distinct strings"));
    }
    if !operations.iter().any(|operation| operation == "verify") {
        return Err(KeyError::new("the `key_ops` do not contain `verify`"));
    }
    Ok(())
}

fn text<'a>(
    members: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, KeyError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(_) => Err(KeyError::new(format!("the `{name}` is not a string"))),
    }
}

fn required_text<'a>(
    members: &'a Map<String, Value>,
    name: &'static str,
) -> Result<&'a str, KeyError> {
    text(members, name)?.ok_or_else(|| KeyError::new(format!("the `{name}` is missing")))
}

fn bytes(members: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, KeyError> {
    encoding::decode(required_text(members, name)?)
        .ok_or_else(|| KeyError::new(format!("the `{name}` is not canonical base64url")))
}

/// A coordinate, always of full length (RFC 7518 section 6.2.1.2).
fn bytes32(members: &Map<String, Value>, name: &'static str) -> Result<[u8; 32], KeyError> {
    bytes(members, name)?
        .try_into()
        .map_err(|_| KeyError::new(format!("the `{name}` is not 32 bytes long")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::parse;
    use crate::{
        Algorithm,
        testing::{TestKey, change},
    };

    /// The algorithms of a key, or why it is refused.
    fn algorithms(jwk: &Value) -> Result<Vec<Algorithm>, String> {
        let members = jwk.as_object().expect("an object");
        parse(members)
            .map(|key| key.algorithms)
            .map_err(|error| error.to_string())
    }

    fn p256(changes: &Value) -> Value {
        // RFC 7517 appendix A.1.
        let mut jwk = json!({
            "kty": "EC", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        });
        change(&mut jwk, changes);
        jwk
    }

    #[test]
    fn a_key_allows_what_it_says_or_what_it_fits() {
        let key = TestKey::new(1);
        for (jwk, expected) in [
            (key.jwk(&json!({})), vec![Algorithm::EdDsa]),
            (
                key.jwk(&json!({"alg": null, "use": null, "kid": null})),
                vec![Algorithm::EdDsa],
            ),
            (key.jwk(&json!({"alg": "Ed25519"})), vec![Algorithm::EdDsa]),
            (
                key.jwk(&json!({"key_ops": ["sign", "verify"], "x5c": 1, "d2": "x"})),
                vec![Algorithm::EdDsa],
            ),
            (p256(&json!({})), vec![Algorithm::Es256]),
            (
                json!({"kty": "oct", "k": "A".repeat(43)}),
                vec![Algorithm::Hs256],
            ),
            (
                json!({"kty": "oct", "k": "A".repeat(64)}),
                vec![Algorithm::Hs256, Algorithm::Hs384],
            ),
            (
                json!({"kty": "oct", "k": "A".repeat(86)}),
                Algorithm::HMAC.to_vec(),
            ),
            (
                json!({"kty": "oct", "k": "A".repeat(86), "alg": "HS384"}),
                vec![Algorithm::Hs384],
            ),
        ] {
            assert_eq!(algorithms(&jwk), Ok(expected), "{jwk}");
        }
    }

    #[test]
    fn a_key_that_contradicts_itself_is_refused() {
        let key = TestKey::new(1);
        for jwk in [
            key.jwk(&json!({"kty": null})),
            key.jwk(&json!({"kty": 1})),
            key.jwk(&json!({"kty": "okp"})),
            key.jwk(&json!({"kty": "EC"})),
            key.jwk(&json!({"crv": "X25519"})),
            key.jwk(&json!({"crv": null})),
            key.jwk(&json!({"alg": "ES256"})),
            key.jwk(&json!({"alg": "HS256"})),
            key.jwk(&json!({"alg": "none"})),
            key.jwk(&json!({"alg": ["EdDSA"]})),
            key.jwk(&json!({"use": "enc"})),
            key.jwk(&json!({"use": ["sig"]})),
            key.jwk(&json!({"key_ops": ["sign"]})),
            key.jwk(&json!({"key_ops": []})),
            key.jwk(&json!({"key_ops": "verify"})),
            key.jwk(&json!({"key_ops": ["verify", "verify"]})),
            key.jwk(&json!({"key_ops": ["verify", 1]})),
            key.jwk(&json!({"d": "AA"})),
            key.jwk(&json!({"x": null})),
            key.jwk(&json!({"x": "A".repeat(42)})),
            key.jwk(&json!({"x": "A".repeat(44)})),
            key.jwk(&json!({"x": format!("{}=", "A".repeat(43))})),
            p256(&json!({"crv": "P-384"})),
            p256(&json!({"y": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"})),
            p256(&json!({"x": "A".repeat(43), "y": "A".repeat(43)})),
            p256(&json!({"y": null})),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "oct", "k": "A".repeat(42)}),
            json!({"kty": "oct", "k": ""}),
            json!({"kty": "oct"}),
            json!({"kty": "oct", "k": "A".repeat(43), "alg": "HS512"}),
            json!({}),
        ] {
            assert!(algorithms(&jwk).is_err(), "{jwk}");
        }
    }

    #[test]
    fn a_reason_never_repeats_what_the_key_holds() {
        let key = TestKey::new(1);
        for jwk in [
            key.jwk(&json!({"alg": "hunter2"})),
            key.jwk(&json!({"x": "hunter2"})),
            key.jwk(&json!({"kty": "hunter2"})),
        ] {
            let reason = algorithms(&jwk).expect_err("refused");
            assert!(!reason.contains("hunter2"), "{reason}");
        }
    }
}
