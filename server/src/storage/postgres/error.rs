//! From PostgreSQL's errors to the storage's, and whether to try again.

use std::error::Error as _;
use std::fmt;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::storage::StorageError;

/// Why a unit of work came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The driver or the server failed.
    Driver {
        error: Error,
        /// Whether it is certain that nothing has changed: the transaction had not come to
        /// its COMMIT.
        nothing_changed: bool,
    },
    /// Something was found wrong here.
    Storage(StorageError),
}

impl Failure {
    /// A failure before anything could change.
    pub(super) const fn before_any_change(error: Error) -> Self {
        Self::Driver {
            error,
            nothing_changed: true,
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Driver { error, .. } => Remedy::of(error),
            Self::Storage(_) => Remedy::None,
        }
    }

    pub(super) const fn nothing_changed(&self) -> bool {
        matches!(
            self,
            Self::Driver {
                nothing_changed: true,
                ..
            }
        )
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Driver {
            error,
            nothing_changed: false,
        }
    }
}

impl From<Failure> for StorageError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Driver { error, .. } => of_driver(error),
            Failure::Storage(error) => error,
        }
    }
}

/// What a failure says about trying the unit of work again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The server undid it because of others: do it again.
    Repeat,
    /// What was prepared does not fit the schema any more: prepare it again.
    Prepare,
    /// The connection is lost: take another one, if nothing has changed.
    Reconnect,
    /// None, but another connection may be better than this one.
    Discard,
    /// None.
    None,
}

impl Remedy {
    pub(super) fn of(error: &Error) -> Self {
        let Some(db) = error.as_db_error() else {
            return if is_lost(error) {
                Self::Reconnect
            } else {
                Self::Discard
            };
        };
        let code = db.code();
        if [
            &SqlState::T_R_SERIALIZATION_FAILURE,
            &SqlState::T_R_DEADLOCK_DETECTED,
        ]
        .contains(&code)
        {
            Self::Repeat
        } else if *code == SqlState::INVALID_SQL_STATEMENT_NAME || is_changed_plan(db) {
            Self::Prepare
        } else if ends_connection(code) {
            Self::Reconnect
        } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
            // A standby, where another host of the URL may be the primary by now.
            Self::Discard
        } else {
            Self::None
        }
    }
}

/// Whether the connection can be used no more.
fn is_lost(error: &Error) -> bool {
    error.is_closed()
        || error
            .source()
            .is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

fn ends_connection(code: &SqlState) -> bool {
    code.code().starts_with("08")
        || [
            &SqlState::ADMIN_SHUTDOWN,
            &SqlState::CRASH_SHUTDOWN,
            &SqlState::CANNOT_CONNECT_NOW,
            &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(&code)
        || code.code() == "57P05"
}

/// "Cached plan must not change result type" has no SQLSTATE of its own, and its text is in
/// the server's language.
fn is_changed_plan(db: &DbError) -> bool {
    *db.code() == SqlState::FEATURE_NOT_SUPPORTED && db.routine() == Some("RevalidateCachedQuery")
}

fn of_driver(error: Error) -> StorageError {
    let Some(db) = error.as_db_error() else {
        return if is_lost(&error) {
            StorageError::Unavailable(Shown(error).into())
        } else {
            StorageError::Failed(Shown(error).into())
        };
    };
    match db.code().code() {
        "23505" if is_email(db) => StorageError::EmailTaken,
        "23505" if is_place(db) => StorageError::PlaceTaken,
        // The only key of ours that points somewhere is that of a session, and a session is
        // only ever made for a user whose row is locked. What is left is another table that
        // points at a user who is being deleted.
        "23503" | "23001" => StorageError::UserReferenced,
        code if is_passing(code) => StorageError::Unavailable(Shown(error).into()),
        _ => StorageError::Failed(Shown(error).into()),
    }
}

/// An adopted table has a unique constraint on `email` beside ours on `email_canonical`, by
/// whatever name; the identifier is the only other thing that is unique.
fn is_email(db: &DbError) -> bool {
    db.table() == Some("users") && db.constraint().is_none_or(|name| !name.ends_with("_pkey"))
}

/// The identifier is the only other thing that is unique in a session.
fn is_place(db: &DbError) -> bool {
    db.table() == Some("sessions") && db.constraint().is_none_or(|name| !name.ends_with("_pkey"))
}

/// Whether the cause lies outside of the statement and may go away: connection (08),
/// resources (53), operator (57), system (58), locks and conflicts, a standby (25006).
fn is_passing(code: &str) -> bool {
    ["08", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
        || ["25006", "25P03", "40001", "40P01", "55P03"].contains(&code)
}

/// The pool has no connection to give.
pub(super) fn of_pool(error: PoolError) -> StorageError {
    StorageError::Unavailable(match error {
        PoolError::Backend(error) => Shown(error).into(),
        PoolError::Timeout(TimeoutType::Wait) => {
            "every connection is in use: raise database.pool, or look for what holds them".into()
        }
        PoolError::Timeout(_) => "PostgreSQL does not answer".into(),
        PoolError::Closed => "the database is closed".into(),
        other => other.to_string().into(),
    })
}

/// The driver's error on one line. The server's `DETAIL` is left out: it quotes rows.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Error);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(db) = self.0.as_db_error() {
            return write!(f, "{} (SQLSTATE {})", db.message(), db.code().code());
        }
        match self.0.source() {
            Some(cause) => write!(f, "{}: {cause}", self.0),
            None => self.0.fmt(f),
        }
    }
}

impl std::error::Error for Shown {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_unavailable() {
        for code in [
            "08006", "25006", "25P03", "40001", "40P01", "53100", "53300", "55P03", "57014",
            "57P01", "57P03", "58030",
        ] {
            assert!(is_passing(code), "{code}");
        }
        for code in [
            "0A000", "22001", "23502", "25P02", "42P01", "42501", "XX001",
        ] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
