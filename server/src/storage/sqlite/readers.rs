//! The readers: a pool of connections that see the last commit and block nobody.
//!
//! A caller waits for its turn as a task, not as a thread: only then does a query go to a
//! thread that may block, where a connection is free by construction.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use r2d2::Pool;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection;
use super::open_file::OpenFile;
use super::writer::{Writer, closed};
use crate::storage::{Result, StorageError};

/// How long a caller waits for its turn, and its turn for a connection to open.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where queries go.
#[derive(Debug)]
pub(super) enum Readers {
    /// To a connection of a pool.
    Pool(ReaderPool),
    /// To the writer: a database in memory is seen by one connection alone.
    Writer(Writer),
}

impl Readers {
    /// Runs `work`, which only reads.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        match self {
            Self::Pool(pool) => pool.run(work).await,
            Self::Writer(writer) => writer.run(work).await,
        }
    }

    /// Waits until nobody reads any more and closes the connections.
    pub(super) async fn close(&self) {
        if let Self::Pool(pool) = self {
            pool.close().await;
        }
    }
}

/// A pool, and as many turns as it has connections.
#[derive(Debug)]
pub(super) struct ReaderPool {
    pool: Mutex<Option<Pool<SqliteConnectionManager>>>,
    turns: Arc<Semaphore>,
    size: u32,
    file: OpenFile,
    writer: Writer,
}

impl ReaderPool {
    /// A pool of up to `size` connections to the file, opened as they are needed. The
    /// `writer` is told when something is wrong with the file.
    pub(super) fn new(file: OpenFile, size: u32, writer: Writer) -> Self {
        let size = size.max(1);
        let same = file.clone();
        let manager = SqliteConnectionManager::file(file.path())
            .with_flags(connection::FLAGS)
            .with_init(move |connection| {
                connection::configure_reader(connection)?;
                same.confirm()
            });
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            .max_lifetime(None)
            .connection_timeout(PATIENCE)
            // A file does not go away like a server does; a query says what is wrong.
            .test_on_check_out(false)
            .build_unchecked(manager);
        Self {
            pool: Mutex::new(Some(pool)),
            turns: Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(1))),
            size,
            file,
            writer,
        }
    }

    async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| StorageError::Unavailable("every reader is busy".into()))?
            .map_err(|_| closed())?;
        let pool = self.current().ok_or_else(closed)?;
        let file = self.file.clone();
        let query = tokio::task::spawn_blocking(move || {
            file.check()?;
            let outcome = work(&*pool.get()?);
            // The turn ends with the query, not with the caller, who may have gone away.
            drop(turn);
            outcome
        });
        let outcome = query
            .await
            .unwrap_or_else(|_| Err(StorageError::Failed("a query panicked".into())));
        if matches!(outcome, Err(StorageError::Unavailable(_))) {
            self.writer.look();
        }
        outcome
    }

    async fn close(&self) {
        // All turns at once: whoever reads has finished, whoever waits comes after this.
        let all = self.turns.acquire_many(self.size).await;
        self.turns.close();
        drop(all);
        self.pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    fn current(&self) -> Option<Pool<SqliteConnectionManager>> {
        self.pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
