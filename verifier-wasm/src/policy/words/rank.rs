//! Ranks, as exactly as they are kept.
//!
//! A rank is kept to its first [`BITS`] bits, as a floating-point number would
//! be, so a small one is kept as it is and a greater one stands for its
//! neighbours, too. All of them are taken for the one in the middle. What this
//! is wrong by is a small share of a rank that is an estimate itself; it saves a
//! fifth of all that is sent to a browser.

use std::ops::Range;

/// The bits of a rank that are kept.
const BITS: u32 = 8;

/// The ranks, counted from 0, that are kept as the same.
pub(super) fn interval(rank: u32) -> Range<u32> {
    let dropped = (u32::BITS - (rank + 1).leading_zeros()).saturating_sub(BITS);
    let start = ((rank + 1) >> dropped << dropped) - 1;
    start..start + (1 << dropped)
}

/// The rank, counted from 1, that stands for all in an interval.
pub(super) fn middle(start: u32) -> u32 {
    let Range { start, end } = interval(start);
    start + 1 + (end - start) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_narrow_and_leave_nothing_out() {
        let mut next = 0;
        while next < 40_000 {
            let interval = interval(next);
            assert_eq!(interval.start, next);
            for rank in interval.clone() {
                assert_eq!(super::interval(rank), interval);
                let kept = f64::from(middle(next));
                let wrong_by = (kept - f64::from(rank + 1)).abs();
                assert!(wrong_by <= f64::from(rank + 1) / f64::from(1 << BITS));
            }
            next = interval.end;
        }
        for exact in 0..(1 << BITS) - 1 {
            assert_eq!(middle(exact), exact + 1);
        }
    }
}
