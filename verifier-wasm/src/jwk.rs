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
