//! Encryption of private keys at rest, under the key-encryption secret.
//!
//! Each stored key names the secret that it is sealed under by a fingerprint of it, so
//! that a secret can be changed: while the old one is still configured as a previous one,
//! keys are opened with either and written under the current one.

use std::fmt;

use zeroize::Zeroizing;

use super::record::KeyRecord;
use crate::config::Secret;
use crate::domain::aead::{AeadKey, fingerprint};
use crate::domain::entropy::Entropy;

const LABEL: &str = "latchkey signing keys v1";

/// Seals and opens private keys.
pub struct Sealer {
    current: Option<SealingKey>,
    previous: Vec<SealingKey>,
}

struct SealingKey {
    version: String,
    key: AeadKey,
}

/// A private key as it is to be stored.
pub(super) struct Sealed {
    pub(super) bytes: Vec<u8>,
    pub(super) sealed_under: Option<String>,
}

impl Sealer {
    /// Seals under `current`, or not at all without one, and opens under `previous` too.
    #[must_use]
    pub fn new(current: Option<&Secret>, previous: &[Secret]) -> Self {
        Self {
            current: current.map(SealingKey::new),
            previous: previous.iter().map(SealingKey::new).collect(),
        }
    }

    /// The private key in the form that is to be stored now.
    pub(super) fn seal(&self, kid: &str, plain: &[u8], entropy: &dyn Entropy) -> Sealed {
        match &self.current {
            None => Sealed {
                bytes: plain.to_vec(),
                sealed_under: None,
            },
            Some(current) => Sealed {
                bytes: current.key.seal(&context(kid), plain, entropy),
                sealed_under: Some(current.version.clone()),
            },
        }
    }

    /// The private key in the clear.
    ///
    /// # Errors
    ///
    /// [`SealError`] when the secret that it is sealed under is not configured, or when
    /// what is stored was damaged.
    pub fn open(&self, record: &KeyRecord) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let Some(version) = record.sealed_under.as_deref() else {
            return Ok(Zeroizing::new(record.private_key.clone()));
        };
        let key = self
            .current
            .iter()
            .chain(&self.previous)
            .find(|key| key.version == version)
            .ok_or_else(|| match self.current {
                None => SealError::NoSecret(record.kid.clone()),
                Some(_) => SealError::WrongSecret(record.kid.clone()),
            })?;
        key.key
            .open(&context(&record.kid), &record.private_key)
            .ok_or_else(|| SealError::Damaged(record.kid.clone()))
    }

    /// Whether the record is stored as [`Sealer::seal`] would store it now.
    pub(super) fn is_current(&self, record: &KeyRecord) -> bool {
        record.sealed_under.as_deref() == self.current.as_ref().map(|key| key.version.as_str())
    }
}

impl SealingKey {
    fn new(secret: &Secret) -> Self {
        let version: String = fingerprint::<8>(secret.expose_bytes(), LABEL)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            version,
            key: AeadKey::derive(secret.expose_bytes(), LABEL),
        }
    }
}

/// Ties a sealed key to its name, so that two rows cannot be swapped.
fn context(kid: &str) -> Vec<u8> {
    [LABEL.as_bytes(), b"\0", kid.as_bytes()].concat()
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("current", &self.current.as_ref().map(|key| &key.version))
            .finish_non_exhaustive()
    }
}

/// Why a stored private key cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is sealed, and no key-encryption secret is configured.
    #[error(
        "the signing key {0} in the database is encrypted: set tokens.key_encryption_secret to \
         the secret that it was encrypted under, or give the key up with `latchkey key retire \
         {0} --now`"
    )]
    NoSecret(String),
    /// It is sealed under a secret that is not configured.
    #[error(
        "the signing key {0} in the database is encrypted under another secret than \
         tokens.key_encryption_secret: correct that, list the older secret under \
         tokens.previous_key_encryption_secrets, or give the key up with `latchkey key retire \
         {0} --now`"
    )]
    WrongSecret(String),
    /// The secret is the right one, and the stored bytes do not fit it.
    #[error(
        "the signing key {0} in the database is damaged: restore a backup, or give the key up \
         with `latchkey key retire {0} --now`"
    )]
    Damaged(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::entropy::SystemEntropy;
    use crate::domain::keys::record::KeyState;

    fn secret(text: &str) -> Secret {
        Secret::new(text).expect("not empty")
    }

    fn record(kid: &str, sealed: Sealed) -> KeyRecord {
        let now = Timestamp::from_seconds(0);
        KeyRecord {
            kid: kid.to_owned(),
            algorithm: "EdDSA".to_owned(),
            state: KeyState::Active,
            public_jwk: None,
            private_key: sealed.bytes,
            sealed_under: sealed.sealed_under,
            created_at: now,
            published_at: now,
            token_life: std::time::Duration::ZERO,
            activate_at: None,
            retired_at: None,
            expires_at: None,
        }
    }

    #[test]
    fn without_a_secret_keys_are_stored_as_they_are() {
        let sealer = Sealer::new(None, &[]);
        let record = record("k", sealer.seal("k", b"private", &SystemEntropy));
        assert_eq!(record.private_key, b"private");
        assert_eq!(record.sealed_under, None);
        assert!(sealer.is_current(&record));
        assert_eq!(**sealer.open(&record).expect("plain"), *b"private");
    }

    #[test]
    fn a_previous_secret_opens_what_the_current_one_replaces() {
        let old = Sealer::new(Some(&secret("old")), &[]);
        let record = record("k", old.seal("k", b"private", &SystemEntropy));
        assert_ne!(record.private_key, b"private");

        let new = Sealer::new(Some(&secret("new")), &[secret("old")]);
        assert_eq!(**new.open(&record).expect("opens"), *b"private");
        assert!(!new.is_current(&record));

        // Listed as previous only, the secret still opens: that is the way out of
        // encryption.
        let off = Sealer::new(None, &[secret("old")]);
        assert_eq!(**off.open(&record).expect("opens"), *b"private");
        assert!(!off.is_current(&record));
    }

    #[test]
    fn a_lost_a_wrong_and_a_damaged_one_are_told_apart() {
        let old = Sealer::new(Some(&secret("old")), &[]);
        let mut record = record("k", old.seal("k", b"private", &SystemEntropy));
        let kid = || "k".to_owned();
        let lost = Sealer::new(None, &[]).open(&record);
        assert_eq!(lost, Err(SealError::NoSecret(kid())));
        let wrong = Sealer::new(Some(&secret("wrong")), &[]).open(&record);
        assert_eq!(wrong, Err(SealError::WrongSecret(kid())));
        record.kid = "another".to_owned();
        let swapped = old.open(&record);
        assert_eq!(swapped, Err(SealError::Damaged("another".to_owned())));
    }
}
