//! Identifiers: `UUIDv7` (RFC 9562 section 5.7), so that rows of one time lie together.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::Timestamp;
use super::entropy::{Entropy, random_bytes};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier made at `now`.
            #[must_use]
            pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
                let millis = u64::try_from(now.as_millis()).unwrap_or(0);
                let random = random_bytes::<10>(entropy);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The identifier as a UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }

            /// The 16 bytes that a back end keeps.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The identifier with these 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        /// Reads the hyphenated form, and no other.
        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if text.len() != uuid::fmt::Hyphenated::LENGTH {
                    return Err(InvalidId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

id! {
    /// A user's identifier: the `user_id` of the API and the `sub` of a token.
    ///
    /// Users adopted from the predecessor keep theirs, so this is not always a `UUIDv7`.
    UserId
}

id! {
    /// A session's identifier: the `sid` of a token.
    SessionId
}

id! {
    /// The identifier of a client of the OAuth endpoints: its `client_id`.
    ClientId
}

id! {
    /// An identifier of a record in the audit trail.
    EventId
}

impl EventId {
    /// A new identifier made at `now` that comes after those with a lower `nth` of the same
    /// instant: a counter in `rand_a`, as RFC 9562 section 6.2 has it.
    #[must_use]
    pub fn nth(now: Timestamp, nth: u16, entropy: &dyn Entropy) -> Self {
        let mut bytes = *Self::new(now, entropy).as_bytes();
        let [high, low] = nth.min(0xfff).to_be_bytes();
        bytes[6] = 0x70 | high;
        bytes[7] = low;
        Self::from_bytes(bytes)
    }

    /// The lowest identifier that can be made at `at`; the bound of what is later.
    #[must_use]
    pub fn floor(at: Timestamp) -> Self {
        let millis = u64::try_from(at.as_millis())
            .unwrap_or(0)
            .min((1 << 48) - 1);
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        Self::from_bytes(bytes)
    }
}

impl SessionId {
    /// When the session began, which a `UUIDv7` carries in its first 48 bits.
    ///
    /// `None` when the identifier is not one that [`SessionId::new`] made.
    #[must_use]
    pub fn created_at(&self) -> Option<Timestamp> {
        if self.0.get_version_num() != 7 {
            return None;
        }
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&self.0.as_bytes()[..6]);
        Some(Timestamp::from_millis(i64::from_be_bytes(bytes)))
    }
}

/// The text is not a hyphenated UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID such as 019a0000-0000-7000-8000-000000000000")]
pub struct InvalidId;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::SystemEntropy;

    #[test]
    fn carries_its_time_and_sorts_by_it() {
        let early = SessionId::new(Timestamp::from_millis(1_767_225_600_007), &SystemEntropy);
        let late = SessionId::new(Timestamp::from_millis(1_767_225_600_008), &SystemEntropy);
        assert_eq!(
            early.created_at(),
            Some(Timestamp::from_millis(1_767_225_600_007))
        );
        assert!(early < late);
    }

    #[test]
    fn reads_only_the_hyphenated_form() {
        let id = UserId::new(Timestamp::from_millis(1), &SystemEntropy);
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "1",
            &id.as_uuid().simple().to_string(),
            &id.as_uuid().urn().to_string(),
        ] {
            assert_eq!(text.parse::<UserId>(), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn a_foreign_uuid_has_no_time() {
        let id: SessionId = "00000000-0000-4000-8000-000000000000".parse().unwrap();
        assert_eq!(id.created_at(), None);
    }
}
