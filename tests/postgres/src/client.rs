//! SQL from tests that are async and from tests that are not: each call has a thread
//! and a connection of its own, so that none outlives it and keeps a database in use.

use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Column, Config, Error, NoTls, SimpleQueryMessage};

/// Connects, works and disconnects.
pub(crate) fn run<T: Send>(
    config: &Config,
    work: impl AsyncFnOnce(&Client) -> Result<T, Error> + Send,
) -> Result<T, Error> {
    thread::scope(|scope| {
        scope
            .spawn(|| {
                block_on(async {
                    let (client, connection) = config.connect(NoTls).await?;
                    let connection = tokio::spawn(connection);
                    let result = work(&client).await;
                    drop(client);
                    // The good-bye; a connection that broke has failed the work already.
                    let _ = connection.await;
                    result
                })
            })
            .join()
            .expect("a client that does not panic")
    })
}

/// What one query answers, each value as text.
pub(crate) fn rows(config: &Config, sql: &str) -> Result<Vec<Vec<String>>, Error> {
    run(config, async |client| {
        let statement = client.prepare(sql).await?;
        let types: Vec<&Type> = statement.columns().iter().map(Column::type_).collect();
        let messages = client.simple_query(sql).await?;
        Ok(messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .map(|row| {
                types
                    .iter()
                    .enumerate()
                    .map(|(column, kind)| text(kind, row.get(column)))
                    .collect()
            })
            .collect())
    })
}

fn text(kind: &Type, value: Option<&str>) -> String {
    let Some(value) = value else {
        return "null".to_owned();
    };
    match *kind {
        Type::UUID => value.replace('-', ""),
        Type::BYTEA => value.trim_start_matches("\\x").to_owned(),
        Type::BOOL => if value == "t" { "1" } else { "0" }.to_owned(),
        _ => value.to_owned(),
    }
}

/// A transaction that somebody has left open; it is rolled back with this value.
#[derive(Debug)]
pub struct Held {
    // Dropped, it wakes the thread.
    release: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Held {
    /// Begins a transaction and runs `sql` in it.
    pub(crate) fn begin(config: Config, sql: &str) -> Self {
        let begin = format!("begin; {sql}");
        let (release, released) = oneshot::channel::<()>();
        let (done, begun) = mpsc::channel();
        let thread = thread::spawn(move || {
            let held = run(&config, async |client| {
                client.batch_execute(&begin).await?;
                // Both ends of a channel end when the test does.
                let _ = done.send(());
                let _ = released.await;
                client.batch_execute("rollback").await
            });
            if let Err(error) = held {
                // The server may have been stopped meanwhile, which is the test's business.
                eprintln!("a transaction of the test's own: {}", describe(&error));
            }
        });
        begun
            .recv()
            .unwrap_or_else(|_| panic!("PostgreSQL refuses: {sql}"));
        Self {
            release: Some(release),
            thread: Some(thread),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the server said, which the error's own text leaves out.
pub(crate) fn describe(error: &Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| format!("{error:?}"), ToString::to_string)
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}
