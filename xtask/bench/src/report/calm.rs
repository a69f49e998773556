//! Whether the machine was calm enough to tell anything.
//!
//! Between the turns the same computation is done on every core at once. It should take the
//! same time always, and nobody should have to wait for a core. How far that is from true is
//! what other programs do to the figures.

use std::cell::RefCell;
use std::fs;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::quartiles::Quartiles;

/// Rounds of the computation, some five milliseconds.
const ROUNDS: u32 = 4_000_000;

/// Beyond this spread of the middle half nothing is concluded,
const TOO_UNEVEN: f64 = 0.15;

/// nor with less than this share of the cores.
const TOO_LITTLE: f64 = 0.9;

/// What the computations came to.
#[derive(Default)]
pub(crate) struct Calm(RefCell<Vec<Probe>>);

/// One computation on every core.
#[derive(Clone, Copy)]
struct Probe {
    milliseconds: f64,
    /// How much of that time the threads had a core, the least of them; 1 where the system
    /// does not tell.
    share: f64,
}

impl Calm {
    /// Computes once, on every core.
    pub(crate) fn probe(&self) {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let began = Instant::now();
        let share = thread::scope(|scope| {
            let threads: Vec<_> = (0..cores)
                .map(|seed| scope.spawn(move || compute(seed)))
                .collect();
            let shares = threads.into_iter().filter_map(|thread| thread.join().ok());
            shares.flatten().fold(1.0, f64::min)
        });
        self.0.borrow_mut().push(Probe {
            milliseconds: began.elapsed().as_secs_f64() * 1e3,
            share,
        });
    }

    /// The times and the shares; `None` before the first probe.
    fn seen(&self) -> Option<(Quartiles, Quartiles)> {
        let probes = self.0.borrow();
        let both = (
            probes.iter().map(|probe| probe.milliseconds),
            probes.iter().map(|probe| probe.share),
        );
        (!probes.is_empty()).then(|| (Quartiles::of(both.0), Quartiles::of(both.1)))
    }

    /// Whether anything may be concluded from the run.
    pub(crate) fn is_calm(&self) -> bool {
        let seen = self.seen();
        seen.is_some_and(|(times, shares)| {
            times.spread() <= TOO_UNEVEN && shares.median >= TOO_LITTLE
        })
    }

    /// The same for a reader.
    pub(crate) fn said(&self) -> String {
        let Some((times, shares)) = self.seen() else {
            return "Nothing was probed.".to_owned();
        };
        let verdict = if self.is_calm() {
            "calm enough to conclude"
        } else {
            "too noisy to conclude: repeat the run when nothing else computes"
        };
        format!(
            "The machine was {verdict}. A fixed computation between the turns took {:.1} ms, in \
             the middle half of {} times {:.1} to {:.1} ({:.0} % apart; up to {:.0} % are calm), \
             and had its cores for {:.0} % of that time (from {:.0} % on is calm).",
            times.median,
            self.0.borrow().len(),
            times.low,
            times.high,
            100.0 * times.spread(),
            100.0 * TOO_UNEVEN,
            100.0 * shares.median,
            100.0 * TOO_LITTLE,
        )
    }

    pub(crate) fn json(&self) -> Value {
        let probes = self.0.borrow();
        let rows = probes.iter();
        json!({
            "milliseconds": rows.clone().map(|probe| probe.milliseconds).collect::<Value>(),
            "shares": rows.map(|probe| probe.share).collect::<Value>(),
            "calm": self.is_calm(),
        })
    }
}

/// A chain of multiplications, which no compiler shortens. How much of the time this thread
/// had a core.
fn compute(seed: usize) -> Option<f64> {
    let (began, before) = (Instant::now(), computed());
    let mut state = black_box(seed) as u64 | 1;
    for _ in 0..ROUNDS {
        state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) ^ 0x55;
    }
    black_box(state);
    let computed = computed()?.checked_sub(before?)?;
    Some(computed.as_secs_f64() / began.elapsed().as_secs_f64())
}

/// The CPU time that this thread has had, where the system tells.
pub(crate) fn computed() -> Option<Duration> {
    // The figure is brought up to date when the thread gives way.
    thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(probes: &[(f64, f64)]) -> Calm {
        let probes = probes.iter().map(|(milliseconds, share)| Probe {
            milliseconds: *milliseconds,
            share: *share,
        });
        Calm(RefCell::new(probes.collect()))
    }

    #[test]
    fn one_disturbance_is_forgiven() {
        let once = [(5.0, 1.0), (5.1, 0.98), (5.0, 1.0), (5.2, 1.0), (90.0, 0.1)];
        assert!(of(&once).is_calm());
    }

    #[test]
    fn a_machine_that_is_busy_now_and_then_is_not_calm() {
        let uneven = of(&[(5.0, 1.0), (6.0, 1.0), (7.0, 1.0), (8.0, 1.0), (9.0, 1.0)]);
        assert!(!uneven.is_calm());
        assert!(uneven.said().contains("too noisy"));
    }

    #[test]
    fn a_machine_that_is_busy_all_the_time_is_not_calm() {
        assert!(!of(&[(10.0, 0.5), (10.0, 0.5), (10.1, 0.5)]).is_calm());
    }

    #[test]
    fn a_run_that_was_not_probed_was_not_calm() {
        assert!(!Calm::default().is_calm());
        let probed = Calm::default();
        probed.probe();
        assert_eq!(probed.0.borrow().len(), 1);
    }
}
