//! Arithmetic modulo a large odd number, for public numbers only: its time
//! depends on them.
//!
//! Montgomery multiplication (Montgomery 1985), by columns of the product. A
//! limb has 29 bits, so that sixty products can be added up in 64 bits before
//! anything is carried. That matters in WebAssembly, which has neither a carry
//! flag nor a product of 128 bits. Four columns are summed at once, because
//! loading limbs would otherwise take longer than multiplying them.

/// The bits in a limb.
const WIDTH: u32 = 29;
const MASK: u64 = (1 << WIDTH) - 1;

/// The longest modulus, in bits: what the columns are large enough for.
pub(super) const MAX_BITS: usize = 8192;

/// How many columns are summed at once.
const BLOCK: usize = 4;

/// How many limbs of a row are summed before carrying: 60 · 2^58 < 2^64.
const CHUNK: usize = 60;

/// The sums of four columns and what they carry into the next one. A row leaves
/// less than 2^40 in each; the few products that are added to that before the
/// next carry leave them below 2^62.
type Columns = [u64; BLOCK + 1];

/// An odd modulus m, with what is computed once for it.
///
/// Numbers are little-endian limbs, all as many as the modulus has, a multiple
/// of four. R is 2^(29 · limbs) > 4m, which lets numbers run up to 2m between
/// operations without a comparison (Walter 1999).
#[derive(Clone)]
pub(super) struct Modulus {
    limbs: Vec<u32>,
    reversed: Reversed,
    /// -1 / m modulo 2^29.
    negated_inverse: u64,
    /// R² modulo m.
    r_squared: Vec<u32>,
}

