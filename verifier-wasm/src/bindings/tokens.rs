//! `latchkey-verifier`: token verification.
//!
//! A refused token is thrown as a string of JSON, `{code, claim, message}`,
//! which the glue turns into a `VerifierError`.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{
    Algorithm, ErrorKind, KeyError, KeySet, KeySetError, NumericDate, Options, Verifier,
    VerifierError, header::Header, json,
};

/// A verifier, its keys and its options, living in WebAssembly.
#[wasm_bindgen]
pub struct TokenVerifier(Verifier);

#[wasm_bindgen]
impl TokenVerifier {
    /// Takes the options as JSON. There are no keys yet.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str) -> Result<Self, String> {
        let options = read_options(options).ok_or("the options are not those of the glue")?;
        Ok(Self(Verifier::new(KeySet::new(), options)))
    }

    /// Replaces the keys by a JWK Set; `published` when it came over a network.
    #[wasm_bindgen(js_name = setJwks)]
    pub fn set_jwks(&mut self, jwks: &str, published: bool) -> Result<(), String> {
        let read = if published {
            KeySet::from_published_jwks
        } else {
            KeySet::from_jwks
        };
        let keys = read(jwks).map_err(|error| thrown_key_set(&error))?;
        self.0 = self.0.with_keys(keys);
        Ok(())
    }

    /// Replaces the keys by one shared secret, good for every `kid`.
    #[wasm_bindgen(js_name = setSecret)]
    pub fn set_secret(&mut self, secret: &[u8]) -> Result<(), String> {
        let mut keys = KeySet::new();
        keys.add_secret(None, secret, &Algorithm::HMAC)
            .map_err(|error| thrown_key(&error))?;
        self.0 = self.0.with_keys(keys);
        Ok(())
    }

    /// Checks a token, in UTF-8, as of `now`, in seconds since 1970. Returns the
    /// JSON of `{payload, protectedHeader}`.
    pub fn verify(&self, token: &[u8], now: f64) -> Result<String, String> {
        let token = text_of(token)?;
        let now =
            NumericDate::from_seconds_f64(now).ok_or("the time is not a number of seconds")?;
        let checked = self.0.check(token, now).map_err(|error| thrown(&error))?;
        let payload = checked.payload_json();
        let header = checked.protected_header_json();
        Ok(format!(
            r#"{{"payload":{payload},"protectedHeader":{header}}}"#
        ))
    }

    /// Checks the signature of a token, in UTF-8, and nothing else.
    #[wasm_bindgen(js_name = verifySignature)]
    pub fn verify_signature(&self, token: &[u8]) -> Result<SignedPayload, String> {
        let token = text_of(token)?;
        self.0
            .check_signature(token)
            .map(|(header, payload)| SignedPayload { header, payload })
            .map_err(|error| thrown(&error))
    }
}

/// What was signed.
#[wasm_bindgen]
pub struct SignedPayload {
    header: Arc<Header>,
    payload: Vec<u8>,
}

#[wasm_bindgen]
impl SignedPayload {
    /// The payload, as a `Uint8Array` of its own.
    #[wasm_bindgen(getter)]
    pub fn payload(&self) -> Vec<u8> {
        self.payload.clone()
    }

    /// The header as JSON.
    #[wasm_bindgen(getter, js_name = protectedHeader)]
    pub fn protected_header(&self) -> String {
        self.header.json.clone()
    }
}

fn text_of(token: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(token)
        .map_err(|_| thrown(&VerifierError::malformed("the token is not UTF-8")))
}

/// Reads the options after the glue has checked them. By hand: what serde
/// derives for this weighs as much as two signature algorithms.
fn read_options(text: &str) -> Option<Options> {
    let members = json::parse_object(text.as_bytes())?;
    // What is absent is None inside, what is wrong is None outside.
    let texts = |name| match members.get(name) {
        None => Some(None),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| Some(item.as_str()?.to_owned()));
            Some(Some(texts.collect::<Option<Vec<String>>>()?))
        }
        Some(_) => None,
    };
    let text = |name| match members.get(name) {
        None => Some(None),
        Some(Value::String(text)) => Some(Some(text.clone())),
        Some(_) => None,
    };
    let seconds = |name| match members.get(name) {
        None => Some(None),
        Some(seconds) => Some(Some(Duration::try_from_secs_f64(seconds.as_f64()?).ok()?)),
    };
    let algorithms = |names: Vec<String>| {
        let algorithms = names.iter().map(|name| Algorithm::from_name(name));
        algorithms.collect::<Option<Vec<Algorithm>>>()
    };
    Some(Options {
        algorithms: match texts("algorithms")? {
            None => None,
            Some(names) => Some(algorithms(names)?),
        },
        issuer: text("issuer")?,
        audience: texts("audience")?,
        typ: match members.get("typ")? {
            Value::Null => None,
            typ => Some(typ.as_str()?.to_owned()),
        },
        clock_tolerance: seconds("clockTolerance")??,
        // For issuers, who do not load this.
        issued_ahead: Duration::ZERO,
        max_token_age: seconds("maxTokenAge")?,
        required_claims: texts("requiredClaims")??,
        max_token_length: usize::try_from(members.get("maxTokenLength")?.as_u64()?).ok()?,
        allow_no_expiry: members.get("allowNoExpiry")?.as_bool()?,
    })
}

/// The JSON of a string. (A `Value` would bring the pretty printer along.)
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn refusal(code: &str, message: &str, claim: Option<&str>) -> String {
    let claim = claim.map_or_else(|| "null".to_owned(), quoted);
    let message = quoted(message);
    format!(r#"{{"code":"{code}","claim":{claim},"message":{message}}}"#)
}

fn thrown(error: &VerifierError) -> String {
    refusal(error.code(), &error.to_string(), error.claim())
}

fn thrown_key(error: &KeyError) -> String {
    refusal(ErrorKind::BadKey.code(), &error.to_string(), None)
}

fn thrown_key_set(error: &KeySetError) -> String {
    refusal(ErrorKind::KeysUnavailable.code(), &error.to_string(), None)
}
