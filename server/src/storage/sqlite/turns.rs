//! Whose turn a chore is.

use std::time::Duration;

use rusqlite::{Connection, named_params};

use super::rows::Stored;
use crate::domain::clock::Timestamp;
use crate::storage::{Chore, Result};

/// A turn that was taken more than `every` in the future was taken before the clock was
/// set back, and holds nobody up.
pub(super) fn take(
    connection: &Connection,
    chore: Chore,
    now: Timestamp,
    every: Duration,
) -> Result<bool> {
    let taken = connection
        .prepare_cached(
            "INSERT INTO turns (chore, taken_at) VALUES (:chore, :now) \
             ON CONFLICT (chore) DO UPDATE SET taken_at = excluded.taken_at \
                 WHERE taken_at <= :before OR taken_at > :after",
        )?
        .execute(named_params! {
            ":chore": chore.as_str(),
            ":now": Stored(now),
            ":before": Stored(now.minus(every)),
            ":after": Stored(now.plus(every)),
        })?;
    Ok(taken > 0)
}