impl Modulus {
    /// From big-endian bytes. `None` when it is even, below 3 or too long.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let bits = bit_length(bytes);
        let is_odd = bytes.last().is_some_and(|byte| byte % 2 == 1);
        if !is_odd || !(2..=MAX_BITS).contains(&bits) {
            return None;
        }
        let len = (bits + 2).div_ceil(WIDTH as usize);
        let limbs = to_limbs(bytes, len.next_multiple_of(BLOCK));
        let mut modulus = Self {
            reversed: Reversed::new(&limbs),
            negated_inverse: negated_inverse(u64::from(limbs[0])),
            r_squared: Vec::new(),
            limbs,
        };
        modulus.r_squared = modulus.compute_r_squared(bits);
        Some(modulus)
    }

    /// Reads big-endian bytes. `None` when the number is not below m.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Vec<u32>> {
        if bit_length(bytes) > self.limbs.len() * WIDTH as usize {
            return None;
        }
        let number = to_limbs(bytes, self.limbs.len());
        self.is_above(&number).then_some(number)
    }

    /// `number` · R, what [`Self::product`] takes to return a plain product.
    fn times_r(&self, number: &[u32]) -> Vec<u32> {
        self.product(number, &self.r_squared)
    }

    /// a · b / R modulo m, up to 2m; a and b too.
    fn product(&self, a: &[u32], b: &[u32]) -> Vec<u32> {
        let b = Reversed::new(b);
        self.reduced(|first| b.dot(a, first, first + BLOCK))
    }

    /// a² / R modulo m, up to 2m; a too. Each product of two different limbs
    /// is computed once and counted twice.
    fn square(&self, a: &[u32]) -> Vec<u32> {
        let reversed = Reversed::new(a);
        self.reduced(|first| {
            // What lies below both i < middle and j >= first - middle.
            let middle = first / 2;
            let at = |index: usize| u64::from(a.get(middle + index).copied().unwrap_or(0));
            let [zero, one, two, three] = [at(0), at(1), at(2), at(3)];
            let mut pairs = reversed.dot(a, first, middle);
            pairs[1] += zero * one;
            pairs[2] += zero * two;
            pairs[3] += zero * three + one * two;
            let mut sums = pairs.map(|pairs| 2 * pairs);
            sums[0] += zero * zero;
            sums[2] += one * one;
            sums
        })
    }

    /// `base` to an odd power, 3 or higher; below m.
    pub(super) fn odd_power(&self, base: &[u32], exponent: u64) -> Vec<u32> {
        let base_times_r = self.times_r(base);
        let mut power = base_times_r.clone();
        for bit in (0..exponent.ilog2()).rev() {
            power = self.square(&power);
            if bit == 0 {
                // The plain base takes R out of the result.
                power = self.product(&power, base);
            } else if exponent >> bit & 1 == 1 {
                power = self.product(&power, &base_times_r);
            }
        }
        self.canonical(power)
    }

    /// A number up to 2m, brought below m.
    fn canonical(&self, mut number: Vec<u32>) -> Vec<u32> {
        if !self.is_above(&number) {
            let mut borrow = 0;
            for (limb, of_modulus) in number.iter_mut().zip(&self.limbs) {
                let difference = i64::from(*limb) - i64::from(*of_modulus) + borrow;
                *limb = low(difference.cast_unsigned());
                borrow = difference >> WIDTH;
            }
        }
        number
    }

    /// The sum of columns, divided by R modulo m: in each of the lower columns
    /// a multiple of m clears what would be lost. `column_sums` returns the
    /// sums of four columns, from the one that it is given.
    fn reduced(&self, column_sums: impl Fn(usize) -> Columns) -> Vec<u32> {
        let len = self.limbs.len();
        let [m0, m1, m2, m3] = [0, 1, 2, 3].map(|index| u64::from(self.limbs[index]));
        let multiple_for = |sum: u64| u64::from(low(u64::from(low(sum)) * self.negated_inverse));
        let mut multiples: Vec<u32> = Vec::with_capacity(len);
        let mut carry = 0;
        for first in (0..len).step_by(BLOCK) {
            let of_multiples = self.reversed.dot(&multiples, first, first);
            let sums = added(column_sums(first), of_multiples);
            // Each column needs the multiples of those before it.
            let sum = sums[0] + carry;
            let q0 = multiple_for(sum);
            let sum = sums[1] + q0 * m1 + ((sum + q0 * m0) >> WIDTH);
            let q1 = multiple_for(sum);
            let sum = sums[2] + q0 * m2 + q1 * m1 + ((sum + q1 * m0) >> WIDTH);
            let q2 = multiple_for(sum);
            let sum = sums[3] + q0 * m3 + q1 * m2 + q2 * m1 + ((sum + q2 * m0) >> WIDTH);
            let q3 = multiple_for(sum);
            carry = sums[4] + ((sum + q3 * m0) >> WIDTH);
            multiples.extend([q0, q1, q2, q3].map(low));
        }
        let mut result = Vec::with_capacity(len);
        for first in (len..2 * len).step_by(BLOCK) {
            let of_multiples = self.reversed.dot(&multiples, first, len);
            let sums = added(column_sums(first), of_multiples);
            for sum in &sums[..BLOCK] {
                let sum = sum + carry;
                result.push(low(sum));
                carry = sum >> WIDTH;
            }
            carry += sums[BLOCK];
        }
        result
    }

    /// R is 2^(29 · limbs); R² = 2^(29 · limbs) · R, by squaring and doubling.
    fn compute_r_squared(&self, bits: usize) -> Vec<u32> {
        let r_bits = self.limbs.len() * WIDTH as usize;
        // 2^(bits - 1) is below m.
        let mut power = vec![0; self.limbs.len()];
        power[(bits - 1) / WIDTH as usize] = 1 << ((bits - 1) % WIDTH as usize);
        for _ in bits - 1..r_bits {
            power = self.doubled(power);
        }
        // Now it is R, or 2^0 · R: raise the exponent bit by bit.
        power = self.doubled(power);
        for bit in (0..r_bits.ilog2()).rev() {
            power = self.square(&power);
            if r_bits >> bit & 1 == 1 {
                power = self.doubled(power);
            }
        }
        power
    }

    fn doubled(&self, number: Vec<u32>) -> Vec<u32> {
        let mut number = self.canonical(number);
        let mut carry = 0;
        for limb in &mut number {
            let doubled = u64::from(*limb) << 1 | carry;
            *limb = low(doubled);
            carry = doubled >> WIDTH;
        }
        number
    }

    fn is_above(&self, number: &[u32]) -> bool {
        number.iter().rev().lt(self.limbs.iter().rev())
    }
}

