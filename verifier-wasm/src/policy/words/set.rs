//! A set of texts that holds none of them: a Golomb-coded set (Putze, Sanders
//! and Singler, "Cache-, hash- and space-efficient Bloom filters", 2007).
//!
//! Each text is hashed to a number below `FALSE_POSITIVES` times as many
//! as there are texts. The numbers are sorted and their differences coded by
//! Golomb and Rice: what is above [`REMAINDER`] bits as that many ones and a
//! zero, then those bits. What is in the set is always found; what is not is
//! found once in [`FALSE_POSITIVES`] times, when its number is another's.
//!
//! So that not all of it has to be read, the numbers are cut into groups by
//! their value, and the set begins with where each group does:
//!
//! ```text
//! texts: u32 · for each group the bit where it begins: u32 · bits
//! ```

/// How many texts that are not in the set there are for one that is taken to
/// be.
pub const FALSE_POSITIVES: u32 = 1 << REMAINDER;

/// The bits of a difference that are written as they are.
const REMAINDER: u32 = 12;

/// Texts for each group, on average.
const GROUP: u64 = 64;

/// Whether a text is in a set that [`pack`] made.
pub(super) fn contains(set: &[u8], text: &str) -> bool {
    let Some((texts, rest)) = set.split_first_chunk() else {
        return false;
    };
    let texts = u32::from_le_bytes(*texts);
    let (number, group) = place(text, texts);
    let (Some(start), Some(end)) = (group_start(rest, group), group_start(rest, group + 1)) else {
        return false;
    };
    let mut bits = Bits {
        bytes: rest,
        at: start,
    };
    let mut current = group * group_size();
    while bits.at < end {
        current += bits.difference();
        if current >= number {
            return current == number;
        }
    }
    false
}

/// Makes the set of texts.
pub(super) fn pack<'t>(texts: impl ExactSizeIterator<Item = &'t str>) -> Vec<u8> {
    let count = u32::try_from(texts.len()).unwrap_or(u32::MAX);
    let mut places: Vec<(u64, u64)> = texts.map(|text| place(text, count)).collect();
    places.sort_unstable();
    places.dedup();

    let groups = u64::from(count).div_ceil(GROUP);
    let mut starts: Vec<usize> = Vec::new();
    let mut bits: Vec<bool> = Vec::new();
    let mut places = places.into_iter().peekable();
    for group in 0..groups {
        starts.push(bits.len());
        let mut before = group * group_size();
        while let Some((number, _)) = places.next_if(|&(_, of)| of == group) {
            let difference = number - before;
            let ones = usize::try_from(difference >> REMAINDER).unwrap_or(0);
            bits.extend(std::iter::repeat_n(true, ones));
            bits.push(false);
            bits.extend((0..REMAINDER).rev().map(|bit| difference >> bit & 1 == 1));
            before = number;
        }
    }
    starts.push(bits.len());

    let header = 32 * starts.len();
    let mut packed = count.to_le_bytes().to_vec();
    for start in starts {
        let start = u32::try_from(header + start).unwrap_or(u32::MAX);
        packed.extend(start.to_le_bytes());
    }
    for byte in bits.chunks(8) {
        let byte = byte
            .iter()
            .enumerate()
            .map(|(at, &bit)| u8::from(bit) << (7 - at));
        packed.push(byte.sum());
    }
    packed
}

/// The number of a text among so many, and the group that the number is in.
fn place(text: &str, texts: u32) -> (u64, u64) {
    let range = u64::from(texts) << REMAINDER;
    let scaled = u128::from(hash(text.as_bytes())) * u128::from(range);
    let number = u64::try_from(scaled >> 64).unwrap_or(0);
    (number, number / group_size())
}

fn group_size() -> u64 {
    GROUP << REMAINDER
}

fn group_start(rest: &[u8], group: u64) -> Option<usize> {
    let at = usize::try_from(group).ok()?.checked_mul(4)?;
    let start = rest.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*start)).ok()
}

/// FNV-1a, its bits mixed once more by the finalizer of SplitMix64, because
/// the high ones decide.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

/// Bits, the highest of a byte first; none are set after the end.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn next(&mut self) -> u64 {
        let byte = self.bytes.get(self.at / 8).copied().unwrap_or(0);
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        u64::from(bit)
    }

    fn difference(&mut self) -> u64 {
        let mut number = 0;
        while self.next() == 1 {
            number += 1;
        }
        (0..REMAINDER).fold(number, |number, _| number << 1 | self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_set_is_found_and_hardly_anything_else() {
        for count in [0, 1, 2, 63, 64, 65, 5_000] {
            let texts: Vec<String> = (0..count).map(|n| format!("text {n}")).collect();
            let set = pack(texts.iter().map(String::as_str));
            assert!(texts.iter().all(|text| contains(&set, text)), "{count}");
        }
        let texts: Vec<String> = (0..5_000).map(|n| format!("text {n}")).collect();
        let set = pack(texts.iter().map(String::as_str));
        let tries = 200_000;
        let wrong = (0..tries)
            .filter(|n| contains(&set, &format!("other {n}")))
            .count();
        let expected = tries / FALSE_POSITIVES as usize;
        assert!((expected / 2..expected * 2).contains(&wrong), "{wrong}");
    }

    #[test]
    fn a_damaged_set_is_harmless() {
        let set = pack(["one", "two", "three"].into_iter());
        for length in 0..set.len() {
            contains(&set[..length], "one");
        }
        contains(&[0xff; 64], "one");
    }
}
