//! Where a test's users are stored.

use std::fs;
use std::path::{Path, PathBuf};

use latchkey_test_postgres::{Cluster, Database as PostgresDatabase};
use rusqlite::{Connection, OpenFlags, types::Value};

/// A kind of database that Latchkey runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file.
    Sqlite,
    /// A database in a cluster that all tests of the process share.
    Postgres,
}

/// The database of one test, for homes that share it and for looking into it behind the
/// server's back.
#[derive(Debug)]
pub struct Database(Kind);

#[derive(Debug)]
enum Kind {
    Sqlite(PathBuf),
    Postgres(Box<PostgresDatabase>),
}

impl From<PostgresDatabase> for Database {
    /// A database in a cluster of the test's own.
    fn from(database: PostgresDatabase) -> Self {
        Self(Kind::Postgres(Box::new(database)))
    }
}

/// On each back end.
impl Database {
    /// A database that nobody else has and nothing is in.
    pub(crate) fn new(backend: Backend, directory: &Path) -> Self {
        match backend {
            Backend::Sqlite => Self(Kind::Sqlite(directory.join("test.db"))),
            Backend::Postgres => Cluster::shared().database().into(),
        }
    }

    /// What `database.url` is set to.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.0 {
            Kind::Sqlite(file) => format!("sqlite:{}", file.display()),
            Kind::Postgres(database) => database.url(),
        }
    }

    /// What a query answers, each value as text: `null`, truth as 1 and 0, identifiers and
    /// other bytes in hexadecimal.
    ///
    /// # Panics
    ///
    /// When the database refuses the query.
    #[must_use]
    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        match &self.0 {
            Kind::Sqlite(file) => sqlite_rows(file, sql),
            Kind::Postgres(database) => database.rows(sql),
        }
    }

    /// Runs statements on the database, behind the server's back.
    ///
    /// # Panics
    ///
    /// When the database refuses them.
    pub fn execute(&self, sql: &str) {
        match &self.0 {
            Kind::Sqlite(file) => Connection::open(file)
                .and_then(|database| database.execute_batch(sql))
                .expect("statements that the database takes"),
            Kind::Postgres(database) => database.execute(sql),
        }
    }

    /// All tables, indexes and constraints, as the database itself tells them.
    ///
    /// # Panics
    ///
    /// When it cannot be asked.
    #[must_use]
    pub fn schema(&self) -> String {
        match &self.0 {
            Kind::Sqlite(file) => {
                let sql = "select type, name, sql from sqlite_schema order by name";
                let objects = sqlite_rows(file, sql);
                objects.iter().map(|row| row.join(" ") + "\n").collect()
            }
            Kind::Postgres(database) => database.schema(),
        }
    }

    /// Every row of every table, one a line, as [`rows`](Self::rows) has them.
    ///
    /// # Panics
    ///
    /// When it cannot be asked.
    #[must_use]
    pub fn dump(&self) -> String {
        let tables = match &self.0 {
            Kind::Sqlite(_) => "select name from sqlite_schema where type = 'table'",
            Kind::Postgres(_) => {
                "select table_name::text from information_schema.tables \
                 where table_schema not in ('pg_catalog', 'information_schema')"
            }
        };
        let mut dump = String::new();
        for table in self.rows(tables) {
            // On PostgreSQL a row is one text, whatever the types of its columns are.
            let rows = match &self.0 {
                Kind::Sqlite(_) => format!("select * from \"{}\"", table[0]),
                Kind::Postgres(_) => format!("select t::text from \"{}\" t", table[0]),
            };
            for row in self.rows(&rows) {
                dump += &format!("{}: {}\n", table[0], row.join(" | "));
            }
        }
        dump
    }

    /// Everything that is stored, as it lies on the disk.
    ///
    /// # Panics
    ///
    /// When a file cannot be read.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let files = match &self.0 {
            Kind::Sqlite(_) => self.files(),
            Kind::Postgres(database) => database.files(),
        };
        let read = |file| fs::read(file).expect("a readable database file");
        files.iter().flat_map(read).collect()
    }
}

/// What only SQLite has.
impl Database {
    /// The file.
    ///
    /// # Panics
    ///
    /// On PostgreSQL.
    #[must_use]
    pub fn file(&self) -> &Path {
        match &self.0 {
            Kind::Sqlite(file) => file,
            Kind::Postgres(_) => panic!("a database on PostgreSQL is no file"),
        }
    }

    /// The file and those that SQLite keeps beside it, as far as they are there.
    ///
    /// # Panics
    ///
    /// On PostgreSQL.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        ["", "-wal", "-shm"]
            .map(|suffix| {
                let mut name = self.file().to_owned().into_os_string();
                name.push(suffix);
                PathBuf::from(name)
            })
            .into_iter()
            .filter(|file| file.exists())
            .collect()
    }
}

/// What only SQLite needs: PostgreSQL looks after its files itself.
impl Database {
    /// Checks every page and every reference.
    ///
    /// # Panics
    ///
    /// When something is not as it should be.
    pub fn assert_sound(&self) {
        for (check, good) in [
            ("integrity_check", &[["ok"]][..]),
            ("foreign_key_check", &[]),
        ] {
            let found = self.rows(&format!("pragma {check}"));
            assert_eq!(found, good, "{check}");
        }
    }
}

/// What only PostgreSQL has.
impl Database {
    /// The database in its cluster.
    ///
    /// # Panics
    ///
    /// On SQLite.
    #[must_use]
    pub fn postgres(&self) -> &PostgresDatabase {
        match &self.0 {
            Kind::Postgres(database) => database,
            Kind::Sqlite(_) => panic!("a database on SQLite has no server"),
        }
    }
}

fn sqlite_rows(file: &Path, sql: &str) -> Vec<Vec<String>> {
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
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

fn text(value: Value) -> String {
    match value {
        Value::Null => String::from("null"),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
