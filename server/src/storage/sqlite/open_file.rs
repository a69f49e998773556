//! The files of an open database, which go on working for us after they have been deleted
//! or replaced: what is written to them then is nowhere.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, ffi};

use super::connection::identity;
use super::file;
use crate::storage::StorageError;

/// The size of the write-ahead log's header, and of what stands before each page in it
/// (<https://www.sqlite.org/fileformat2.html#walformat>).
const LOG_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// Which files an open database has: itself, the write-ahead log and the index of that.
#[derive(Clone, Debug)]
pub(super) struct OpenFile {
    paths: [PathBuf; 3],
    identities: [Option<(u64, u64)>; 3],
    page_size: u64,
    /// The log. SQLite locks its index and not the log, so that opening it beside SQLite
    /// does no harm.
    log: Arc<File>,
}

/// What is not at its place any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The database. It may come back; nothing else has the data until then.
    Database,
    /// The log or its index. Others make new ones and do not see ours.
    Log,
}

/// How far the log is filled and moved into the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Log {
    /// How many pages it holds.
    pub(super) pages: u64,
    /// How many of them are in the database too.
    pub(super) moved: u64,
    /// How many are left of a log that was cut short.
    pub(super) left: Option<u64>,
}

impl OpenFile {
    /// The file at `path`, which `connection` has just opened.
    pub(super) fn at(path: &Path, connection: &Connection) -> Result<Self, StorageError> {
        // Reads, and so makes the log and its index if they are not there.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let page_size: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let paths = file::family(path);
        let log = File::open(&paths[1]).map_err(|error| StorageError::Unavailable(error.into()))?;
        Ok(Self {
            log: Arc::new(log),
            identities: paths.each_ref().map(|path| identity(path)),
            paths,
            page_size: page_size.into(),
        })
    }

    /// Where the database is.
    pub(super) fn path(&self) -> &Path {
        &self.paths[0]
    }

    /// Where its log is.
    pub(super) fn log_path(&self) -> &Path {
        &self.paths[1]
    }

    /// What is not at its place.
    pub(super) fn missing(&self) -> Option<Missing> {
        let mut at_place = self
            .paths
            .iter()
            .zip(self.identities)
            .map(|(path, known)| identity(path) == known);
        if at_place.next() != Some(true) {
            Some(Missing::Database)
        } else if at_place.all(|at_place| at_place) {
            None
        } else {
            Some(Missing::Log)
        }
    }

    /// # Errors
    ///
    /// [`StorageError::Unavailable`] while a file is not at its place.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        match self.problem() {
            Some(problem) => Err(StorageError::Unavailable(problem.into())),
            None => Ok(()),
        }
    }

    /// Refuses a connection that was opened while another file had the name.
    pub(super) fn confirm(&self) -> rusqlite::Result<()> {
        let Some(problem) = self.problem() else {
            return Ok(());
        };
        let code = ffi::Error::new(ffi::SQLITE_CANTOPEN);
        Err(rusqlite::Error::SqliteFailure(code, Some(problem)))
    }

    /// What to say of what is missing.
    fn problem(&self) -> Option<String> {
        Some(match self.missing()? {
            Missing::Database => self.moved(),
            Missing::Log => self.log_is_gone(),
        })
    }

    /// What to say while the database is missing.
    pub(super) fn moved(&self) -> String {
        format!(
            "the file {} was deleted or replaced while in use: put it back, or restart the \
             service to use what is there now",
            self.path().display()
        )
    }

    /// What to say when the log is missing.
    pub(super) fn log_is_gone(&self) -> String {
        format!(
            "the write-ahead log {} or its index was deleted or replaced while in use",
            self.log_path().display()
        )
    }

    /// What to say when the disk did not sync the database.
    pub(super) fn is_not_synced(&self) -> String {
        format!(
            "the disk did not sync the database {}, so that it is not known what is on it: nothing \
             that was answered is lost, the write-ahead log has it; check the disk, then start the \
             service again",
            self.path().display()
        )
    }

    /// Looks how the log is. The first `known` pages were there when it was last looked at.
    /// The connection is in no transaction.
    pub(super) fn log(&self, connection: &Connection, known: u64) -> rusqlite::Result<Log> {
        loop {
            let (pages, moved) = counts(connection)?;
            let left = self.pages_left(pages, known);
            if left == pages {
                return Ok(Log {
                    pages,
                    moved,
                    left: None,
                });
            }
            // Another process may have emptied the log between the two looks; it says so
            // in the counts before it does.
            if counts(connection)? == (pages, moved) {
                return Ok(Log {
                    pages,
                    moved,
                    left: Some(left),
                });
            }
        }
    }

    /// How many pages of `pages` the log really has. A log that was cut is too short, or,
    /// when more was written since, has a hole that is read as zeros.
    fn pages_left(&self, pages: u64, known: u64) -> u64 {
        // A log that was begun anew is shorter than what was known of it.
        let last_known = if known > pages { 1 } else { known.max(1) };
        if (last_known..=pages).all(|page| self.has_page(page)) {
            return pages;
        }
        (1..=pages)
            .find(|page| !self.has_page(*page))
            .map_or(pages, |page| page - 1)
    }

    /// Whether a page is in the log to its end. Before it stands its number in the
    /// database, which is never zero.
    fn has_page(&self, page: u64) -> bool {
        let frame = FRAME_HEADER + self.page_size;
        let start = LOG_HEADER + (page - 1) * frame;
        let mut number = [0; 4];
        let has_number = self.log.read_exact_at(&mut number, start).is_ok() && number != [0; 4];
        has_number && self.log.read_exact_at(&mut [0], start + frame - 1).is_ok()
    }
}

