//! What a policy says of a password.

use serde::Serialize;

use super::requirement::Requirement;
use super::strength::{Score, Strength};

/// The whole verdict, in the form that JavaScript gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether the password is taken: there are no violations.
    pub ok: bool,
    /// zxcvbn's score, whether the policy asks for one or not. 0 for a
    /// password that is too long to be looked at.
    pub score: Score,
    /// The number of guesses that the score stands for, as a power of ten.
    pub guesses_log10: f64,
    /// The rules that the password breaks.
    pub violations: Vec<Violation>,
    /// How to make it stronger, as sentences.
    pub suggestions: Vec<String>,
}

impl Verdict {
    pub(super) fn new(violations: Vec<Violation>, strength: &Strength, composition: bool) -> Self {
        Self {
            ok: violations.is_empty(),
            score: strength.score(),
            guesses_log10: strength.guesses_log10(),
            violations,
            suggestions: strength.suggestions(composition),
        }
    }

    pub(super) fn refused(violation: Violation) -> Self {
        Self {
            ok: false,
            score: Score::MIN,
            guesses_log10: 0.0,
            violations: vec![violation],
            suggestions: Vec::new(),
        }
    }
}

/// A rule that a password breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The stable machine word.
    pub code: ViolationCode,
    /// What to do about it, as a sentence for the person who chose the
    /// password. Never holds the password or a part of it.
    pub message: String,
}

/// The stable machine words for broken rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ViolationCode {
    TooShort,
    TooLong,
    MissingUpper,
    MissingLower,
    MissingDigit,
    MissingSymbol,
    TooCommon,
    ContainsContext,
    TooWeak,
}

impl ViolationCode {
    /// The word as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::MissingUpper => "missing_upper",
            Self::MissingLower => "missing_lower",
            Self::MissingDigit => "missing_digit",
            Self::MissingSymbol => "missing_symbol",
            Self::TooCommon => "too_common",
            Self::ContainsContext => "contains_context",
            Self::TooWeak => "too_weak",
        }
    }
}

impl Violation {
    fn new(code: ViolationCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(super) fn too_short(least: usize, length: usize) -> Self {
        let message = format!("Use at least {least} characters, not {length}.");
        Self::new(ViolationCode::TooShort, message)
    }

    pub(super) fn too_long(most: usize) -> Self {
        let message = format!("Use at most {most} characters.");
        Self::new(ViolationCode::TooLong, message)
    }

    pub(super) fn missing(requirement: Requirement) -> Self {
        let (code, message) = match requirement {
            Requirement::Upper => (ViolationCode::MissingUpper, "Add an upper-case letter."),
            Requirement::Lower => (ViolationCode::MissingLower, "Add a lower-case letter."),
            Requirement::Digit => (ViolationCode::MissingDigit, "Add a digit."),
            Requirement::Symbol => (
                ViolationCode::MissingSymbol,
                "Add a symbol, such as a space or a punctuation mark.",
            ),
        };
        Self::new(code, message)
    }

    pub(super) fn too_common() -> Self {
        Self::new(
            ViolationCode::TooCommon,
            "Choose another password. This is one of those that most people use and attackers try first.",
        )
    }

    pub(super) fn contains_context() -> Self {
        Self::new(
            ViolationCode::ContainsContext,
            "Add words of your own. This is little more than your name, your e-mail address or the name of this service.",
        )
    }

    pub(super) fn too_weak(warning: Option<&str>) -> Self {
        let mut message = String::from("Make it harder to guess, with another word or two.");
        if let Some(warning) = warning {
            message.push(' ');
            message.push_str(warning);
        }
        Self::new(ViolationCode::TooWeak, message)
    }
}
