//! The successor of a refresh token, kept for whoever holds the predecessor.
//!
//! Two tabs that refresh at once must both end up with the same successor, so the server
//! keeps it for the grace: encrypted under a key that only the predecessor's text yields.
//! What is stored is of no use to whoever reads the database, which knows no token's text.

use super::aead::AeadKey;
use super::entropy::Entropy;
use super::ids::SessionId;

const LABEL: &str = "latchkey refresh successor v1";

/// Encrypts `successor` for whoever holds `presented`.
pub(super) fn seal(
    presented: &str,
    session: SessionId,
    successor: &str,
    entropy: &dyn Entropy,
) -> Vec<u8> {
    let key = AeadKey::derive(presented.as_bytes(), LABEL);
    key.seal(session.as_bytes(), successor.as_bytes(), entropy)
}

/// The successor of `presented`; `None` when `sealed` holds none.
pub(super) fn open(presented: &str, session: SessionId, sealed: &[u8]) -> Option<String> {
    let key = AeadKey::derive(presented.as_bytes(), LABEL);
    let successor = key.open(session.as_bytes(), sealed)?;
    std::str::from_utf8(&successor).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::entropy::SystemEntropy;

    #[test]
    fn only_the_predecessor_opens_it() {
        let [session, another] =
            [1, 2].map(|at| SessionId::new(Timestamp::from_seconds(at), &SystemEntropy));
        let sealed = seal("predecessor", session, "successor", &SystemEntropy);
        let opened = open("predecessor", session, &sealed);
        assert_eq!(opened.as_deref(), Some("successor"));
        assert_eq!(open("another", session, &sealed), None);
        assert_eq!(open("predecessor", another, &sealed), None);
        assert_eq!(open("predecessor", session, &[]), None);
    }
}
