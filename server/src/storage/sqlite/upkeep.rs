//! What the writer does for the files themselves: it sees whether they are still what it
//! opened, and moves the write-ahead log into the database.
//!
//! Where going on could lose or damage what was answered, it gives the files up: nothing
//! is written any more, and the service stops and says why. `docs/faults.md` has what an
//! operator sees of it, ADR 0011 why.

use std::fs::OpenOptions;
use std::io;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ffi};
use tokio::sync::watch;

use super::connection;
use super::open_file::{Log, Missing, OpenFile};
use crate::storage::{Result, StorageError};

/// From this many pages on the log is moved into the database, as SQLite does by itself.
const LOG_PAGES: u64 = 1000;

/// Moves into the database what an earlier process has left in the log.
///
/// If a sync of the log had failed there, its end is perhaps in the system's memory and not
/// on disk, and what is written after it would be lost with it in a power cut.
///
/// # Errors
///
/// What to tell the operator, when the disk does not sync.
pub(super) fn take_over(file: &OpenFile, connection: &Connection) -> Result<(), String> {
    let moved = file.log(connection, 0).and_then(|log| match log.left {
        None => checkpoint(connection, "PASSIVE"),
        // Cut under a service that runs, which will see it. Moving what is left would take
        // over a change by half.
        Some(_) => Ok(false),
    });
    match moved {
        Ok(_) => Ok(()),
        Err(error) if is_sync(&error) => Err(file.is_not_synced()),
        Err(error) => {
            tracing::warn!(%error, "the write-ahead log of before cannot be moved into the database");
            Ok(())
        }
    }
}

/// Looks after the files of one open database.
pub(super) struct Upkeep {
    file: OpenFile,
    /// Why the files were given up, once they are.
    broken: watch::Sender<Option<String>>,
    /// The log, when it was last looked at.
    log: Log,
    is_away: bool,
    is_stuck: bool,
}

impl Upkeep {
    pub(super) fn new(file: OpenFile, broken: watch::Sender<Option<String>>) -> Self {
        Self {
            file,
            broken,
            log: Log::default(),
            is_away: false,
            is_stuck: false,
        }
    }

    /// Looks whether what is written can be found again. The connection is in no
    /// transaction.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] while it cannot.
    pub(super) fn look(&mut self, connection: &Connection) -> Result<()> {
        if let Some(problem) = &*self.broken.borrow() {
            return Err(unavailable(problem.clone()));
        }
        match self.file.missing() {
            Some(Missing::Database) => return Err(self.wait(connection)),
            Some(Missing::Log) => return Err(self.rescue(connection)),
            None => {}
        }
        if self.is_away {
            tracing::info!(file = %self.file.path().display(), "the database is back");
            self.is_away = false;
        }
        self.log = self.file.log(connection, self.log.pages)?;
        match self.log.left {
            None => Ok(()),
            Some(left) => self.mend(connection, left),
        }
    }

    /// Moves the log into the database when it is long enough.
    pub(super) fn move_log(&mut self, connection: &Connection) {
        if self.log.pages < LOG_PAGES || self.log.moved == self.log.pages {
            return;
        }
        match checkpoint(connection, "PASSIVE") {
            // What readers keep it from is moved next time.
            Ok(_) if self.is_stuck => {
                tracing::info!("the write-ahead log is moved into the database again");
                self.is_stuck = false;
            }
            Ok(_) => {}
            Err(error) if is_sync(&error) => {
                // What the system has dropped, a second sync that works does not bring
                // back. The next start moves the whole log once more.
                self.give_up(self.file.is_not_synced());
            }
            Err(error) => {
                if !self.is_stuck {
                    tracing::warn!(
                        %error,
                        "the write-ahead log cannot be moved into the database: it grows until it can"
                    );
                }
                self.is_stuck = true;
            }
        }
    }

