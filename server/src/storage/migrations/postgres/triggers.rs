//! The triggers of the predecessor's table, which are not to notice that it is adopted: one
//! that keeps `updated_at` would make every user one of today.

use tokio_postgres::Transaction;

use super::super::MigrationError;
use super::error::other;

/// Statements about the triggers that an update would fire.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    /// Switch them off. Nobody else has the table meanwhile.
    pub(super) off: Vec<String>,
    /// Switch them on again, each as it was.
    pub(super) on: Vec<String>,
}

/// The triggers of `users` that are switched on. Those of foreign keys are not among them.
pub(super) async fn triggers(tx: &Transaction<'_>) -> Result<Triggers, MigrationError> {
    let query = "SELECT pg_catalog.format('ALTER TABLE users DISABLE TRIGGER %I', tgname), \
                    pg_catalog.format('ALTER TABLE users ENABLE %sTRIGGER %I', \
                        CASE tgenabled WHEN 'A' THEN 'ALWAYS ' ELSE '' END, tgname) \
                 FROM pg_catalog.pg_trigger \
                 WHERE tgrelid = 'users'::regclass AND NOT tgisinternal AND tgenabled IN ('O', 'A') \
                 AND (tgtype & 16) <> 0 ORDER BY tgname";
    let rows = tx.query(query, &[]).await.map_err(other)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

impl FromIterator<(String, String)> for Triggers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let (off, on) = pairs.into_iter().unzip();
        Self { off, on }
    }
}
