//! The name of an account in the counts.

use std::fmt;

use crate::domain::email::Email;
use crate::domain::sha256::sha256;
use crate::domain::user::User;

/// Keeps the digest apart from others of the same text.
const LABEL: &[u8] = b"latchkey throttle account\0";

/// SHA-256 of the canonical address, under a label.
///
/// Whoever tries addresses leaves rows behind, and most of those are nobody's here: the
/// digest keeps a list of other people's addresses out of the database. It is no secret:
/// who has the database and an address can find out that the address was tried.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountKey([u8; 32]);

impl AccountKey {
    /// The account with this address; every spelling of it gives the same.
    #[must_use]
    pub fn of(email: &Email) -> Self {
        Self::of_canonical(email.canonical())
    }

    /// The account of a user. An address of an adopted table that is none by our rules
    /// stands for itself.
    #[must_use]
    pub fn of_user(user: &User) -> Self {
        match Email::parse(&user.email) {
            Ok(email) => Self::of(&email),
            Err(_) => Self::of_canonical(&user.email),
        }
    }

    fn of_canonical(address: &str) -> Self {
        Self(sha256(&[LABEL, address.as_bytes()]))
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Shows nothing: the text may have been a password, in the wrong field.
impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_account() {
        let key = |address| AccountKey::of(&Email::parse(address).expect("an address"));
        let ada = key("ada@example.com");
        for spelling in ["ADA@example.com", " ada@EXAMPLE.com ", "Ada@Example.Com"] {
            assert_eq!(key(spelling), ada, "{spelling}");
        }
        assert_eq!(key("ada@bücher.example"), key("ada@xn--bcher-kva.example"));
        assert_ne!(key("ada+1@example.com"), ada);
        assert_ne!(key("bda@example.com"), ada);
    }
}
