//! Two ways to do one thing, timed in turns.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many turns each has. Odd, so that the median is one of them.
const TURNS: usize = 31;

/// How long a turn is at least.
const TURN: Duration = Duration::from_millis(20);

/// The medians of one call of each.
pub(crate) struct Comparison {
    pub(crate) ours: Duration,
    pub(crate) peers: Duration,
}

impl Comparison {
    /// Times both in turns: what slows the machine down for a while slows down
    /// both, and the median forgets the rest.
    pub(crate) fn of<A, B>(mut ours: impl FnMut() -> A, mut peers: impl FnMut() -> B) -> Self {
        let (our_calls, their_calls) = (calls_in_a_turn(&mut ours), calls_in_a_turn(&mut peers));
        let mut turns = [(Duration::ZERO, Duration::ZERO); TURNS];
        for turn in &mut turns {
            *turn = (time(our_calls, &mut ours), time(their_calls, &mut peers));
        }
        Self {
            ours: median(turns.map(|(ours, _)| ours)),
            peers: median(turns.map(|(_, peers)| peers)),
        }
    }

    /// How many times as long as the peer we take: below 1 is faster.
    pub(crate) fn ratio(&self) -> f64 {
        self.ours.as_secs_f64() / self.peers.as_secs_f64()
    }
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

/// The time of one call, averaged over `calls`.
fn time<T>(calls: u32, call: &mut impl FnMut() -> T) -> Duration {
    let began = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    began.elapsed() / calls
}

fn median(mut times: [Duration; TURNS]) -> Duration {
    times.sort_unstable();
    times[TURNS / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let mut times = [Duration::from_secs(9); TURNS];
        times[..=TURNS / 2].fill(Duration::from_secs(2));
        assert_eq!(median(times), Duration::from_secs(2));
    }

    #[test]
    fn the_ratio_is_ours_to_theirs() {
        let comparison = Comparison {
            ours: Duration::from_micros(30),
            peers: Duration::from_micros(60),
        };
        assert!((comparison.ratio() - 0.5).abs() < 1e-9);
    }
}
