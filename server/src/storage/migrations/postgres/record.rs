//! What the database has on record: the applied steps, and what adoption found and added.

use tokio_postgres::Transaction;

use super::super::history::Applied;
use super::super::{HISTORY, Migration, MigrationError};
use super::error::{number, other};
use crate::domain::clock::Timestamp;

/// The table with the one row about the adoption; there is none where `users` is our own.
pub(super) const ADOPTION: &str = "latchkey_adoption";

/// What adoption found and added: all that handing back has to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The column `age` was missing.
    pub(super) age_added: bool,
    /// The column `created_at` was missing.
    pub(super) created_at_added: bool,
    /// The column `updated_at` was missing.
    pub(super) updated_at_added: bool,
    /// How many characters `email` took, where that was too few.
    pub(super) email_was: Option<i32>,
    /// Whether every address would fit there again. Not on record: found out when the table
    /// is handed back.
    pub(super) email_fits: bool,
}

impl Facts {
    /// The names that a migration's text may ask for.
    #[cfg(test)]
    pub(super) const NAMES: [&str; 6] = [
        "age_added",
        "created_at_added",
        "updated_at_added",
        "times_of_before",
        "email_widened",
        "email_fits",
    ];

    /// Whether the fact of this name holds. One of no known name does not; a test sees to
    /// it that none is asked for.
    pub(super) fn holds(&self, name: &str) -> bool {
        match name {
            "age_added" => self.age_added,
            "created_at_added" => self.created_at_added,
            "updated_at_added" => self.updated_at_added,
            "times_of_before" => !(self.created_at_added && self.updated_at_added),
            "email_widened" => self.email_was.is_some(),
            "email_fits" => self.email_was.is_some() && self.email_fits,
            _ => false,
        }
    }

    /// The statement with the facts that it names.
    pub(super) fn filled_in(&self, statement: &str) -> String {
        match self.email_was {
            Some(length) => statement.replace(":email_was", &length.to_string()),
            None => statement.to_owned(),
        }
    }
}

/// The applied steps, oldest first; none where there is no record.
pub(super) async fn applied(tx: &Transaction<'_>) -> Result<Vec<Applied>, MigrationError> {
    if !exists(tx, HISTORY).await? {
        return Ok(Vec::new());
    }
    let query = format!(
        "SELECT version, name, checksum, (extract(epoch FROM applied_at) * 1000)::bigint \
         FROM {HISTORY} ORDER BY version"
    );
    let rows = tx.query(&query, &[]).await.map_err(other)?;
    let applied: Vec<Applied> = rows
        .iter()
        .map(|row| Applied {
            version: number(row.get::<_, i32>(0)),
            name: row.get(1),
            checksum: row.get(2),
            applied_at: Timestamp::from_millis(row.get(3)),
        })
        .collect();
    let unbroken = (1..)
        .zip(&applied)
        .all(|(version, step)| step.version == version);
    if !unbroken {
        let count = applied.len();
        return Err(MigrationError::Damaged(format!(
            "it has {count} migrations, and not the first {count}"
        )));
    }
    Ok(applied)
}

/// What adoption found, if `users` was adopted.
pub(super) async fn adoption(tx: &Transaction<'_>) -> Result<Option<Facts>, MigrationError> {
    if !exists(tx, ADOPTION).await? {
        return Ok(None);
    }
    let query =
        format!("SELECT age_added, created_at_added, updated_at_added, email_was FROM {ADOPTION}");
    let Some(row) = tx.query_opt(&query, &[]).await.map_err(other)? else {
        return Err(MigrationError::Damaged(format!("{ADOPTION} is empty")));
    };
    Ok(Some(Facts {
        age_added: row.get(0),
        created_at_added: row.get(1),
        updated_at_added: row.get(2),
        email_was: row.get(3),
        email_fits: false,
    }))
}

/// Puts a step on record.
pub(super) async fn write(
    tx: &Transaction<'_>,
    step: &Migration,
    now: Timestamp,
) -> Result<(), MigrationError> {
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {HISTORY} (
            version integer NOT NULL PRIMARY KEY,
            name text NOT NULL,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL
        )"
    );
    // The database would send a notice each time that the table is there.
    if !exists(tx, HISTORY).await? {
        tx.batch_execute(&create).await.map_err(other)?;
    }
    let insert = format!(
        "INSERT INTO {HISTORY} (version, name, checksum, applied_at) \
         VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0))"
    );
    let version = i32::try_from(step.version).unwrap_or(i32::MAX);
    let (name, checksum, now) = (step.name, step.checksum(), now.as_millis());
    tx.execute(&insert, &[&version, &name, &checksum, &now])
        .await
        .map_err(other)?;
    Ok(())
}

/// Takes a step off the record.
pub(super) async fn delete(tx: &Transaction<'_>, step: &Migration) -> Result<(), MigrationError> {
    let version = i32::try_from(step.version).unwrap_or(i32::MAX);
    let delete = format!("DELETE FROM {HISTORY} WHERE version = $1");
    tx.execute(&delete, &[&version]).await.map_err(other)?;
    Ok(())
}

/// Puts on record that `users` was adopted.
pub(super) async fn write_adoption(
    tx: &Transaction<'_>,
    facts: &Facts,
    now: Timestamp,
) -> Result<(), MigrationError> {
    let create = format!(
        "CREATE TABLE {ADOPTION} (
            only_row integer NOT NULL PRIMARY KEY CHECK (only_row = 1),
            adopted_at timestamptz NOT NULL,
            age_added boolean NOT NULL,
            created_at_added boolean NOT NULL,
            updated_at_added boolean NOT NULL,
            email_was integer
        )"
    );
    tx.batch_execute(&create).await.map_err(other)?;
    let insert = format!(
        "INSERT INTO {ADOPTION} VALUES (1, to_timestamp($1::bigint / 1000.0), $2, $3, $4, $5)"
    );
    let now = now.as_millis();
    tx.execute(
        &insert,
        &[
            &now,
            &facts.age_added,
            &facts.created_at_added,
            &facts.updated_at_added,
            &facts.email_was,
        ],
    )
    .await
    .map_err(other)?;
    Ok(())
}

/// Takes the record away with the last step: what is left is as if Latchkey had never been
/// there.
pub(super) async fn forget(tx: &Transaction<'_>) -> Result<(), MigrationError> {
    for table in [ADOPTION, HISTORY] {
        if exists(tx, table).await? {
            let drop = format!("DROP TABLE {table}");
            tx.batch_execute(&drop).await.map_err(other)?;
        }
    }
    Ok(())
}

/// Whether our schema has a table of this name.
pub(super) async fn exists(tx: &Transaction<'_>, table: &str) -> Result<bool, MigrationError> {
    let query = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables \
                 WHERE schemaname = current_schema() AND tablename = $1)";
    let row = tx.query_one(query, &[&table]).await.map_err(other)?;
    Ok(row.get(0))
}
