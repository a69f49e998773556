//! Signing keys: how they are stored, sealed, made, imported, rotated and published.
//!
//! * [`record`](KeyRecord): what is stored, and the three states.
//! * `rotation`: the rules, as pure functions. Start there. `schedule`: what time alone does.
//! * `store`: applies a decision to the stored keys, by compare-and-set.
//! * `material`: private keys themselves; `import` reads them from PEM and JWK.
//! * `published`: the key set that everybody may read.
//! * `sealing`: their encryption at rest. `hmac`: the secrets of the configuration.
//!
//! The live view that signs and verifies is [`keyring`](super::keyring).

mod hmac;
mod import;
mod maker;
mod material;
mod published;
mod record;
mod rotation;
mod schedule;
mod sealing;
mod settings;
mod store;

use std::time::Duration;

use latchkey_verifier::Algorithm;

pub use self::import::{ImportError, read_private_key};
pub use self::maker::KeyMaker;
pub use self::material::{MaterialError, PrivateKey, Signature};
pub use self::published::{by_rank, jwks};
pub use self::record::{KeyChange, KeyRecord, KeySnapshot, KeyState};
pub use self::rotation::Plan;
pub use self::schedule::{is_expired, next_change, signs_from};
pub use self::sealing::{SealError, Sealer};
pub use self::settings::KeySettings;
pub use self::store::{Decision, change, changes};
use super::clock::CLOCK_SKEW;
use super::entropy::Entropy;
use crate::storage::StorageError;

/// For how long caches may keep the published key set: the `max-age` of its answers.
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(300);

/// For how long a key has been public before it signs: as long as a cached key set may
/// lack it, counted from when the last instance has noticed the key (each asks every
/// second) until the first one thinks that it is time.
const PUBLISH_AHEAD: Duration = JWKS_MAX_AGE.saturating_add(CLOCK_SKEW);

/// Why something cannot be done with the signing keys. One line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// There is no such key.
    #[error("there is no signing key {0}; `latchkey key list` shows them")]
    NoSuchKey(String),
    /// The key does not sign any more as it is.
    #[error(
        "the key {0} is retired already and goes when its last token has expired; `--now` takes \
         it away at once"
    )]
    RetiredAlready(String),
    /// The key is stored already.
    #[error("the key {0} is stored already, as the {state} one", state = .1.as_str())]
    KnownKey(String, KeyState),
    /// The key is a secret of the configuration.
    #[error(
        "the key {0} is a configured secret: take it out of tokens.secret_key and \
         tokens.previous_secret_keys instead, and its tokens are refused from the next start on"
    )]
    SecretConfigured(String),
    /// Tokens are signed with a configured secret, which has no rotation here.
    #[error(
        "tokens are signed with {0} and tokens.secret_key: to change the secret, set a new one \
         and list the old one under tokens.previous_secret_keys"
    )]
    HmacInUse(Algorithm),
    /// The configuration has left the secret that still signs.
    #[error(
        "tokens are still signed with the secret of before: restart `latchkey serve`, which signs \
         with {0} from then on"
    )]
    HmacNotLeft(Algorithm),
    /// The algorithm needs a secret, and there is none.
    #[error("tokens.algorithm is {0}, which needs a secret: set tokens.secret_key")]
    SecretMissing(Algorithm),
    /// A stored key is of an algorithm that this version does not know.
    #[error(
        "the signing key {kid} has the unknown algorithm {algorithm:?}: is the database from a newer version?"
    )]
    UnknownAlgorithm {
        /// The key.
        kid: String,
        /// What is stored.
        algorithm: String,
    },
    /// There is no key that signs.
    #[error("no stored key signs; `latchkey serve` makes one when it starts")]
    NoActiveKey,
    /// The keys changed again and again while they were to be changed.
    #[error("the signing keys are being changed by somebody else; try again")]
    Contended,
    /// The program is ending.
    #[error("interrupted")]
    Interrupted,
    /// A private key cannot be opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A key cannot be made or used.
    #[error(transparent)]
    Material(#[from] MaterialError),
    /// A key cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The database did not do what was asked.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl KeyRecord {
    /// The one algorithm that the key is used with.
    ///
    /// # Errors
    ///
    /// [`KeysError::UnknownAlgorithm`] when this version does not know it.
    pub fn algorithm(&self) -> Result<Algorithm, KeysError> {
        Algorithm::from_name(&self.algorithm).ok_or_else(|| KeysError::UnknownAlgorithm {
            kid: self.kid.clone(),
            algorithm: self.algorithm.clone(),
        })
    }

    /// Whether it is an HMAC secret: it has no public half, and is never published.
    #[must_use]
    pub const fn is_hmac(&self) -> bool {
        self.public_jwk.is_none()
    }

    /// The private key, ready for use.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when it cannot be opened or is not a sound key.
    pub fn private_key(&self, sealer: &Sealer) -> Result<PrivateKey, KeysError> {
        let stored = sealer.open(self)?;
        Ok(PrivateKey::from_stored(self.algorithm()?, &stored)?)
    }
}
