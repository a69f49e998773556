//! `[tokens]`: what is signed, with what, and for how long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    algorithm::{Algorithm, AlgorithmChoice},
    duration,
    secret::Secret,
};

/// How long a session lives at most when nothing else is said and refresh
/// tokens do not live longer.
const SESSION_MAX_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The `[tokens]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// The `iss` claim; left out, it is the public URL. Use
    /// [`Config::issuer`](super::Config::issuer).
    pub issuer: Option<String>,
    /// The `aud` claim of access tokens; left out, there is none.
    pub audience: Option<String>,
    /// Which algorithm signs. Use [`Tokens::signing_algorithm`].
    pub algorithm: AlgorithmChoice,
    /// The HMAC key. With an asymmetric `algorithm` it signs nothing, and
    /// tokens signed with it before stay good until they expire.
    pub secret_key: Option<Secret>,
    /// Older HMAC keys: tokens signed with them stay good until they expire.
    pub previous_secret_keys: Vec<Secret>,
    /// Whether a weak or publicly known HMAC key may serve off loopback.
    pub allow_weak_secret: bool,
    /// How long an access token is good.
    #[serde(with = "duration")]
    pub access_ttl: Duration,
    /// How long a refresh token is good.
    #[serde(with = "duration")]
    pub refresh_ttl: Duration,
    /// How long a refresh token that was just used gives the same successor
    /// again; zero turns that off.
    #[serde(with = "duration")]
    pub refresh_grace: Duration,
    /// When a session ends whatever happens. Use [`Tokens::session_max_age`].
    #[serde(with = "duration::option")]
    pub session_max_age: Option<Duration>,
    /// Encrypts the private keys in the database.
    pub key_encryption_secret: Option<Secret>,
    /// Older ones of it: what was encrypted under them can still be read, and
    /// is encrypted anew under `key_encryption_secret`.
    pub previous_key_encryption_secrets: Vec<Secret>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            algorithm: AlgorithmChoice::Auto,
            secret_key: None,
            previous_secret_keys: Vec::new(),
            allow_weak_secret: false,
            access_ttl: Duration::from_secs(30 * 60),
            refresh_ttl: Duration::from_secs(24 * 60 * 60),
            refresh_grace: Duration::from_secs(10),
            session_max_age: None,
            key_encryption_secret: None,
            previous_key_encryption_secrets: Vec::new(),
        }
    }
}

impl Tokens {
    /// The algorithm that signs: `auto` is HS256 with a secret, EdDSA without.
    #[must_use]
    pub fn signing_algorithm(&self) -> Algorithm {
        match (self.algorithm, &self.secret_key) {
            (AlgorithmChoice::Fixed(algorithm), _) => algorithm,
            (AlgorithmChoice::Auto, Some(_)) => Algorithm::Hs256,
            (AlgorithmChoice::Auto, None) => Algorithm::EdDsa,
        }
    }

    /// How long a session lives at most: the longer of 30 days and
    /// `refresh_ttl` unless it is set.
    #[must_use]
    pub fn session_max_age(&self) -> Duration {
        self.session_max_age
            .unwrap_or_else(|| self.refresh_ttl.max(SESSION_MAX_AGE))
    }

    /// Every HMAC key that verifies: the current one first, then the older.
    pub fn hmac_secrets(&self) -> impl Iterator<Item = &Secret> {
        self.secret_key.iter().chain(&self.previous_secret_keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_follows_the_secret() {
        let mut tokens = Tokens::default();
        assert_eq!(tokens.signing_algorithm(), Algorithm::EdDsa);
        tokens.secret_key = Secret::new("a secret");
        assert_eq!(tokens.signing_algorithm(), Algorithm::Hs256);
        tokens.algorithm = AlgorithmChoice::Fixed(Algorithm::Es256);
        assert_eq!(tokens.signing_algorithm(), Algorithm::Es256);
    }

    #[test]
    fn a_session_outlives_its_refresh_token() {
        let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
        let mut tokens = Tokens::default();
        assert_eq!(tokens.session_max_age(), days(30));
        tokens.refresh_ttl = days(90);
        assert_eq!(tokens.session_max_age(), days(90));
        tokens.session_max_age = Some(days(100));
        assert_eq!(tokens.session_max_age(), days(100));
    }
}
