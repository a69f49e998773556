//! E-mail addresses, parsed once at the edge.
//!
//! An [`Email`] keeps two spellings. The *typed* one is what people see and
//! what mail is sent to: trimmed and in NFC. The *canonical* one is what the
//! database holds unique, so that no two accounts differ in case or in Unicode
//! spelling only: NFC and lower case, with the domain as UTS 46 writes it for
//! the DNS (`xn--…`), which makes a domain and its A-label form one.
//!
//! Both are derived here and nowhere else. Checking comes after normalising,
//! never before: an address that was checked and then changed is how a mail
//! for one person reaches another.
//!
//! The grammar is RFC 5321's dot-atom form with RFC 6531's letters. Quoted
//! local parts, address literals, comments and domains without a dot are
//! refused; no mail provider hands them to people.

mod domain_part;
mod local_part;

use std::fmt;
use std::hash::{Hash, Hasher};

use unicode_normalization::UnicodeNormalization;

/// The longest address in bytes, as typed and in its canonical form
/// (RFC 5321 section 4.5.3.1.3, less the angle brackets).
pub const MAX_BYTES: usize = 254;

/// An e-mail address. Two are equal when their canonical forms are.
#[derive(Clone)]
pub struct Email {
    typed: String,
    canonical: String,
}

impl Email {
    /// Parses what a person typed.
    ///
    /// # Errors
    /// [`EmailError`] says which rule the address breaks, in words that can
    /// be shown to whoever typed it.
    pub fn parse(input: &str) -> Result<Self, EmailError> {
        let trimmed = input.trim();
        if trimmed.is_empty() {
            return Err(EmailError::Empty);
        }
        // NFC shrinks a text to a third of its bytes at most (Hangul), so this
        // only spares the work on what is too long in any spelling.
        if trimmed.len() > 4 * MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        if let Some(character) = trimmed.chars().find(|&c| is_compatibility_form(c)) {
            return Err(EmailError::CompatibilityCharacter(character));
        }
        if let Some(character) = trimmed.chars().find(|&c| is_invisible(c)) {
            return Err(EmailError::InvisibleCharacter(character));
        }

        let typed: String = trimmed.nfc().collect();
        let (local, domain) = split(&typed)?;
        local_part::check(local)?;
        let canonical = format!(
            "{}@{}",
            local_part::canonical(local),
            domain_part::canonical(domain)?
        );
        if typed.len() > MAX_BYTES || canonical.len() > MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        Ok(Self { typed, canonical })
    }

    /// The address as its owner typed it, trimmed and in NFC.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// The form in which addresses are unique. It is itself an address that
    /// parses to the same canonical form.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Email {}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Email").field(&self.typed).finish()
    }
}

/// Why a text is not an e-mail address that we take. The message follows the
/// name of the field: "email: must …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// More than [`MAX_BYTES`] bytes.
    #[error("must be at most {MAX_BYTES} bytes long")]
    TooLong,
    /// A character that NFKC turns into another, such as a fullwidth `@`.
    #[error("must not contain {0:?}: use the plain form of that character")]
    CompatibilityCharacter(char),
    /// A character that nobody sees: controls, zero widths, direction marks.
    #[error("must not contain the invisible character {}", codepoint(*.0))]
    InvisibleCharacter(char),
    /// No `@`, or more than one.
    #[error("must have one @ between a name and a domain, as in name@example.com")]
    NotOneAt,
    /// The part before the `@` is missing or longer than 64 bytes.
    #[error("must have 1 to 64 bytes before the @")]
    LocalPartLength,
    /// A local part in double quotes.
    #[error("must not be quoted: write it as in name@example.com")]
    Quoted,
    /// A dot at an end of the local part, or two in a row.
    #[error("must not have a dot at the start, before the @, or twice in a row")]
    Dots,
    /// A character that an unquoted local part may not have.
    #[error("must not contain {0:?} before the @")]
    LocalCharacter(char),
    /// A domain without a dot, such as `localhost`.
    #[error("must have a full domain after the @, as in name@example.com")]
    DomainNotFull,
    /// A domain that UTS 46 or the DNS does not allow, or an address literal.
    #[error("must have a valid domain after the @, as in name@example.com")]
    Domain,
}

fn split(address: &str) -> Result<(&str, &str), EmailError> {
    if address.starts_with('"') {
        return Err(EmailError::Quoted);
    }
    match address.split_once('@') {
        Some((local, domain)) if !domain.contains('@') => Ok((local, domain)),
        _ => Err(EmailError::NotOneAt),
    }
}

/// Whether NFKC changes the character by itself. Looking at one character at
/// a time leaves a letter with a combining accent alone, which NFC composes.
fn is_compatibility_form(character: char) -> bool {
    !character.is_ascii()
        && !std::iter::once(character)
            .nfkc()
            .eq(std::iter::once(character))
}

/// Characters without a shape of their own, with which two addresses could
/// look the same, and those that have no agreed meaning.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

fn codepoint(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

#[cfg(test)]
mod tests;
