//! The runner for SQLite, by way of the crate `rusqlite_migration`.
//!
//! The crate keeps the number of applied steps in `user_version` and runs all pending ones
//! in one transaction. The record with names, checksums and times is ours, written by a
//! hook inside that transaction.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};
use rusqlite_migration::{HookError, HookResult, M, Migrations};

use super::history::{self, Applied};
use super::lock::MigrationLock;
use super::{HISTORY, Migration, MigrationError, Migrator, Step, embedded, schema, trail};
use crate::domain::audit::Record;
use crate::domain::clock::Timestamp;
use crate::domain::context::WriteContext;
use crate::storage::Source;
use crate::storage::sqlite::{audit, connection, file};

/// Walks the schema of a SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteMigrator {
    path: PathBuf,
    steps: &'static [Migration],
    cx: WriteContext,
}

impl SqliteMigrator {
    /// For the file at `path`, which need not exist; `cx` is the cause of what it changes.
    pub fn new(path: impl Into<PathBuf>, cx: WriteContext) -> Self {
        Self {
            path: path.into(),
            steps: embedded::SQLITE,
            cx,
        }
    }

    /// Runs `work` on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, MigrationError> + Send + 'static,
    ) -> Result<T, MigrationError> {
        let this = self.clone();
        match tokio::task::spawn_blocking(move || work(&this)).await {
            Ok(outcome) => outcome,
            Err(panicked) => Err(MigrationError::Database(panicked.into())),
        }
    }

    /// The database, if the file is there: looking at it never makes it.
    fn existing(&self) -> Result<Option<Connection>, MigrationError> {
        if self.path.exists() {
            open(&self.path).map(Some)
        } else {
            Ok(None)
        }
    }

    fn applied(&self) -> Result<Vec<Applied>, MigrationError> {
        self.existing()?
            .map_or_else(|| Ok(Vec::new()), |connection| on_record(&connection))
    }
}

#[async_trait]
impl Migrator for SqliteMigrator {
    async fn up(&self, now: Timestamp) -> Result<Vec<Step>, MigrationError> {
        self.blocking(move |this| {
            let mut connection = open(&this.path)?;
            apply_steps(&mut connection, Some(&this.path), this.steps, now, &this.cx)
        })
        .await
    }

    async fn down(&self, count: u32) -> Result<Vec<Step>, MigrationError> {
        self.blocking(move |this| {
            let Some(mut connection) = this.existing()? else {
                return too_far(0, count);
            };
            let _lock = MigrationLock::acquire(&this.path).map_err(database)?;
            let applied = history::check(&on_record(&connection)?, this.steps)?;
            let Some(target) = applied.checked_sub(count) else {
                return too_far(applied, count);
            };
            let taken_back = &this.steps[index(target)..index(applied)];
            let record = trail::of_taking_back(&this.cx, taken_back);
            walk(&mut connection, this.steps, target, None, Some(&record))?;
            Ok(taken_back.iter().rev().map(history::pending).collect())
        })
        .await
    }

    async fn down_loses(&self, count: u32) -> Result<Vec<String>, MigrationError> {
        self.blocking(move |this| {
            let applied = history::check(&this.applied()?, this.steps)?;
            let Some(target) = applied.checked_sub(count) else {
                return too_far(applied, count);
            };
            let taken_back = &this.steps[index(target)..index(applied)];
            Ok(taken_back
                .iter()
                .filter_map(|step| step.loses.map(str::to_owned))
                .collect())
        })
        .await
    }

    async fn status(&self) -> Result<Vec<Step>, MigrationError> {
        self.blocking(|this| Ok(history::steps(&this.applied()?, this.steps)))
            .await
    }

    async fn verify(&self) -> Result<Vec<String>, MigrationError> {
        self.blocking(|this| {
            let Some(live) = this.existing()? else {
                let problem = format!(
                    "there is no database {}: name it with --database or database.url",
                    this.path.display()
                );
                return Err(MigrationError::Database(problem.into()));
            };
            let applied = on_record(&live)?;
            let mut found = history::differences(&applied, this.steps);
            if history::check(&applied, this.steps).is_ok() {
                let mut expected = Connection::open_in_memory().map_err(database)?;
                // The time of these rows is of no interest.
                let now = Timestamp::from_millis(0);
                walk(
                    &mut expected,
                    this.steps,
                    history::count(&applied),
                    Some(now),
                    None,
                )?;
                found.extend(schema::differences(&live, &expected).map_err(database)?);
            }
            Ok(found)
        })
        .await
    }
}

