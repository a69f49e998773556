//! Arithmetic modulo the four primes of P-256 and Ed25519, for public numbers
//! only: its time depends on them.
//!
//! An element is nine signed limbs of 29 bits in Montgomery form, R = 2^261. With
//! nine columns of products that leaves four bits in 64, so that sums and
//! differences need no carry before they are multiplied, and none of this needs
//! a carry flag or a product of 128 bits, which WebAssembly lacks. The primes
//! are sparse: the compiler turns most products with their limbs into shifts.
//!
//! # What must hold
//!
//! Count a limb in units of 2^28. After [`reduced`](Element::reduced), a product or a square it is
//! at most 1 (and the number between -p and p); a sum or a difference adds the
//! counts of its operands. No count may exceed 7, and those of two factors,
//! multiplied, 13: 13 · 9 · 2^56 and the multiples of the prime stay below 2^63.

use std::marker::PhantomData;
use std::ops::{Add, Mul, Neg, Sub};

use super::words::{self, Words};

const LIMBS: usize = 9;
const WIDTH: u32 = 29;

type Limbs = [i64; LIMBS];

/// A prime and what Montgomery form needs to know of it. Limbs are signed, and
/// all but the highest at most 2^28.
pub(super) trait Prime: Copy {
    const WORDS: Words;
    const LIMBS: Limbs;
    /// -1 / p modulo 2^29.
    const NEGATED_INVERSE: i64;
    /// R modulo p.
    const ONE: [i32; LIMBS];
    /// R² modulo p.
    const R_SQUARED: [i32; LIMBS];
    /// The bits of p in its highest limb.
    const HIGHEST_BITS: u32;
}

/// A number modulo `P`.
#[derive(Clone, Copy)]
pub(super) struct Element<P>([i32; LIMBS], PhantomData<P>);

/// What is done for each limb, written out: the compiler keeps arrays in
/// registers only where every index is a constant.
macro_rules! for_each_limb {
    (|$index:ident| $body:block) => {
        for_each_limb!(@ $index $body [0 1 2 3 4 5 6 7 8]);
    };
    (@ $index:ident $body:block [$($value:literal)*]) => {
        $({
            let $index: usize = $value;
            $body
        })*
    };
}

impl<P: Prime> Element<P> {
    pub(super) const ZERO: Self = Self::new([0; LIMBS]);
    pub(super) const ONE: Self = Self::new(P::ONE);

    const fn new(limbs: [i32; LIMBS]) -> Self {
        Self(limbs, PhantomData)
    }

    /// Any number of 256 bits, reduced.
    pub(super) fn from_words(words: &Words) -> Self {
        let limbs = std::array::from_fn(|index| words::bits(words, index * WIDTH as usize, WIDTH));
        Self::narrow(carried(limbs.map(i64::from))) * Self::new(P::R_SQUARED)
    }

    /// The number itself, from 0 to p - 1.
    pub(super) fn to_words(self) -> Words {
        let mut one = [0; LIMBS];
        one[0] = 1;
        let mut limbs = (self * Self::new(one)).reduced().0.map(i64::from);
        floor(&mut limbs);
        if limbs[LIMBS - 1] < 0 {
            for (limb, of_prime) in limbs.iter_mut().zip(P::LIMBS) {
                *limb += of_prime;
            }
            floor(&mut limbs);
        }
        words::from_limbs(&limbs.map(i64::cast_unsigned), WIDTH)
    }

    pub(super) fn is_zero(self) -> bool {
        // Between -p and p there is no other multiple of p.
        self.reduced().0 == [0; LIMBS]
    }

    pub(super) fn square(self) -> Self {
        let a = self.0.map(i64::from);
        let mut columns = [0; 2 * LIMBS];
        for_each_limb!(|i| {
            columns[2 * i] += a[i] * a[i];
            for (column, limb) in columns[2 * i + 1..].iter_mut().zip(&a[i + 1..]) {
                *column += 2 * a[i] * limb;
            }
        });
        Self::from_columns(columns)
    }

