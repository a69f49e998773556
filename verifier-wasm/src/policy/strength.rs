//! How many guesses a password withstands, by the zxcvbn crate.

use serde::Serialize;
use zxcvbn::feedback::{Feedback, Suggestion};

use super::context::ContextWords;

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
}

impl From<Score> for u8 {
    fn from(score: Score) -> Self {
        score.0
    }
}

/// What zxcvbn says of a password.
pub(super) struct Strength {
    score: Score,
    guesses_log10: f64,
    feedback: Option<Feedback>,
}

impl Strength {
    /// Estimates a password in NFC, or as much of it as [`looked_at`] says.
    ///
    /// The crate takes the year from the clock of the machine; `_year` waits
    /// for it to take an argument. A year more or less changes the guesses
    /// for a date by its own share of the years that are tried.
    pub(super) fn estimate(password: &str, words: &ContextWords, _year: i32) -> Self {
        let inputs: Vec<&str> = words.inputs().iter().map(String::as_str).collect();
        let entropy = zxcvbn::zxcvbn(looked_at(password), &inputs);
        Self {
            score: Score(entropy.score().into()),
            // No guess at all is needed for an empty one: minus infinity,
            // which JSON cannot say.
            guesses_log10: entropy.guesses_log10().max(0.0),
            feedback: entropy.feedback().cloned(),
        }
    }

    pub(super) fn score(&self) -> Score {
        self.score
    }

    pub(super) fn guesses_log10(&self) -> f64 {
        self.guesses_log10
    }

    /// What makes the password easy to guess, as a sentence.
    pub(super) fn warning(&self) -> Option<String> {
        let feedback = self.feedback.as_ref()?;
        feedback.warning().map(|warning| warning.to_string())
    }

    /// How to do better, as sentences. With `composition` nothing is said
    /// that a policy with such rules contradicts.
    pub(super) fn suggestions(&self, composition: bool) -> Vec<String> {
        let suggestions = self
            .feedback
            .as_ref()
            .map_or(&[][..], Feedback::suggestions);
        suggestions
            .iter()
            .filter(|s| {
                !(composition && matches!(s, Suggestion::NoNeedForSymbolsDigitsOrUppercaseLetters))
            })
            .map(ToString::to_string)
            .collect()
    }
}

/// The most characters that are looked at.
const MOST_CHARACTERS: usize = 100;

/// The most work that zxcvbn gets, in pieces of a password that it looks up.
const MOST_WORK: usize = 8 * MOST_CHARACTERS * MOST_CHARACTERS;

/// The characters that zxcvbn reads as one letter each: a b c e g i l o s t x z.
/// Three of them are in two rows.
const SPELLINGS: [&str; 12] = [
    "4@", "8", "([{<", "3", "69", "1!|", "1|7", "0", "$5", "+7", "%", "2",
];

/// The beginning of a password that zxcvbn is given.
///
/// It looks up every piece of a password, and that again for every way to read
/// its digits and symbols as letters. There are more than a thousand ways when
/// all such characters occur: seconds for one password. So the part that is
/// looked at ends where its work would pass a bound. An ordinary password is
/// looked at whole; one that is cut has a dozen digits and symbols or more before
/// the cut, and its score is at most lower than it would be.
fn looked_at(password: &str) -> &str {
    let mut seen = String::new();
    let mut ways = 1;
    for (count, (end, character)) in password.char_indices().enumerate() {
        if is_spelling(character) && !seen.contains(character) {
            seen.push(character);
            ways = ways_to_read(&seen);
        }
        let length = count + 1;
        if length > MOST_CHARACTERS || ways * length * length > MOST_WORK {
            return &password[..end];
        }
    }
    password
}

fn is_spelling(character: char) -> bool {
    SPELLINGS.iter().any(|letter| letter.contains(character))
}

/// In how many ways these digits and symbols can be read as letters, at most.
fn ways_to_read(seen: &str) -> usize {
    let spellings = SPELLINGS
        .iter()
        .map(|letter| letter.chars().filter(|c| seen.contains(*c)).count());
    let ambiguous = seen.chars().filter(|c| "1|7".contains(*c)).count();
    spellings.filter(|&count| count > 0).product::<usize>() << ambiguous
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::context::Context;
    use super::*;

    #[derive(Deserialize)]
    struct Vector {
        password: String,
        user_inputs: Vec<String>,
        score: u8,
    }

    #[test]
    fn scores_agree_with_the_reference_implementation() {
        let vectors: Vec<Vector> = include_str!("../../tests/vectors/zxcvbn_scores.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).expect("a vector"))
            .collect();
        assert!(vectors.len() > 200);

        let differing: Vec<&str> = vectors
            .iter()
            .filter(|vector| {
                let inputs: Vec<&str> = vector.user_inputs.iter().map(String::as_str).collect();
                let entropy = zxcvbn::zxcvbn(&vector.password, &inputs);
                u8::from(entropy.score()) != vector.score
            })
            .map(|vector| vector.password.as_str())
            .collect();
        assert!(differing.len() * 100 <= vectors.len(), "{differing:?}");
    }

    #[test]
    fn what_is_known_of_the_user_counts() {
        let ada = Context {
            email: "ada@example.com",
            name: "Zephyrine Quillfeather",
        };
        let (known, unknown) = (
            ContextWords::new(&ada, &[]),
            ContextWords::new(&Context::default(), &[]),
        );
        let password = "zephyrine quillfeather";
        let strength = |words| Strength::estimate(password, words, 2026).guesses_log10();
        assert!(strength(&known) + 3.0 < strength(&unknown));
    }

    #[test]
    fn corners_have_finite_strengths() {
        let words = ContextWords::new(&Context::default(), &[]);
        for password in [
            "",
            "\0",
            "a",
            &"a".repeat(100_000),
            &"🔑".repeat(300),
            &"1a!".repeat(400),
            "٣٣٣٣٣٣",
        ] {
            let strength = Strength::estimate(password, &words, 2026);
            assert!(strength.guesses_log10().is_finite() && strength.score() <= Score::MAX);
        }
        assert_eq!(Strength::estimate("", &words, 2026).score(), Score::MIN);
    }

    // All are looked at whole, or the tests above would not agree.
    #[test]
    fn only_what_is_long_or_full_of_symbols_is_cut() {
        for whole in [
            "",
            "Tr0ub4dor&3",
            "P@$$w0rd!123|7+",
            "4@8(369!0$5+%2",
            &"é".repeat(100),
        ] {
            assert_eq!(looked_at(whole), whole);
        }
        assert_eq!(looked_at(&"é".repeat(101)), "é".repeat(100));
        let printable: String = ('!'..='~').collect();
        let symbols = "4@8({[<369!|105$%+7".repeat(5);
        for (cut, least) in [(&printable, 20), (&symbols, 12)] {
            let length = looked_at(cut).chars().count();
            assert!((least..cut.len()).contains(&length), "{cut}: {length}");
            let words = ContextWords::new(&Context::default(), &[]);
            let _ = Strength::estimate(cut, &words, 2026);
        }
        assert_eq!(
            Strength::estimate(&symbols, &ContextWords::new(&Context::default(), &[]), 2026)
                .score(),
            Score::MAX
        );
    }

    #[test]
    fn scores_are_0_to_4() {
        for score in 0..=4 {
            let json = Score::new(score).and_then(|score| serde_json::to_string(&score).ok());
            assert_eq!(json, Some(score.to_string()));
        }
        assert_eq!(Score::new(5), None);
    }
}
