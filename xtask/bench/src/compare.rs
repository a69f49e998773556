//! Two ways to do one thing, timed in turns.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::quartiles::Quartiles;
use crate::report::calm::computed;

/// How many turns each has. Odd, so that the median is one of them.
const TURNS: usize = 31;

/// The same where it only has to be seen that it works.
const QUICK_TURNS: usize = 3;

/// How long a turn is at least.
const TURN: Duration = Duration::from_millis(20);

/// The time of one call of each, for each turn.
pub(crate) struct Comparison {
    turns: Vec<(Duration, Duration)>,
}

impl Comparison {
    /// Times both in turns: what slows the machine down for a while slows down
    /// both, and the median forgets the rest.
    pub(crate) fn of<A, B>(quick: bool, ours: impl FnMut() -> A, peers: impl FnMut() -> B) -> Self {
        Self::by(computed, quick, ours, peers)
    }

    /// The same by the clock on the wall: for what another process computes.
    pub(crate) fn of_waiting<A, B>(
        quick: bool,
        ours: impl FnMut() -> A,
        peers: impl FnMut() -> B,
    ) -> Self {
        Self::by(|| None, quick, ours, peers)
    }

    fn by<A, B>(
        clock: fn() -> Option<Duration>,
        quick: bool,
        mut ours: impl FnMut() -> A,
        mut peers: impl FnMut() -> B,
    ) -> Self {
        let (our_calls, their_calls) = (calls_in_a_turn(&mut ours), calls_in_a_turn(&mut peers));
        let turns = if quick { QUICK_TURNS } else { TURNS };
        let turns = (0..turns)
            .map(|_| {
                let ours = time(clock, our_calls, &mut ours);
                (ours, time(clock, their_calls, &mut peers))
            })
            .collect();
        Self { turns }
    }

    /// The median of our times.
    pub(crate) fn ours(&self) -> Duration {
        median(self.turns.iter().map(|(ours, _)| *ours))
    }

    /// The median of the peer's times.
    pub(crate) fn peers(&self) -> Duration {
        median(self.turns.iter().map(|(_, peers)| *peers))
    }

    /// How many times as long as the peer we take, turn by turn. Below 1 is faster.
    pub(crate) fn ratio(&self) -> Quartiles {
        let both = self.turns.iter();
        Quartiles::of(both.map(|(ours, peers)| ours.as_secs_f64() / peers.as_secs_f64()))
    }
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    Duration::from_secs_f64(Quartiles::of(times.map(|time| time.as_secs_f64())).median)
}

/// How many calls fill a turn; this warms up too.
fn calls_in_a_turn<T>(call: &mut impl FnMut() -> T) -> u32 {
    let began = Instant::now();
    let mut calls = 0;
    while began.elapsed() < TURN {
        black_box(call());
        calls += 1;
    }
    calls
}

/// The time of one call, averaged over `calls`: by `clock`, or on the wall where that knows
/// none.
fn time<T>(clock: fn() -> Option<Duration>, calls: u32, call: &mut impl FnMut() -> T) -> Duration {
    let (began, before) = (Instant::now(), clock());
    for _ in 0..calls {
        black_box(call());
    }
    let took = match (before, clock()) {
        (Some(before), Some(after)) => after - before,
        _ => began.elapsed(),
    };
    took / calls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_milliseconds(turns: &[(u64, u64)]) -> Comparison {
        let turns = turns.iter();
        let milliseconds = Duration::from_millis;
        Comparison {
            turns: turns
                .map(|(ours, peers)| (milliseconds(*ours), milliseconds(*peers)))
                .collect(),
        }
    }

    #[test]
    fn the_median_forgets_what_is_far_off() {
        let comparison = of_milliseconds(&[(9000, 1), (2, 3), (2, 3)]);
        assert_eq!(comparison.ours(), Duration::from_millis(2));
        assert_eq!(comparison.peers(), Duration::from_millis(3));
    }

    #[test]
    fn the_ratio_is_ours_to_theirs_in_the_same_turn() {
        // A machine twice as slow in one turn changes no ratio.
        let ratio = of_milliseconds(&[(30, 60), (60, 120), (31, 62)]).ratio();
        for share in [ratio.low, ratio.median, ratio.high] {
            assert!((share - 0.5).abs() < 1e-9);
        }
    }

    #[test]
    fn a_quick_comparison_calls_both() {
        let (mut ours, mut peers) = (0_u32, 0_u32);
        let _ = Comparison::of(true, || ours += 1, || peers += 1);
        assert!(ours > 0 && peers > 0);
    }
}
