//! Copies of a database file: out of a running one, and back into its place.
//!
//! A copy is made by SQLite's backup interface in one step, so that it shows one moment
//! while others go on writing. It is a single file without a log beside it, and it gets
//! its name only after it was checked and synced.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode};
use serde::Serialize;

use super::{audit, connection, file};
use crate::domain::audit::Record;
use crate::storage::StorageError;
use crate::storage::migrations::{MigrationError, schema_version};

/// How long restoring waits for a command that has the database open.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(1);

/// A copy that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many users it holds.
    pub users: u64,
    /// How many migrations it has.
    pub schema_version: u32,
    /// How large it is.
    pub bytes: u64,
}

/// A database that was put in the place of another.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What it holds.
    pub verified: Verified,
    /// Where the one is now that was there before.
    pub replaced: Option<PathBuf>,
}

/// Why there is no copy. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is nothing to copy.
    #[error("there is no file {0}: check the name")]
    Missing(PathBuf),
    /// There is something in the place of the copy.
    #[error("{0} exists: choose another name, or add --overwrite if it is an old copy")]
    Exists(PathBuf),
    /// Somebody else has the database open.
    #[error("the database {0} is in use: stop the server first")]
    InUse(PathBuf),
    /// What was to be copied is not sound.
    #[error("{path} is damaged: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        problem: String,
    },
    /// What was to be copied is not a database of this binary's.
    #[error("{path} is of no use: {problem}")]
    Schema {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: MigrationError,
    },
    /// It has no tables at all.
    #[error("{0} is empty")]
    Empty(PathBuf),
    /// The system refuses.
    #[error("cannot write {path}: {problem}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// What the system says.
        problem: io::Error,
    },
    /// SQLite refuses.
    #[error("cannot copy {path}: {problem}")]
    Failed {
        /// What was to be copied.
        path: PathBuf,
        /// What SQLite says.
        problem: rusqlite::Error,
    },
}

/// Copies the database into a new file with mode 0600, while others may write to it.
/// Blocks.
///
/// `record` is written to the database before the copy has its name.
///
/// # Errors
///
/// [`CopyError`]; there is no new file then, and an old one is as it was.
pub fn backup(
    database: &Path,
    target: &Path,
    overwrite: bool,
    record: &Record,
) -> Result<Verified, CopyError> {
    if !database.is_file() {
        return Err(CopyError::Missing(database.to_owned()));
    }
    // A running server would go on with the old file.
    let onto_itself = connection::identity(target) == connection::identity(database);
    if onto_itself || (target.exists() && !overwrite) {
        return Err(CopyError::Exists(target.to_owned()));
    }
    let (scratch, verified) = verified_copy(database, target)?;
    put_on_record(database, record);
    scratch.become_file(target)?;
    Ok(verified)
}

/// Puts a copy of `source` in the place of the database, which nobody may have open. What
/// was there is kept beside it. Blocks.
///
/// The restored database begins with `record`.
///
/// # Errors
///
/// [`CopyError`]; the database is as it was then.
pub fn restore(source: &Path, database: &Path, record: &Record) -> Result<Restored, CopyError> {
    if !source.is_file() {
        return Err(CopyError::Missing(source.to_owned()));
    }
    let (scratch, verified) = verified_copy(source, database)?;
    put_on_record(&scratch.0, record);
    let alone = take_over(database)?;
    let replaced = set_aside(database).map_err(|problem| refused(database, problem))?;
    scratch.become_file(database)?;
    drop(alone);
    Ok(Restored { verified, replaced })
}

/// Writes the record of a copy into a database. Where it takes none (the disk is full, or it
/// is older than the trail) the copy is made all the same, because that may be the moment in
/// which it is needed most; the log has the record then.
fn put_on_record(database: &Path, record: &Record) {
    let written = connection::open_as_is(database)
        .map_err(StorageError::from)
        .and_then(|connection| audit::insert(&connection, record));
    match written {
        Ok(()) => record.log(),
        Err(problem) => {
            record.log_unrecorded();
            tracing::warn!(%problem, "the copy is not in the audit trail");
        }
    }
}

/// A file on its way to a name; it is gone unless it gets there.
struct Scratch(PathBuf);

impl Scratch {
    fn beside(target: &Path) -> Result<Self, CopyError> {
        let scratch = Self(with_suffix(target, ".copying"));
        // Left by a run that was killed.
        let _ = fs::remove_file(&scratch.0);
        match file::create(&scratch.0) {
            Ok(()) => Ok(scratch),
            Err(problem) => Err(refused(&scratch.0, problem)),
        }
    }

