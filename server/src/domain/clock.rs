//! Time as an argument: instants, and the one place that reads the system's clock.

mod shared;
mod unhurried;

use std::fmt;
use std::num::TryFromIntError;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

pub use self::shared::SharedClock;
pub use self::unhurried::Unhurried;

/// How far the clocks of two instances may differ without anybody noticing. Whatever one
/// instance writes down and another one compares allows for this much.
pub const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// An instant in milliseconds since the Unix epoch, UTC, leap seconds left out.
///
/// Milliseconds are what the API shows and what both back ends keep, so that a value
/// that was stored and read again is equal to the one that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The beginning of the year 1, before which RFC 3339 has no form.
    const YEAR_1: Self = Self(-62_135_596_800_000);

    /// The instant `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The instant `seconds` seconds after the Unix epoch, as in a JWT's `NumericDate`.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down (RFC 7519 section 2, `NumericDate`).
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The year of the Gregorian calendar in UTC, 1970 to 9999.
    #[must_use]
    pub fn year(self) -> i32 {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        i32::from(jiff::tz::Offset::UTC.to_datetime(instant).year())
    }

    /// This instant and `duration` later; stops at the end of time instead of overflowing.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This instant and `duration` earlier; stops at the beginning of time.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long after `earlier` this instant is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let elapsed = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(elapsed).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC with `Z` and milliseconds, e.g. `2026-01-31T09:30:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Outside of the years 1 to 9999 RFC 3339 has no form; show the number instead.
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "@{}ms", self.0),
        }
    }
}

/// Reads RFC 3339 with any offset, in the years 1 to 9999; what is finer than a
/// millisecond is cut off.
impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        // What RFC 9557 and ISO 8601 allow beyond RFC 3339 is left to them.
        let bytes = text.as_bytes();
        let is_rfc3339 = bytes.get(10).is_some_and(|byte| b"Tt ".contains(byte))
            && bytes.get(13) == Some(&b':')
            && bytes.get(16) == Some(&b':')
            && !text.contains(['[', ',']);
        let instant: jiff::Timestamp = match text.parse() {
            Ok(instant) if is_rfc3339 => instant,
            _ => return Err(InvalidTimestamp),
        };
        let read = Self(instant.as_nanosecond().div_euclid(1_000_000).try_into()?);
        if read < Self::YEAR_1 {
            return Err(InvalidTimestamp);
        }
        Ok(read)
    }
}

/// The text is not an instant in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time such as 2026-01-31T09:30:00Z")]
pub struct InvalidTimestamp;

impl From<TryFromIntError> for InvalidTimestamp {
    fn from(_: TryFromIntError) -> Self {
        Self
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The current instant.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system's clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
    }
}

/// A clock that stands still until it is moved, for tests.
#[derive(Debug)]
pub struct ManualClock(std::sync::atomic::AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(now.as_millis().into())
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        self.0
            .fetch_add(millis(duration), std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_milliseconds_and_z() {
        assert_eq!(
            Timestamp::from_millis(1_767_225_600_007).to_string(),
            "2026-01-01T00:00:00.007Z"
        );
        assert_eq!(
            Timestamp::from_seconds(0).to_string(),
            "1970-01-01T00:00:00.000Z"
        );
    }

    #[test]
    fn arithmetic_saturates() {
        let end = Timestamp::from_millis(i64::MAX);
        assert_eq!(end.plus(Duration::from_secs(1)), end);
        assert_eq!(Timestamp::from_seconds(i64::MAX), end);
        assert_eq!(end.to_string(), format!("@{}ms", i64::MAX));
        assert_eq!(
            Timestamp::from_millis(5).since(Timestamp::from_millis(9)),
            Duration::ZERO
        );
    }

    #[test]
    fn seconds_round_down_before_the_epoch_too() {
        assert_eq!(Timestamp::from_millis(-1).as_seconds(), -1);
        assert_eq!(Timestamp::from_millis(1999).as_seconds(), 1);
    }

    #[test]
    fn reads_what_it_shows_and_other_offsets() {
        for millis in [1_767_225_600_007, 0, -1, Timestamp::YEAR_1.0] {
            let time = Timestamp::from_millis(millis);
            assert_eq!(time.to_string().parse(), Ok(time), "{time}");
        }
        let time = Ok(Timestamp::from_millis(1_767_225_600_007));
        for text in [
            "2026-01-01T00:00:00.007Z",
            "2026-01-01T01:00:00.007+01:00",
            "2026-01-01t00:00:00.007999z",
            "2025-12-31 22:00:00.007-02:00",
        ] {
            assert_eq!(text.parse(), time, "{text}");
        }
        for text in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00Z",
            "2026-01-01T00:00:00Z[UTC]",
            "20260101T000000Z",
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "0000-12-31T23:59:59Z",
            "+002026-01-01T00:00:00Z",
            "1767225600",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text}");
        }
    }

    #[test]
    fn knows_the_year() {
        assert_eq!(Timestamp::from_millis(1_767_225_599_999).year(), 2025);
        assert_eq!(Timestamp::from_millis(1_767_225_600_000).year(), 2026);
    }
}
