//! Places in status lists. Each function is one statement.

use super::error::Failure;
use super::pool::Connection;
use super::rows::{Parameters, Stored};
use crate::domain::clock::Timestamp;
use crate::domain::status::{LIST_SIZE, StatusIndex};

type Result<T, E = Failure> = std::result::Result<T, E>;

/// A list without a revoked place is a row without one. The index holds all that is asked
/// for and nothing else.
const REVOKED: &str = "SELECT status_index FROM status_lists \
     LEFT JOIN sessions \
         ON status_index >> 20 = list_id AND ended_at IS NOT NULL AND ended_at >= $2 \
     WHERE list_id = $1";

const _: () = assert!(LIST_SIZE == 1 << 20);

pub(super) async fn revoked(
    db: &Connection,
    list: u32,
    since: Timestamp,
) -> Result<Option<Vec<u32>>> {
    let revoked = db.prepared(REVOKED).await?;
    let list = i64::from(list);
    let parameters: Parameters<2> = [&list, &Stored(since)];
    let mut found = None;
    for row in db.query(&revoked, &parameters).await? {
        let offsets: &mut Vec<u32> = found.get_or_insert_default();
        let index: Option<i64> = row.try_get(0)?;
        offsets.extend(
            index
                .and_then(StatusIndex::from_stored)
                .map(StatusIndex::offset),
        );
    }
    Ok(found)
}

pub(super) async fn lists(db: &Connection) -> Result<u32> {
    let lists = db.prepared("SELECT count(*) FROM status_lists").await?;
    let count: i64 = db.query_one(&lists, &[]).await?.try_get(0)?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

pub(super) async fn taken(db: &Connection, places: &[StatusIndex]) -> Result<usize> {
    let taken = db
        .prepared("SELECT count(*) FROM sessions WHERE status_index = ANY ($1::bigint[])")
        .await?;
    let places: Vec<i64> = places.iter().map(|place| place.as_stored()).collect();
    let count: i64 = db.query_one(&taken, &[&places]).await?.try_get(0)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

pub(super) async fn open(db: &Connection, list: u32) -> Result<()> {
    let open = db
        .prepared("INSERT INTO status_lists (list_id) VALUES ($1) ON CONFLICT DO NOTHING")
        .await?;
    db.execute(&open, &[&i64::from(list)]).await?;
    Ok(())
}
