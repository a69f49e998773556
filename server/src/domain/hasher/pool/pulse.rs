//! A timer on every core while all of them hash, where interrupts are late without one.
//!
//! A core that computes is stopped by the interrupt of a device, or of another core that has
//! woken a thread up. On some virtual machines that takes until the core leaves the guest the
//! next time, and while it hashes it does so at the tick of the kernel only, every 4 ms as a
//! rule. A refresh waits for half a dozen such interrupts, one after the other, most of them
//! for its commit. A timer makes a core leave the guest sooner. So there is a thread on each
//! core that sleeps for a moment, again and again, and does nothing else (ADR 0015).
//!
//! That costs sign-ins where leaving the guest is slow, and gains nothing where interrupts
//! are on time. So the threads measure first: now and then each waits to be woken up by a
//! hashing thread, and sees how long that took.

use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a core hashes without leaving the guest, at most.
const BEAT: Duration = Duration::from_millis(1);

/// How long it is from one measurement on a core to the next.
const ROUND: Duration = Duration::from_millis(250);

/// By how much more a round lasts on each core than on the one before, so that they do not
/// all wait for the same wake-up.
const STAGGER: Duration = Duration::from_millis(7);

/// A wake-up that takes longer is late. With interrupts on time it takes some dozen
/// microseconds.
const LATE: Duration = Duration::from_micros(500);

/// So many of the last sixteen wake-ups have to be late. Where interrupts are, half of them
/// can be: the others come from the core itself, just before its tick or behind an interrupt
/// of something else. Elsewhere one may be late because the machine has much to do.
const LATE_ENOUGH: u32 = 2;

/// The timers; dropping it ends them.
#[derive(Debug)]
pub(super) struct Pulse {
    load: Arc<Load>,
    threads: Vec<JoinHandle<()>>,
}

impl Pulse {
    /// Starts a thread for each core that this process may use, if there are several and a
    /// pool of `slots` threads can keep all of them busy. Where that cannot be, it goes
    /// without, and says so in the log.
    pub(super) fn start(slots: usize) -> Self {
        let cores = system::cores();
        if cores.len() < 2 || cores.len() > slots {
            return Self::of(Load::new(usize::MAX));
        }
        let mut pulse = Self::of(Load::new(cores.len()));
        for (number, core) in (0..).zip(cores) {
            let load = Arc::clone(&pulse.load);
            let round = ROUND + STAGGER * (number % 16);
            let thread = thread::Builder::new()
                .name(format!("pulse-{core}"))
                .spawn(move || match system::stay_on(core) {
                    Ok(()) => keep(&load, round),
                    Err(error) => without(&error),
                });
            match thread {
                Ok(thread) => pulse.threads.push(thread),
                Err(error) => without(&error),
            }
        }
        pulse
    }

    fn of(load: Load) -> Self {
        Self {
            load: Arc::new(load),
            threads: Vec::new(),
        }
    }

    /// What the hashing threads tell it by.
    pub(super) fn load(&self) -> &Arc<Load> {
        &self.load
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.load.close();
        for thread in self.threads.drain(..) {
            // It cannot have panicked, and there would be nothing left to do.
            let _ = thread.join();
        }
    }
}

fn without(error: &dyn Display) {
    tracing::debug!(%error, "requests may wait longer while all cores hash");
}

/// Measures on the core of this thread, and beats if that is needed, until the end.
fn keep(load: &Load, round: Duration) {
    let mut history = History::default();
    while let Some(woken_at) = load.until_full() {
        if !history.is_late_with(woken_at.elapsed()) {
            load.wait_for_close(round);
            continue;
        }
        beat(load, round);
    }
}

/// Wakes up again and again for a round, or until it is closed. That a core is free in
/// between says little: each is for a moment, from one hash to the next.
fn beat(load: &Load, round: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < round {
        if load.wait_for_close(BEAT) {
            return;
        }
    }
}

/// How many hash, and who waits until there is one for each core.
#[derive(Debug)]
pub(super) struct Load {
    cores: usize,
    running: AtomicUsize,
    state: Mutex<State>,
    full: Condvar,
    closed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// When a hash began the last time that there was one for each core then.
    full_at: Option<Instant>,
    is_closed: bool,
}

impl Load {
    fn new(cores: usize) -> Self {
        Self {
            cores,
            running: AtomicUsize::new(0),
            state: Mutex::default(),
            full: Condvar::new(),
            closed: Condvar::new(),
        }
    }

    /// A hash begins.
    pub(super) fn begin(&self) {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        if running >= self.cores {
            self.lock().full_at = Some(Instant::now());
            self.full.notify_all();
        }
    }

