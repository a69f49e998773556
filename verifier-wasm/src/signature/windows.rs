//! Sums of multiples of points, from tables of multiples.
//!
//! A scalar is cut into 43 signed digits of 6 bits. A table has a row for every
//! few of them, and the row of digit i holds 1 to 32 times 2^(6i) times the
//! point, so that digits in different rows share their doublings (Lim and Lee
//! 1994): six rows leave 42 doublings of 252, and no row more than an addition
//! for each digit.
//!
//! Which entry is taken, and whether any, depends on the scalar. That is for
//! checking signatures, where everything is public.

use std::sync::OnceLock;

use super::words::{self, Words};

/// The bits of a digit.
const DIGIT_BITS: u32 = 6;

/// Digits of a scalar below 2^256, with room for the last carry.
const DIGITS: usize = 43;

/// A digit runs from -31 to 32.
const MAX_DIGIT: i8 = 1 << (DIGIT_BITS - 1);

/// The multiples in a row.
const MULTIPLES: usize = MAX_DIGIT.unsigned_abs() as usize;

/// The rows of a table for a point that is used often. More would take longer
/// to make than they save.
const MANY_ROWS: usize = 6;

/// A group of points on a curve.
pub(super) trait Group {
    type Point: Copy;
    /// A point in the form that is added fastest.
    type Entry: Copy;

    const IDENTITY: Self::Point;

    fn double(point: &Self::Point) -> Self::Point;

    fn add(point: &Self::Point, entry: &Self::Entry) -> Self::Point;

    fn negated(entry: &Self::Entry) -> Self::Entry;

    /// Entries for many points, none of them the identity.
    fn entries(points: &[Self::Point]) -> Vec<Self::Entry>;
}

/// Multiples of a point.
pub(super) struct Table<G: Group> {
    entries: Vec<G::Entry>,
    /// The digits that share a row.
    digits_in_row: usize,
}

impl<G: Group> Table<G> {
    /// Multiples of a point whose order is above 32 and odd or infinite in
    /// effect: none of the multiples may be the identity.
    pub(super) fn new(point: G::Point, rows: usize) -> Self {
        let digits_in_row = DIGITS.div_ceil(rows);
        let mut bases = vec![point];
        for row in 1..rows {
            let doublings = digits_in_row * DIGIT_BITS as usize;
            let base = (0..doublings).fold(bases[row - 1], |base, _| G::double(&base));
            bases.push(base);
        }
        let mut multiples = Vec::with_capacity(rows * MULTIPLES);
        for (base, entry) in bases.iter().zip(G::entries(&bases)) {
            let mut multiple = *base;
            multiples.push(multiple);
            for _ in 1..MULTIPLES {
                multiple = G::add(&multiple, &entry);
                multiples.push(multiple);
            }
        }
        Self {
            entries: G::entries(&multiples),
            digits_in_row,
        }
    }
}

/// A table that grows when it is worth it.
///
/// Many rows take as long to make as ten signatures to check, and in a module
/// that has just been loaded several times as long, because nothing in it is
/// optimised yet. Whoever loads it for one token should not wait for that.
pub(super) struct GrowingTable<G: Group> {
    one_row: OnceLock<Table<G>>,
    has_helped: OnceLock<()>,
    many_rows: OnceLock<Table<G>>,
}

impl<G: Group> GrowingTable<G> {
    /// Nothing is made yet.
    pub(super) const fn new() -> Self {
        Self {
            one_row: OnceLock::new(),
            has_helped: OnceLock::new(),
            many_rows: OnceLock::new(),
        }
    }

    /// What there is so far of the multiples of `point`, which is always the
    /// same one.
    pub(super) fn table(&self, point: impl FnOnce() -> G::Point) -> &Table<G> {
        self.many_rows
            .get()
            .unwrap_or_else(|| self.one_row.get_or_init(|| Table::new(point(), 1)))
    }

    /// To be told of each signature that was good, so that a forger cannot
    /// cause the work: the second one makes the table large.
    pub(super) fn has_helped(&self, point: impl FnOnce() -> G::Point) {
        if self.has_helped.set(()).is_err() {
            self.many_rows
                .get_or_init(|| Table::new(point(), MANY_ROWS));
        }
    }
}

