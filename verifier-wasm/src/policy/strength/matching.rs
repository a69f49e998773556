//! The patterns that a password is made of.

use crate::policy::words::List;

use super::inputs::Inputs;
use super::{date, dictionary, repeat, sequence, spatial};

/// A part of a password that follows a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Match {
    /// The first character.
    pub(super) start: usize,
    /// The last character.
    pub(super) end: usize,
    /// How many guesses who knows the pattern needs.
    pub(super) guesses: u64,
    pub(super) pattern: Pattern,
}

impl Match {
    /// Characters.
    pub(super) fn length(&self) -> usize {
        self.end - self.start + 1
    }
}

/// What is predictable about a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// A word out of a list, or of what is known of the user.
    Dictionary {
        list: Option<List>,
        rank: u32,
        is_reversed: bool,
        is_leet: bool,
    },
    /// Neighbouring keys.
    Spatial { turns: u32 },
    /// The same part more than once: a single character or more.
    Repeat { is_of_one: bool },
    /// Characters in order, such as `abc` or `97531`.
    Sequence,
    /// A year of the last or of this century.
    Year,
    /// A day of a year.
    Date,
    /// Nothing predictable.
    BruteForce,
}

/// All parts of `text` that follow a pattern, in the order in which their
/// last characters come.
pub(super) fn find_all(text: &[char], inputs: &Inputs, year: i32) -> Vec<Match> {
    let found = [
        dictionary::find(text, inputs),
        spatial::find(text),
        repeat::find(text, inputs, year),
        sequence::find(text),
        date::find_years(text, year),
        date::find(text, year),
    ];
    let mut by_end: Vec<Vec<Match>> = text.iter().map(|_| Vec::new()).collect();
    for found in found.into_iter().flatten() {
        let matches = &mut by_end[found.end];
        let place = matches.partition_point(|other| other.start <= found.start);
        matches.insert(place, found);
    }
    by_end.into_iter().flatten().collect()
}

/// Of `of` things, how many ways there are to choose `chosen`; as many as fit.
pub(super) fn choose(of: usize, chosen: usize) -> u64 {
    let mut ways: u64 = 1;
    for picked in 1..=chosen {
        ways = ways.saturating_mul(of.saturating_sub(picked - 1) as u64) / picked as u64;
    }
    ways
}

/// How many ways there are to have up to the smaller number of either kind
/// in its place among both.
pub(super) fn variations(one: usize, other: usize) -> u64 {
    (1..=one.min(other))
        .map(|chosen| choose(one + other, chosen))
        .fold(0, u64::saturating_add)
}
