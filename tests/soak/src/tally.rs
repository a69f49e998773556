//! What is counted while a run goes on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The counts of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: AtomicUsize,
    latencies: Mutex<BTreeMap<&'static str, Vec<u32>>>,
    pub(crate) unavailable: Count,
    pub(crate) lost: Count,
    pub(crate) refused: Count,
    pub(crate) cut: Count,
    pub(crate) command_failed: Count,
    /// Events that were answered: the request's id, and what must be on record under it.
    acknowledged: Mutex<Vec<(String, &'static str)>>,
    /// The writes that were answered.
    pub(crate) writes: Count,
    settled: Mutex<BTreeMap<&'static str, Settled>>,
}

/// How the acts of one kind came out whose answers were lost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settled {
    pub(crate) done: usize,
    pub(crate) not_done: usize,
    pub(crate) either: usize,
}

/// A number that grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The requests of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) count: usize,
    pub(crate) median: Duration,
    pub(crate) slow: Duration,
}

impl Tally {
    /// Counts an answer.
    pub(crate) fn answered(&self, name: &'static str, took: Duration) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        lock(&self.latencies).entry(name).or_default().push(micros);
    }

    /// How many answers there were.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Under this request's id an event must be on record.
    pub(crate) fn acknowledge(&self, request_id: String, word: &'static str) {
        lock(&self.acknowledged).push((request_id, word));
    }

    /// All of these.
    pub(crate) fn acknowledged(&self) -> MutexGuard<'_, Vec<(String, &'static str)>> {
        lock(&self.acknowledged)
    }

    /// Counts how acts came out whose answers were lost.
    pub(crate) fn settle(&self, acts: Vec<(&'static str, Option<bool>)>) {
        let mut settled = lock(&self.settled);
        for (name, done) in acts {
            let one = settled.entry(name).or_default();
            match done {
                Some(true) => one.done += 1,
                Some(false) => one.not_done += 1,
                None => one.either += 1,
            }
        }
    }

    /// All of these, by kind.
    pub(crate) fn settled(&self) -> BTreeMap<&'static str, Settled> {
        lock(&self.settled).clone()
    }

    /// The requests by kind.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let mut latencies = lock(&self.latencies);
        let all = latencies.iter_mut();
        all.map(|(name, micros)| {
            micros.sort_unstable();
            let at = |percent: usize| {
                let index = (micros.len() * percent / 100).min(micros.len().saturating_sub(1));
                Duration::from_micros(micros.get(index).copied().unwrap_or(0).into())
            };
            Kind {
                name,
                count: micros.len(),
                median: at(50),
                slow: at(99),
            }
        })
        .collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_their_percentiles() {
        let tally = Tally::default();
        for millis in 1..=100 {
            tally.answered("me", Duration::from_millis(millis));
        }
        let [kind] = tally.kinds()[..] else {
            panic!("one kind");
        };
        assert_eq!((kind.name, kind.count), ("me", 100));
        assert_eq!(kind.median, Duration::from_millis(51));
        assert_eq!(kind.slow, Duration::from_millis(100));
    }
}
