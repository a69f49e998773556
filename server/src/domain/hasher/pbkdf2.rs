//! PBKDF2 with HMAC-SHA-256 (RFC 8018 section 5.2), as passlib and as the PHC string
//! format write it.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};

use super::HashError;
use super::foreign::{SaltAndTag, decimal};
use crate::domain::password::Password;

/// What such strings begin with.
pub(super) const PREFIX: &str = "$pbkdf2-sha256$";

/// Most rounds that we compute for one sign-in, each block of the tag counted by itself:
/// eight times of what OWASP asks for, one to two seconds.
const MAX_WORK: u32 = 5_000_000;

/// Bytes of a block: those of a SHA-256.
const BLOCK_BYTES: u32 = 32;

const MALFORMED: HashError = HashError::Unreadable("is a malformed PBKDF2 string");

/// A stored PBKDF2 string, parsed and found affordable.
pub(super) struct StoredPbkdf2 {
    rounds: NonZeroU32,
    stored: SaltAndTag,
}

impl StoredPbkdf2 {
    /// Parses `$pbkdf2-sha256$29000$salt$tag`, whose base64 has `.` for `+`, and
    /// `$pbkdf2-sha256$i=600000,l=32$salt$tag`, whose `l` may be missing.
    pub(super) fn parse(stored: &str) -> Result<Self, HashError> {
        let rest = stored.strip_prefix(PREFIX).ok_or(MALFORMED)?;
        let parts: Vec<&str> = rest.split('$').collect();
        let &[cost, salt, tag] = &*parts else {
            return Err(MALFORMED);
        };
        let (rounds, length, stored) = if let Some(cost) = cost.strip_prefix("i=") {
            let (rounds, length) = match cost.split_once(",l=") {
                Some((rounds, length)) => (rounds, Some(decimal(length).ok_or(MALFORMED)?)),
                None => (cost, None),
            };
            (rounds, length, SaltAndTag::parse(salt, tag))
        } else {
            let standard = |text: &str| text.replace('.', "+");
            let stored = SaltAndTag::parse(&standard(salt), &standard(tag));
            (cost, Some(BLOCK_BYTES), stored)
        };
        let rounds = decimal(rounds).and_then(NonZeroU32::new).ok_or(MALFORMED)?;
        let stored = stored.ok_or(MALFORMED)?;
        let tag_bytes = u32::try_from(stored.tag.len()).map_err(|_| MALFORMED)?;
        if length.is_some_and(|length| length != tag_bytes) {
            return Err(MALFORMED);
        }
        if rounds.get() > MAX_WORK / tag_bytes.div_ceil(BLOCK_BYTES) {
            return Err(HashError::Unreadable(
                "asks for more PBKDF2 rounds than we give",
            ));
        }
        Ok(Self { rounds, stored })
    }

    /// Whether the password has this hash, as received or else in NFC.
    pub(super) fn matches(&self, password: &Password) -> Result<bool, HashError> {
        self.stored.matches(password, |password, tag| {
            pbkdf2::derive(
                PBKDF2_HMAC_SHA256,
                self.rounds,
                &self.stored.salt,
                password,
                tag,
            );
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "8PHy8/T19vf4.fr7/P3./w";
    const TAG: &str = "0A35jjZ8X.jm/Nj9sc4uzmU/RqA2wljSyf5enbVFSOY";

    #[test]
    fn rounds_are_bounded() {
        let is_read = |cost: &str, tag: &str| {
            StoredPbkdf2::parse(&format!("$pbkdf2-sha256${cost}$c2FsdA${tag}")).is_ok()
        };
        let tag = TAG.replace('.', "+");
        assert!(is_read("5000000", &tag) && !is_read("5000001", &tag));
        assert!(is_read("i=5000000", &tag) && !is_read("i=5000001", &tag));
        let two_blocks = "A".repeat(86);
        assert!(is_read("i=2500000", &two_blocks) && !is_read("i=2500001", &two_blocks));
    }

    #[test]
    fn what_is_malformed_is_unreadable() {
        for text in [
            "$pbkdf2-sha256$",
            "$pbkdf2-sha256$1000",
            &format!("$pbkdf2-sha256$1000${SALT}"),
            &format!("$pbkdf2-sha256$0${SALT}${TAG}"),
            &format!("$pbkdf2-sha256$-1${SALT}${TAG}"),
            &format!("$pbkdf2-sha256$01000${SALT}${TAG}"),
            &format!("$pbkdf2-sha256$4294967296${SALT}${TAG}"),
            &format!("$pbkdf2-sha256$1000${SALT}${TAG}$"),
            &format!("$pbkdf2-sha256$1000${SALT}${}", &TAG[..40]),
            &format!("$pbkdf2-sha256$1000$${TAG}"),
            &format!("$pbkdf2-sha256$i=1000${SALT}${TAG}"),
            "$pbkdf2-sha256$i=1000,l=16$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$pbkdf2-sha256$l=32,i=1000$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$pbkdf2-sha256$i=1000,l=32,x=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(
                matches!(StoredPbkdf2::parse(text), Err(HashError::Unreadable(_))),
                "{text}"
            );
        }
        assert!(StoredPbkdf2::parse(&format!("$pbkdf2-sha256$1000${SALT}${TAG}")).is_ok());
    }
}
