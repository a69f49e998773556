//! Users, and the rules for their fields.

use super::clock::Timestamp;
use super::email::Email;
use super::ids::UserId;
use super::password_hash::PasswordHash;

/// A user as stored; the password's hash is never part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The identifier.
    pub id: UserId,
    /// The name as given.
    pub name: String,
    /// The e-mail address as typed, trimmed and in NFC.
    pub email: String,
    /// The age in years, if told.
    pub age: Option<u8>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the account was last changed.
    pub updated_at: Timestamp,
    /// Since when the user may not sign in, if so.
    pub disabled_at: Option<Timestamp>,
}

/// A user and the hash that a password is checked against.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The stored hash.
    pub password: PasswordHash,
}

/// What a new account is made of.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The identifier, made by the caller.
    pub id: UserId,
    /// The name.
    pub name: UserName,
    /// The address, unique by its canonical form.
    pub email: Email,
    /// The age, if told.
    pub age: Option<Age>,
    /// The hash of the password.
    pub password: PasswordHash,
}

/// What a user may change about the account; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    /// A new name.
    pub name: Option<UserName>,
    /// A new age; `Some(None)` forgets it.
    pub age: Option<Option<Age>>,
}

/// A name of 5 to 100 characters; one that another service gave may be shorter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// The fewest characters (Unicode code points) of a name.
    pub const MIN: usize = 5;
    /// The most characters of a name.
    pub const MAX: usize = 100;

    /// Takes `text` as it is if it is a name.
    ///
    /// # Errors
    ///
    /// [`FieldError`] when the length does not fit or the text holds a control character,
    /// which no name has and which could forge a line where the name is shown.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        if text.chars().count() < Self::MIN {
            return Err(FieldError::TooShort { min: Self::MIN });
        }
        Self::parse_imported(text)
    }

    /// Takes a name that was given under another service's rules, which may be shorter
    /// than ours, and even empty.
    ///
    /// # Errors
    ///
    /// Those of [`UserName::parse`], less the lower bound.
    pub fn parse_imported(text: &str) -> Result<Self, FieldError> {
        if text.chars().count() > Self::MAX {
            return Err(FieldError::TooLong { max: Self::MAX });
        }
        if text.chars().any(char::is_control) {
            return Err(FieldError::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether it is shorter than a new name may be.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.chars().count() < Self::MIN
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An age in years, 1 to 150.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age(u8);

impl Age {
    /// The lowest age.
    pub const MIN: u8 = 1;
    /// The highest age.
    pub const MAX: u8 = 150;

    /// Takes `years` if it is an age.
    ///
    /// # Errors
    ///
    /// [`FieldError::OutOfRange`] outside of 1 to 150.
    pub fn new(years: i64) -> Result<Self, FieldError> {
        match u8::try_from(years) {
            Ok(years @ Self::MIN..=Self::MAX) => Ok(Self(years)),
            _ => Err(FieldError::OutOfRange {
                min: Self::MIN,
                max: Self::MAX,
            }),
        }
    }

    /// The age in years.
    #[must_use]
    pub const fn years(self) -> u8 {
        self.0
    }
}

/// Why a field's value is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Fewer characters than `min`.
    #[error("must have at least {min} characters")]
    TooShort {
        /// The fewest characters.
        min: usize,
    },
    /// More characters than `max`.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The most characters.
        max: usize,
    },
    /// Holds a control character.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// Not between `min` and `max`.
    #[error("must be between {min} and {max}")]
    OutOfRange {
        /// The lowest value.
        min: u8,
        /// The highest value.
        max: u8,
    },
}

impl FieldError {
    /// The stable machine word of the violation.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::TooLong { .. } => "too_long",
            Self::ControlCharacter => "invalid_characters",
            Self::OutOfRange { .. } => "out_of_range",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_measured_in_characters() {
        assert_eq!(
            UserName::parse("Élöd"),
            Err(FieldError::TooShort { min: 5 })
        );
        assert!(UserName::parse("Élöde").is_ok());
        assert!(UserName::parse(&"é".repeat(100)).is_ok());
        assert_eq!(
            UserName::parse(&"é".repeat(101)),
            Err(FieldError::TooLong { max: 100 })
        );
        assert_eq!(
            UserName::parse("Alice\nAdmin"),
            Err(FieldError::ControlCharacter)
        );
    }

    #[test]
    fn imported_names_may_be_short() {
        for (name, short) in [("", true), ("Zoë", true), ("Zoë K", false)] {
            assert_eq!(
                UserName::parse_imported(name).map(|name| name.is_short()),
                Ok(short),
                "{name}"
            );
        }
        assert!(UserName::parse_imported(&"é".repeat(101)).is_err());
        assert!(UserName::parse_imported("Zo\u{1b}").is_err());
    }

    #[test]
    fn ages_have_both_ends() {
        for (years, ok) in [
            (0, false),
            (1, true),
            (150, true),
            (151, false),
            (-1, false),
        ] {
            assert_eq!(Age::new(years).is_ok(), ok, "{years}");
        }
        assert!(Age::new(i64::MAX).is_err());
    }
}
