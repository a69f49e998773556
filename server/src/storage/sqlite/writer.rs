//! The one writer: a thread that owns the connection and takes work from a queue.
//!
//! SQLite has room for one writer at a time. With one thread as that writer, nobody waits
//! for a lock inside the process, and the statements stay prepared. What has come while the
//! thread was busy is committed as one transaction, with one sync; it never waits for more
//! to come, so that a job alone is as quick as it can be. Whoever asked is answered after
//! the transaction is on disk.
//!
//! A job that fails or panics is rolled back alone, and the writer goes on: `group.rs` has
//! how. What it does when the files of the database are not what they were is in
//! `upkeep.rs`.

use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot, watch};

use super::group::{self, Done, Ended, Job};
use super::open_file::OpenFile;
use super::upkeep::Upkeep;
use crate::storage::{Result, StorageError};

/// How many jobs may wait.
const QUEUE: usize = 1024;

/// How many jobs share a transaction: the first of them waits for the last. With more, the
/// sync is a small part already.
const TOGETHER: usize = 64;

/// How long a caller waits for a place in the queue.
const PATIENCE: Duration = Duration::from_secs(5);

/// What goes through the queue.
enum Message {
    /// A job that may share its transaction.
    Job(Box<dyn Job>),
    /// One that may not.
    JobAlone(Box<dyn Job>),
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
    /// The transaction may be one with the changes of others, who are undone alone if need
    /// be. When the caller goes away before its turn has come, nothing happens; after that
    /// it happens whether anybody waits for the answer or not.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.send(work, Message::Job).await
    }

    /// The same in a transaction of its own: for what is so large that others should not
    /// wait for its commit, and for what only the commit may refuse, as it does when a
    /// foreign key of another service's table is `DEFERRABLE INITIALLY DEFERRED`.
    pub(super) async fn run_alone<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.send(work, Message::JobAlone).await
    }

    async fn send<T, F>(&self, work: F, message: fn(Box<dyn Job>) -> Message) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let message = message(Box::new(Task { work, caller }));
        match self.queue.send_timeout(message, PATIENCE).await {
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
                outcome: Err(StorageError::Unavailable("nobody asks any more".into())),
                answer: Box::new(|_| {}),
            };
        }
        let outcome = work(connection);
        Done {
            outcome: outcome.as_ref().map(|_| ()).map_err(group::copy),
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
        let mut taken = Vec::with_capacity(TOGETHER);
        let mut jobs = Vec::with_capacity(TOGETHER);
        while messages.blocking_recv_many(&mut taken, TOGETHER) > 0 {
            for message in taken.drain(..) {
                // Everything in its order: what is no job that shares comes after those
                // that do.
                if let Message::Job(job) = message {
                    jobs.push(job);
                    continue;
                }
                self.transact(std::mem::take(&mut jobs));
                match message {
                    Message::Job(job) | Message::JobAlone(job) => self.transact(vec![job]),
                    Message::Look => {
                        // Whoever asks next hears of it.
                        let _ = self.prepare();
                    }
                    Message::Stop => messages.close(),
                }
            }
            self.transact(std::mem::take(&mut jobs));
        }
        self.finish();
    }

    /// Runs jobs in one transaction and answers their callers.
    fn transact(&mut self, jobs: Vec<Box<dyn Job>>) {
        let mut jobs = jobs.into_iter();
        // Once, unless SQLite gives a transaction up.
        while jobs.len() > 0 {
            let ended = self
                .prepare()
                .and_then(|()| group::run_together(&self.connection, &mut jobs));
            match ended {
                Ok(ended) => self.answer(ended),
                Err(problem) => jobs.by_ref().for_each(|job| group::refuse(job, &problem)),
            }
        }
    }

    /// Answers those whose transaction is over.
    fn answer(&mut self, mut ended: Ended) {
        let Some(upkeep) = &mut self.upkeep else {
            return ended.answer();
        };
        // A commit into a file that has just been deleted or cut is none.
        ended.confirm(|| upkeep.look(&self.connection));
        let is_sound = ended.is_sound();
        ended.answer();
        if is_sound {
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

#[cfg(test)]
mod tests;
