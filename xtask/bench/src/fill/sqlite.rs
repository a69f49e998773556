//! Filling a SQLite file.

use std::path::Path;

use anyhow::Result;
use rusqlite::Connection;

use super::{Rows, SESSION, USER, email};

pub(super) fn fill(file: &Path, rows: &Rows) -> Result<()> {
    let database = Connection::open(file)?;
    database.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000; BEGIN")?;
    users(&database, rows)?;
    sessions(&database, rows)?;
    for list in 1..rows.status_lists() {
        database.execute(
            "INSERT INTO status_lists (list_id) VALUES (?1)",
            [list.cast_signed()],
        )?;
    }
    database.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE); ANALYZE")?;
    Ok(())
}

fn users(database: &Connection, rows: &Rows) -> Result<()> {
    let mut insert = database.prepare(
        "INSERT INTO users (user_id, name, email, email_canonical, password, created_at, updated_at) \
         VALUES (?1, 'Somebody', ?2, ?2, ?3, ?4, ?4)",
    )?;
    for number in 0..rows.users {
        let id = rows.id(number, USER);
        insert.execute((&id[..], email(number), &rows.password, rows.now))?;
    }
    Ok(())
}

fn sessions(database: &Connection, rows: &Rows) -> Result<()> {
    let mut insert = database.prepare(
        "INSERT INTO sessions (session_id, user_id, refresh_hash, created_at, last_used_at, \
             expires_at, kept_until, address, user_agent, status_index) \
         VALUES (?1, ?2, ?6, ?3, ?3, ?4, ?7, '127.0.0.1', 'bench', ?5)",
    )?;
    for number in 0..rows.users {
        let (id, user) = (rows.id(number, SESSION), rows.id(number, USER));
        insert.execute((
            &id[..],
            &user[..],
            rows.now,
            rows.expires_at(),
            rows.place(number),
            rows.refresh_hash(number),
            rows.kept_until(),
        ))?;
    }
    Ok(())
}
