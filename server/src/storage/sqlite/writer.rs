//! The one writer: a thread that owns the connection and takes work from a queue.
//!
//! SQLite has room for one writer at a time. With one thread as that writer, nobody waits
//! for a lock inside the process, and the statements stay prepared. Each job runs in a
//! transaction of its own, and is answered after that transaction is on disk. A job does
//! not know which transaction it is in, and what it leaves behind is answered later: that
//! is what lets several jobs share one commit, each in a savepoint.
//!
//! A job that fails or panics is rolled back alone, and the writer goes on. What it does
//! when the files of the database are not what they were is in `upkeep.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot, watch};

use super::open_file::OpenFile;
use super::upkeep::Upkeep;
use crate::storage::{Result, StorageError};

/// How many jobs may wait.
const QUEUE: usize = 1024;

/// How long a caller waits for a place in the queue.
const PATIENCE: Duration = Duration::from_secs(5);

/// A change, and somebody who waits to hear of it.
trait Job: Send {
    /// Does the work in the transaction that `connection` is in.
    fn run(self: Box<Self>, connection: &Connection) -> Done;

    /// Answers that there was no transaction to do it in.
    fn refuse(self: Box<Self>, error: StorageError);
}

/// A job whose transaction is not over yet.
struct Done {
    /// Whether what it did is to stay.
    keep: bool,
    /// Answers the caller, once it is known what became of the transaction.
    answer: Answer,
}

/// Takes what became of the transaction to the caller.
type Answer = Box<dyn FnOnce(Result<()>)>;

/// What goes through the queue.
enum Message {
    Job(Box<dyn Job>),
    /// See whether the files are what they should be.
    Look,
    /// Finish what is in the queue and take nothing more.
    Stop,
}

/// The way to the writer.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    broken: watch::Receiver<Option<String>>,
}

/// Tells when the writer has closed its connection.
#[derive(Debug)]
pub(super) struct Stopped(oneshot::Receiver<()>);

impl Writer {
    /// Starts the thread with an open connection; `file` is what it was opened from, and
    /// from where it is opened anew if it breaks. The thread ends when it is told to, or
    /// when the last [`Writer`] is gone.
    pub(super) fn start(
        connection: Connection,
        file: Option<OpenFile>,
    ) -> std::io::Result<(Self, Stopped)> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let (stopping, stopped) = oneshot::channel();
        let (breaking, broken) = watch::channel(None);
        thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                let upkeep = file.map(|file| Upkeep::new(file, breaking));
                Thread { connection, upkeep }.run(messages);
                // Perhaps nobody waits for it.
                let _ = stopping.send(());
            })?;
        Ok((Self { queue, broken }, Stopped(stopped)))
    }

    /// Runs `work` in a transaction, and answers when its changes are on disk. An error
    /// undoes all of them.
    ///
    /// When the caller goes away before its turn has come, nothing happens; after that it
    /// happens whether anybody waits for the answer or not.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let job = Message::Job(Box::new(Task { work, caller }));
        match self.queue.send_timeout(job, PATIENCE).await {
            Ok(()) => {}
            Err(SendTimeoutError::Closed(_)) => return Err(closed()),
            Err(SendTimeoutError::Timeout(_)) => {
                let problem = "the queue of changes is full";
                return Err(StorageError::Unavailable(problem.into()));
            }
        }
        answer
            .await
            .unwrap_or_else(|_| Err(StorageError::Failed("a change panicked".into())))
    }

    /// Has the thread see whether the files are what they should be; waits for nothing.
    pub(super) fn look(&self) {
        // When the queue is full it is about to look, and when it is closed it need not.
        let _ = self.queue.try_send(Message::Look);
    }

    /// Waits until the thread gives the files up, and says why it did.
    pub(super) async fn broken(&self) -> String {
        let mut broken = self.broken.clone();
        let problem = match broken.wait_for(Option::is_some).await {
            Ok(problem) => problem.clone(),
            // The thread has come to its end without that.
            Err(_) => None,
        };
        match problem {
            Some(problem) => problem,
            None => std::future::pending().await,
        }
    }

    /// Lets the thread finish what is in the queue, and refuses everything after that.
    pub(super) async fn stop(&self) {
        // When the queue is closed it has stopped already.
        let _ = self.queue.send(Message::Stop).await;
    }
}

