//! Making the records of new keys.

use std::time::Duration;

use latchkey_verifier::{Algorithm, Jwk};

use super::hmac;
use super::material::PrivateKey;
use super::record::{KeyRecord, KeyState};
use super::sealing::{Sealed, Sealer};
use super::{KeysError, MaterialError};
use crate::config::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::entropy::Entropy;

/// Makes records, with the private part sealed as configured.
pub struct KeyMaker<'a> {
    sealer: &'a Sealer,
    entropy: &'a dyn Entropy,
}

impl<'a> KeyMaker<'a> {
    /// A maker that seals with `sealer`.
    #[must_use]
    pub const fn new(sealer: &'a Sealer, entropy: &'a dyn Entropy) -> Self {
        Self { sealer, entropy }
    }

    /// A new key pair, standing by.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when AWS-LC cannot make one.
    pub fn make(&self, algorithm: Algorithm, now: Timestamp) -> Result<KeyRecord, KeysError> {
        self.record(&PrivateKey::generate(algorithm)?, now)
    }

    /// The record of a key pair, standing by. Its `kid` is its thumbprint (RFC 7638).
    ///
    /// # Errors
    ///
    /// [`KeysError`] when it is not a key pair that strict verifiers accept.
    pub fn record(&self, key: &PrivateKey, now: Timestamp) -> Result<KeyRecord, KeysError> {
        let public = key.public_key()?;
        let kid = public.thumbprint();
        let jwk = Jwk::new(kid.as_str(), key.algorithm(), public)
            .map_err(|error| MaterialError::Rejected(error.to_string()))?;
        let jwk = serde_json::to_string(&jwk).map_err(|_| MaterialError::Failed)?;
        let sealed = self.seal(&kid, &key.to_pkcs8()?);
        Ok(KeyRecord {
            public_jwk: Some(jwk),
            ..bare(kid, key.algorithm(), sealed, now)
        })
    }

    /// The record of a configured secret, which signs.
    #[must_use]
    pub fn hmac(&self, secret: &Secret, algorithm: Algorithm, now: Timestamp) -> KeyRecord {
        let kid = hmac::kid(secret, algorithm);
        let sealed = self.seal(&kid, secret.expose_bytes());
        KeyRecord {
            state: KeyState::Active,
            ..bare(kid, algorithm, sealed, now)
        }
    }

    pub(super) fn seal(&self, kid: &str, plain: &[u8]) -> Sealed {
        self.sealer.seal(kid, plain, self.entropy)
    }
}

fn bare(kid: String, algorithm: Algorithm, sealed: Sealed, now: Timestamp) -> KeyRecord {
    KeyRecord {
        kid,
        algorithm: algorithm.name().to_owned(),
        state: KeyState::Standby,
        public_jwk: None,
        private_key: sealed.bytes,
        sealed_under: sealed.sealed_under,
        created_at: now,
        published_at: now,
        token_life: Duration::ZERO,
        activate_at: None,
        retired_at: None,
        expires_at: None,
    }
}
