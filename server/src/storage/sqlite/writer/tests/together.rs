//! Jobs that share a transaction.

use super::*;

/// Work that fails after it has written.
fn fails(x: i64) -> impl FnOnce(&Connection) -> Result<()> + Send + 'static {
    move |connection| {
        insert(x)(connection)?;
        Err(StorageError::EmailTaken)
    }
}

/// Work that only the commit refuses.
fn refused_by_the_commit(connection: &Connection) -> Result<()> {
    connection.execute_batch(
        "CREATE TABLE points (at INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED);
         INSERT INTO points VALUES (404);",
    )?;
    Ok(())
}

async fn rows(writer: &Writer) -> Vec<i64> {
    let rows = writer.run(|connection| {
        let mut rows = connection.prepare("SELECT x FROM t ORDER BY x")?;
        let rows = rows.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    });
    rows.await.expect("rows")
}

/// Each commit writes the pages that it has changed to the log.
#[tokio::test]
async fn what_has_queued_up_is_one_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.db");
    file::ensure(&path).expect("made");
    let connection = connection::open_writer(&path).expect("opens");
    connection
        .execute_batch("CREATE TABLE t (x INTEGER PRIMARY KEY)")
        .expect("a table");
    let opened = OpenFile::at(&path, &connection).expect("is there");
    let log = opened.log_path().to_owned();
    let size = || std::fs::metadata(&log).expect("a log").len();
    let (writer, _stopped) = Writer::start(connection, Some(opened)).expect("starts");

    let mut before = size();
    writer.run(insert(0)).await.expect("done");
    let one = size() - before;
    assert!(one > 0);
    let mut x = 0;
    for (jobs, commits) in [(20, 1), (TOGETHER + 1, 2)] {
        before = size();
        let busy = Busy::new(&writer).await;
        let mut waiting = Vec::new();
        for _ in 0..jobs {
            x += 1;
            waiting.push(queued(writer.run(insert(x))).await);
        }
        busy.end().await;
        for job in waiting {
            job.await.expect("done");
        }
        assert_eq!(size() - before, commits * one, "{jobs}");
    }
}

#[tokio::test]
async fn each_sees_what_those_before_it_have_done() {
    let (writer, _stopped) = writer();
    let busy = Busy::new(&writer).await;
    let mut waiting = Vec::new();
    for x in 0..10 {
        let job = writer.run(move |connection| {
            insert(x)(connection)?;
            let last = "SELECT count(*) FROM t";
            Ok(connection.query_row(last, [], |row| row.get::<_, i64>(0))?)
        });
        waiting.push(queued(job).await);
    }
    busy.end().await;
    for (nth, job) in (1..).zip(waiting) {
        assert_eq!(job.await.expect("done"), nth);
    }
}

#[tokio::test]
async fn one_that_fails_is_undone_alone() {
    let (writer, _stopped) = writer();
    let busy = Busy::new(&writer).await;
    let before = queued(writer.run(insert(1))).await;
    let bad = queued(writer.run(fails(2))).await;
    let panics = queued(writer.run(|connection| -> Result<()> {
        insert(3)(connection)?;
        panic!("a bug, on purpose");
    }))
    .await;
    let gone = queued(writer.run(insert(4))).await;
    let after = queued(writer.run(insert(5))).await;
    drop(gone);
    busy.end().await;
    before.await.expect("kept");
    let bad = bad.await;
    assert!(matches!(bad, Err(StorageError::EmailTaken)), "{bad:?}");
    let panics = panics.await;
    assert!(matches!(panics, Err(StorageError::Failed(_))), "{panics:?}");
    after.await.expect("kept");
    assert_eq!(rows(&writer).await, [1, 5]);
}

#[tokio::test]
async fn whoever_leaves_a_bomb_takes_no_answer_from_the_others() {
    let (writer, _stopped) = writer();
    let busy = Busy::new(&writer).await;
    let before = queued(writer.run(insert(1))).await;
    let bomb = Bomb;
    let gone = queued(writer.run(move |_| {
        let _bomb = bomb;
        Ok(())
    }))
    .await;
    let after = queued(writer.run(insert(2))).await;
    drop(gone);
    busy.end().await;
    before.await.expect("kept");
    after.await.expect("kept");
    assert_eq!(rows(&writer).await, [1, 2]);
}

/// As SQLite does when there is no room: not the statement is undone, but the transaction.
#[tokio::test]
async fn when_the_transaction_is_given_up_nobody_in_it_is_told_otherwise() {
    let (writer, _stopped) = writer();
    let limit = writer.run(|connection| {
        connection.execute_batch("CREATE TABLE big (b)")?;
        Ok(connection.query_row("PRAGMA max_page_count = 10", [], |_| Ok(()))?)
    });
    limit.await.expect("set");
    let busy = Busy::new(&writer).await;
    let refused = queued(writer.run(fails(1))).await;
    let before = queued(writer.run(insert(2))).await;
    let taken = queued(writer.run(fails(3))).await;
    let too_much = queued(writer.run(|connection| {
        connection.execute("INSERT INTO big VALUES (zeroblob(100000))", [])?;
        Ok(())
    }))
    .await;
    let after = queued(writer.run(insert(5))).await;
    busy.end().await;

    // It was refused for what was there before all of them.
    let refused = refused.await;
    assert!(
        matches!(refused, Err(StorageError::EmailTaken)),
        "{refused:?}"
    );
    for job in [before.await, taken.await, too_much.await] {
        let Err(StorageError::Unavailable(problem)) = &job else {
            panic!("{job:?}");
        };
        assert_eq!(problem.to_string(), "database or disk is full");
    }
    // It comes after them, in a transaction of its own.
    after.await.expect("kept");
    assert_eq!(rows(&writer).await, [5]);
}

#[tokio::test]
async fn when_the_commit_fails_nobody_is_told_otherwise() {
    let (writer, _stopped) = writer();
    let busy = Busy::new(&writer).await;
    let refused = queued(writer.run(fails(1))).await;
    let before = queued(writer.run(insert(2))).await;
    let bad = queued(writer.run(refused_by_the_commit)).await;
    let taken = queued(writer.run(fails(3))).await;
    let after = queued(writer.run(insert(4))).await;
    busy.end().await;
    let refused = refused.await;
    assert!(
        matches!(refused, Err(StorageError::EmailTaken)),
        "{refused:?}"
    );
    for job in [before.await, bad.await, taken.await, after.await] {
        assert!(matches!(job, Err(StorageError::Unavailable(_))), "{job:?}");
    }
    assert_eq!(rows(&writer).await, [0_i64; 0]);
    writer.run(insert(5)).await.expect("goes on");
}

#[tokio::test]
async fn what_runs_alone_is_refused_alone() {
    let (writer, _stopped) = writer();
    let busy = Busy::new(&writer).await;
    let before = queued(writer.run(insert(1))).await;
    let bad = queued(writer.run_alone(refused_by_the_commit)).await;
    let after = queued(writer.run(insert(2))).await;
    busy.end().await;
    before.await.expect("kept");
    let bad = bad.await;
    assert!(matches!(bad, Err(StorageError::UserReferenced)), "{bad:?}");
    after.await.expect("kept");
    assert_eq!(rows(&writer).await, [1, 2]);
}
