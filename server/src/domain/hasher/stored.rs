//! The kinds of stored hash.

use super::argon::{self, Argon2Cost, StoredArgon2};
use super::bcrypt::StoredBcrypt;
use super::engine::Memory;
use super::pbkdf2::{self, StoredPbkdf2};
use super::scrypt::{self, StoredScrypt};
use super::{HashError, HashKind, Verdict};
use crate::domain::password::Password;
use crate::domain::password_hash::PasswordHash;

/// A stored hash that we can verify.
enum Stored<'a> {
    Argon2(StoredArgon2),
    Bcrypt(StoredBcrypt<'a>),
    Pbkdf2(StoredPbkdf2),
    Scrypt(StoredScrypt),
}

impl<'a> Stored<'a> {
    fn parse(stored: &'a str, configured: Argon2Cost) -> Result<Self, HashError> {
        if stored.starts_with("$argon2") {
            return StoredArgon2::parse(stored, configured).map(Self::Argon2);
        }
        if stored.starts_with("$2") {
            return StoredBcrypt::parse(stored).map(Self::Bcrypt);
        }
        if stored.starts_with(pbkdf2::PREFIX) {
            return StoredPbkdf2::parse(stored).map(Self::Pbkdf2);
        }
        if stored.starts_with(scrypt::PREFIX) {
            return StoredScrypt::parse(stored).map(Self::Scrypt);
        }
        Err(HashError::Unreadable("is of no kind that we verify"))
    }

    fn kind(&self) -> HashKind {
        match self {
            Self::Argon2(_) => HashKind::Argon2,
            Self::Bcrypt(_) => HashKind::Bcrypt,
            Self::Pbkdf2(_) => HashKind::Pbkdf2Sha256,
            Self::Scrypt(_) => HashKind::Scrypt,
        }
    }
}

/// The work behind [`super::inspect`].
pub(super) fn inspect(
    stored: &PasswordHash,
    configured: Argon2Cost,
) -> Result<HashKind, HashError> {
    Stored::parse(stored.as_str(), configured).map(|stored| stored.kind())
}

/// The work behind [`super::Hasher::verify`].
pub(super) fn verify(
    password: &Password,
    stored: Option<&PasswordHash>,
    configured: Argon2Cost,
    memory: &mut Memory,
) -> Result<Verdict, HashError> {
    let Some(stored) = stored.filter(|stored| !stored.is_none()) else {
        argon::waste_a_hash(password, configured, memory)?;
        return Ok(Verdict::Mismatch);
    };
    let stored = match Stored::parse(stored.as_str(), configured) {
        Ok(stored) => stored,
        Err(error) => {
            argon::waste_a_hash(password, configured, memory)?;
            return Err(error);
        }
    };
    let (matches, outdated) = match stored {
        Stored::Argon2(hash) => (
            hash.matches(password, memory)?,
            hash.is_outdated(configured),
        ),
        Stored::Bcrypt(hash) => (hash.matches(password)?, true),
        Stored::Pbkdf2(hash) => (hash.matches(password)?, true),
        Stored::Scrypt(hash) => (hash.matches(password)?, true),
    };
    Ok(if matches {
        Verdict::Match { outdated }
    } else {
        Verdict::Mismatch
    })
}
