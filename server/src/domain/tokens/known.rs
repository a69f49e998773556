//! Access tokens that were found good a moment ago.
//!
//! A client shows the same access token with each request until it has a new one. That its
//! signature is right and its claims are the expected ones cannot change while keys and
//! expectations are the same; what can change, time and the session, is looked at every time.
//!
//! A fixed number of slots, each for the tokens whose digests begin alike: the latest one has
//! it. Who is sent away is verified again, and nobody waits for anybody.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use latchkey_verifier::Lifetime;

use super::TokenFacts;
use crate::domain::sha256::sha256;

/// How many tokens are remembered at most. One takes about 250 bytes.
const SLOTS: usize = 1 << 14;

/// Tokens that are good but for their times.
pub(super) struct KnownTokens {
    slots: Box<[ArcSwapOption<Known>]>,
}

/// The whole token, as far as it matters: what has the same digest is the same token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

/// What a token says that is known.
pub(super) struct Known {
    fingerprint: Fingerprint,
    pub(super) facts: TokenFacts,
    pub(super) lifetime: Lifetime,
}

impl Fingerprint {
    pub(super) fn of(token: &str) -> Self {
        Self(sha256(&[token.as_bytes()]))
    }

    fn slot(&self) -> usize {
        usize::from(u16::from_be_bytes([self.0[0], self.0[1]])) % SLOTS
    }
}

impl KnownTokens {
    pub(super) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| ArcSwapOption::empty()).collect(),
        }
    }

    pub(super) fn find(&self, fingerprint: Fingerprint) -> Option<Arc<Known>> {
        self.slots[fingerprint.slot()]
            .load_full()
            .filter(|known| known.fingerprint == fingerprint)
    }

    /// Remembers a token that was verified.
    pub(super) fn keep(&self, fingerprint: Fingerprint, facts: TokenFacts, lifetime: Lifetime) {
        self.slots[fingerprint.slot()].store(Some(Arc::new(Known {
            fingerprint,
            facts,
            lifetime,
        })));
    }
}

/// Shows no token.
impl fmt::Debug for KnownTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownTokens").finish_non_exhaustive()
    }
}
