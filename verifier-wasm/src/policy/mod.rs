//! Which passwords are taken, and how strong one is.
//!
//! A [`PasswordPolicy`] is a few numbers and switches with one JSON form. The
//! server reads it from its configuration and serves it; a browser reads it
//! from the server; both judge with the code in this module.
//!
//! Passwords are judged in NFC, lengths are code points, nothing is cut. The
//! rules, and where each is:
//!
//! | violation | rule |
//! | --- | --- |
//! | `too_short`, `too_long` | here |
//! | `missing_*` | [`Requirement`] |
//! | `too_common` | [`common`]: the whole password is on a list |
//! | `contains_context` | `context`: hardly more than the user's or the service's name |
//! | `too_weak` | `strength`: zxcvbn's score is below `min_score` |
//!
//! [`words`] are the lists that both look in.
//!
//! Work is bounded whatever comes in: a password longer than the limit is
//! refused before anything else is looked at.

pub mod common;
mod context;
mod requirement;
mod strength;
mod text;
mod verdict;
pub mod words;

use serde::{Deserialize, Serialize};

pub use self::context::Context;
pub use self::requirement::Requirement;
pub use self::strength::Score;
pub use self::verdict::{Verdict, Violation, ViolationCode};

use self::context::ContextWords;
use self::strength::Strength;

/// The rules that a new password must obey.
///
/// ```
/// use latchkey_verifier::policy::{Context, PasswordPolicy};
///
/// let policy: PasswordPolicy = serde_json::from_str(r#"{"min_length": 12}"#)?;
/// let context = Context { email: "ada@example.com", name: "Ada Lovelace" };
/// let verdict = policy.check("Lovelace1815", &context, 2026);
/// assert_eq!(verdict.violations[0].code.as_str(), "contains_context");
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// As JSON it is an object of the members in [`MEMBERS`](Self::MEMBERS). One
/// that is left out takes its default. One that is unknown is ignored, so that
/// a browser with an older module can still read a newer server's policy: the
/// server judges again in any case. Whoever reads a policy that a person wrote
/// should refuse unknown members by that list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Draft")]
pub struct PasswordPolicy {
    min_length: usize,
    max_length: usize,
    require: Vec<Requirement>,
    min_score: Score,
    forbid_common: bool,
    forbid_context: bool,
    context_words: Vec<String>,
}

impl PasswordPolicy {
    /// The members of the JSON object.
    pub const MEMBERS: [&'static str; 7] = [
        "min_length",
        "max_length",
        "require",
        "min_score",
        "forbid_common",
        "forbid_context",
        "context_words",
    ];

    /// The rules of SP 800-63B-4 section 3.1.1.2 for a password that is the
    /// only factor: 15 characters, no rules of composition, and a blocklist of
    /// common and of contextual passwords.
    #[must_use]
    pub fn nist() -> Self {
        Self {
            min_length: 15,
            require: Vec::new(),
            ..Self::default()
        }
    }

    /// Judges a password and estimates its strength: what a meter shows while
    /// somebody types.
    ///
    /// `year` is the current one; recent years are easier to guess.
    #[must_use]
    pub fn check(&self, password: &str, context: &Context<'_>, year: i32) -> Verdict {
        let words = ContextWords::new(context, &self.context_words);
        let Some(password) = self.measurable(password) else {
            return Verdict::refused(Violation::too_long(self.max_length));
        };
        let strength = Strength::estimate(&password, &words, year);
        let mut violations = self.broken_rules(&password, &words);
        violations.extend(self.too_weak(&strength));
        Verdict::new(violations, &strength, !self.require.is_empty())
    }

    /// Only what is wrong with a password, in the order of the table above:
    /// empty when it is taken. Estimates its strength only if the policy asks
    /// for one.
    #[must_use]
    pub fn violations(&self, password: &str, context: &Context<'_>, year: i32) -> Vec<Violation> {
        let words = ContextWords::new(context, &self.context_words);
        let Some(password) = self.measurable(password) else {
            return vec![Violation::too_long(self.max_length)];
        };
        let mut violations = self.broken_rules(&password, &words);
        if self.min_score > Score::MIN {
            violations.extend(self.too_weak(&Strength::estimate(&password, &words, year)));
        }
        violations
    }

    /// The fewest code points.
    #[must_use]
    pub fn min_length(&self) -> usize {
        self.min_length
    }