/// A number from its highest limb on, between zeros, so that a column of
/// products is the dot product of two rows in the same direction.
#[derive(Clone)]
struct Reversed(Vec<u32>);

impl Reversed {
    fn new(limbs: &[u32]) -> Self {
        let mut reversed = Vec::with_capacity(limbs.len() + 2 * BLOCK);
        reversed.extend([0; BLOCK]);
        reversed.extend(limbs.iter().rev());
        reversed.extend([0; BLOCK]);
        Self(reversed)
    }

    /// The sums of a\[i\] · b\[j\] in the four columns i + j from `first` on,
    /// where b is this number and i is below `end`.
    fn dot(&self, a: &[u32], first: usize, end: usize) -> Columns {
        let len = self.0.len() - 2 * BLOCK;
        // Lower i would meet no j.
        let start = first.saturating_sub(len);
        let a = a[..end.min(a.len())].get(start..).unwrap_or_default();
        // The last of the four columns begins with this j, beyond the limbs
        // where that is a zero.
        let mut b = &self.0[len + start - first..];
        let mut columns = [0; BLOCK + 1];
        for chunk in a.chunks(CHUNK) {
            for (column, sum) in dot(chunk, b).into_iter().enumerate() {
                columns[column] += sum & MASK;
                columns[column + 1] += sum >> WIDTH;
            }
            b = &b[chunk.len()..];
        }
        columns
    }
}

fn added(a: Columns, b: Columns) -> Columns {
    std::array::from_fn(|column| a[column] + b[column])
}

/// Four dot products of a row with another one, shifted against it by three,
/// two, one and no limbs.
fn dot(a: &[u32], b: &[u32]) -> [u64; BLOCK] {
    let mut sums = [0; BLOCK];
    let (fours, rest) = a.as_chunks::<4>();
    let mut b = b;
    for a in fours {
        let Some((b7, _)) = b.split_first_chunk::<7>() else {
            break;
        };
        let [a0, a1, a2, a3] = a.map(u64::from);
        let [b0, b1, b2, b3, b4, b5, b6] = b7.map(u64::from);
        sums[0] += a0 * b3 + a1 * b4 + a2 * b5 + a3 * b6;
        sums[1] += a0 * b2 + a1 * b3 + a2 * b4 + a3 * b5;
        sums[2] += a0 * b1 + a1 * b2 + a2 * b3 + a3 * b4;
        sums[3] += a0 * b0 + a1 * b1 + a2 * b2 + a3 * b3;
        b = &b[4..];
    }
    for (a, b) in rest.iter().zip(b.windows(4)) {
        for (sum, b) in sums.iter_mut().zip(b.iter().rev()) {
            *sum += u64::from(*a) * u64::from(*b);
        }
    }
    sums
}

/// The lowest limb of a column.
const fn low(sum: u64) -> u32 {
    (sum & MASK) as u32
}

/// -1 / `limb` modulo 2^29, by Newton's iteration, each step of which doubles
/// the number of right bits. An odd number is its own inverse modulo 8.
fn negated_inverse(limb: u64) -> u64 {
    let mut inverse = limb;
    for _ in 0..4 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(limb.wrapping_mul(inverse)));
    }
    inverse.wrapping_neg() & MASK
}

fn bit_length(bytes: &[u8]) -> usize {
    match bytes.iter().position(|byte| *byte != 0) {
        Some(first) => (bytes.len() - first) * 8 - bytes[first].leading_zeros() as usize,
        None => 0,
    }
}

