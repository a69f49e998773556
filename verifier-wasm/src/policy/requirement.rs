//! Kinds of characters that a policy can ask for.

use serde::{Deserialize, Serialize};

use super::text::is_mark;

/// A kind of character that a password must have one of. Letters and digits
/// are Unicode's, not only those of ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requirement {
    /// An upper-case letter.
    Upper,
    /// A lower-case letter.
    Lower,
    /// A digit.
    Digit,
    /// Anything else that can be typed: punctuation, a space, an emoji.
    Symbol,
}

impl Requirement {
    pub(super) const ALL: [Self; 4] = [Self::Upper, Self::Lower, Self::Digit, Self::Symbol];

    /// Whether a password in NFC has such a character.
    pub(super) fn is_met_by(self, password: &str) -> bool {
        match self {
            Self::Upper => password.chars().any(char::is_uppercase),
            Self::Lower => password.chars().any(char::is_lowercase),
            Self::Digit => password.chars().any(char::is_numeric),
            Self::Symbol => password.chars().any(is_symbol),
        }
    }
}

/// Neither letter nor digit, nor what only changes the character before it.
fn is_symbol(character: char) -> bool {
    !character.is_alphanumeric() && !character.is_control() && !is_mark(character)
}

#[cfg(test)]
mod tests {
    use super::Requirement::{Digit, Lower, Symbol, Upper};

    #[test]
    fn letters_and_digits_are_unicodes() {
        for (requirement, met, unmet) in [
            (Upper, ["A", "É", "Ж", "Ω"], ["a", "1", "漢", "ß"]),
            (Lower, ["a", "é", "ж", "ß"], ["A", "1", "漢", " "]),
            (Digit, ["0", "٣", "४", "９"], ["a", "漢", "-", "O"]),
            (Symbol, ["-", " ", "€", "🔑"], ["a", "漢", "4", "q\u{301}"]),
        ] {
            for text in met {
                assert!(requirement.is_met_by(text), "{requirement:?} {text:?}");
            }
            for text in unmet {
                assert!(!requirement.is_met_by(text), "{requirement:?} {text:?}");
            }
        }
    }
}
