//! What PostgreSQL says about a failed statement, for the operator.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::super::MigrationError;
use crate::storage::Source;

/// A failure that belongs to no step.
#[expect(
    clippy::needless_pass_by_value,
    reason = "for `map_err`, which gives the error away"
)]
pub(super) fn other(error: Error) -> MigrationError {
    MigrationError::Database(explained(&error))
}

/// What the server said, on one line, and for what an operator can change, what to do.
pub(super) fn explained(error: &Error) -> Source {
    let Some(said) = error.as_db_error() else {
        // The driver's own text names the kind of failure, its sources the cause.
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        return text.into();
    };
    let code = said.code();
    if *code == SqlState::LOCK_NOT_AVAILABLE {
        return "another session uses a table that this changes, and kept it for 10 s: \
                stop the other programs that use it, then try again"
            .into();
    }
    let mut text = said.message().to_owned();
    for more in [said.detail(), said.hint()].into_iter().flatten() {
        text.push_str(": ");
        text.push_str(more.trim_end_matches('.'));
    }
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        text.push_str(
            ": migrate as a role that owns the tables of Latchkey and may make others in their schema",
        );
    }
    text.replace('\n', " ").into()
}

/// A count or a version as PostgreSQL gives it. It is never negative.
pub(super) fn number<T, U: TryFrom<T> + Default>(signed: T) -> U {
    U::try_from(signed).unwrap_or_default()
}