/// Reads big-endian bytes, of which `len` limbs hold every bit that is set.
fn to_limbs(bytes: &[u8], len: usize) -> Vec<u32> {
    let mut limbs = Vec::with_capacity(len);
    let mut bytes = bytes.iter().rev();
    let (mut pending, mut bits) = (0_u64, 0);
    while limbs.len() < len {
        while bits < WIDTH {
            pending |= u64::from(bytes.next().copied().unwrap_or(0)) << bits;
            bits += 8;
        }
        limbs.push(low(pending));
        pending >>= WIDTH;
        bits -= WIDTH;
    }
    limbs
}

#[cfg(test)]
mod tests {
    use ::rsa::BigUint;

    use super::{MAX_BITS, Modulus};
    use crate::testing::Sequence;

    fn to_big(limbs: &[u32]) -> BigUint {
        limbs.iter().rev().fold(BigUint::from(0_u8), |sum, limb| {
            (sum << super::WIDTH as usize) + BigUint::from(*limb)
        })
    }

    /// An odd number of exactly `bits` bits, now and then with long runs of
    /// ones or zeros, where carries go wrong.
    fn odd_modulus(random: &mut Sequence, bits: usize) -> BigUint {
        let mut bytes = vec![0; bits.div_ceil(8)];
        match random.below(4) {
            0 => bytes.fill(0xff),
            1 => {}
            _ => random.fill(&mut bytes),
        }
        let one = BigUint::from(1_u8);
        let low_bits = BigUint::from_bytes_be(&bytes) % (&one << (bits - 1));
        (&one << (bits - 1)) | low_bits | one
    }

    #[test]
    fn powers_are_those_of_another_implementation() {
        let mut random = Sequence::new(1);
        for bits in [
            2, 3, 26, 27, 28, 53, 54, 255, 256, 521, 2048, 2049, 3072, 4096, 8191, MAX_BITS,
        ] {
            for _ in 0..(10_000 / bits).clamp(1, 30) {
                let m = odd_modulus(&mut random, bits);
                let modulus = Modulus::new(&m.to_bytes_be()).expect("an odd modulus");
                let mut base = vec![0; bits.div_ceil(8)];
                random.fill(&mut base);
                let one = BigUint::from(1_u8);
                for base in [
                    BigUint::from_bytes_be(&base) % &m,
                    &m - &one,
                    one,
                    BigUint::from(0_u8),
                ] {
                    let limbs = modulus
                        .read(&base.to_bytes_be())
                        .expect("below the modulus");
                    assert_eq!(to_big(&limbs), base);
                    for exponent in [3, 5, 65537, (1 << 33) - 1, 1 << 32 | random.next() | 1] {
                        let power = modulus.odd_power(&limbs, exponent);
                        let expected = base.modpow(&BigUint::from(exponent), &m);
                        assert_eq!(to_big(&power), expected, "{base} ^ {exponent} mod {m}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_number_is_read_only_below_the_modulus() {
        let modulus = Modulus::new(&[0xff; 32]).expect("an odd modulus");
        let mut below = [0xff; 32];
        below[31] = 0xfe;
        assert!(modulus.read(&below).is_some());
        assert!(modulus.read(&[0xff; 32]).is_none());
        assert!(modulus.read(&[0xff; 64]).is_none());
        assert!(modulus.read(&[&[0; 32][..], &below].concat()).is_some());
        assert_eq!(modulus.read(&[]), modulus.read(&[0; 40]));
    }

    #[test]
    fn a_modulus_is_odd_and_bounded() {
        for bytes in [&[][..], &[0], &[1], &[2], &[0xff, 0xfe], &[0xff; 1025]] {
            assert!(Modulus::new(bytes).is_none(), "{} bytes", bytes.len());
        }
        assert!(Modulus::new(&[3]).is_some());
    }
}
