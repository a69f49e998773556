//! What to tell who chose a password that is easy to guess.

use crate::policy::words::List;

use super::Score;
use super::matching::{Match, Pattern};

/// Said only where no rule of composition says otherwise.
pub(super) const NO_COMPOSITION: &str = "Capital letters, digits and symbols are not needed.";

const FEW_WORDS: &str = "Use a few words that do not belong together.";
const ANOTHER_WORD: &str = "Add another word or two, the less common the better.";

/// What is wrong, and how to do better: sentences that never hold a part of
/// the password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Feedback {
    pub(super) warning: Option<&'static str>,
    pub(super) suggestions: Vec<&'static str>,
}

impl Feedback {
    /// Speaks of the longest part that the password is guessed in. Nothing
    /// is said of a good one.
    pub(super) fn new(score: Score, password: &[char], sequence: &[Match]) -> Self {
        let Some(longest) = sequence.iter().max_by_key(|part| part.length()) else {
            return Self {
                warning: None,
                suggestions: vec![FEW_WORDS, NO_COMPOSITION],
            };
        };
        if score > Score(2) {
            return Self::default();
        }
        let part = &password[longest.start..=longest.end];
        let mut feedback = Self {
            warning: warning(longest, sequence.len() == 1),
            suggestions: vec![ANOTHER_WORD],
        };
        feedback.suggestions.extend(suggestions(longest, part));
        feedback
    }
}

fn warning(part: &Match, is_all: bool) -> Option<&'static str> {
    Some(match part.pattern {
        Pattern::Dictionary {
            list,
            rank,
            is_reversed,
            is_leet,
        } => {
            let is_itself = is_all && !is_reversed && !is_leet;
            return word_warning(list, rank, is_all, is_itself);
        }
        Pattern::Spatial { turns: 1 } => "A row of keys is easy to guess.",
        Pattern::Spatial { .. } => "A short pattern of keys is easy to guess.",
        Pattern::Repeat { is_of_one: true } => "One character again and again is easy to guess.",
        Pattern::Repeat { .. } => "Repeating a part hardly makes it harder to guess.",
        Pattern::Sequence => "Characters in order, such as abc or 6543, are easy to guess.",
        Pattern::Year => "Recent years are easy to guess.",
        Pattern::Date => "Dates are often easy to guess.",
        Pattern::BruteForce => return None,
    })
}

fn word_warning(
    list: Option<List>,
    rank: u32,
    is_all: bool,
    is_itself: bool,
) -> Option<&'static str> {
    Some(match list? {
        List::Passwords if !is_itself => "This is much like a password that many people use.",
        List::Passwords if rank <= 10 => "This is one of the ten most used passwords.",
        List::Passwords if rank <= 100 => "This is one of the hundred most used passwords.",
        List::Passwords => "Many people use this password.",
        List::English if is_all => "A single word is easy to guess.",
        List::FemaleNames | List::MaleNames | List::Surnames if is_all => {
            "A name alone is easy to guess."
        }
        List::FemaleNames | List::MaleNames | List::Surnames => "Common names are easy to guess.",
        List::English | List::UsTvAndFilm => return None,
    })
}

fn suggestions(found: &Match, part: &[char]) -> Vec<&'static str> {
    match found.pattern {
        Pattern::Dictionary {
            is_reversed,
            is_leet,
            ..
        } => {
            let is_all_upper = part.len() > 1 && part.iter().all(|c| c.is_uppercase());
            let starts_upper = part.first().is_some_and(|c| c.is_uppercase());
            let mut suggestions = Vec::new();
            if is_all_upper {
                suggestions.push("All capitals are almost as easy to guess as none.");
            } else if starts_upper {
                suggestions.push("A capital letter at the beginning does not help much.");
            }
            if is_reversed && part.len() >= 4 {
                suggestions.push("A word backwards is not much harder to guess.");
            }
            if is_leet {
                suggestions.push("Writing @ for a, and the like, does not help much.");
            }
            suggestions
        }
        Pattern::Spatial { .. } => vec!["Use a longer pattern of keys, with more turns."],
        Pattern::Repeat { .. } => vec!["Avoid repeating words and characters."],
        Pattern::Sequence => vec!["Avoid characters in order."],
        Pattern::Year => vec!["Avoid years, above all those that have to do with you."],
        Pattern::Date => vec!["Avoid dates, above all those that have to do with you."],
        Pattern::BruteForce => Vec::new(),
    }
}
