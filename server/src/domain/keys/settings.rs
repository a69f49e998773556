//! What the configuration says about signing keys.

use std::time::Duration;

use latchkey_verifier::Algorithm;

use super::hmac;
use super::sealing::Sealer;
use crate::config::{self, Secret};

/// What the configuration says about signing keys.
#[derive(Debug)]
pub struct KeySettings {
    /// The algorithm that tokens are to be signed with.
    pub algorithm: Algorithm,
    /// The HMAC secret. With an algorithm with key pairs it only verifies.
    pub secret: Option<Secret>,
    /// Older HMAC secrets, which only verify.
    pub previous_secrets: Vec<Secret>,
    /// Seals private keys for storage.
    pub sealer: Sealer,
    /// The longest that a token is good: refresh tokens are signed too.
    pub token_life: Duration,
}

impl KeySettings {
    /// Reads the `[tokens]` section.
    #[must_use]
    pub fn new(tokens: &config::Tokens) -> Self {
        Self {
            algorithm: tokens.signing_algorithm(),
            secret: tokens.secret_key.clone(),
            previous_secrets: tokens.previous_secret_keys.clone(),
            sealer: Sealer::new(
                tokens.key_encryption_secret.as_ref(),
                &tokens.previous_key_encryption_secrets,
            ),
            token_life: tokens.access_ttl.max(tokens.refresh_ttl),
        }
    }

    /// The configured secrets as the keys that they may have been: each with every HMAC
    /// algorithm, since `tokens.algorithm` may have changed together with the secret.
    pub(crate) fn hmac_keys(&self) -> impl Iterator<Item = (String, &Secret, Algorithm)> {
        self.secret
            .iter()
            .chain(&self.previous_secrets)
            .flat_map(|secret| {
                Algorithm::HMAC.map(|algorithm| (hmac::kid(secret, algorithm), secret, algorithm))
            })
    }

    pub(super) fn hmac_kids(&self) -> impl Iterator<Item = String> {
        self.hmac_keys().map(|(kid, _, _)| kid)
    }
}