    /// It has ended.
    pub(super) fn end(&self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// Waits until a hash begins with which there is one for each core, and says when it
    /// did; `None` once closed.
    fn until_full(&self) -> Option<Instant> {
        let mut state = self.lock();
        let before = state.full_at;
        while !state.is_closed && state.full_at == before {
            let woken = self.full.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        state.full_at.filter(|_| !state.is_closed)
    }

    /// Waits until it is closed, and no longer than `most`; says whether it is.
    fn wait_for_close(&self, most: Duration) -> bool {
        let is_open = |state: &mut State| !state.is_closed;
        let waited = self.closed.wait_timeout_while(self.lock(), most, is_open);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_closed
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.full.notify_all();
        self.closed.notify_all();
    }

    /// Nothing panics under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which of the last wake-ups on a core were late, a bit for each.
#[derive(Debug, Default)]
struct History(u16);

impl History {
    /// Whether interrupts are late on this core, now that one more wake-up took so long.
    fn is_late_with(&mut self, took: Duration) -> bool {
        self.0 = (self.0 << 1) | u16::from(took > LATE);
        self.0.count_ones() >= LATE_ENOUGH
    }
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::io::Result;
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// The cores that this process may use; none if the system does not say.
    pub(super) fn cores() -> Vec<usize> {
        let allowed = sched_getaffinity(None);
        let is_allowed = |core: &usize| allowed.is_ok_and(|allowed| allowed.is_set(*core));
        (0..CpuSet::MAX_CPU).filter(is_allowed).collect()
    }

    /// Keeps this thread on a core.
    pub(super) fn stay_on(core: usize) -> Result<()> {
        let mut only = CpuSet::new();
        only.set(core);
        sched_setaffinity(None, &only)
    }
}

/// Elsewhere a thread is not bound to a core, and nobody has seen interrupts that are late.
#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn cores() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn stay_on(_core: usize) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test.
    const AN_HOUR: Duration = Duration::from_secs(3600);

    /// Long enough for a thread to have come to where it waits.
    const A_MOMENT: Duration = Duration::from_millis(50);

    #[cfg(target_os = "linux")]
    #[test]
    fn there_is_one_for_each_core_only_if_all_of_them_can_hash() {
        let cores = system::cores().len();
        let available = thread::available_parallelism().expect("known").get();
        // A quota may make it fewer.
        assert!(cores >= available, "{cores}");

        let expected = if cores == 1 { 0 } else { cores };
        for slots in [cores, cores + 3] {
            assert_eq!(Pulse::start(slots).threads.len(), expected);
        }
        assert_eq!(Pulse::start(cores - 1).threads.len(), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_stays_on_its_core() {
        for core in system::cores() {
            let staying = thread::spawn(move || {
                system::stay_on(core).expect("allowed");
                system::cores()
            });
            assert_eq!(staying.join().expect("no panic"), [core]);
        }
    }

    #[test]
    fn it_beats_for_a_round_though_a_core_is_free_meanwhile() {
        let load = Load::new(2);
        let begun = Instant::now();
        beat(&load, A_MOMENT);
        assert!(begun.elapsed() >= A_MOMENT);
    }

    #[test]
    fn a_core_that_was_free_counts_no_more() {
        let load = Load::new(2);
        load.begin();
        load.end();
        load.begin();
        assert_eq!(load.lock().full_at, None, "one hashes");
        load.begin();
        assert!(load.lock().full_at.is_some());
    }

    #[test]
    fn whoever_waits_learns_when_the_last_core_began_to_hash() {
        let load = Load::new(2);
        thread::scope(|scope| {
            let waits = scope.spawn(|| load.until_full());
            load.begin();
            thread::sleep(A_MOMENT);
            assert!(!waits.is_finished(), "one core is free");
            let before = Instant::now();
            load.begin();
            let full_at = waits.join().expect("no panic").expect("open");
            assert!((before..Instant::now()).contains(&full_at));
        });
    }

    #[test]
    fn the_end_wakes_everybody() {
        let load = Load::new(2);
        thread::scope(|scope| {
            let waits = scope.spawn(|| load.until_full());
            let rests = scope.spawn(|| load.wait_for_close(AN_HOUR));
            let beats = scope.spawn(|| beat(&load, AN_HOUR));
            thread::sleep(A_MOMENT);
            assert!(!waits.is_finished() && !rests.is_finished() && !beats.is_finished());
            load.close();
            assert_eq!(waits.join().expect("no panic"), None);
            assert!(rests.join().expect("no panic"));
            beats.join().expect("no panic");
        });
        assert_eq!(load.until_full(), None, "not only those who were waiting");
    }

    #[test]
    fn a_late_wake_up_now_and_then_is_none_of_interrupts() {
        let (late, soon) = (LATE + Duration::from_nanos(1), LATE);
        let mut history = History::default();
        for took in [late].into_iter().chain([soon; 15]) {
            assert!(!history.is_late_with(took));
        }
        // The first of the two is too long ago.
        assert!(!history.is_late_with(late));
        assert!(history.is_late_with(late));
    }

    #[test]
    fn interrupts_that_were_late_stay_so_for_a_while() {
        let mut history = History::default();
        for _ in 0..2 {
            history.is_late_with(Duration::MAX);
        }
        for _ in 0..14 {
            assert!(history.is_late_with(Duration::ZERO));
        }
        assert!(!history.is_late_with(Duration::ZERO));
    }
}
