//! From SQLite's errors to the storage's.

use rusqlite::ErrorCode;
use rusqlite::ffi::{
    SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_TRIGGER,
    SQLITE_CONSTRAINT_UNIQUE,
};

use crate::storage::StorageError;

/// What holds unless a caller knows better.
impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        if is_foreign_key(&error) {
            // The only key of ours that points somewhere is that of a session, and a
            // session is only ever made for a user who was just read. What is left is
            // another table that points at a user who is being deleted; when its key is
            // deferred, the error comes with the commit.
            return Self::UserReferenced;
        }
        if is_passing(&error) {
            Self::Unavailable(error.into())
        } else {
            Self::Failed(error.into())
        }
    }
}

impl From<r2d2::Error> for StorageError {
    fn from(error: r2d2::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

/// The error of a statement that sets an e-mail address.
pub(super) fn of_email(error: rusqlite::Error) -> StorageError {
    if is_unique(&error) && error.to_string().contains("users.email_canonical") {
        StorageError::EmailTaken
    } else {
        error.into()
    }
}

/// The error of a statement that gives a session its place in the status lists.
pub(super) fn of_place(error: rusqlite::Error) -> StorageError {
    if is_unique(&error) && error.to_string().contains("sessions.status_index") {
        StorageError::PlaceTaken
    } else {
        error.into()
    }
}

fn is_unique(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_extended_error_code(),
        Some(SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY)
    )
}

/// SQLite reports a key with ON DELETE RESTRICT as if a trigger had refused.
fn is_foreign_key(error: &rusqlite::Error) -> bool {
    match error.sqlite_extended_error_code() {
        Some(SQLITE_CONSTRAINT_FOREIGNKEY) => true,
        Some(SQLITE_CONSTRAINT_TRIGGER) => error.to_string().contains("FOREIGN KEY"),
        _ => false,
    }
}

/// Whether the cause lies outside of the statement and may go away.
fn is_passing(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::NotADatabase
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
        )
    )
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi::{
        self, SQLITE_BUSY_SNAPSHOT, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_FULL,
        SQLITE_IOERR_WRITE, SQLITE_LOCKED, SQLITE_NOTADB, SQLITE_READONLY,
    };

    use super::*;

    fn of(code: i32, message: &str) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(message.to_owned()))
    }

    #[test]
    fn what_may_pass_is_unavailable() {
        for code in [
            SQLITE_BUSY_SNAPSHOT,
            SQLITE_LOCKED,
            SQLITE_FULL,
            SQLITE_IOERR_WRITE,
            SQLITE_READONLY,
            SQLITE_CANTOPEN,
            SQLITE_NOTADB,
        ] {
            let error = StorageError::from(of(code, ""));
            assert!(matches!(error, StorageError::Unavailable(_)), "{code}");
        }
        let error = StorageError::from(of(SQLITE_CORRUPT, ""));
        assert!(matches!(error, StorageError::Failed(_)));
    }

    #[test]
    fn only_the_address_is_a_taken_address() {
        let taken = of(
            SQLITE_CONSTRAINT_UNIQUE,
            "UNIQUE constraint failed: users.email_canonical",
        );
        assert!(matches!(of_email(taken), StorageError::EmailTaken));
        let same_id = of(
            SQLITE_CONSTRAINT_PRIMARYKEY,
            "UNIQUE constraint failed: users.user_id",
        );
        assert!(matches!(of_email(same_id), StorageError::Failed(_)));
    }
}
