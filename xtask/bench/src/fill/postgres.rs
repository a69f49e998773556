//! Filling a PostgreSQL database: rows as text, by `COPY`.

use std::fmt::Write as _;
use std::pin::pin;

use anyhow::Result;
use futures_util::SinkExt as _;
use latchkey_test_postgres::Database;
use tokio_postgres::{Client, NoTls};

use super::{Known, Rows, SESSION, USER, email, hyphenated, refresh_hash};

/// How much is sent at once, in bytes.
const CHUNK: usize = 1 << 18;

pub(super) fn fill(database: &Database, rows: &Rows, known: &[Known]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await?;
        let connection = tokio::spawn(connection);
        fill_by(&client, rows, known).await?;
        drop(client);
        connection.await??;
        Ok(())
    })
}

async fn fill_by(client: &Client, rows: &Rows, known: &[Known]) -> Result<()> {
    client.batch_execute("SET synchronous_commit = off").await?;
    let password = &rows.password;
    let into = "users (user_id, name, email, email_canonical, password)";
    copy(client, into, rows.users, |text, number| {
        let (id, email) = (hyphenated(rows.id(number, USER)), email(number));
        writeln!(text, "{id}\tSomebody\t{email}\t{email}\t{password}")
    })
    .await?;
    let at = |millis: i64| format!("{}", millis / 1000);
    let (now, expires_at) = (at(rows.now), at(rows.expires_at()));
    // What is the same in every session need not be sent.
    client
        .batch_execute(
            "CREATE TEMPORARY TABLE made (session_id uuid, user_id uuid, status_index bigint)",
        )
        .await?;
    let into = "made (session_id, user_id, status_index)";
    copy(client, into, rows.users, |text, number| {
        let session = hyphenated(rows.id(number, SESSION));
        let (user, place) = (hyphenated(rows.id(number, USER)), rows.place(number));
        writeln!(text, "{session}\t{user}\t{place}")
    })
    .await?;
    let insert = format!(
        "INSERT INTO sessions (session_id, user_id, refresh_hash, created_at, last_used_at, \
             expires_at, address, user_agent, status_index) \
         SELECT session_id, user_id, decode(repeat('00', 32), 'hex'), to_timestamp({now}), \
             to_timestamp({now}), to_timestamp({expires_at}), '127.0.0.1', 'bench', status_index \
         FROM made; \
         DROP TABLE made; \
         INSERT INTO status_lists (list_id) \
         SELECT list FROM generate_series(1, {} - 1) AS list",
        rows.status_lists()
    );
    client.batch_execute(&insert).await?;
    let update = "UPDATE sessions SET refresh_hash = $1 WHERE session_id = $2::text::uuid";
    let update = client.prepare(update).await?;
    for known in known {
        let (hash, session) = (refresh_hash(&known.jti), hyphenated(known.session));
        client
            .execute(&update, &[&hash.as_slice(), &session])
            .await?;
    }
    client.batch_execute("VACUUM ANALYZE").await?;
    Ok(())
}

/// Sends so many rows, each as `row` writes it.
async fn copy(
    client: &Client,
    into: &str,
    count: u64,
    row: impl Fn(&mut String, u64) -> std::fmt::Result,
) -> Result<()> {
    let sink = client.copy_in(&format!("COPY {into} FROM STDIN")).await?;
    let mut sink = pin!(sink);
    let mut text = String::with_capacity(2 * CHUNK);
    for number in 0..count {
        row(&mut text, number)?;
        if text.len() >= CHUNK || number + 1 == count {
            let chunk = bytes::Bytes::from(std::mem::take(&mut text));
            sink.send(chunk).await?;
        }
    }
    sink.close().await?;
    Ok(())
}
