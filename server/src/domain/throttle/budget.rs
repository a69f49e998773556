//! What one network may spend in a time: GCRA, the generic cell rate algorithm.
//!
//! One instant says it all: when everything that was spent has come back. Spending moves it
//! on by one interval, giving back moves it back by one, and it may not be further ahead
//! than a whole window. There are no edges of windows at which twice as much gets through,
//! and what has come back needs no row.

use std::time::Duration;

use super::{Limit, Refusal};
use crate::domain::clock::{CLOCK_SKEW, Timestamp};

/// How much may be spent at once, and in what time that comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many at once; at least 1.
    pub quota: u32,
    /// The time in which that many come back, one after the other.
    pub window: Duration,
}

impl Budget {
    /// The time in which one comes back: whole milliseconds, at least one.
    #[must_use]
    pub fn interval(&self) -> Duration {
        let millis = self.window.as_millis() / u128::from(self.quota.max(1));
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX).max(1))
    }

    /// How far ahead the instant may be: all that there is, in intervals.
    #[must_use]
    pub fn depth(&self) -> Duration {
        self.interval().saturating_mul(self.quota.max(1))
    }

    /// When all will have come back after one more is spent at `now`, or how long that has
    /// to wait. `full_at` is when it would have without; none when nothing is spent.
    ///
    /// # Errors
    ///
    /// The time to wait.
    pub fn spend(&self, full_at: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Duration> {
        let last = now.plus(self.depth() - self.interval());
        // Further ahead than the depth, and than clocks differ, is only what was written
        // before a clock was set back or the budget was made smaller. It says nothing of
        // what has been spent, and must not keep waiting a whole office, say.
        let is_stale = |at: &Timestamp| *at > now.plus(self.depth() + CLOCK_SKEW);
        let from = full_at
            .filter(|at| !is_stale(at))
            .map_or(now, |at| at.max(now));
        if from > last {
            return Err(from.since(last));
        }
        Ok(from.plus(self.interval()))
    }

    /// The refusal of what has to wait.
    #[must_use]
    pub fn refusal(&self, limit: Limit, wait: Duration) -> Refusal {
        Refusal {
            limit,
            wait,
            quota: self.quota,
            window: Some(self.window),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const HOUR: Duration = Duration::from_secs(3600);
    const INTERVAL: Duration = Duration::from_secs(36);

    fn budget() -> Budget {
        Budget {
            quota: 100,
            window: HOUR,
        }
    }

    fn spend_all(budget: &Budget) -> (u32, Option<Timestamp>) {
        let (mut spent, mut full_at) = (0, None);
        while let Ok(next) = budget.spend(full_at, NOW) {
            full_at = Some(next);
            spent += 1;
        }
        (spent, full_at)
    }

    #[test]
    fn the_quota_can_be_spent_at_once_and_comes_back_one_by_one() {
        let budget = budget();
        let (spent, full_at) = spend_all(&budget);
        assert_eq!(spent, 100);
        assert_eq!(budget.spend(full_at, NOW), Err(INTERVAL));
        let second = Duration::from_secs(1);
        assert_eq!(
            budget.spend(full_at, NOW.plus(INTERVAL - second)),
            Err(second)
        );
        let next = budget
            .spend(full_at, NOW.plus(INTERVAL))
            .expect("one is back");
        assert!(budget.spend(Some(next), NOW.plus(INTERVAL)).is_err());
        assert!(budget.spend(full_at, NOW.plus(2 * HOUR)).is_ok());
    }

    #[test]
    fn what_does_not_divide_is_spent_exactly_all_the_same() {
        for (quota, millis) in [(7, 1000), (300, 1000), (3, 2), (1, 1)] {
            let budget = Budget {
                quota,
                window: Duration::from_millis(millis),
            };
            assert_eq!(spend_all(&budget).0, quota, "{quota} in {millis} ms");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nobody_up_for_longer() {
        for ahead in [HOUR + CLOCK_SKEW + INTERVAL, 48 * HOUR] {
            let next = budget().spend(Some(NOW.plus(ahead)), NOW);
            assert_eq!(next, Ok(NOW.plus(INTERVAL)));
        }
        // That of another instance may be a little ahead.
        let spent = budget().spend(Some(NOW.plus(HOUR + CLOCK_SKEW)), NOW);
        assert_eq!(spent, Err(CLOCK_SKEW + INTERVAL));
    }
}