impl Stopped {
    /// Waits until the connection is closed.
    pub(super) async fn wait(self) {
        // An error means that the thread is gone, which is as good.
        let _ = self.0.await;
    }
}

/// What everybody hears after the end.
pub(super) fn closed() -> StorageError {
    StorageError::Unavailable("the database is closed".into())
}

struct Task<T, F> {
    work: F,
    caller: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T> + Send,
{
    fn run(self: Box<Self>, connection: &Connection) -> Done {
        let Self { work, caller } = *self;
        if caller.is_closed() {
            return Done {
                keep: false,
                answer: Box::new(|_| {}),
            };
        }
        let outcome = work(connection);
        Done {
            keep: outcome.is_ok(),
            answer: Box::new(move |fate| {
                // Somebody who has gone away needs no answer.
                let _ = caller.send(fate.and(outcome));
            }),
        }
    }

    fn refuse(self: Box<Self>, error: StorageError) {
        let _ = self.caller.send(Err(error));
    }
}

/// What the thread owns.
struct Thread {
    connection: Connection,
    /// None for a database without a file of its own.
    upkeep: Option<Upkeep>,
}

impl Thread {
    fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        while let Some(message) = messages.blocking_recv() {
            match message {
                Message::Job(job) => {
                    // A job's own panic has been dealt with by then. What it leaves behind
                    // may panic when it is dropped, and the thread is the only one there
                    // is. What is left open then, the next job closes.
                    let _ = catch_unwind(AssertUnwindSafe(|| self.transact(job)));
                }
                Message::Look => {
                    // Whoever asks next hears of it.
                    let _ = self.prepare();
                }
                Message::Stop => messages.close(),
            }
        }
        self.finish();
    }

    /// Runs one job in a transaction of its own and answers its caller.
    fn transact(&mut self, job: Box<dyn Job>) {
        if let Err(error) = self.prepare() {
            return job.refuse(error);
        }
        let Some((answer, fate)) = attempt(&mut self.connection, job) else {
            return;
        };
        // A commit into a file that has just been deleted or cut is none.
        let fate = fate.and_then(|()| match &mut self.upkeep {
            Some(upkeep) => upkeep.look(&self.connection),
            None => Ok(()),
        });
        let is_committed = fate.is_ok();
        answer(fate);
        if is_committed && let Some(upkeep) = &mut self.upkeep {
            upkeep.move_log(&self.connection);
        }
    }

    /// Makes sure that a transaction can begin, and that what it writes can be found.
    fn prepare(&mut self) -> Result<()> {
        let is_idle =
            self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok();
        let Some(upkeep) = &mut self.upkeep else {
            return Ok(());
        };
        if !is_idle {
            // Should even rolling back have failed, a new connection starts over from what
            // is on disk.
            self.connection = upkeep.open_again()?;
        }
        upkeep.look(&self.connection)
    }

    /// Moves the log into the database and closes it; the last connection that closes
    /// takes the log away.
    fn finish(self) {
        match self.upkeep {
            Some(upkeep) => upkeep.finish(self.connection),
            None => drop(self.connection),
        }
    }
}

