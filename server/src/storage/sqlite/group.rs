//! Several changes in one transaction, so that they share the sync of its commit.
//!
//! Each job has a savepoint of its own: what an error or a panic leaves behind is undone
//! and touches no other. What shares a transaction also shares its end. When the commit
//! fails, or SQLite gives the transaction up in the middle (no room, no memory, a disk that
//! fails), nobody is told that something was kept; each hears what went wrong, and may ask
//! again. So does whoever was refused after somebody else had changed something in the same
//! transaction: that an address is taken is not true if the sign-up that took it is undone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::IntoIter;

use rusqlite::Connection;

use crate::storage::{Result, StorageError};

/// A change, and somebody who waits to hear of it.
pub(super) trait Job: Send {
    /// Does the work in the transaction that `connection` is in.
    fn run(self: Box<Self>, connection: &Connection) -> Done;

    /// Answers that there was no transaction to do it in.
    fn refuse(self: Box<Self>, error: StorageError);
}

/// A job whose transaction is not over yet.
pub(super) struct Done {
    /// Whether what it did is to stay, and why not.
    pub(super) outcome: Result<()>,
    /// Answers the caller, once it is known what became of the transaction.
    pub(super) answer: Answer,
}

/// Takes what became of the transaction to the caller.
pub(super) type Answer = Box<dyn FnOnce(Result<()>)>;

/// A transaction that is over, and those who wait to hear of it.
pub(super) struct Ended {
    waiting: Vec<Waiting>,
    fate: Result<()>,
}

struct Waiting {
    answer: Answer,
    /// Whether the answer is true only if the transaction was committed.
    relies: bool,
}

impl Ended {
    /// Makes sure of a commit before anybody hears of it.
    pub(super) fn confirm(&mut self, look: impl FnOnce() -> Result<()>) {
        if self.fate.is_ok()
            && let Err(problem) = look()
        {
            self.fate = Err(problem);
            for waiting in &mut self.waiting {
                waiting.relies = true;
            }
        }
    }

    /// Whether everything has come to its end as it should.
    pub(super) fn is_sound(&self) -> bool {
        self.fate.is_ok()
    }

    /// Answers everybody.
    pub(super) fn answer(self) {
        let is_shared = self.waiting.len() > 1;
        for Waiting { answer, relies } in self.waiting {
            let fate = match &self.fate {
                Err(problem) if relies && is_shared => Err(told_to_others(problem)),
                Err(problem) if relies => Err(copy(problem)),
                _ => Ok(()),
            };
            // What a job leaves behind may panic when it is dropped.
            let _ = catch_unwind(AssertUnwindSafe(|| answer(fate)));
        }
    }
}

/// Runs jobs in one transaction until there are no more, or SQLite gives it up: what is left
/// of them then is for another one.
///
/// # Errors
///
/// There was no transaction to be had, and no job has run.
pub(super) fn run_together(
    connection: &Connection,
    jobs: &mut IntoIter<Box<dyn Job>>,
) -> Result<Ended> {
    execute(connection, "BEGIN IMMEDIATE")?;
    let mut waiting = Vec::with_capacity(jobs.len());
    let fate = match run_each(connection, jobs, &mut waiting) {
        Ok(true) => execute(connection, "COMMIT").map_err(StorageError::from),
        Ok(false) => Ok(()),
        Err(problem) => Err(problem),
    };
    // Should this fail, the connection is still in it, which is seen before the next one.
    if !connection.is_autocommit() {
        let _ = execute(connection, "ROLLBACK");
    }
    Ok(Ended { waiting, fate })
}

/// Says whether there is anything to commit.
///
/// # Errors
///
/// Nothing of it can be committed.
fn run_each(
    connection: &Connection,
    jobs: &mut IntoIter<Box<dyn Job>>,
    waiting: &mut Vec<Waiting>,
) -> Result<bool> {
    // What has a transaction to itself is undone with it.
    let has_neighbours = jobs.len() > 1;
    let mut keeps = false;
    for job in jobs {
        if has_neighbours && let Err(error) = execute(connection, "SAVEPOINT job") {
            let problem = StorageError::from(error);
            refuse(job, &problem);
            return Err(problem);
        }
        // The connection is sound after a panic: what the job did is undone, and a statement
        // is reset when it is dropped.
        let outcome = match catch_unwind(AssertUnwindSafe(|| job.run(connection))) {
            Ok(Done { outcome, answer }) => {
                let relies = keeps || outcome.is_ok();
                waiting.push(Waiting { answer, relies });
                outcome
            }
            Err(_) => Err(StorageError::Failed("a change panicked".into())),
        };
        if connection.is_autocommit() {
            outcome?;
            let problem = "SQLite has ended the transaction of a change";
            return Err(StorageError::Unavailable(problem.into()));
        }
        if has_neighbours {
            if outcome.is_err() {
                execute(connection, "ROLLBACK TO job")?;
            }
            execute(connection, "RELEASE job")?;
        }
        keeps |= outcome.is_ok();
    }
    Ok(keeps)
}

/// Answers a job that will not be run.
pub(super) fn refuse(job: Box<dyn Job>, problem: &StorageError) {
    // What it holds may panic when it is dropped.
    let _ = catch_unwind(AssertUnwindSafe(|| job.refuse(copy(problem))));
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// A problem as those hear of it who did not cause it: what one change did wrong, the others
/// may try again.
fn told_to_others(problem: &StorageError) -> StorageError {
    match problem {
        StorageError::EmailTaken | StorageError::UserReferenced | StorageError::PlaceTaken => {
            StorageError::Unavailable(problem.to_string().into())
        }
        StorageError::Unavailable(_) | StorageError::Failed(_) => copy(problem),
    }
}

/// The same problem, for one more who has to hear of it.
pub(super) fn copy(problem: &StorageError) -> StorageError {
    match problem {
        StorageError::EmailTaken => StorageError::EmailTaken,
        StorageError::UserReferenced => StorageError::UserReferenced,
        StorageError::PlaceTaken => StorageError::PlaceTaken,
        StorageError::Unavailable(source) => StorageError::Unavailable(source.to_string().into()),
        StorageError::Failed(source) => StorageError::Failed(source.to_string().into()),
    }
}
