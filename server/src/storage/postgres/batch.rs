//! What housekeeping does to so many rows at a time.

use super::error::Failure;
use super::pool::Connection;
use super::rows::{Parameter, Parameters};

/// Carries out a change to at most `limit` rows, which is `$2` of its statement; `$1` is
/// `over`, by which it knows them. Says how many rows it was.
pub(super) async fn in_batch(
    db: &Connection,
    sql: &str,
    over: Parameter<'_>,
    limit: u32,
) -> Result<u64, Failure> {
    let statement = db.prepared(sql).await?;
    let parameters: Parameters<2> = [over, &i64::from(limit)];
    Ok(db.execute(&statement, &parameters).await?)
}
