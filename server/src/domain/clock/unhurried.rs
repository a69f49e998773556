//! The time by which things are forgotten for good.
//!
//! A clock that is set forward by mistake makes sessions and keys look over that are not,
//! and what has been deleted by then does not come back when the clock is set right. So
//! forgetting goes by a time that follows the clock in everything except a leap forward.
//! That one is believed when it has lasted for a day: somebody would have noticed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{CLOCK_SKEW, Timestamp};

/// What the clock may gain between two looks at it: more than is ever corrected by the
/// clock of the database.
const LEAP: Duration = CLOCK_SKEW.saturating_mul(4);

/// For how long a leap has to last.
const DOUBT: Duration = Duration::from_secs(24 * 60 * 60);

/// What tells how much time has passed, whatever the clock shows.
type Elapsed = Box<dyn Fn() -> Duration + Send + Sync>;

/// A time that does not leap forward.
pub struct Unhurried {
    elapsed: Elapsed,
    followed: Mutex<Followed>,
}

/// The last time at which the clock was followed.
#[derive(Clone, Copy)]
struct Followed {
    /// What the clock showed.
    time: Timestamp,
    /// How much time had passed.
    at: Duration,
    /// The leap that is not believed yet.
    leap: Option<Leap>,
}

/// A leap of the clock.
#[derive(Clone, Copy)]
struct Leap {
    /// How much time had passed when it was seen.
    at: Duration,
    /// How far the clock was ahead then.
    ahead: Duration,
}

impl Unhurried {
    /// Follows a clock that shows `now`, which has to be believed.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let start = Instant::now();
        Self::with(now, Box::new(move || start.elapsed()))
    }

    fn with(now: Timestamp, elapsed: Elapsed) -> Self {
        let followed = Followed {
            time: now,
            at: elapsed(),
            leap: None,
        };
        Self {
            elapsed,
            followed: Mutex::new(followed),
        }
    }

    /// The time when the clock shows `now`: that, or an earlier one.
    #[must_use]
    pub fn time(&self, now: Timestamp) -> Timestamp {
        let at = (self.elapsed)();
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let due = followed.time.plus(at.saturating_sub(followed.at));
        if now > due.plus(LEAP) {
            let ahead = now.since(due);
            // One that comes on top of another has to last for a day by itself.
            let leap = match followed.leap {
                Some(leap) if ahead <= leap.ahead + LEAP => leap,
                _ => {
                    tracing::warn!(
                        seconds = ahead.as_secs(),
                        "the clock has leapt forward: until it is set right or a day is over, \
                         nothing is deleted that would not be over without that"
                    );
                    Leap { at, ahead }
                }
            };
            followed.leap = Some(leap);
            if at.saturating_sub(leap.at) < DOUBT {
                return due;
            }
        }
        if followed.leap.is_some() {
            tracing::info!("what is over is deleted by the clock again");
        }
        *followed = Followed {
            time: now,
            at,
            leap: None,
        };
        now
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    /// A time, and the seconds that have passed.
    fn unhurried() -> (Unhurried, Arc<AtomicU64>) {
        let passed = Arc::new(AtomicU64::new(0));
        let seconds = Arc::clone(&passed);
        let elapsed = move || Duration::from_secs(seconds.load(Ordering::SeqCst));
        (Unhurried::with(START, Box::new(elapsed)), passed)
    }

    /// What it is after each look: the seconds that have passed, and those that the clock
    /// shows.
    fn looks(at_and_shown: &[(u64, u64)]) -> Vec<u64> {
        let (unhurried, passed) = unhurried();
        let look = |&(seconds, shown): &(u64, u64)| {
            passed.store(seconds, Ordering::SeqCst);
            unhurried.time(at(shown)).since(START).as_secs()
        };
        at_and_shown.iter().map(look).collect()
    }

    #[test]
    fn follows_a_clock_that_goes_as_clocks_go() {
        // It gains and loses a minute now and then.
        let shown = [(5, 5), (10, 70), (15, 130), (20, 20), (3600, 3601)];
        assert_eq!(looks(&shown), [5, 70, 130, 20, 3601]);
    }

    #[test]
    fn does_not_leap_and_follows_again_when_the_clock_is_set_right() {
        let shown = [(5, 5), (10, HOUR + 10), (20, HOUR + 20), (30, 31), (40, 41)];
        assert_eq!(looks(&shown), [5, 10, 20, 31, 41]);
    }

    #[test]
    fn follows_a_clock_that_is_set_back_at_once() {
        let (unhurried, _) = unhurried();
        let earlier = START.minus(Duration::from_secs(HOUR));
        assert_eq!(unhurried.time(earlier), earlier);
        // And when that is set right, it is a leap like any other.
        assert_eq!(unhurried.time(START), earlier);
    }

    #[test]
    fn a_second_leap_has_to_last_by_itself() {
        let (day, year) = (DOUBT.as_secs(), 365 * DOUBT.as_secs());
        let shown = [
            (10, HOUR + 10),
            (day, year + day),
            (day + 10, year + day + 10),
            (2 * day, year + 2 * day),
        ];
        assert_eq!(looks(&shown), [10, day, day + 10, year + 2 * day]);
    }

    #[test]
    fn believes_a_leap_that_lasts() {
        let day = DOUBT.as_secs();
        let shown = [
            (10, HOUR + 10),
            (day + 9, HOUR + day + 9),
            (day + 10, HOUR + day + 10),
            (day + 15, HOUR + day + 15),
        ];
        let times = [10, day + 9, HOUR + day + 10, HOUR + day + 15];
        assert_eq!(looks(&shown), times);
    }
}
