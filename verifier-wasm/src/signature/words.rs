//! Numbers of 256 bits as four words, the lowest first: scalars on their way to
//! digits, and inverses.

/// A number below 2^256.
pub(super) type Words = [u64; 4];

/// Reads big-endian bytes.
pub(super) fn from_be_bytes(bytes: &[u8; 32]) -> Words {
    let mut reversed = *bytes;
    reversed.reverse();
    from_le_bytes(&reversed)
}

/// Reads little-endian bytes.
pub(super) fn from_le_bytes(bytes: &[u8; 32]) -> Words {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|index| u64::from_le_bytes(words[index]))
}

/// Writes little-endian bytes.
#[cfg(any(test, target_arch = "wasm32"))]
pub(super) fn to_le_bytes(words: &Words) -> [u8; 32] {
    std::array::from_fn(|index| words[index / 8].to_le_bytes()[index % 8])
}

/// Puts limbs of `width` bits together, the lowest first.
pub(super) fn from_limbs(limbs: &[u64], width: u32) -> Words {
    let mut words = [0; 4];
    for (index, limb) in limbs.iter().enumerate() {
        let at = index * width as usize;
        let (word, shift) = (at / 64, at % 64);
        words[word] |= limb << shift;
        if shift + width as usize > 64 && word < 3 {
            words[word + 1] |= limb >> (64 - shift);
        }
    }
    words
}

/// The `count` bits from bit `at` on, zero beyond the highest; at most 32.
#[expect(clippy::cast_possible_truncation, reason = "masked to 32 bits at most")]
pub(super) fn bits(words: &Words, at: usize, count: u32) -> u32 {
    let (word, shift) = (at / 64, at % 64);
    let low = words.get(word).map_or(0, |word| word >> shift);
    let high = match words.get(word + 1) {
        Some(word) if shift > 0 => word << (64 - shift),
        _ => 0,
    };
    ((low | high) & ((1 << count) - 1)) as u32
}

/// Whether `a` is below `b`.
pub(super) fn is_below(a: &Words, b: &Words) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// The sum modulo 2^256, and whether it went beyond.
pub(super) fn add(a: &Words, b: &Words) -> (Words, bool) {
    let mut carry = false;
    let sum = std::array::from_fn(|index| {
        let (sum, first) = a[index].overflowing_add(b[index]);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        carry = first | second;
        sum
    });
    (sum, carry)
}

/// The difference modulo 2^256.
pub(super) fn subtract(a: &Words, b: &Words) -> Words {
    let mut borrow = false;
    std::array::from_fn(|index| {
        let (difference, first) = a[index].overflowing_sub(b[index]);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        borrow = first | second;
        difference
    })
}

/// The inverse of `number` modulo an odd `modulus`, both below which it is.
/// `None` when they have a common divisor, as zero has.
///
/// The binary algorithm of Euclid. It ends: each round makes one of two numbers
/// shorter by a bit. Its time depends on the numbers, which are public.
pub(super) fn inverse(number: &Words, modulus: &Words) -> Option<Words> {
    // a = x · number and b = y · number modulo the modulus; b is odd.
    let (mut a, mut b) = (*number, *modulus);
    let (mut x, mut y) = ([1, 0, 0, 0], [0; 4]);
    while a != [0; 4] {
        while a[0].is_multiple_of(2) {
            a = halved(&a, false);
            x = halved_modulo(&x, modulus);
        }
        if is_below(&a, &b) {
            (a, b) = (b, a);
            (x, y) = (y, x);
        }
        a = subtract(&a, &b);
        let difference = subtract(&x, &y);
        x = if is_below(&x, &y) {
            add(&difference, modulus).0
        } else {
            difference
        };
    }
    (b == [1, 0, 0, 0]).then_some(y)
}

/// Half of a number, whose bit 256 is `carry`.
fn halved(number: &Words, carry: bool) -> Words {
    std::array::from_fn(|index| {
        let above = number.get(index + 1).copied().unwrap_or(u64::from(carry));
        number[index] >> 1 | above << 63
    })
}

fn halved_modulo(number: &Words, modulus: &Words) -> Words {
    if number[0].is_multiple_of(2) {
        return halved(number, false);
    }
    let (sum, carry) = add(number, modulus);
    halved(&sum, carry)
}

#[cfg(test)]
mod tests {
    use super::{add, bits, from_be_bytes, from_le_bytes, inverse, subtract, to_le_bytes};

    #[test]
    fn bytes_in_both_orders() {
        let bytes: [u8; 32] = std::array::from_fn(|index| index.to_le_bytes()[0]);
        let words = from_le_bytes(&bytes);
        assert_eq!(words[0], 0x0706_0504_0302_0100);
        assert_eq!(to_le_bytes(&words), bytes);
        assert_eq!(from_be_bytes(&bytes)[3], 0x0001_0203_0405_0607);
    }

    #[test]
    fn bits_across_words_and_beyond() {
        let words = [1 << 63, 0b101, 0, 1 << 63];
        assert_eq!(bits(&words, 63, 4), 0b1011);
        assert_eq!(bits(&words, 255, 6), 1);
        assert_eq!(bits(&words, 256, 6), 0);
        assert_eq!(bits(&words, 320, 6), 0);
        assert_eq!(bits(&[!0; 4], 40, 29), (1 << 29) - 1);
    }

    #[test]
    fn sums_carry_and_differences_borrow() {
        let (sum, overflows) = add(&[!0, !0, 0, 0], &[1, 0, 0, 0]);
        assert_eq!((sum, overflows), ([0, 0, 1, 0], false));
        assert_eq!(add(&[!0; 4], &[1, 0, 0, 0]), ([0; 4], true));
        assert_eq!(subtract(&[0, 0, 1, 0], &[1, 0, 0, 0]), [!0, !0, 0, 0]);
        assert_eq!(subtract(&[0; 4], &[1, 0, 0, 0]), [!0; 4]);
    }

    #[test]
    fn only_what_is_prime_to_the_modulus_has_an_inverse() {
        let small = |number| [number, 0, 0, 0];
        assert_eq!(inverse(&small(3), &small(7)), Some(small(5)));
        assert_eq!(inverse(&small(1), &small(7)), Some(small(1)));
        assert_eq!(inverse(&small(0), &small(7)), None);
        assert_eq!(inverse(&small(6), &small(9)), None);
        let modulus = [!0; 4];
        let inverse_of_two = [!0, !0, !0, !0 >> 1].map(|word| word);
        assert_eq!(
            inverse(&small(2), &modulus),
            Some(add(&inverse_of_two, &small(1)).0)
        );
    }
}
