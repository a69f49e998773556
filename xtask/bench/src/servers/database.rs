//! A database for each server, on either back end.

use std::fmt;
use std::path::{Path, PathBuf};

use latchkey_test_postgres::{Cluster, Database};

/// The kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// A database that one server has for itself.
pub(crate) enum Store {
    /// A file that is not there yet.
    Sqlite(PathBuf),
    Postgres(Box<Database>),
}

impl Store {
    /// An empty one, in `folder` or in `cluster`.
    pub(crate) fn new(backend: Backend, folder: &Path, cluster: Option<&Cluster>) -> Self {
        match (backend, cluster) {
            (Backend::Postgres, Some(cluster)) => Self::Postgres(Box::new(cluster.database())),
            _ => Self::Sqlite(folder.join("bench.db")),
        }
    }

    /// As Latchkey is told.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
            Self::Postgres(database) => database.url(),
        }
    }

    /// As SQLAlchemy is told, with the drivers that it is to use.
    pub(crate) fn sqlalchemy(&self, sqlite: &str, postgres: &str) -> String {
        match self {
            Self::Sqlite(file) => format!("{sqlite}:///{}", file.display()),
            Self::Postgres(database) => database.url().replacen("postgres", postgres, 1),
        }
    }
}

/// A PostgreSQL server that is durable, with room for what is filled into it.
pub(crate) fn cluster() -> Cluster {
    Cluster::own()
        .config("shared_buffers = 512MB")
        .config("max_wal_size = 8GB")
        .start()
}