/// How many pages are in the log, and how many of them in the database too. This looks,
/// and moves nothing.
fn counts(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let mut look = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
    look.query_row([], |row| {
        let count = |column| row.get(column).map(|n: i64| u64::try_from(n).unwrap_or(0));
        Ok((count(1)?, count(2)?))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::connection::open_writer;
    use super::*;

    struct Opened {
        folder: tempfile::TempDir,
        connection: Connection,
        file: OpenFile,
    }

    impl Opened {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("a.db");
            file::ensure(&path).expect("made");
            let connection = open_writer(&path).expect("opens");
            let file = OpenFile::at(&path, &connection).expect("is there");
            connection
                .execute_batch("CREATE TABLE t (x)")
                .expect("written");
            Self {
                folder,
                connection,
                file,
            }
        }

        fn log(&self) -> Log {
            self.file.log(&self.connection, 0).expect("counts")
        }
    }

    #[test]
    fn each_file_is_missed() {
        let opened = Opened::new();
        assert_eq!(opened.file.missing(), None);
        let aside = opened.folder.path().join("aside");
        for (path, missing) in
            opened
                .file
                .paths
                .iter()
                .zip([Missing::Database, Missing::Log, Missing::Log])
        {
            fs::rename(path, &aside).expect("moved");
            assert_eq!(opened.file.missing(), Some(missing));
            fs::write(path, "").expect("another");
            assert_eq!(opened.file.missing(), Some(missing));
            opened.file.confirm().expect_err("another file");
            fs::rename(&aside, path).expect("moved back");
            assert_eq!(opened.file.missing(), None);
        }
    }

    #[test]
    fn a_log_is_whole_until_it_is_cut() {
        let opened = Opened::new();
        let whole = opened.log();
        assert_eq!((whole.moved, whole.left), (0, None));
        assert!(whole.pages > 0);

        let log = fs::OpenOptions::new()
            .write(true)
            .open(opened.file.log_path())
            .expect("the log");
        log.set_len(LOG_HEADER + FRAME_HEADER + 100).expect("cut");
        assert_eq!(opened.log().left, Some(0));
    }

    #[test]
    fn a_log_that_grew_after_it_was_cut_has_a_hole() {
        let opened = Opened::new();
        let write = || opened.connection.execute_batch("INSERT INTO t VALUES (1)");
        write().expect("written");
        let known = opened.log().pages;
        assert!(known > 2);
        let log = fs::OpenOptions::new()
            .write(true)
            .open(opened.file.log_path())
            .expect("the log");
        log.set_len(LOG_HEADER + FRAME_HEADER + 4096).expect("cut");
        write().expect("written");
        let log = opened.file.log(&opened.connection, known).expect("counts");
        assert!(log.pages > known);
        assert_eq!(log.left, Some(1));
    }

    #[test]
    fn an_emptied_log_is_no_cut_one() {
        let opened = Opened::new();
        let other = open_writer(opened.file.path()).expect("opens");
        let moved: i64 = other
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .expect("moved");
        assert_eq!(moved, 0);
        assert_eq!(
            opened.log(),
            Log {
                pages: 0,
                moved: 0,
                left: None
            }
        );
    }
}