/// Runs one job in a transaction, and gives back whom to answer and what became of the
/// transaction; nobody when there was none or the job panicked.
fn attempt(connection: &mut Connection, job: Box<dyn Job>) -> Option<(Answer, Result<()>)> {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            job.refuse(error.into());
            return None;
        }
    };
    // The connection is sound after a panic: what the job did goes with the transaction,
    // and a statement is reset when it is dropped.
    let done = catch_unwind(AssertUnwindSafe(|| job.run(&transaction))).ok()?;
    let fate = if done.keep {
        transaction.commit().map_err(StorageError::from)
    } else {
        Ok(())
    };
    Some((done.answer, fate))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as blocking;

    use super::super::connection;
    use super::*;

    fn writer() -> (Writer, Stopped) {
        let connection = connection::open_memory().expect("opens");
        connection
            .execute_batch("CREATE TABLE t (x INTEGER PRIMARY KEY)")
            .expect("a table");
        Writer::start(connection, None).expect("starts")
    }

    fn insert(x: i64) -> impl FnOnce(&Connection) -> Result<()> + Send + 'static {
        move |connection| {
            connection.execute("INSERT INTO t VALUES (?1)", [x])?;
            Ok(())
        }
    }

    async fn count(writer: &Writer) -> i64 {
        writer
            .run(|connection| {
                Ok(connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?)
            })
            .await
            .expect("a count")
    }

    #[tokio::test]
    async fn an_error_undoes_the_whole_job() {
        let (writer, _stopped) = writer();
        let outcome: Result<()> = writer
            .run(|connection| {
                insert(1)(connection)?;
                Err(StorageError::EmailTaken)
            })
            .await;
        assert!(matches!(outcome, Err(StorageError::EmailTaken)));
        assert_eq!(count(&writer).await, 0);
    }

    #[tokio::test]
    async fn a_panic_undoes_its_job_and_the_writer_goes_on() {
        let (writer, _stopped) = writer();
        let outcome: Result<()> = writer
            .run(|connection| {
                insert(1)(connection)?;
                panic!("a bug");
            })
            .await;
        assert!(matches!(outcome, Err(StorageError::Failed(_))));
        writer.run(insert(2)).await.expect("goes on");
        assert_eq!(count(&writer).await, 1);
    }

    #[tokio::test]
    async fn a_panic_takes_nothing_from_those_before_and_after_it() {
        let (writer, _stopped) = writer();
        let jobs: Vec<_> = (0..30)
            .map(|x| {
                let writer = writer.clone();
                tokio::spawn(async move {
                    writer
                        .run(move |connection| {
                            insert(x)(connection)?;
                            assert_ne!(x % 3, 0, "a bug");
                            Ok(())
                        })
                        .await
                })
            })
            .collect();
        for (x, job) in jobs.into_iter().enumerate() {
            let outcome = job.await.expect("an answer");
            assert_eq!(outcome.is_ok(), x % 3 != 0, "{x}: {outcome:?}");
        }
        assert_eq!(count(&writer).await, 20);
    }

    /// A result that nobody takes, and that panics when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a bug, on purpose");
        }
    }

    #[tokio::test]
    async fn a_panic_of_what_a_job_leaves_behind_does_not_end_the_writer() {
        let (writer, _stopped) = writer();
        let (go, wait) = blocking::channel::<()>();
        let (begun, has_begun) = oneshot::channel();
        {
            let left = writer.run(move |connection| {
                insert(1)(connection)?;
                let _ = begun.send(());
                let _ = wait.recv();
                Ok(Bomb)
            });
            tokio::select! {
                biased;
                _ = left => panic!("it waits"),
                begun = has_begun => begun.expect("it has begun"),
            }
        }
        go.send(()).expect("the job waits");
        writer.run(insert(2)).await.expect("goes on");
        assert_eq!(count(&writer).await, 2);
    }

    #[tokio::test]
    async fn whoever_goes_away_before_the_turn_has_asked_for_nothing() {
        let (writer, _stopped) = writer();
        let (go, wait) = blocking::channel::<()>();
        let blocker = tokio::spawn({
            let writer = writer.clone();
            async move {
                writer
                    .run(move |_| {
                        let _ = wait.recv();
                        Ok(())
                    })
                    .await
            }
        });
        let mut gone = Box::pin(writer.run(insert(1)));
        let place = std::future::poll_fn(|cx| {
            std::task::Poll::Ready(std::future::Future::poll(gone.as_mut(), cx))
        });
        assert!(place.await.is_pending());
        drop(gone);
        go.send(()).expect("the blocker waits");
        blocker.await.expect("no panic").expect("done");
        assert_eq!(count(&writer).await, 0);
    }

    #[tokio::test]
    async fn stopping_finishes_what_was_accepted_and_refuses_the_rest() {
        let (writer, stopped) = writer();
        let accepted: Vec<_> = (0..20)
            .map(|x| {
                let writer = writer.clone();
                tokio::spawn(async move { writer.run(insert(x)).await })
            })
            .collect();
        tokio::task::yield_now().await;
        writer.stop().await;
        stopped.wait().await;
        let mut done = 0;
        for job in accepted {
            match job.await.expect("no panic") {
                Ok(()) => done += 1,
                Err(error) => assert!(matches!(error, StorageError::Unavailable(_))),
            }
        }
        assert!(done > 0);
        let late = writer.run(insert(99)).await;
        assert!(matches!(late, Err(StorageError::Unavailable(_))));
    }
}
