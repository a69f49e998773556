//! Signing keys as stored, and their three states.

use std::fmt;
use std::time::Duration;

use crate::domain::clock::Timestamp;

/// The stored keys and the number that changes whenever one of them does.
#[derive(Clone, Debug, Default)]
pub struct KeySnapshot {
    /// Grows by one with every change; a change names the one it was decided upon.
    pub generation: u64,
    /// Every stored key, in no special order.
    pub keys: Vec<KeyRecord>,
}

/// A stored signing key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key's identifier, `kid` in token headers.
    pub kid: String,
    /// The one algorithm it signs with, as in a token's `alg`.
    pub algorithm: String,
    /// Where it is in its life.
    pub state: KeyState,
    /// The public JWK as JSON; none for an HMAC key.
    pub public_jwk: Option<String>,
    /// The private key, sealed when `sealed_under` says so.
    pub private_key: Vec<u8>,
    /// Which key-encryption secret seals the private key; none when it is stored plain.
    pub sealed_under: Option<String>,
    /// When it was made or imported.
    pub created_at: Timestamp,
    /// When it was first published in the key set.
    pub published_at: Timestamp,
    /// The longest that tokens under it are good, as far as it signs or is going to: an
    /// instance whose tokens are good for longer puts that in.
    pub token_life: Duration,
    /// From when on a standby key signs, once a rotation was asked for.
    pub activate_at: Option<Timestamp>,
    /// When it stopped signing.
    pub retired_at: Option<Timestamp>,
    /// Until when tokens under it are good; a retired key is forgotten then.
    pub expires_at: Option<Timestamp>,
}

/// Shows nothing of the private key.
impl fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRecord")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("state", &self.state)
            .field("sealed_under", &self.sealed_under)
            .finish_non_exhaustive()
    }
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, and next in line to sign.
    Standby,
    /// Signs.
    Active,
    /// Signs no more, and is published until its last token has expired.
    Retired,
}

impl KeyState {
    /// The stable word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    /// The state with this word; `None` when there is none.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Standby, Self::Active, Self::Retired]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// One change to the stored keys.
#[derive(Clone, Debug)]
pub enum KeyChange {
    /// Stores a key; one with the same `kid` is replaced.
    Put(KeyRecord),
    /// Forgets a key.
    Remove(String),
}