    /// The most code points.
    #[must_use]
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// The kinds of characters that a password must have.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.require
    }

    /// The password in NFC, unless it is too long.
    fn measurable<'p>(&self, password: &'p str) -> Option<std::borrow::Cow<'p, str>> {
        // No character of NFC decomposes into more than four, so what has
        // more than four times the limit needs no normalising to be refused.
        // For this, what is refused does not say how many there are.
        if password.chars().nth(4 * self.max_length).is_some() {
            return None;
        }
        let normal = text::nfc(password);
        (normal.chars().count() <= self.max_length).then_some(normal)
    }

    /// All but the length at the top and the strength.
    fn broken_rules(&self, password: &str, words: &ContextWords) -> Vec<Violation> {
        let length = password.chars().count();
        let mut violations = Vec::new();
        if length < self.min_length {
            violations.push(Violation::too_short(self.min_length, length));
        }
        let missing = self.require.iter().filter(|r| !r.is_met_by(password));
        violations.extend(missing.map(|r| Violation::missing(*r)));
        if self.forbid_common && common::contains(password) {
            violations.push(Violation::too_common());
        }
        if self.forbid_context && words.make_up(password) {
            violations.push(Violation::contains_context());
        }
        violations
    }

    fn too_weak(&self, strength: &Strength) -> Option<Violation> {
        (strength.score() < self.min_score).then(|| Violation::too_weak(strength.warning()))
    }
}

impl Default for PasswordPolicy {
    /// The predecessor's rule: at least 8 characters with an upper-case
    /// letter, a lower-case letter and a digit; and no common or contextual
    /// password.
    fn default() -> Self {
        Self {
            min_length: 8,
            max_length: 256,
            require: vec![Requirement::Upper, Requirement::Lower, Requirement::Digit],
            min_score: Score::MIN,
            forbid_common: true,
            forbid_context: true,
            context_words: vec!["latchkey".to_owned()],
        }
    }
}

/// A policy as JSON has it, before it has been checked.
#[derive(Deserialize)]
#[serde(default)]
struct Draft {
    min_length: usize,
    max_length: usize,
    require: Vec<Requirement>,
    min_score: u8,
    forbid_common: bool,
    forbid_context: bool,
    context_words: Vec<String>,
}

impl Default for Draft {
    fn default() -> Self {
        let PasswordPolicy {
            min_length,
            max_length,
            require,
            min_score,
            forbid_common,
            forbid_context,
            context_words,
        } = PasswordPolicy::default();
        Self {
            min_length,
            max_length,
            require,
            min_score: min_score.into(),
            forbid_common,
            forbid_context,
            context_words,
        }
    }
}

/// The most that `max_length` may be: what is longer costs more to handle than
/// it can add in strength.
const LONGEST: usize = 4096;

/// The most entries that `context_words` may have, and the most characters of
/// each.
const MOST_WORDS: usize = 100;
const LONGEST_WORD: usize = 100;

impl TryFrom<Draft> for PasswordPolicy {
    type Error = PolicyError;

    fn try_from(draft: Draft) -> Result<Self, PolicyError> {
        if !(1..=LONGEST).contains(&draft.max_length) {
            return Err(PolicyError("max_length must be 1 to 4096"));
        }
        if !(1..=draft.max_length).contains(&draft.min_length) {
            return Err(PolicyError("min_length must be 1 to max_length"));
        }
        let too_long = |word: &String| word.chars().nth(LONGEST_WORD).is_some();
        if draft.context_words.len() > MOST_WORDS || draft.context_words.iter().any(too_long) {
            return Err(PolicyError(
                "context_words must be at most 100 words of at most 100 characters",
            ));
        }
        let Some(min_score) = Score::new(draft.min_score) else {
            return Err(PolicyError("min_score must be 0 to 4"));
        };
        let mut require = Requirement::ALL.to_vec();
        require.retain(|requirement| draft.require.contains(requirement));
        Ok(Self {
            min_length: draft.min_length,
            max_length: draft.max_length,
            require,
            min_score,
            forbid_common: draft.forbid_common,
            forbid_context: draft.forbid_context,
            context_words: draft.context_words,
        })
    }
}

/// Why an object is no policy: which member must change, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PolicyError(&'static str);

impl std::fmt::Display for PolicyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests;
