//! `latchkey-verifier`: token verification.
//!
//! A refused token is thrown as a string of JSON, `{code, claim, message}`,
//! which the glue turns into a `VerifierError`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{
    Algorithm, ErrorKind, KeyError, KeySet, KeySetError, NumericDate, Options, VerifiedSignature,
    Verifier, VerifierError,
};

/// A verifier, its keys and its options, living in WebAssembly.
#[wasm_bindgen]
pub struct TokenVerifier(Verifier);

#[wasm_bindgen]
impl TokenVerifier {
    /// Takes the options as JSON. There are no keys yet.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str) -> Result<Self, String> {
        let options: JsOptions =
            serde_json::from_str(options).map_err(|error| error.to_string())?;
        Ok(Self(Verifier::new(KeySet::new(), options.try_into()?)))
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

    /// Checks a token as of `now`, in seconds since 1970. Returns the JSON of
    /// `{payload, protectedHeader}`.
    pub fn verify(&self, token: &str, now: f64) -> Result<String, String> {
        let now =
            NumericDate::from_seconds_f64(now).ok_or("the time is not a number of seconds")?;
        let verified = self.0.verify(token, now).map_err(|error| thrown(&error))?;
        let payload = verified.payload_json();
        let header = json!(verified.protected_header);
        Ok(format!(
            r#"{{"payload":{payload},"protectedHeader":{header}}}"#
        ))
    }

    /// Checks the signature of a token and nothing else.
    #[wasm_bindgen(js_name = verifySignature)]
    pub fn verify_signature(&self, token: &str) -> Result<SignedPayload, String> {
        self.0
            .verify_signature(token)
            .map(SignedPayload)
            .map_err(|error| thrown(&error))
    }
}

/// What was signed.
#[wasm_bindgen]
pub struct SignedPayload(VerifiedSignature);

#[wasm_bindgen]
impl SignedPayload {
    /// The payload, as a `Uint8Array` of its own.
    #[wasm_bindgen(getter)]
    pub fn payload(&self) -> Vec<u8> {
        self.0.payload.clone()
    }

    /// The header as JSON.
    #[wasm_bindgen(getter, js_name = protectedHeader)]
    pub fn protected_header(&self) -> String {
        json!(self.0.protected_header).to_string()
    }
}

/// The options after the glue has checked their types. Times are in seconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsOptions {
    algorithms: Option<Vec<String>>,
    issuer: Option<String>,
    audience: Option<Vec<String>>,
    typ: Option<String>,
    clock_tolerance: f64,
    max_token_age: Option<f64>,
    required_claims: Vec<String>,
    max_token_length: usize,
    allow_no_expiry: bool,
}

impl TryFrom<JsOptions> for Options {
    type Error = String;

    fn try_from(options: JsOptions) -> Result<Self, String> {
        let algorithm = |name: String| {
            Algorithm::from_name(&name)
                .ok_or_else(|| format!("`algorithms`: {name} is not supported"))
        };
        let seconds = |name: &str, seconds: f64| {
            Duration::try_from_secs_f64(seconds).map_err(|error| format!("`{name}`: {error}"))
        };
        Ok(Self {
            algorithms: options
                .algorithms
                .map(|names| names.into_iter().map(algorithm).collect())
                .transpose()?,
            issuer: options.issuer,
            audience: options.audience,
            typ: options.typ,
            clock_tolerance: seconds("clockTolerance", options.clock_tolerance)?,
            // For issuers, who do not load this.
            issued_ahead: Duration::ZERO,
            max_token_age: options
                .max_token_age
                .map(|age| seconds("maxTokenAge", age))
                .transpose()?,
            required_claims: options.required_claims,
            max_token_length: options.max_token_length,
            allow_no_expiry: options.allow_no_expiry,
        })
    }
}

fn thrown(error: &VerifierError) -> String {
    json!({ "code": error.code(), "claim": error.claim(), "message": error.to_string() })
        .to_string()
}

fn thrown_key(error: &KeyError) -> String {
    json!({ "code": ErrorKind::BadKey.code(), "message": error.to_string() }).to_string()
}

fn thrown_key_set(error: &KeySetError) -> String {
    json!({ "code": ErrorKind::KeysUnavailable.code(), "message": error.to_string() }).to_string()
}
