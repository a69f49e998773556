//! What is known of the user and the service, as one more list of words.

use std::ops::Range;

/// Words in the order of their characters, each with its rank.
#[derive(Debug, Default)]
pub(super) struct Inputs(Vec<(Vec<char>, u32)>);

impl Inputs {
    /// The first word has rank 1. Of words that are equal the last counts.
    pub(super) fn new(words: &[String]) -> Self {
        let mut inputs: Vec<(Vec<char>, u32)> = Vec::with_capacity(words.len());
        for (word, rank) in words.iter().zip(1..) {
            let word: Vec<char> = word.chars().map(super::lower_case).collect();
            match inputs.binary_search_by(|(other, _)| other.cmp(&word)) {
                Ok(place) => inputs[place].1 = rank,
                Err(place) => inputs.insert(place, (word, rank)),
            }
        }
        Self(inputs)
    }

    /// All of them: what an empty beginning leaves.
    pub(super) fn all(&self) -> Range<usize> {
        0..self.0.len()
    }

    /// Which of the words in `range`, which share `length` characters, go on
    /// with `next`.
    pub(super) fn narrow(&self, range: Range<usize>, length: usize, next: char) -> Range<usize> {
        let words = &self.0[range.clone()];
        let low = words.partition_point(|(word, _)| word.get(length) < Some(&next));
        let high = words.partition_point(|(word, _)| word.get(length) <= Some(&next));
        range.start + low..range.start + high
    }

    /// The rank of the word in `range` that has `length` characters.
    pub(super) fn rank(&self, range: Range<usize>, length: usize) -> Option<u32> {
        let (word, rank) = self.0[range].first()?;
        (word.len() == length).then_some(*rank)
    }
}
