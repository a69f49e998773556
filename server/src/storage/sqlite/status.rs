//! Places in status lists.

use rusqlite::{Connection, OptionalExtension, Result as SqlResult, params};

use super::rows::Stored;
use crate::domain::clock::Timestamp;
use crate::domain::status::{LIST_SIZE, StatusIndex};
use crate::storage::Result;

/// A list without a revoked place is a row without one. The index holds all that is asked
/// for and nothing else; SQLite is told so, because it keeps no count of what is in it.
pub(super) const REVOKED: &str = "SELECT status_index FROM status_lists \
     LEFT JOIN sessions INDEXED BY sessions_revoked \
         ON status_index >= ?2 AND status_index < ?3 \
             AND ended_at IS NOT NULL AND ended_at >= ?4 \
     WHERE list_id = ?1";

pub(super) fn revoked(
    connection: &Connection,
    list: u32,
    since: Timestamp,
) -> Result<Option<Vec<u32>>> {
    let first = StatusIndex::new(list, 0).as_stored();
    let end = first.saturating_add(LIST_SIZE.into());
    let mut statement = connection.prepare_cached(REVOKED)?;
    let mut rows = statement.query(params![list, first, end, Stored(since)])?;
    let mut found = None;
    while let Some(row) = rows.next()? {
        let offsets: &mut Vec<u32> = found.get_or_insert_default();
        let index: Option<i64> = row.get(0)?;
        offsets.extend(
            index
                .and_then(StatusIndex::from_stored)
                .map(StatusIndex::offset),
        );
    }
    Ok(found)
}

pub(super) fn lists(connection: &Connection) -> Result<u32> {
    Ok(connection
        .prepare_cached("SELECT count(*) FROM status_lists")?
        .query_row([], |row| row.get(0))?)
}

pub(super) fn taken(connection: &Connection, places: &[StatusIndex]) -> Result<usize> {
    let mut find = connection.prepare_cached("SELECT 1 FROM sessions WHERE status_index = ?1")?;
    let taken: SqlResult<Vec<Option<()>>> = places
        .iter()
        .map(|place| find.query_row([place.as_stored()], |_| Ok(())).optional())
        .collect();
    Ok(taken?.into_iter().flatten().count())
}

pub(super) fn open(connection: &Connection, list: u32) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO status_lists (list_id) VALUES (?1) ON CONFLICT DO NOTHING")?
        .execute([list])?;
    Ok(())
}
