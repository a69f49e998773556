//! A session's place in the status lists.

use crate::domain::entropy::{Entropy, random_bytes};

/// How many places a list has: 128 KiB before they are compressed. One is enough for some
/// 260,000 sessions, and a reader who asks for it tells us nothing about which of them.
pub const LIST_SIZE: u32 = 1 << 20;

/// A session's place: a number that counts through all lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusIndex(u64);

impl StatusIndex {
    /// The place `offset` of `list`.
    #[must_use]
    pub const fn new(list: u32, offset: u32) -> Self {
        Self(list as u64 * LIST_SIZE as u64 + (offset % LIST_SIZE) as u64)
    }

    /// A place in one of the first `lists` lists, each as likely as any other.
    #[must_use]
    pub fn random(lists: u32, entropy: &dyn Entropy) -> Self {
        let number = u64::from_be_bytes(random_bytes(entropy));
        let places = u64::from(lists.max(1)) * u64::from(LIST_SIZE);
        // Of 2^64 numbers, so that the bias is beyond all measuring.
        Self(number % places)
    }

    /// The place that is stored as this number; `None` for what is none.
    #[must_use]
    pub fn from_stored(number: i64) -> Option<Self> {
        u64::try_from(number).ok().map(Self)
    }

    /// The number that is stored.
    #[must_use]
    pub const fn as_stored(self) -> i64 {
        self.0.cast_signed()
    }

    /// The list.
    #[must_use]
    pub fn list(self) -> u32 {
        u32::try_from(self.0 / u64::from(LIST_SIZE)).unwrap_or(u32::MAX)
    }

    /// The place in the list: `idx` in the token.
    #[must_use]
    pub fn offset(self) -> u32 {
        // Less than the size of a list, so that it always fits.
        u32::try_from(self.0 % u64::from(LIST_SIZE)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::SystemEntropy;

    #[test]
    fn counts_through_the_lists() {
        let last = StatusIndex::new(2, LIST_SIZE - 1);
        assert_eq!((last.list(), last.offset()), (2, LIST_SIZE - 1));
        assert_eq!(last.as_stored(), 3 * i64::from(LIST_SIZE) - 1);
        let found = StatusIndex::from_stored(last.as_stored());
        assert_eq!(found, Some(last));
        assert_eq!(StatusIndex::from_stored(-1), None);
    }

    #[test]
    fn chance_reaches_every_list_and_both_ends_of_it() {
        let mut by_list = [0; 3];
        let mut halves = [0; 2];
        for _ in 0..3000 {
            let index = StatusIndex::random(3, &SystemEntropy);
            by_list[index.list() as usize] += 1;
            halves[usize::from(index.offset() >= LIST_SIZE / 2)] += 1;
        }
        // Some 26 is the deviation; ten of them do not happen.
        assert!(
            by_list.iter().all(|n| (740..1260).contains(n)),
            "{by_list:?}"
        );
        assert!(
            halves.iter().all(|n| (1220..1780).contains(n)),
            "{halves:?}"
        );
    }
}
