//! What waits for a thread: a line for each network, served in turns.
//!
//! One network that sends a thousand passwords stands in its own line. Whoever comes from
//! another one waits for one job of each line, not for the thousand. What is refused when
//! there is no room is the last of the longest line, be that the newcomer or not.
//!
//! A job is also refused when it would wait longer than anybody is to: at once where that
//! can be told from how long the last ones took, and otherwise when the time is up
//! ([`Queue::withdraw`]).
//!
//! While many wait, those whose jobs are done are answered several at once: `batch.rs` has
//! why.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::HashError;
use super::batch::{Answer, Batch};
use crate::domain::throttle::Network;

/// A job with the way back to its caller, of whatever type.
pub(super) trait Job<S>: Send {
    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;
    /// Does it, and gives back what answers.
    fn run(self: Box<Self>, state: &mut S) -> Answer;
    /// Answers that it is not done.
    fn refuse(self: Box<Self>, error: HashError);
}

/// Whose job it is; none is the service's own, or an operator's.
type Line = Option<Network>;

/// A place in a line.
#[derive(Debug)]
pub(super) struct Ticket {
    line: Line,
    number: u64,
}

/// How much may wait, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Threads that take jobs.
    pub(super) slots: usize,
    /// Jobs that wait at most.
    pub(super) jobs: usize,
    /// How long one waits at most.
    pub(super) wait: Duration,
    /// How long an answer waits for others at most, if the next job takes what the last
    /// ones took.
    pub(super) hold: Duration,
}

/// The lines.
pub(super) struct Queue<S> {
    bounds: Bounds,
    lines: Mutex<Lines<S>>,
    changed: Condvar,
}

struct Waiting<S> {
    number: u64,
    job: Box<dyn Job<S>>,
}

struct Lines<S> {
    /// None of them is empty.
    lines: HashMap<Line, VecDeque<Waiting<S>>>,
    /// The lines in the order of their turns.
    turns: VecDeque<Line>,
    waiting: usize,
    running: usize,
    tickets: u64,
    /// What a job takes: the mean of the last ones, each of which counts an eighth.
    takes: Duration,
    batch: Batch,
    is_closed: bool,
}