    /// Gives the file its name, at once and for good.
    fn become_file(self, target: &Path) -> Result<(), CopyError> {
        let moved = File::open(&self.0)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&self.0, target))
            .and_then(|()| file::sync_folder(target));
        moved.map_err(|problem| refused(target, problem))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn verified_copy(source: &Path, target: &Path) -> Result<(Scratch, Verified), CopyError> {
    let scratch = Scratch::beside(target)?;
    copy(source, &scratch.0).map_err(|problem| match problem.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => damaged(source, &problem),
        _ => CopyError::Failed {
            path: source.to_owned(),
            problem,
        },
    })?;
    let verified = verify(source, &scratch.0)?;
    Ok((scratch, verified))
}

fn copy(source: &Path, target: &Path) -> rusqlite::Result<()> {
    let source = connection::open_as_is(source)?;
    let mut target = connection::open_as_is(target)?;
    // All pages in one step: with several, each change by another process would make the
    // copy start over. With a write-ahead log the long read keeps nobody waiting.
    match Backup::new(&source, &mut target)?.step(-1)? {
        StepResult::Done => {}
        _ => {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                Some("the database is locked".to_owned()),
            ));
        }
    }
    // One file and no log: the mode comes back when the copy is opened to be used.
    target.pragma_update(None, "journal_mode", "DELETE")
}

/// Checks a copy; `source` is whose name a problem is told under.
fn verify(source: &Path, copy: &Path) -> Result<Verified, CopyError> {
    let failed = |problem| damaged(source, &problem);
    let connection = connection::open_as_is(copy).map_err(failed)?;
    let verdict: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(failed)?;
    if verdict != "ok" {
        return Err(CopyError::Damaged {
            path: source.to_owned(),
            problem: verdict,
        });
    }
    if let Some(table) = violated_table(&connection).map_err(failed)? {
        return Err(CopyError::Damaged {
            path: source.to_owned(),
            problem: format!("a row of the table {table} points at a row that is not there"),
        });
    }
    let schema_version = schema_version(&connection).map_err(|problem| CopyError::Schema {
        path: source.to_owned(),
        problem,
    })?;
    if schema_version == 0 {
        return Err(CopyError::Empty(source.to_owned()));
    }
    let users: i64 = connection
        .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
        .map_err(failed)?;
    let bytes = fs::metadata(copy)
        .map_err(|problem| refused(copy, problem))?
        .len();
    Ok(Verified {
        users: users.unsigned_abs(),
        schema_version,
        bytes,
    })
}

/// A table with a foreign key that points nowhere.
fn violated_table(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection
        .prepare("SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1")?
        .query_map([], |row| row.get(0))?
        .next()
        .transpose()
}

/// Makes sure that nobody has the database open, and that nobody opens it as long as the
/// connection lives; its log is in the file then. `None` when there is no database, or one
/// that SQLite cannot make sense of.
fn take_over(database: &Path) -> Result<Option<Connection>, CopyError> {
    if !database.exists() {
        return Ok(None);
    }
    match exclusive(database) {
        Ok(connection) => Ok(Some(connection)),
        Err(problem) => match problem.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Err(CopyError::InUse(database.to_owned()))
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Ok(None),
            _ => Err(CopyError::Failed {
                path: database.to_owned(),
                problem,
            }),
        },
    }
}

fn exclusive(database: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(database, connection::FLAGS)?;
    connection.busy_timeout(TAKE_OVER_TIMEOUT)?;
    // An open connection holds a shared lock even when it is idle, so that this fails as
    // long as there is one. Leaving the write-ahead log moves it into the file.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    Ok(connection)
}

/// Gives the database, and a log that could not be moved into it, a second name.
fn set_aside(database: &Path) -> io::Result<Option<PathBuf>> {
    if !database.exists() {
        return Ok(None);
    }
    let aside = with_suffix(database, ".before-restore");
    for (name, kept) in file::family(database).iter().zip(file::family(&aside)) {
        remove_if_there(&kept)?;
        if name == database {
            // It keeps its first name too, until the new one takes that over.
            fs::hard_link(name, kept)?;
        } else if name.exists() {
            fs::rename(name, kept)?;
        }
    }
    Ok(Some(aside))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn damaged(path: &Path, problem: &rusqlite::Error) -> CopyError {
    CopyError::Damaged {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

fn refused(path: &Path, problem: io::Error) -> CopyError {
    CopyError::Refused {
        path: path.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests;
