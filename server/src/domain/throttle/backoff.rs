//! Failures in a row at one account, and the pauses that they lead to.

use std::time::Duration;

use super::{Limit, Refusal, ThrottleRules};
use crate::domain::clock::{CLOCK_SKEW, Timestamp};

/// How long to wait after how many failures in a row.
///
/// The first `free` tries follow each other as they like. After the last of them comes a
/// pause of `first`, and after each more twice the pause, up to `longest`. From `lock_after`
/// failures on the pause is `lock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// How many tries have no pause between them.
    pub free: u32,
    /// The first pause.
    pub first: Duration,
    /// The longest before the lock.
    pub longest: Duration,
    /// How many failures lock the account; no more are told apart.
    pub lock_after: u32,
    /// The pause of a locked account.
    pub lock: Duration,
}

impl Backoff {
    /// The pause after this many failures in a row.
    #[must_use]
    pub fn pause(&self, failures: u32) -> Duration {
        if failures >= self.lock_after {
            return self.lock;
        }
        if failures < self.free {
            return Duration::ZERO;
        }
        let doubled = 2_u32.saturating_pow(failures - self.free);
        self.first.saturating_mul(doubled).min(self.longest)
    }

    /// The pauses after 0, 1, … [`Backoff::lock_after`] failures.
    #[must_use]
    pub fn pauses(&self) -> Vec<Duration> {
        (0..=self.lock_after)
            .map(|failures| self.pause(failures))
            .collect()
    }
}

/// Failures in a row, as stored. A try counts from the moment in which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// How many, up to [`Backoff::lock_after`].
    pub count: u32,
    /// When the last was.
    pub last: Timestamp,
}

impl Failures {
    /// What there is to count after another try at `now`, or how long that has to wait.
    ///
    /// # Errors
    ///
    /// The time to wait.
    pub fn another(
        before: Option<Self>,
        rules: &ThrottleRules,
        now: Timestamp,
    ) -> Result<Self, Duration> {
        let Some(before) = before else {
            return Ok(Self {
                count: 1,
                last: now,
            });
        };
        let wait = before.wait(rules, now);
        if !wait.is_zero() {
            return Err(wait);
        }
        let before = if before.last < now.minus(rules.account_memory) {
            0
        } else {
            before.count
        };
        Ok(Self {
            count: (before + 1).min(rules.backoff.lock_after),
            last: now,
        })
    }

    /// How long it is until the next try.
    ///
    /// The last failure may lie ahead: of two tries at once, the one that came first may be
    /// counted last, and clocks differ. Further ahead than that, it was counted before the
    /// clock was set back, and holds nobody up.
    #[must_use]
    pub fn wait(self, rules: &ThrottleRules, now: Timestamp) -> Duration {
        let pause = rules.backoff.pause(self.count);
        if pause.is_zero() || self.last > now.plus(CLOCK_SKEW) {
            return Duration::ZERO;
        }
        self.last.plus(pause).since(now)
    }

    /// What there is to count if the last try was none after all: one failure less, and the
    /// pause before it over, as it was when the try began.
    #[must_use]
    pub fn one_less(self, rules: &ThrottleRules, now: Timestamp) -> Self {
        let count = self.count.saturating_sub(1);
        Self {
            count,
            last: now.minus(rules.backoff.pause(count)),
        }
    }

    /// The refusal of a try that has to wait.
    #[must_use]
    pub fn refusal(rules: &ThrottleRules, wait: Duration) -> Refusal {
        Refusal {
            limit: Limit::Account,
            wait,
            quota: rules.backoff.free,
            window: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn pauses_double_to_an_hour_and_end_in_a_lock() {
        let backoff = ThrottleRules::default().backoff;
        for (failures, pause) in [
            (0, Duration::ZERO),
            (9, Duration::ZERO),
            (10, MINUTE),
            (11, 2 * MINUTE),
            (15, 32 * MINUTE),
            (16, HOUR),
            (99, HOUR),
            (100, DAY),
            (u32::MAX, DAY),
        ] {
            assert_eq!(backoff.pause(failures), pause, "{failures}");
        }
        assert_eq!(backoff.pauses().len(), 101);
    }

    /// Somebody who never tires: tries as soon as each pause is over.
    #[test]
    fn a_guesser_has_a_hundred_tries_in_four_days_and_then_one_a_day() {
        let rules = ThrottleRules::default();
        let (mut now, mut tries, mut counted) = (NOW, 0, None);
        while now < NOW.plus(30 * DAY) {
            match Failures::another(counted, &rules, now) {
                Ok(failures) => {
                    counted = Some(failures);
                    tries += 1;
                    if tries == 100 {
                        assert!(now.since(NOW) > 84 * HOUR, "{now}");
                    }
                }
                Err(wait) => now = now.plus(wait),
            }
        }
        assert_eq!(tries, 100 + 26);
    }

    #[test]
    fn failures_are_forgotten_after_a_quiet_time() {
        let rules = ThrottleRules::default();
        let locked = Failures {
            count: 100,
            last: NOW,
        };
        let after = |time| Failures::another(Some(locked), &rules, NOW.plus(time));
        assert_eq!(after(DAY - HOUR), Err(HOUR));
        assert_eq!(after(DAY).map(|failures| failures.count), Ok(100));
        assert_eq!(after(31 * DAY).map(|failures| failures.count), Ok(1));
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nobody_up() {
        let rules = ThrottleRules::default();
        let failures = |last| Failures { count: 10, last };
        assert_eq!(failures(NOW.plus(HOUR)).wait(&rules, NOW), Duration::ZERO);
        // That of another instance may be a little ahead.
        let ahead = Duration::from_secs(2);
        assert_eq!(failures(NOW.plus(ahead)).wait(&rules, NOW), MINUTE + ahead);
    }

    #[test]
    fn who_came_first_and_is_counted_last_does_not_wait_where_there_is_no_pause() {
        let rules = ThrottleRules::default();
        let before = Failures {
            count: 9,
            last: NOW.plus(Duration::from_millis(3)),
        };
        let counted = Failures::another(Some(before), &rules, NOW);
        assert_eq!(counted.map(|failures| failures.count), Ok(10));
    }

    #[test]
    fn what_was_no_try_leaves_things_as_they_were() {
        let rules = ThrottleRules::default();
        for count in [1, 5, 10, 11, 50, 100] {
            let failures = Failures { count, last: NOW };
            let before = failures.one_less(&rules, NOW);
            assert_eq!(before.wait(&rules, NOW), Duration::ZERO, "{count}");
            let again = Failures::another(Some(before), &rules, NOW);
            assert_eq!(again, Ok(failures));
        }
    }
}
