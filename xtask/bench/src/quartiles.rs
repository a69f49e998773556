//! The quartiles of what many turns measured.

/// The median, and between what the middle half lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quartiles {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Quartiles {
    /// Those of `values`, of which there is at least one.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |quarters: usize| sorted[(sorted.len() - 1) * quarters / 4];
        Self {
            low: at(1),
            median: at(2),
            high: at(3),
        }
    }

    /// Those of the ratio of two figures of each turn: what slows the machine down for a
    /// while slows down both.
    pub(crate) fn of_ratios(ours: &[f64], peers: &[f64]) -> Self {
        Self::of(ours.iter().zip(peers).map(|(ours, peers)| ours / peers))
    }

    /// What is known exactly.
    pub(crate) fn exactly(value: f64) -> Self {
        Self {
            low: value,
            median: value,
            high: value,
        }
    }

    /// How wide the middle half is, as a share of the median.
    pub(crate) fn spread(&self) -> f64 {
        (self.high - self.low) / self.median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quartiles(low: f64, median: f64, high: f64) -> Quartiles {
        Quartiles { low, median, high }
    }

    #[test]
    fn the_quartiles_are_those_of_the_values_in_their_order() {
        let of_five = Quartiles::of([5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!(of_five, quartiles(2.0, 3.0, 4.0));
        assert_eq!(Quartiles::of([7.0]), Quartiles::exactly(7.0));
    }

    #[test]
    fn the_median_forgets_what_is_far_off() {
        assert_eq!(Quartiles::of([9000.0, 2.0, 2.0]), quartiles(2.0, 2.0, 2.0));
    }

    #[test]
    fn the_ratio_is_that_of_the_same_turn() {
        // A machine twice as slow in one turn changes no ratio.
        let ratio = Quartiles::of_ratios(&[32.0, 64.0, 16.0], &[64.0, 128.0, 32.0]);
        assert_eq!(ratio, Quartiles::exactly(0.5));
    }

    #[test]
    fn the_spread_is_relative() {
        assert!((quartiles(9.0, 10.0, 11.0).spread() - 0.2).abs() < 1e-9);
    }
}