    /// The sum of small multiples, reduced.
    pub(super) fn sum_of<const N: usize>(terms: [(i64, Self); N]) -> Self {
        let mut sum = [0; LIMBS];
        for (factor, term) in terms {
            for (limb, of_term) in sum.iter_mut().zip(term.0) {
                *limb += factor * i64::from(of_term);
            }
        }
        Self::folded(sum)
    }

    /// The same number between -p and p in limbs of one unit.
    pub(super) fn reduced(self) -> Self {
        Self::folded(self.0.map(i64::from))
    }

    /// A power, by squaring and multiplying.
    #[cfg(any(test, target_arch = "wasm32"))]
    pub(super) fn power(self, exponent: &Words) -> Self {
        (0..256).rev().fold(Self::ONE, |power, bit| {
            let squared = power.square();
            match words::bits(exponent, bit, 1) {
                0 => squared,
                _ => squared * self,
            }
        })
    }

    /// The inverse; zero's is zero.
    pub(super) fn inverse(self) -> Self {
        words::inverse(&self.to_words(), &P::WORDS)
            .map_or(Self::ZERO, |inverse| Self::from_words(&inverse))
    }

    /// The inverses of many for the price of one and three products each. None
    /// may be zero.
    pub(super) fn inverses(elements: &[Self]) -> Vec<Self> {
        let mut product = Self::ONE;
        let mut inverses: Vec<Self> = Vec::with_capacity(elements.len());
        for element in elements {
            inverses.push(product);
            product = product * *element;
        }
        let mut inverse = product.inverse();
        for (element, product_before) in elements.iter().zip(&mut inverses).rev() {
            *product_before = *product_before * inverse;
            inverse = inverse * *element;
        }
        inverses
    }

    /// Takes multiples of 2^(the prime's bits) out of the highest limb.
    fn folded(mut limbs: Limbs) -> Self {
        let excess = (limbs[LIMBS - 1] + (1 << (P::HIGHEST_BITS - 1))) >> P::HIGHEST_BITS;
        for (limb, of_prime) in limbs.iter_mut().zip(P::LIMBS) {
            *limb -= excess * of_prime;
        }
        Self::narrow(carried(limbs))
    }

    /// Montgomery reduction: adds the multiple of p to each of the lower
    /// columns that clears it, and drops them.
    fn from_columns(mut columns: [i64; 2 * LIMBS]) -> Self {
        for_each_limb!(|i| {
            let multiple = lowest(columns[i].wrapping_mul(P::NEGATED_INVERSE));
            for (column, limb) in columns[i..].iter_mut().zip(P::LIMBS) {
                *column += multiple * limb;
            }
            columns[i + 1] += columns[i] >> WIDTH;
        });
        let limbs = std::array::from_fn(|index| columns[LIMBS + index]);
        Self::narrow(carried(limbs))
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most 7 units")]
    fn narrow(limbs: Limbs) -> Self {
        Self::new(limbs.map(|limb| limb as i32))
    }
}

impl<P: Prime> Mul for Element<P> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let (a, b) = (self.0.map(i64::from), other.0.map(i64::from));
        let mut columns = [0; 2 * LIMBS];
        for_each_limb!(|i| {
            for (column, limb) in columns[i..].iter_mut().zip(&b) {
                *column += a[i] * limb;
            }
        });
        Self::from_columns(columns)
    }
}

impl<P: Prime> Add for Element<P> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::new(std::array::from_fn(|index| self.0[index] + other.0[index]))
    }
}

impl<P: Prime> Sub for Element<P> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self::new(std::array::from_fn(|index| self.0[index] - other.0[index]))
    }
}

impl<P: Prime> Neg for Element<P> {
    type Output = Self;

    fn neg(self) -> Self {
        Self::new(self.0.map(|limb| -limb))
    }
}