/// Opens the file at `path` to write to it, made with mode 0600 if it is not there.
///
/// It is looked at before it is touched: another program's database keeps its mode and
/// its journal.
pub(in crate::storage) fn open(path: &Path) -> Result<Connection, MigrationError> {
    let cannot = |error: Source| {
        let what_to_do = if is_refusal(&error) {
            ": make it and its folder writable for this user, and see whether the disk is read-only"
        } else {
            ""
        };
        let path = path.display();
        MigrationError::Database(format!("{path}: {error}{what_to_do}").into())
    };
    file::ensure(path).map_err(database)?;
    let looking = connection::open_as_is(path).map_err(|error| cannot(error.into()))?;
    on_record(&looking).map_err(|error| match error {
        MigrationError::Database(error) => cannot(error),
        other => other,
    })?;
    drop(looking);
    file::make_private(path).map_err(database)?;
    connection::open_writer(path).map_err(|error| cannot(error.into()))
}

/// Whether the system did not let SQLite open or write a file.
fn is_refusal(error: &Source) -> bool {
    let code = error
        .downcast_ref::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Applies every pending step to an open database; `path` is where it lies, if in a file.
pub(in crate::storage) fn apply_pending(
    connection: &mut Connection,
    path: Option<&Path>,
    now: Timestamp,
) -> Result<Vec<Step>, MigrationError> {
    let cx = WriteContext::service(now);
    apply_steps(connection, path, embedded::SQLITE, now, &cx)
}

/// Succeeds when the database has exactly the steps that this binary knows.
pub(in crate::storage) fn require_current(connection: &Connection) -> Result<(), MigrationError> {
    let applied = history::check(&on_record(connection)?, embedded::SQLITE)?;
    match embedded::SQLITE.get(index(applied)) {
        Some(pending) => Err(MigrationError::Pending(pending.label())),
        None => Ok(()),
    }
}

/// How many steps an open database has, if this binary knows them all.
///
/// # Errors
///
/// [`MigrationError`] when the database is newer, edited, damaged or another program's.
pub(in crate::storage) fn schema_version(connection: &Connection) -> Result<u32, MigrationError> {
    history::check(&on_record(connection)?, embedded::SQLITE)
}

fn apply_steps(
    connection: &mut Connection,
    path: Option<&Path>,
    steps: &[Migration],
    now: Timestamp,
    cx: &WriteContext,
) -> Result<Vec<Step>, MigrationError> {
    let target = history::count(steps);
    if history::check(&on_record(connection)?, steps)? == target {
        return Ok(Vec::new());
    }
    let _lock = path
        .map(MigrationLock::acquire)
        .transpose()
        .map_err(database)?;
    // Read again: whoever held the lock before us may have done the work.
    let before = history::check(&on_record(connection)?, steps)?;
    let record = trail::of_applying(cx, index(before), &steps[index(before)..]);
    walk(connection, steps, target, Some(now), record.as_ref())?;
    let mut now_applied = history::steps(&on_record(connection)?, steps);
    Ok(now_applied.split_off(index(before)))
}

/// Goes to `target` steps in one transaction. The caller has the lock and has compared the
/// record; `now` is the time on record for steps that are applied, and `record` goes to the
/// audit trail.
fn walk(
    connection: &mut Connection,
    steps: &[Migration],
    target: u32,
    now: Option<Timestamp>,
    record: Option<&Record>,
) -> Result<(), MigrationError> {
    if target == 0 && history::count(&on_record(connection)?) == 0 {
        return Ok(());
    }
    let is_on_record = Arc::new(AtomicBool::new(false));
    let migrations: Migrations = steps
        .iter()
        .map(|step| {
            // With the last step upwards, and before the first one downwards.
            let is_last = now.is_none() || step.version == target;
            let record = record.filter(|_| is_last).cloned();
            runnable(
                step,
                now,
                record.map(|record| (record, is_on_record.clone())),
            )
        })
        .collect();
    // Off, so that a step can rebuild a table that others point at; each step is followed
    // by a check instead. SQLite ignores this pragma inside a transaction.
    connection
        .pragma_update(None, "foreign_keys", false)
        .map_err(database)?;
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    let outcome = migrations.to_version(connection, index(target));
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(database)?;
    outcome.map_err(|error| failed(error, steps))?;
    if let Some(record) = record.filter(|_| is_on_record.load(Ordering::Relaxed)) {
        record.log();
    }
    Ok(())
}

/// Puts the run on record in its transaction, once, if there is an audit trail.
fn put_on_record(
    transaction: &rusqlite::Transaction<'_>,
    record: Option<&(Record, Arc<AtomicBool>)>,
) -> HookResult {
    let Some((record, is_on_record)) = record else {
        return Ok(());
    };
    if !is_on_record.load(Ordering::Relaxed) && transaction.table_exists(None, trail::TABLE)? {
        audit::insert(transaction, record).map_err(|error| HookError::Hook(error.to_string()))?;
        is_on_record.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// The step as the crate wants it, with its record written or deleted along with it.
fn runnable(
    step: &Migration,
    now: Option<Timestamp>,
    record: Option<(Record, Arc<AtomicBool>)>,
) -> M<'_> {
    let (version, name) = (step.version, step.name);
    let sum = step.checksum();
    let applied_at = now.map(Timestamp::as_millis);
    let taken_back = record.clone();
    let write = move |transaction: &rusqlite::Transaction<'_>| -> HookResult {
        transaction.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS {HISTORY} (
                version INTEGER NOT NULL PRIMARY KEY,
                name TEXT NOT NULL,
                checksum TEXT NOT NULL,
                applied_at INTEGER NOT NULL
            ) STRICT"
        ))?;
        transaction.execute(
            &format!("INSERT INTO {HISTORY} (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)"),
            params![version, name, sum, applied_at],
        )?;
        put_on_record(transaction, record.as_ref())
    };
    let delete = move |transaction: &rusqlite::Transaction<'_>| -> HookResult {
        transaction.execute(
            &format!("DELETE FROM {HISTORY} WHERE version = ?1"),
            [version],
        )?;
        put_on_record(transaction, taken_back.as_ref())
    };
    M::up_with_hook(step.up, write)
        .down_with_hook(step.down, delete)
        .foreign_key_check()
        .comment(step.name)
}

