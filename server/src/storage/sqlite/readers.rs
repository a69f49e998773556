//! The readers: a pool of connections that see the last commit and block nobody.
//!
//! A caller waits for its turn as a task, not as a thread: only then does a query go to a
//! thread that may block, where a connection is free by construction.
//!
//! A look-up by a key takes a few microseconds, less than the way to another thread and
//! back. It runs where it is asked, on a thread that drives tasks, and on one fewer of these
//! at a time than there are: should the disk keep one of them waiting, the others go on, and
//! look-ups take the long way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use r2d2::Pool;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connection;
use super::open_file::OpenFile;
use super::writer::{Writer, closed};
use crate::storage::{Result, StorageError};

/// How long a caller waits for its turn, and its turn for a connection to open.
const PATIENCE: Duration = Duration::from_secs(5);

/// For how long none may have begun where it was asked until one that waits to do so takes the
/// long way: longer than any takes that finds its pages in memory.
const HERE_PATIENCE: Duration = Duration::from_millis(2);

/// Where queries go.
#[derive(Debug)]
pub(super) enum Readers {
    /// To a connection of a pool.
    Pool(Box<ReaderPool>),
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

    /// The same for what finds a row or two by a key.
    pub(super) async fn look_up<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        match self {
            Self::Pool(pool) => pool.look_up(work).await,
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
    /// How many more look-ups may run where they are asked; none where one thread drives all
    /// tasks. Known when the first is asked.
    here: OnceLock<Option<Here>>,
    size: u32,
    file: OpenFile,
    seen: Seen,
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
            here: OnceLock::new(),
            size,
            file,
            seen: Seen::default(),
            writer,
        }
    }

    async fn look_up<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        match self.look_up_here(work).await {
            Ok(outcome) => self.told(outcome),
            Err(work) => self.run(work).await,
        }
    }

    /// Gives the work back when there is no room for it here.
    async fn look_up_here<T, F>(&self, work: F) -> Result<Result<T>, F>
    where
        F: FnOnce(&Connection) -> Result<T>,
    {
        let here = self.here.get_or_init(|| {
            let others = Handle::current().metrics().num_workers() - 1;
            (others > 0).then(|| Here::new(others))
        });
        let Some(here) = here else {
            return Err(work);
        };
        let Some(_place) = here.place().await else {
            return Err(work);
        };
        let Ok(_turn) = self.turns.try_acquire() else {
            return Err(work);
        };
        let Some(connection) = self.current().and_then(|pool| pool.try_get()) else {
            return Err(work);
        };
        if let Err(problem) = self.seen.in_place(&self.file) {
            return Ok(Err(problem));
        }
        Ok(
            catch_unwind(AssertUnwindSafe(|| work(&connection)))
                .unwrap_or_else(|_| Err(panicked())),
        )
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
        self.told(query.await.unwrap_or_else(|_| Err(panicked())))
    }

    /// Has the writer see what is wrong with the file, if anything is.
    fn told<T>(&self, outcome: Result<T>) -> Result<T> {
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

/// The places to run where one is asked.
#[derive(Debug)]
struct Here {
    places: Semaphore,
    /// How many have had one so far.
    begun: AtomicU64,
}

impl Here {
    const fn new(places: usize) -> Self {
        Self {
            places: Semaphore::const_new(places),
            begun: AtomicU64::new(0),
        }
    }

    /// Who finds none lets this thread do what else there is and looks again: the others need
    /// some microseconds, and being woken by them, most often on another thread, takes longer
    /// than that. Where much else is to be done it is long until one looks again, and as long as
    /// others get places that is no reason to take a way that costs more. `None` when they do
    /// not.
    async fn place(&self) -> Option<SemaphorePermit<'_>> {
        let mut begun = None;
        let mut since = Instant::now();
        loop {
            if let Ok(place) = self.places.try_acquire() {
                self.begun.fetch_add(1, Ordering::Relaxed);
                return Some(place);
            }
            let now = self.begun.load(Ordering::Relaxed);
            if begun.replace(now) != Some(now) {
                since = Instant::now();
            } else if since.elapsed() >= HERE_PATIENCE {
                return None;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn panicked() -> StorageError {
    StorageError::Failed("a query panicked".into())
}

/// When the files were last seen in their places. To look costs as much as a look-up, and
/// what was there a moment ago says no less: they may go as soon as one has looked.
#[derive(Debug)]
struct Seen {
    since: Instant,
    /// In milliseconds, one of which counts as one moment; it begins at 1.
    at: AtomicU64,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            at: AtomicU64::new(0),
        }
    }
}

impl Seen {
    fn in_place(&self, file: &OpenFile) -> Result<()> {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now = millis.saturating_add(1);
        if self.at.load(Ordering::Relaxed) != now {
            file.check()?;
            self.at.store(now, Ordering::Relaxed);
        }
        Ok(())
    }
}