/// The lowest 29 bits as a signed number.
const fn lowest(number: i64) -> i64 {
    const UNUSED: u32 = i64::BITS - WIDTH;
    number << UNUSED >> UNUSED
}

/// Passes on what a limb has beyond one unit; the highest keeps it.
fn carried(mut limbs: Limbs) -> Limbs {
    for index in 0..LIMBS - 1 {
        let limb = lowest(limbs[index]);
        limbs[index + 1] += (limbs[index] - limb) >> WIDTH;
        limbs[index] = limb;
    }
    limbs
}

/// Makes all limbs but the highest 0 to 2^29 - 1.
fn floor(limbs: &mut Limbs) {
    for index in 0..LIMBS - 1 {
        limbs[index + 1] += limbs[index] >> WIDTH;
        limbs[index] &= (1 << WIDTH) - 1;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use ::rsa::BigUint;

    use super::{Element, Prime};
    use crate::{
        signature::words::{self, Words},
        testing::Sequence,
    };

    fn to_big(words: &Words) -> BigUint {
        BigUint::from_bytes_le(&words::to_le_bytes(words))
    }

    /// Numbers of 256 bits, at the edges first.
    fn samples<P: Prime>(random: &mut Sequence) -> Vec<Words> {
        let one = [1, 0, 0, 0];
        let mut samples = vec![
            [0; 4],
            one,
            words::subtract(&P::WORDS, &one),
            P::WORDS,
            words::add(&P::WORDS, &one).0,
            [!0; 4],
            [0, 0, 0, 1 << 63],
            [!0, 0, !0, 0],
        ];
        samples.extend((0..40).map(|_| std::array::from_fn(|_| random.next())));
        samples
    }

    /// Every operation, with operands of as many units as it takes.
    pub(in crate::signature) fn agrees_with_another_implementation<P: Prime>() {
        let p = to_big(&P::WORDS);
        let samples = samples::<P>(&mut Sequence::new(3));
        let check = |element: Element<P>, expected: &BigUint| {
            assert_eq!(to_big(&element.to_words()), expected % &p);
            assert_eq!(element.is_zero(), expected % &p == BigUint::from(0_u8));
        };
        for a_words in &samples {
            let (a, a_big) = (Element::<P>::from_words(a_words), to_big(a_words));
            check(a, &a_big);
            check(-a, &(&p * 2_u8 - &a_big % &p));
            check(a.square(), &(&a_big * &a_big));
            let inverse = a.inverse();
            let has_inverse = &a_big % &p != BigUint::from(0_u8);
            check(a * inverse, &BigUint::from(u8::from(has_inverse)));
            for b_words in &samples {
                let (b, b_big) = (Element::<P>::from_words(b_words), to_big(b_words));
                check(a * b, &(&a_big * &b_big));
                check(a - b, &(&a_big + &p * 2_u8 - &b_big % &p));
                // Three units by four.
                let (three, four) = (a + a + b, -a - b - b - b);
                let product = (&a_big * 2_u8 + &b_big) * (&p * 80_u8 - &a_big - &b_big * 3_u8);
                check(three * four, &product);
                check(
                    three.square(),
                    &(&a_big * 2_u8 + &b_big).modpow(&2_u8.into(), &p),
                );
                check(
                    Element::sum_of([(8, a), (-1, b)]),
                    &(&a_big * 8_u8 + &p * 80_u8 - &b_big),
                );
            }
        }
        let exponent = [7, 1, 0, 1 << 62];
        let elements: Vec<_> = samples.iter().map(Element::<P>::from_words).collect();
        for (element, words) in elements.iter().zip(&samples) {
            let expected = to_big(words).modpow(&to_big(&exponent), &p);
            check(element.power(&exponent), &expected);
        }
        let invertible: Vec<_> = elements.into_iter().filter(|a| !a.is_zero()).collect();
        for (element, inverse) in invertible.iter().zip(Element::inverses(&invertible)) {
            check(*element * inverse, &BigUint::from(1_u8));
        }
    }
}