/// The record, checked for sense: it and `user_version` say the same, and a database
/// without it is empty.
fn on_record(connection: &Connection) -> Result<Vec<Applied>, MigrationError> {
    // One transaction, so that both are of one moment even while somebody migrates.
    let snapshot = connection.unchecked_transaction().map_err(database)?;
    let version: u32 = snapshot
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(database)?;
    let tables = tables(&snapshot).map_err(database)?;
    if !tables.iter().any(|table| table == HISTORY) {
        return match tables.first() {
            Some(table) => Err(MigrationError::NotOurs(table.clone())),
            None if version != 0 => Err(MigrationError::Damaged(format!(
                "there is none, and user_version is {version}"
            ))),
            None => Ok(Vec::new()),
        };
    }
    let applied = rows(&snapshot).map_err(database)?;
    let unbroken = (1..)
        .zip(&applied)
        .all(|(version, step)| step.version == version);
    if !unbroken || history::count(&applied) != version {
        return Err(MigrationError::Damaged(format!(
            "{} steps are on record, and user_version is {version}",
            applied.len()
        )));
    }
    Ok(applied)
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare(
            "SELECT name FROM sqlite_schema \
             WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             ORDER BY name",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn rows(connection: &Connection) -> rusqlite::Result<Vec<Applied>> {
    connection
        .prepare(&format!(
            "SELECT version, name, checksum, applied_at FROM {HISTORY} ORDER BY version"
        ))?
        .query_map([], |row| {
            Ok(Applied {
                version: row.get(0)?,
                name: row.get(1)?,
                checksum: row.get(2)?,
                applied_at: Timestamp::from_millis(row.get(3)?),
            })
        })?
        .collect()
}

/// Names the step that failed, by its text.
fn failed(error: rusqlite_migration::Error, steps: &[Migration]) -> MigrationError {
    use rusqlite_migration::Error as E;
    match error {
        E::RusqliteError { query, err } => {
            let step = steps
                .iter()
                .find(|step| step.up == query || step.down == query);
            match step {
                Some(step) => MigrationError::Failed {
                    label: step.label(),
                    problem: without_sql(err),
                },
                None => MigrationError::Database(without_sql(err)),
            }
        }
        E::ForeignKeyCheck(violations) => MigrationError::Database(match violations.first() {
            Some(first) => format!("nothing was changed: {first}").into(),
            None => "nothing was changed: a foreign key is violated".into(),
        }),
        other => MigrationError::Database(other.into()),
    }
}

/// The message alone, in one line, where the library would add the whole SQL text.
fn without_sql(error: rusqlite::Error) -> Source {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.into(),
        other => other.into(),
    }
}

fn too_far<T>(applied: u32, asked: u32) -> Result<T, MigrationError> {
    Err(MigrationError::TooFarDown { applied, asked })
}

fn database(error: impl Into<Source>) -> MigrationError {
    MigrationError::Database(error.into())
}

/// A number of steps as the place in their list. It fits: `usize` has 32 bits or more.
fn index(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
