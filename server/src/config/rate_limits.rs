//! `[rate_limits]`: how often something may be tried.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The `[rate_limits]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Whether tries are limited.
    pub enabled: bool,
    /// How many wrong passwords in a row an account takes without a pause.
    pub account_tries: u32,
    /// The first pause after that; each further failure doubles it.
    #[serde(with = "duration")]
    pub account_pause: Duration,
    /// The longest of these pauses.
    #[serde(with = "duration")]
    pub account_pause_max: Duration,
    /// How many wrong passwords in a row lock an account.
    pub account_lock_after: u32,
    /// The pause between tries while an account is locked.
    #[serde(with = "duration")]
    pub account_lock: Duration,
    /// After how long without a try the failures of an account are forgotten.
    #[serde(with = "duration")]
    pub account_memory: Duration,
    /// For how long after a sign-in the client's address has a count of its own for the
    /// account.
    #[serde(with = "duration")]
    pub known_address_memory: Duration,
    /// How many wrong passwords one client address may give at once.
    pub address_failures: u32,
    /// The time in which that many come back, one by one.
    #[serde(with = "duration")]
    pub address_failures_window: Duration,
    /// How many sign-ups one client address may make at once.
    pub address_sign_ups: u32,
    /// The time in which that many come back, one by one.
    #[serde(with = "duration")]
    pub address_sign_ups_window: Duration,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            enabled: true,
            account_tries: 10,
            account_pause: MINUTE,
            account_pause_max: HOUR,
            account_lock_after: 100,
            account_lock: DAY,
            account_memory: 30 * DAY,
            known_address_memory: 90 * DAY,
            address_failures: 100,
            address_failures_window: HOUR,
            address_sign_ups: 1000,
            address_sign_ups_window: HOUR,
        }
    }
}