    /// A new connection to the same files.
    pub(super) fn open_again(&self) -> Result<Connection> {
        let connection = connection::open_writer(self.file.path())?;
        self.file.confirm()?;
        Ok(connection)
    }

    /// Moves the log into the database and closes it. The last connection that is closed
    /// takes the log away, unless that could lose something.
    pub(super) fn finish(mut self, connection: Connection) {
        // Not a log that was cut since the last change: SQLite would move what is left of
        // it, and a change by half.
        let was_broken = self.broken.borrow().is_some();
        let looked = self.look(&connection);
        if let (false, Err(error)) = (was_broken, &looked) {
            tracing::error!("{error}");
        }
        let moved = match looked {
            Ok(()) => checkpoint(&connection, "TRUNCATE"),
            Err(_) => Ok(true),
        };
        let is_broken = self.broken.borrow().is_some();
        // Closing would try once more, and take away whichever log lies there now.
        let keep_log = is_broken || moved.is_err() || self.file.missing().is_some();
        let closed = moved
            .and_then(|_| {
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep_log)
            })
            .and_then(|_| connection.close().map_err(|(_, error)| error));
        if let Err(error) = closed {
            tracing::warn!(%error, "the write-ahead log stays beside the database");
        }
    }

    /// The database is away, and may come back. Until then its file, open in this process,
    /// is all there is of it: it shall be complete.
    fn wait(&mut self, connection: &Connection) -> StorageError {
        let problem = self.file.moved();
        if !self.is_away {
            tracing::error!("{problem}");
            if let Err(error) = checkpoint(connection, "TRUNCATE") {
                tracing::warn!(%error, "the write-ahead log cannot be moved into that file");
            }
            self.is_away = true;
        }
        unavailable(problem)
    }

    /// The log is away, and others would make a new one without what is in ours. We still
    /// have it open and move it into the database.
    fn rescue(&self, connection: &Connection) -> StorageError {
        let problem = self.file.log_is_gone();
        match checkpoint(connection, "TRUNCATE") {
            Ok(true) => self.give_up(format!(
                "{problem}; nothing is lost, all of it is in the database now: start the service \
                 again"
            )),
            Ok(false) => unavailable(format!("{problem}, and somebody still reads from it")),
            Err(error) => unavailable(format!(
                "{problem}, and cannot be moved into the database yet: {error}"
            )),
        }
    }

    /// The log has lost its end; only the first `left` pages are there.
    fn mend(&self, connection: &Connection, left: u64) -> Result<()> {
        let log = self.file.log_path().display();
        if self.log.moved == self.log.pages {
            if !checkpoint(connection, "TRUNCATE")? {
                return Err(unavailable(format!("{log} was cut short and is in use")));
            }
            tracing::warn!(%log, "the write-ahead log was cut short; nothing is lost, all of it was in the database");
            return Ok(());
        }
        if left < self.log.moved
            && let Err(error) = self.empty_log()
        {
            // Older pages in front of newer ones: the database would be of no one moment.
            tracing::warn!(%error, "cannot empty what is left of the write-ahead log");
        }
        Err(self.give_up(format!(
            "the write-ahead log {log} was cut short while in use: the latest changes were in the \
             part that is gone and are lost; start the service again"
        )))
    }

    /// Not through SQLite, which would write where the lost pages were.
    fn empty_log(&self) -> io::Result<()> {
        let log = OpenOptions::new().write(true).open(self.file.log_path())?;
        log.set_len(0)?;
        log.sync_all()
    }

    fn give_up(&self, problem: String) -> StorageError {
        self.broken.send_replace(Some(problem.clone()));
        unavailable(problem)
    }
}

/// Moves the log into the database; says whether nobody was in the way.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        row.get::<_, i64>(0).map(|is_busy| is_busy == 0)
    })
}

fn is_sync(error: &rusqlite::Error) -> bool {
    error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_FSYNC)
}

fn unavailable(problem: String) -> StorageError {
    StorageError::Unavailable(problem.into())
}
