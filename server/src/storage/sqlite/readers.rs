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

/// Who waits to run where it is asked takes the long way when nobody was given a place for so
/// long: longer than any look-up takes that finds its pages in memory.
const STANDSTILL: Duration = Duration::from_millis(2);

/// Who waits to run where it is asked takes the long way after this in any case: nobody stands in
/// a queue there, so that one may be unlucky again and again.
const HERE_PATIENCE: Duration = Duration::from_millis(10);

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
    /// Where look-ups run that run where they are asked; nowhere if one thread drives all
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
            (others > 0).then(|| Here::new(others, STANDSTILL, HERE_PATIENCE))
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
    /// How often one was given.
    given: AtomicU64,
    standstill: Duration,
    patience: Duration,
}

impl Here {
    const fn new(places: usize, standstill: Duration, patience: Duration) -> Self {
        Self {
            places: Semaphore::const_new(places),
            given: AtomicU64::new(0),
            standstill,
            patience,
        }
    }

    /// Who finds none lets this thread do what else there is and looks again: the others need
    /// some microseconds, and being woken by them, most often on another thread, takes longer
    /// than that. Where much else is to be done it is long until one looks again, and as long as
    /// others are given places that is no reason to take a way that costs more. `None` when they
    /// are not, or it takes too long all the same.
    async fn place(&self) -> Option<SemaphorePermit<'_>> {
        let asked_at = Instant::now();
        let mut given_before = self.given.load(Ordering::Relaxed);
        let mut since = asked_at;
        loop {
            if let Ok(place) = self.places.try_acquire() {
                self.given.fetch_add(1, Ordering::Relaxed);
                return Some(place);
            }
            let given = self.given.load(Ordering::Relaxed);
            if given != given_before {
                given_before = given;
                since = Instant::now();
            }
            if since.elapsed() >= self.standstill || asked_at.elapsed() >= self.patience {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_waits_for_a_place_as_long_as_others_are_given_one() {
        let here = Arc::new(Here::new(
            1,
            Duration::from_secs(2),
            Duration::from_secs(60),
        ));
        let held = here.place().await.expect("a place");
        let waiting = tokio::spawn({
            let here = Arc::clone(&here);
            async move { here.place().await.is_some() }
        });
        // For longer in all than without any would be borne.
        for _ in 0..25 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            here.given.fetch_add(1, Ordering::Relaxed);
        }
        drop(held);
        assert!(waiting.await.expect("no panic"));
    }

    #[tokio::test]
    async fn nobody_waits_for_a_place_while_nobody_is_given_one_or_for_long() {
        let [short, long] = [2, 3_600_000].map(Duration::from_millis);
        for (standstill, patience) in [(short, long), (long, short)] {
            let here = Here::new(1, standstill, patience);
            let held = here.place().await.expect("a place");
            assert!(here.place().await.is_none());
            drop(held);
            assert!(here.place().await.is_some());
        }
    }
}
