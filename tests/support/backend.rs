//! Where a test's users are stored.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, types::Value};

/// A kind of database that Latchkey runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file.
    Sqlite,
}

/// The database of one test.
#[derive(Debug)]
pub struct Database {
    file: PathBuf,
}

impl Database {
    /// A database that nobody else has; it need not exist yet.
    pub(crate) fn new(backend: Backend, directory: &Path) -> Self {
        match backend {
            Backend::Sqlite => Self {
                file: directory.join("test.db"),
            },
        }
    }

    /// What `database.url` is set to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("sqlite:{}", self.file.display())
    }

    /// The file, for what only SQLite has.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The file and those that SQLite keeps beside it, as far as they are there.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        ["", "-wal", "-shm"]
            .map(|suffix| {
                let mut name = self.file.clone().into_os_string();
                name.push(suffix);
                PathBuf::from(name)
            })
            .into_iter()
            .filter(|file| file.exists())
            .collect()
    }

    /// Everything that is stored, as it lies on the disk.
    ///
    /// # Panics
    ///
    /// When a file cannot be read.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.files()
            .iter()
            .flat_map(|file| fs::read(file).expect("a readable database file"))
            .collect()
    }

    /// What a query answers, each value as text; blobs in hexadecimal.
    ///
    /// # Panics
    ///
    /// When the database refuses the query.
    #[must_use]
    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let database = Connection::open_with_flags(&self.file, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("the test's database");
        let mut statement = database.prepare(sql).expect("a query");
        let columns = statement.column_count();
        statement
            .query_map([], |row| {
                (0..columns)
                    .map(|column| Ok(text(row.get(column)?)))
                    .collect()
            })
            .and_then(Iterator::collect)
            .expect("rows")
    }

    /// Runs statements on the database, behind the server's back.
    ///
    /// # Panics
    ///
    /// When the database refuses them.
    pub fn execute(&self, sql: &str) {
        Connection::open(&self.file)
            .and_then(|database| database.execute_batch(sql))
            .expect("statements that the database takes");
    }
}

fn text(value: Value) -> String {
    match value {
        Value::Null => String::from("null"),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
