use std::pin::Pin;
use std::sync::mpsc as blocking;
use std::task::Poll;

use super::super::{connection, file};
use super::*;

mod together;

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
        .run(|connection| Ok(connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?))
        .await
        .expect("a count")
}

/// A writer that waits in the middle of a job, so that others queue up.
struct Busy {
    go: blocking::Sender<()>,
    job: tokio::task::JoinHandle<Result<()>>,
}

impl Busy {
    async fn new(writer: &Writer) -> Self {
        let (go, wait) = blocking::channel();
        let (begun, has_begun) = oneshot::channel();
        let writer = writer.clone();
        let job = tokio::spawn(async move {
            writer
                .run(move |_| {
                    let _ = begun.send(());
                    let _ = wait.recv();
                    Ok(())
                })
                .await
        });
        has_begun.await.expect("it has begun");
        Self { go, job }
    }

    async fn end(self) {
        self.go.send(()).expect("it waits");
        self.job.await.expect("no panic").expect("done");
    }
}

/// A job that is in the queue, and its answer.
async fn queued<T>(job: impl Future<Output = T>) -> Pin<Box<impl Future<Output = T>>> {
    let mut job = Box::pin(job);
    let first = std::future::poll_fn(|cx| Poll::Ready(job.as_mut().poll(cx)));
    assert!(first.await.is_pending());
    job
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
    let busy = Busy::new(&writer).await;
    let gone = queued(writer.run(insert(1))).await;
    drop(gone);
    busy.end().await;
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
