//! Turns at chores that one server does for all.

use std::time::Duration;

use super::error::Failure;
use super::pool::Connection;
use crate::storage::Chore;

/// One statement: of two who ask at once the second waits for the first, and then compares
/// with what that has written. By the clock of the database, so that those of the servers
/// need not agree; a time that lies ahead is from a clock that was set back since.
pub(super) async fn take(db: &Connection, chore: Chore, every: Duration) -> Result<bool, Failure> {
    let take = db
        .prepared(
            "INSERT INTO turns (chore, taken_at) VALUES ($1, now()) \
             ON CONFLICT (chore) DO UPDATE SET taken_at = excluded.taken_at \
             WHERE turns.taken_at <= now() - $2::bigint * interval '1 millisecond' \
                 OR turns.taken_at > now() + interval '1 minute'",
        )
        .await?;
    let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    let taken = db.execute(&take, &[&chore.as_str(), &every]).await?;
    Ok(taken > 0)
}
