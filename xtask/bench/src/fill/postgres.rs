//! Filling a PostgreSQL database: rows as text, by `COPY`.

use std::fmt::Write as _;
use std::pin::pin;

use anyhow::Result;
use futures_util::SinkExt as _;
use latchkey_test_postgres::Database;
use tokio_postgres::{Client, NoTls};

use super::{Rows, SESSION, USER, email, hyphenated};

/// How much is sent at once, in bytes.
const CHUNK: usize = 1 << 18;

pub(super) fn fill(database: &Database, rows: &Rows) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await?;
        let connection = tokio::spawn(connection);
        fill_by(&client, rows).await?;
        drop(client);
        connection.await??;
        Ok(())
    })
}

async fn fill_by(client: &Client, rows: &Rows) -> Result<()> {
    let password = &rows.password;
    // What points at users is checked once, and not for every row.
    client
        .batch_execute(
            "SET synchronous_commit = off; \
             ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey; \
             CREATE TEMPORARY TABLE made \
                 (session_id uuid, user_id uuid, status_index bigint, refresh_hash bytea)",
        )
        .await?;
    let into = "users (user_id, name, email, email_canonical, password)";
    copy(client, into, rows.users, |text, number| {
        let (id, email) = (hyphenated(rows.id(number, USER)), email(number));
        writeln!(text, "{id}\tSomebody\t{email}\t{email}\t{password}")
    })
    .await?;
    copy(client, "made", rows.users, |text, number| {
        let session = hyphenated(rows.id(number, SESSION));
        let (user, place) = (hyphenated(rows.id(number, USER)), rows.place(number));
        write!(text, "{session}\t{user}\t{place}\t\\\\x")?;
        for byte in rows.refresh_hash(number) {
            write!(text, "{byte:02x}")?;
        }
        writeln!(text)
    })
    .await?;
    // What is the same in every session need not be sent.
    let now = rows.now / 1000;
    let (expires_at, kept_until) = (rows.expires_at() / 1000, rows.kept_until() / 1000);
    let rest = format!(
        "INSERT INTO sessions (session_id, user_id, refresh_hash, created_at, last_used_at, \
             expires_at, kept_until, address, user_agent, status_index) \
         SELECT session_id, user_id, refresh_hash, to_timestamp({now}), to_timestamp({now}), \
             to_timestamp({expires_at}), to_timestamp({kept_until}), \
             '127.0.0.1', 'bench', status_index FROM made; \
         DROP TABLE made; \
         ALTER TABLE sessions ADD CONSTRAINT sessions_user_id_fkey \
             FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE SET NULL; \
         INSERT INTO status_lists (list_id) \
         SELECT list FROM generate_series(1, {} - 1) AS list",
        rows.status_lists()
    );
    client.batch_execute(&rest).await?;
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
