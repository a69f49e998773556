//! Connections, set up the one way they are used here.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Result};

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause between two tries to have a new file write ahead.
const WAL_PAUSE: Duration = Duration::from_millis(10);

/// How many prepared statements a connection keeps: more than there are queries.
const STATEMENTS: usize = 64;

/// What the write-ahead log is cut back to after it has grown, in bytes.
const LOG_LIMIT: i64 = 16 * 1024 * 1024;

/// Without `SQLITE_OPEN_CREATE`, since the file is made beforehand with its mode, and
/// without `SQLITE_OPEN_URI`, so that a name is only ever a name. A connection is used by
/// one thread at a time, which makes SQLite's own mutex idle.
pub(super) const FLAGS: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Opens an existing file to write to it.
///
/// From then on the connection holds a shared lock, which keeps the file from being
/// replaced. Should that have happened while it was being opened, it is opened again.
pub(in crate::storage) fn open_writer(path: &Path) -> Result<Connection> {
    loop {
        let before = identity(path);
        let connection = Connection::open_with_flags(path, FLAGS)?;
        configure_writer(&connection)?;
        if identity(path) == before {
            return Ok(connection);
        }
    }
}

/// Opens an existing file and leaves it as it is, to look at it or to copy it.
pub(in crate::storage) fn open_as_is(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, FLAGS)?;
    configure(&connection)?;
    Ok(connection)
}

/// Which file a name stands for.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Opens a database that lives as long as its connection.
pub(super) fn open_memory() -> Result<Connection> {
    let connection = Connection::open_in_memory()?;
    configure_writer(&connection)?;
    Ok(connection)
}

/// Opens a database that lives as long as its connection. SQLite keeps what its cache does
/// not hold in a file that has no name and that nobody else can read.
pub(super) fn open_scratch() -> Result<Connection> {
    let connection = Connection::open("")?;
    configure_writer(&connection)?;
    Ok(connection)
}

fn configure_writer(connection: &Connection) -> Result<()> {
    configure(connection)?;
    enter_wal(connection)?;
    // A commit is on disk before it is answered, through a power failure too.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
    // What a savepoint needs to undo its changes is copied into memory, never into a file
    // elsewhere, which could be missing or hold secrets.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // SQLite would tell nobody that it cannot: the writer moves the log itself.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // What is deleted is overwritten: no e-mail address or sealed token stays in a free page.
    connection.pragma_update(None, "secure_delete", true)
}

/// Has the database write ahead.
///
/// Of several connections that do so with a new file at the same moment, SQLite turns away
/// all but one, whatever they would wait: none could go on while another waits for it. So
/// each lets go and comes again.
fn enter_wal(connection: &Connection) -> Result<()> {
    let mut tries = BUSY_TIMEOUT.as_millis() / WAL_PAUSE.as_millis();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && tries > 0 => {
                tries -= 1;
                std::thread::sleep(WAL_PAUSE);
            }
            answer => return answer,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// Sets up a connection that reads, and can do nothing else.
pub(super) fn configure_reader(connection: &Connection) -> Result<()> {
    configure(connection)?;
    // The log is the writer's affair, also when this connection is the last to be closed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "query_only", true)
}

fn configure(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    // The file may have been written to by others: nothing in its schema gets to call a
    // function with side effects, and no statement can damage the file's structure.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // "x" is a name, never a string.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQLite 3.7.0 to 3.51.2 can corrupt a WAL database that has several connections.
    #[test]
    fn the_bundled_sqlite_is_not_one_that_corrupts_wal_databases() {
        let connection = Connection::open_in_memory().expect("opens");
        let version: String = connection
            .query_row("SELECT sqlite_version()", [], |row| row.get(0))
            .expect("a version");
        let parts: Vec<u32> = version
            .split('.')
            .map(|n| n.parse().expect("a number"))
            .collect();
        assert!(parts >= vec![3, 51, 3], "SQLite {version}");
    }

    #[test]
    fn several_that_open_a_new_file_at_once_all_get_in() {
        let folder = tempfile::tempdir().expect("a folder");
        for round in 0..50 {
            let path = folder.path().join(format!("{round}.db"));
            super::super::file::ensure(&path).expect("made");
            let together = std::sync::Barrier::new(4);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        together.wait();
                        open_writer(&path).expect("opens");
                    });
                }
            });
        }
    }

    #[test]
    fn a_reader_cannot_write_and_a_writer_syncs() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.db");
        super::super::file::ensure(&path).expect("made");
        let writer = open_writer(&path).expect("opens");
        writer.execute_batch("CREATE TABLE t (x)").expect("writes");
        for (pragma, value) in [
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("trusted_schema", 0),
        ] {
            let found: i64 = writer
                .pragma_query_value(None, pragma, |row| row.get(0))
                .expect("a value");
            assert_eq!(found, value, "{pragma}");
        }
        let mode: String = writer
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .expect("a value");
        assert_eq!(mode, "wal");

        let reader = Connection::open_with_flags(&path, FLAGS).expect("opens");
        configure_reader(&reader).expect("configured");
        let error = reader
            .execute("INSERT INTO t VALUES (1)", [])
            .expect_err("refused");
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly));
    }
}
