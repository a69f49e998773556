//! How many guesses a password withstands, as zxcvbn estimates it.
//!
//! The estimate is that of Daniel Lowe Wheeler, "zxcvbn: Low-Budget Password
//! Strength Estimation", USENIX Security 2016: find every part of the
//! password that follows a pattern ([`matching`] and what it calls), say how
//! many guesses each takes, and search for the sequence of parts that takes
//! the fewest ([`search`]).
//!
//! The measure is the crate `zxcvbn`, whose scores people know and which the
//! tests compare with. This is not that crate because it is to be loaded by a
//! browser and to give one verdict everywhere: it needs no regular
//! expressions and no clock, its lists are packed, its work has a bound, and
//! nothing depends on the order of a hash table or on how wide a `usize` is.
//! `docs/adr/0009-password-strength-in-the-browser.md` has the figures.

mod date;
mod dictionary;
mod feedback;
mod inputs;
mod leet;
mod matching;
mod repeat;
mod search;
mod sequence;
mod spatial;

use serde::Serialize;

use super::context::ContextWords;
use super::text::fold_letter;

use self::feedback::Feedback;
use self::inputs::Inputs;
use self::search::Guesses;

/// zxcvbn's score: 0 is guessed at once, 4 withstands an offline attack on a
/// slow hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Score(u8);

impl Score {
    /// The lowest, 0. As a `min_score` it asks for nothing.
    pub const MIN: Self = Self(0);
    /// The highest, 4.
    pub const MAX: Self = Self(4);

    /// The score of a number from 0 to 4.
    #[must_use]
    pub fn new(score: u8) -> Option<Self> {
        (score <= Self::MAX.0).then_some(Self(score))
    }

    /// By the order of magnitude: 3, 6, 8 and 10 digits, and a little more,
    /// so that one part more than it takes makes no difference.
    fn of_guesses(guesses: u64) -> Self {
        match guesses {
            10_000_000_005.. => Self(4),
            100_000_005.. => Self(3),
            1_000_005.. => Self(2),
            1_005.. => Self(1),
            _ => Self(0),
        }
    }
}

impl From<Score> for u8 {
    fn from(score: Score) -> Self {
        score.0
    }
}

/// The characters that are looked at: with the rest a password is at least
/// as strong, and a search takes the square of them.
const LOOKED_AT: usize = 100;

/// What a password takes to guess.
pub(super) struct Strength {
    score: Score,
    guesses: u64,
    /// How many parts it is guessed in.
    #[cfg(test)]
    parts: u32,
    feedback: Feedback,
}

impl Strength {
    /// Estimates a password in NFC. `year` is the current one.
    pub(super) fn estimate(password: &str, words: &ContextWords, year: i32) -> Self {
        Self::with_inputs(password, words.inputs(), year)
    }

    fn with_inputs(password: &str, inputs: &[String], year: i32) -> Self {
        let text: Vec<char> = password.chars().take(LOOKED_AT).collect();
        let matches = matching::find_all(&text, &Inputs::new(inputs), year);
        let Guesses { guesses, sequence } = search::search(text.len(), &matches);
        let score = Score::of_guesses(guesses);
        Self {
            score,
            guesses,
            #[cfg(test)]
            parts: u32::try_from(sequence.len()).unwrap_or(u32::MAX),
            feedback: Feedback::new(score, &text, &sequence),
        }
    }

    pub(super) fn score(&self) -> Score {
        self.score
    }

    /// The same to the last bit on every machine: the standard library's
    /// logarithm is the platform's.
    pub(super) fn guesses_log10(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "15 digits of it are enough")]
        let guesses = self.guesses.max(1) as f64;
        libm::log10(guesses)
    }

    /// What makes the password easy to guess, as a sentence.
    pub(super) fn warning(&self) -> Option<&'static str> {
        self.feedback.warning
    }

    /// How to do better, as sentences. With `composition` nothing is said
    /// that a policy with such rules contradicts.
    pub(super) fn suggestions(&self, composition: bool) -> Vec<String> {
        let suggestions = self.feedback.suggestions.iter().copied();
        suggestions
            .filter(|suggestion| !(composition && *suggestion == feedback::NO_COMPOSITION))
            .map(str::to_owned)
            .collect()
    }
}

/// The character without regard to case, where it is one character.
fn lower_case(character: char) -> char {
    match fold_letter(character) {
        Some(&[lower]) => lower,
        _ => character,
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