/// The sum of each point times its scalar.
pub(super) fn sum_of_multiples<G: Group>(terms: [(&Table<G>, Words); 2]) -> G::Point {
    let terms = terms.map(|(table, scalar)| (table, digits(&scalar)));
    let positions = terms.iter().map(|(table, _)| table.digits_in_row).max();
    let mut sum = G::IDENTITY;
    for position in (0..positions.unwrap_or(0)).rev() {
        for _ in 0..DIGIT_BITS {
            sum = G::double(&sum);
        }
        for (table, digits) in &terms {
            if position >= table.digits_in_row {
                continue;
            }
            let of_rows = digits[position..].iter().step_by(table.digits_in_row);
            for (digit, row) in of_rows.zip(table.entries.chunks_exact(MULTIPLES)) {
                let size = usize::from(digit.unsigned_abs());
                match digit.signum() {
                    0 => {}
                    1 => sum = G::add(&sum, &row[size - 1]),
                    _ => sum = G::add(&sum, &G::negated(&row[size - 1])),
                }
            }
        }
    }
    sum
}

/// The digits of a scalar, the lowest first.
fn digits(scalar: &Words) -> [i8; DIGITS] {
    let mut carry = 0;
    std::array::from_fn(|index| {
        let at = index * DIGIT_BITS as usize;
        let digit = words::bits(scalar, at, DIGIT_BITS).to_le_bytes()[0].cast_signed() + carry;
        let too_large = digit > MAX_DIGIT;
        carry = i8::from(too_large);
        digit - (carry << DIGIT_BITS)
    })
}

#[cfg(test)]
mod tests {
    use super::{DIGIT_BITS, Group, GrowingTable, MANY_ROWS, Table, digits, sum_of_multiples};
    use crate::{signature::words::Words, testing::Sequence};

    /// The integers modulo a number, as a group of "points".
    struct Integers;

    const MODULUS: i128 = (1 << 61) - 1;

    impl Group for Integers {
        type Point = i128;
        type Entry = i128;

        const IDENTITY: i128 = 0;

        fn double(point: &i128) -> i128 {
            2 * point % MODULUS
        }

        fn add(point: &i128, entry: &i128) -> i128 {
            (point + entry) % MODULUS
        }

        fn negated(entry: &i128) -> i128 {
            -entry
        }

        fn entries(points: &[i128]) -> Vec<i128> {
            points.to_vec()
        }
    }

    fn value(scalar: &Words) -> i128 {
        scalar.iter().rev().fold(0, |value, word| {
            ((value << 64) + i128::from(*word)) % MODULUS
        })
    }

    #[test]
    fn digits_add_up_to_the_scalar() {
        let mut random = Sequence::new(4);
        let edges = [
            [0; 4],
            [1, 0, 0, 0],
            [!0; 4],
            [32, 0, 0, 1 << 63],
            [33, 0, 0, 0],
        ];
        let any = (0..100).map(|_| std::array::from_fn(|_| random.next()));
        for scalar in edges.into_iter().chain(any.collect::<Vec<_>>()) {
            let digits = digits(&scalar);
            assert!(digits.iter().all(|digit| (-31..=32).contains(digit)));
            let sum = digits.iter().rev().fold(0, |sum, digit| {
                ((sum << DIGIT_BITS) + i128::from(*digit)) % MODULUS
            });
            assert_eq!(sum.rem_euclid(MODULUS), value(&scalar));
        }
    }

    #[test]
    fn tables_of_any_shape_give_the_same_sum() {
        let mut random = Sequence::new(5);
        let points = [123_456_789, 987_654_321_987];
        for rows in [1, 2, MANY_ROWS, 43] {
            let tables = [
                Table::<Integers>::new(points[0], MANY_ROWS),
                Table::new(points[1], rows),
            ];
            for _ in 0..20 {
                let scalars: [Words; 2] = [0; 2].map(|_| std::array::from_fn(|_| random.next()));
                let expected = points[0] * value(&scalars[0]) % MODULUS
                    + points[1] * value(&scalars[1]) % MODULUS;
                let sum = sum_of_multiples([(&tables[0], scalars[0]), (&tables[1], scalars[1])]);
                assert_eq!(sum.rem_euclid(MODULUS), expected % MODULUS, "{rows} rows");
            }
        }
    }
    #[test]
    fn a_table_grows_with_the_second_signature() {
        let growing = GrowingTable::<Integers>::new();
        let point = || 123_456_789;
        let multiples = || growing.table(point).entries.len();
        let one_row = multiples();
        assert_eq!(multiples(), one_row, "bad signatures make nothing");
        growing.has_helped(point);
        assert_eq!(multiples(), one_row);
        growing.has_helped(point);
        assert_eq!(multiples(), MANY_ROWS * one_row);
    }
}
