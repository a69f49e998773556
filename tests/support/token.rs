//! JWTs taken apart, and put together as nobody should.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// A token taken apart; its signature is not checked.
#[derive(Clone, Debug)]
pub struct Jwt {
    /// The protected header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
    /// What is signed: the first two segments with the dot between.
    pub signed: String,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Jwt {
    /// Takes a token apart.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[track_caller]
    #[must_use]
    pub fn read(token: &str) -> Self {
        let segments: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = segments[..] else {
            panic!("not three segments: {token}");
        };
        let decode = |segment: &str| URL_SAFE_NO_PAD.decode(segment).expect("base64url");
        let json = |segment: &str| serde_json::from_slice(&decode(segment)).expect("JSON");
        Self {
            header: json(header),
            claims: json(claims),
            signed: format!("{header}.{claims}"),
            signature: decode(signature),
        }
    }

    /// A claim or header parameter that is a number.
    ///
    /// # Panics
    ///
    /// When the claim is none.
    #[track_caller]
    #[must_use]
    pub fn seconds(&self, claim: &str) -> i64 {
        self.claims[claim]
            .as_i64()
            .unwrap_or_else(|| panic!("{claim} is no number: {}", self.claims))
    }
}

/// Puts a token together.
#[must_use]
pub fn forge(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(claims.to_string().as_bytes())
    );
    let signature = encode(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// A "signature" of no bytes.
#[must_use]
pub fn unsigned(_: &[u8]) -> Vec<u8> {
    Vec::new()
}

/// HMAC-SHA-256, the signature of HS256.
#[must_use]
pub fn hmac_sha256(secret: &[u8], signed: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, signed).as_ref().to_vec()
}

/// An Ed25519 key: one that the server does not know, or one that it was given.
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// A new one.
    ///
    /// # Panics
    ///
    /// When the system has no randomness.
    #[must_use]
    pub fn generate() -> Self {
        Self(Ed25519KeyPair::generate().expect("a key"))
    }

    /// The one in a PKCS#8 file.
    ///
    /// # Panics
    ///
    /// When it is no such file.
    #[must_use]
    pub fn from_pem(pem: &str) -> Self {
        let lines = pem.lines().filter(|line| !line.starts_with('-'));
        let der = STANDARD.decode(lines.collect::<String>()).expect("base64");
        Self(Ed25519KeyPair::from_pkcs8(&der).expect("a key"))
    }

    /// The signature.
    #[must_use]
    pub fn sign(&self, signed: &[u8]) -> Vec<u8> {
        self.0.sign(signed).as_ref().to_vec()
    }

    /// The public key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref());
        serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
    }
}
