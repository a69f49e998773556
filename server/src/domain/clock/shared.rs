//! One time for all instances.
//!
//! What one instance writes down another one compares: when a refresh token was used, when
//! a key begins to sign. So an instance whose machine is off goes by the clock of the
//! database that they share. It is corrected by no more than what is certain: an answer
//! tells what the database's clock showed at some moment between question and answer, so
//! that a slow network changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use super::{CLOCK_SKEW, Clock, Timestamp, millis};

/// How often the clocks are compared.
const INTERVAL: Duration = Duration::from_secs(10);

/// Clocks that agree this well are left alone, so that those of a well-kept machine are not
/// set back and forth.
const AGREEMENT: Duration = Duration::from_secs(1);

/// No correction is larger. Beyond it one of the clocks is wrong and not merely off, and
/// nobody here can tell which.
const LIMIT: Duration = CLOCK_SKEW.saturating_mul(2);

/// A clock that is corrected by that of the database.
pub struct SharedClock {
    own: Arc<dyn Clock>,
    /// Milliseconds that are added to what the own clock shows.
    correction: AtomicI64,
    /// Whether the clocks are too far apart, and that was told.
    is_beyond: AtomicBool,
}

impl SharedClock {
    /// A clock that shows what `own` shows until it is compared.
    #[must_use]
    pub fn new(own: Arc<dyn Clock>) -> Self {
        Self {
            own,
            correction: AtomicI64::new(0),
            is_beyond: AtomicBool::new(false),
        }
    }

    /// Compares with the clock of the database, which `theirs` asks for the time.
    ///
    /// # Errors
    ///
    /// What `theirs` answers; the correction stays as it is then.
    pub async fn compare<E>(
        &self,
        theirs: impl Future<Output = Result<Option<Timestamp>, E>>,
    ) -> Result<(), E> {
        let asked = self.own.now();
        if let Some(theirs) = theirs.await? {
            self.correct(asked, theirs, self.own.now());
        }
        Ok(())
    }

    /// Compares again and again for as long as it is polled. A question that fails is no
    /// news: whoever needs the database says so.
    pub async fn watch<E, F>(&self, theirs: impl Fn() -> F)
    where
        F: Future<Output = Result<Option<Timestamp>, E>>,
    {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let _ = self.compare(theirs()).await;
        }
    }

    fn correct(&self, asked: Timestamp, theirs: Timestamp, answered: Timestamp) {
        let current = self.correction.load(Ordering::SeqCst);
        let correction = correction(current, asked, theirs, answered);
        let is_beyond = Duration::from_millis(correction.unsigned_abs()) > LIMIT;
        let was_beyond = self.is_beyond.swap(is_beyond, Ordering::SeqCst);
        if is_beyond && !was_beyond {
            tracing::warn!(
                seconds = correction / 1000,
                "the clock of this machine is too far from that of the database: set both right; \
                 until then this instance goes by its own and disagrees with others"
            );
        }
        let correction = if is_beyond { 0 } else { correction };
        if correction != current {
            tracing::info!(
                milliseconds = correction,
                "the clock of this machine is corrected by that of the database"
            );
            self.correction.store(correction, Ordering::SeqCst);
        }
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        shifted(self.own.now(), self.correction.load(Ordering::SeqCst))
    }
}

/// The correction that agrees with the answer `theirs` to a question that was asked at
/// `asked` and answered at `answered`: the `current` one if it does well enough, and
/// otherwise the smallest.
fn correction(current: i64, asked: Timestamp, theirs: Timestamp, answered: Timestamp) -> i64 {
    // A clock that was set back in between has shown the later time too.
    let answered = answered.max(asked);
    let off = |correction| {
        let (from, to) = (shifted(asked, correction), shifted(answered, correction));
        theirs.as_millis() - theirs.clamp(from, to).as_millis()
    };
    let agreement = millis(AGREEMENT);
    if off(0).abs() <= agreement {
        0
    } else if off(current).abs() <= agreement {
        current
    } else {
        off(0)
    }
}

fn shifted(time: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(millis))
}

#[cfg(test)]
mod tests {
    use super::super::ManualClock;
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(START.as_seconds() + seconds)
    }

    /// What a clock at [`START`] shows after these answers of the database, each in seconds
    /// off it.
    async fn after(answers: &[i64]) -> i64 {
        let clock = SharedClock::new(Arc::new(ManualClock::at(START)));
        for seconds in answers {
            let answer: Result<_, ()> = Ok(Some(at(*seconds)));
            clock.compare(async { answer }).await.expect("an answer");
        }
        clock.now().as_seconds() - START.as_seconds()
    }

    #[tokio::test]
    async fn a_clock_that_is_off_is_corrected_and_a_good_one_left_alone() {
        for (answers, shows) in [
            (&[][..], 0),
            (&[1], 0),
            (&[-1], 0),
            (&[20], 20),
            (&[-20], -20),
            (&[20, 21], 20),
            (&[20, 23], 23),
            (&[20, 1], 0),
            (&[60], 60),
            (&[61], 0),
            (&[20, 3600], 0),
            (&[3600, 20], 20),
        ] {
            assert_eq!(after(answers).await, shows, "{answers:?}");
        }
    }

    #[tokio::test]
    async fn without_an_answer_the_correction_stays() {
        let clock = SharedClock::new(Arc::new(ManualClock::at(START)));
        for (answer, is_answer) in [(Ok(Some(at(20))), true), (Ok(None), true), (Err(()), false)] {
            assert_eq!(clock.compare(async { answer }).await.is_ok(), is_answer);
            assert_eq!(clock.now(), at(20));
        }
    }

    #[test]
    fn a_slow_answer_proves_less() {
        assert_eq!(correction(0, at(0), at(20), at(19)), 0);
        assert_eq!(correction(0, at(0), at(20), at(15)), 5_000);
        assert_eq!(correction(20_000, at(0), at(20), at(15)), 20_000);
        assert_eq!(correction(0, at(0), at(-20), at(15)), -20_000);
        // Set back by a minute while the question was on its way.
        assert_eq!(correction(0, at(0), at(5), at(-60)), 5_000);
    }
}