impl<S> Queue<S> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            lines: Mutex::new(Lines {
                lines: HashMap::new(),
                turns: VecDeque::new(),
                waiting: 0,
                running: 0,
                tickets: 0,
                takes: Duration::ZERO,
                batch: Batch::default(),
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Puts a job at the end of its line.
    ///
    /// # Errors
    /// [`HashError::Overloaded`] when there is no room, or it would wait too long.
    pub(super) fn push(&self, line: Line, job: Box<dyn Job<S>>) -> Result<Ticket, HashError> {
        let Bounds {
            slots, jobs, wait, ..
        } = self.bounds;
        let mut lines = self.lock();
        // A job that an idle thread is about to take does not wait.
        let idle = slots - lines.running;
        let served = lines.served_within(wait, slots).saturating_add(idle);
        let is_full = |lines: &Lines<S>| lines.waiting >= jobs + idle;
        let is_late = |lines: &Lines<S>| lines.ahead_of(&line) >= served;
        if is_full(&lines) || is_late(&lines) {
            lines.forget_abandoned();
        }
        if is_late(&lines) {
            return Err(HashError::Overloaded);
        }
        let evicted = if is_full(&lines) {
            let last = lines.last_of_the_longest(&line);
            Some(last.ok_or(HashError::Overloaded)?)
        } else {
            None
        };
        let ticket = lines.add(line, job);
        drop(lines);
        self.changed.notify_one();
        if let Some(evicted) = evicted {
            evicted.refuse(HashError::Overloaded);
        }
        Ok(ticket)
    }

    /// Takes a job out again; false when a thread has taken it.
    pub(super) fn withdraw(&self, ticket: &Ticket) -> bool {
        self.lock().remove(ticket).is_some()
    }

    /// The next job that somebody still waits for; `None` once closed.
    pub(super) fn pop(&self) -> Option<Box<dyn Job<S>>> {
        let mut lines = self.lock();
        loop {
            if lines.is_closed {
                return None;
            }
            match lines.next() {
                Some(job) if job.is_abandoned() => {}
                Some(job) => {
                    lines.running += 1;
                    return Some(job);
                }
                None if !lines.batch.is_empty() => {
                    let batch = mem::take(&mut lines.batch);
                    drop(lines);
                    batch.send();
                    lines = self.lock();
                }
                None => {
                    lines = self
                        .changed
                        .wait(lines)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Says that a job that was taken is done and how long that took, and answers its
    /// caller: now, or with others a moment later. A job that panicked has no answer.
    pub(super) fn finished(&self, took: Duration, answer: Option<Answer>) {
        let mut lines = self.lock();
        lines.running -= 1;
        lines.takes = if lines.takes.is_zero() {
            took
        } else {
            (lines.takes * 7 + took) / 8
        };
        if let Some(answer) = answer {
            lines.batch.add(answer);
        }
        let (waiting, takes) = (lines.waiting, lines.takes);
        if !lines.batch.may_grow(self.bounds, waiting, takes) {
            let batch = mem::take(&mut lines.batch);
            drop(lines);
            batch.send();
        }
    }

    /// Ends the threads; what waits is dropped, and so are answers that are held: nobody waits
    /// for one when the pool is dropped.
    pub(super) fn close(&self) {
        let mut lines = self.lock();
        lines.is_closed = true;
        lines.lines.clear();
        lines.turns.clear();
        lines.waiting = 0;
        self.changed.notify_all();
    }

    /// How many jobs wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// No code that runs under the lock can panic half-way through a change,
    /// so a poisoned lock guards a sound queue.
    fn lock(&self) -> MutexGuard<'_, Lines<S>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Lines<S> {
    fn add(&mut self, line: Line, job: Box<dyn Job<S>>) -> Ticket {
        let number = self.tickets;
        self.tickets += 1;
        self.waiting += 1;
        let place = self.lines.entry(line.clone()).or_default();
        if place.is_empty() {
            self.turns.push_back(line.clone());
        }
        place.push_back(Waiting { number, job });
        Ticket { line, number }
    }

    /// The first of the line whose turn it is; that line is the last one then.
    fn next(&mut self) -> Option<Box<dyn Job<S>>> {
        let line = self.turns.pop_front()?;
        let jobs = self.lines.get_mut(&line)?;
        let Waiting { job, .. } = jobs.pop_front()?;
        self.waiting -= 1;
        if jobs.is_empty() {
            self.lines.remove(&line);
        } else {
            self.turns.push_back(line);
        }
        Some(job)
    }

    fn remove(&mut self, ticket: &Ticket) -> Option<Box<dyn Job<S>>> {
        let jobs = self.lines.get_mut(&ticket.line)?;
        let at = jobs
            .iter()
            .position(|waiting| waiting.number == ticket.number)?;
        let Waiting { job, .. } = jobs.remove(at)?;
        self.waiting -= 1;
        if jobs.is_empty() {
            self.lines.remove(&ticket.line);
            self.turns.retain(|line| *line != ticket.line);
        }
        Some(job)
    }

    /// Takes out the last of the longest line, if that is longer than `newcomer` would
    /// make its own.
    fn last_of_the_longest(&mut self, newcomer: &Line) -> Option<Box<dyn Job<S>>> {
        let own = self.length(newcomer) + 1;
        let (longest, jobs) = self.lines.iter().max_by_key(|(_, jobs)| jobs.len())?;
        if jobs.len() <= own {
            return None;
        }
        let last = Ticket {
            line: longest.clone(),
            number: jobs.back()?.number,
        };
        self.remove(&last)
    }

    fn length(&self, line: &Line) -> usize {
        self.lines.get(line).map_or(0, VecDeque::len)
    }

    /// How many have their turn before whoever joins `line` now, if nobody else comes.
    fn ahead_of(&self, line: &Line) -> usize {
        let rounds = self.length(line) + 1;
        let others = self.lines.iter().filter(|(other, _)| *other != line);
        let others: usize = others.map(|(_, jobs)| jobs.len().min(rounds)).sum();
        others + rounds - 1
    }

    /// How many are taken within a time, by what the last ones took.
    fn served_within(&self, wait: Duration, slots: usize) -> usize {
        let each = self.takes.as_nanos();
        let Some(rounds) = wait.as_nanos().checked_div(each) else {
            return usize::MAX;
        };
        usize::try_from(rounds)
            .unwrap_or(usize::MAX)
            .saturating_mul(slots)
    }

    fn forget_abandoned(&mut self) {
        for jobs in self.lines.values_mut() {
            jobs.retain(|waiting| !waiting.job.is_abandoned());
        }
        self.lines.retain(|_, jobs| !jobs.is_empty());
        let lines = &self.lines;
        self.turns.retain(|line| lines.contains_key(line));
        self.waiting = lines.values().map(VecDeque::len).sum();
    }
}

#[cfg(test)]
mod tests;
