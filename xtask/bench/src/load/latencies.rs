//! How long answers took.

use std::time::Duration;

/// Every latency, in microseconds: a turn has some ten thousand, and a histogram would round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn push(&mut self, latency: Duration) {
        // Whoever waits for more than an hour has waited an hour.
        self.0
            .push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes in those of another turn.
    pub(crate) fn extend(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    /// What so many of a thousand did not exceed, in milliseconds, for each of `per_mille`:
    /// the least latency that at least as many are no greater than. `None` without any.
    pub(crate) fn percentiles<const N: usize>(&self, per_mille: [usize; N]) -> Option<[f64; N]> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        Some(per_mille.map(|per_mille| {
            let rank = (sorted.len() * per_mille).div_ceil(1000);
            f64::from(sorted[rank.saturating_sub(1).min(last)]) / 1000.0
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::default();
        for latency in milliseconds {
            latencies.push(Duration::from_millis(latency));
        }
        latencies
    }

    #[test]
    fn a_percentile_is_the_least_that_covers_its_share() {
        let hundred = of((1..=100).rev());
        let found = hundred.percentiles([0, 500, 501, 990, 999, 1000]);
        assert_eq!(found, Some([1.0, 50.0, 51.0, 99.0, 100.0, 100.0]));
    }

    #[test]
    fn one_latency_is_every_percentile_and_none_has_none() {
        assert_eq!(of([7]).percentiles([1, 999]), Some([7.0, 7.0]));
        assert_eq!(of([]).percentiles([500]), None);
    }

    #[test]
    fn turns_are_taken_together() {
        let mut both = of([1]);
        both.extend(&of([3, 2]));
        assert_eq!(both.len(), 3);
        assert_eq!(both.percentiles([500]), Some([2.0]));
    }

    #[test]
    fn an_endless_latency_is_a_long_one() {
        let mut latencies = Latencies::default();
        latencies.push(Duration::MAX);
        assert!(
            latencies
                .percentiles([500])
                .is_some_and(|[half]| half > 3.6e6)
        );
    }
}
