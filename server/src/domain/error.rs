//! Why a use case did not do what was asked.

use super::throttle::Refusal;
use crate::storage::{Source, StorageError};

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case did not do what was asked.
///
/// `http/error.rs` turns each variant into one answer. What a variant carries as a source
/// is for the log alone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Values that do not fit, all that were found at once.
    #[error("{}", join(.0))]
    Invalid(Vec<Violation>),
    /// Another account has the e-mail address.
    #[error("the e-mail address is registered already")]
    EmailTaken,
    /// Sign-in with an unknown e-mail address or a wrong password. Never says which.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The password was right and the account is disabled.
    #[error("the account is disabled")]
    UserDisabled,
    /// A signed-in user gave a wrong current password.
    #[error("the password is wrong")]
    WrongPassword,
    /// The access token is bad, has expired, or its session has ended.
    #[error("the access token is not valid")]
    InvalidAccessToken,
    /// The refresh token is bad, has expired, was used before, or its session has ended.
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    /// The credentials of a client are not right.
    #[error("the client's credentials are wrong")]
    InvalidClient,
    /// The user has no such session.
    #[error("there is no such session")]
    SessionNotFound,
    /// Another service's table still points at the user.
    #[error("the user is still referenced by other data")]
    UserReferenced,
    /// Too many tries: this one was not made. Says nothing about the account.
    #[error("too many tries")]
    Throttled(Refusal),
    /// As many passwords as may wait are waiting to be hashed.
    #[error("too many passwords are waiting to be hashed")]
    Overloaded,
    /// The database did not do what was asked.
    #[error(transparent)]
    Storage(StorageError),
    /// A fault of ours, or data that is not what it should be.
    #[error("internal error: {0}")]
    Internal(#[source] Source),
}

impl Error {
    /// A fault of ours with `source` as its cause.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::Internal(source.into())
    }
}

/// The conflicts that a use case can say something about become its own; the rest stays.
impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::EmailTaken => Self::EmailTaken,
            StorageError::UserReferenced => Self::UserReferenced,
            StorageError::PlaceTaken | StorageError::Unavailable(_) | StorageError::Failed(_) => {
                Self::Storage(error)
            }
        }
    }
}

/// One value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The name of the field.
    pub field: &'static str,
    /// The stable machine word.
    pub code: &'static str,
    /// What a person can do about it; reads well after `field: `.
    pub message: String,
}

fn join(violations: &[Violation]) -> String {
    violations
        .iter()
        .map(|violation| format!("{}: {}", violation.field, violation.message))
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_joined_as_the_predecessor_did() {
        let violation = |field, message: &str| Violation {
            field,
            code: "too_short",
            message: message.to_owned(),
        };
        let error = Error::Invalid(vec![violation("name", "a"), violation("age", "b")]);
        assert_eq!(error.to_string(), "name: a; age: b");
    }
}
