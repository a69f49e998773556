//! The limits that are in force.

use std::time::Duration;

use super::{Backoff, Budget};
use crate::config::RateLimits;
use crate::domain::clock::Timestamp;

/// What the configuration says about tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottleRules {
    /// The pauses after failures in a row at one account.
    pub backoff: Backoff,
    /// After how long without a try the failures of an account are forgotten.
    pub account_memory: Duration,
    /// For how long a network counts as one of the user's after a sign-in.
    pub known_memory: Duration,
    /// The failures that one network may have.
    pub failures: Budget,
    /// The sign-ups that one network may make.
    pub sign_ups: Budget,
}

impl ThrottleRules {
    /// The rules of a configuration.
    #[must_use]
    pub const fn new(config: &RateLimits) -> Self {
        Self {
            backoff: Backoff {
                free: config.account_tries,
                first: config.account_pause,
                longest: config.account_pause_max,
                lock_after: config.account_lock_after,
                lock: config.account_lock,
            },
            account_memory: config.account_memory,
            known_memory: config.known_address_memory,
            failures: Budget {
                quota: config.address_failures,
                window: config.address_failures_window,
            },
            sign_ups: Budget {
                quota: config.address_sign_ups,
                window: config.address_sign_ups_window,
            },
        }
    }

    /// When a count that changed last at `failed_at` says nothing any more.
    #[must_use]
    pub fn forget_at(&self, failed_at: Timestamp, known_until: Option<Timestamp>) -> Timestamp {
        let forgotten = failed_at.plus(self.account_memory);
        known_until.map_or(forgotten, |until| until.max(forgotten))
    }

    /// The rules of a configuration; none when it limits nothing.
    #[must_use]
    pub fn of(config: &RateLimits) -> Option<Self> {
        config.enabled.then(|| Self::new(config))
    }
}

/// The defaults of the configuration.
impl Default for ThrottleRules {
    fn default() -> Self {
        Self::new(&RateLimits::default())
    }
}
