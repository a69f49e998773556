//! Answers that wait for each other, so that they go out at once.
//!
//! What is left of a request after its hash (a token, a commit, a response) takes a core from
//! a thread that hashes: a switch there and back for each step, with interrupts from core to
//! core and caches that have to fill again. For several requests at once these are hardly
//! more than for one. So where many wait for a thread, what is done is answered in batches
//! (ADR 0016). Where few do, nobody is kept waiting.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::queue::Bounds;

/// Answers the caller of a job that is done.
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// How many are answered at once at most: with eight, an eighth of what can be spared is left.
pub(super) const TOGETHER: usize = 8;

/// How many jobs have to wait for each thread, so that it has something to do until those who
/// are answered come back.
const BACKLOG: usize = 2;

/// Answers that have not gone out yet.
#[derive(Default)]
pub(super) struct Batch {
    answers: Vec<Answer>,
    /// When the first of them came.
    since: Option<Instant>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    pub(super) fn add(&mut self, answer: Answer) {
        self.answers.push(answer);
        self.since.get_or_insert_with(Instant::now);
    }

    /// Whether these should wait for the next one, while so many jobs wait, each of which takes
    /// so long: the next answer comes no later, and sooner with several threads.
    pub(super) fn may_grow(&self, bounds: Bounds, waiting: usize, takes: Duration) -> bool {
        let waited = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        self.answers.len() < TOGETHER
            && waiting >= BACKLOG.saturating_mul(bounds.slots)
            && waited.saturating_add(takes) <= bounds.hold
    }

    /// Has the first of them come so much earlier.
    #[cfg(test)]
    pub(super) fn backdate(&mut self, by: Duration) {
        self.since = self.since.and_then(|since| since.checked_sub(by));
    }

    /// Sends them.
    pub(super) fn send(self) {
        for answer in self.answers {
            // What nobody wants may panic when it is dropped; the others are answered.
            let _ = catch_unwind(AssertUnwindSafe(answer));
        }
    }
}
