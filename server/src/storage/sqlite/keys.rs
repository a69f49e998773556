//! Signing keys.

use rusqlite::{Connection, Row, named_params};

use super::audit;
use super::rows::{Stored, optional};
use crate::domain::audit::Event;
use crate::domain::keys::{KeyChange, KeyRecord, KeySnapshot, KeyState};
use crate::storage::journal::Journal;
use crate::storage::{Result, StorageError};

pub(super) fn snapshot(connection: &Connection) -> Result<KeySnapshot> {
    // One statement, so that the generation is that of the keys; it has a row without a
    // key when there is none.
    let mut statement = connection.prepare_cached(
        "SELECT generation, kid, algorithm, state, public_jwk, private_key, sealed_under, \
             created_at, published_at, token_life, activate_at, retired_at, expires_at \
         FROM signing_key_generation LEFT JOIN signing_keys",
    )?;
    let mut rows = statement.query([])?;
    let mut snapshot = KeySnapshot::default();
    while let Some(row) = rows.next()? {
        snapshot.generation = row.get::<_, i64>(0)?.cast_unsigned();
        if row.get_ref(1)? != rusqlite::types::ValueRef::Null {
            snapshot.keys.push(key(row)?);
        }
    }
    Ok(snapshot)
}

fn key(row: &Row<'_>) -> Result<KeyRecord> {
    Ok(KeyRecord {
        kid: row.get(1)?,
        algorithm: row.get(2)?,
        state: state(&row.get::<_, String>(3)?)?,
        public_jwk: row.get(4)?,
        private_key: row.get(5)?,
        sealed_under: row.get(6)?,
        created_at: row.get::<_, Stored<_>>(7)?.0,
        published_at: row.get::<_, Stored<_>>(8)?.0,
        token_life: row.get::<_, Stored<_>>(9)?.0,
        activate_at: optional(row, 10)?,
        retired_at: optional(row, 11)?,
        expires_at: optional(row, 12)?,
    })
}

fn state(word: &str) -> Result<KeyState> {
    KeyState::from_word(word)
        .ok_or_else(|| StorageError::Failed(format!("a key in the state {word:?}").into()))
}

pub(super) fn generation(connection: &Connection) -> Result<u64> {
    let generation: i64 = connection
        .prepare_cached("SELECT generation FROM signing_key_generation")?
        .query_row([], |row| row.get(0))?;
    Ok(generation.cast_unsigned())
}

pub(super) fn change(
    connection: &Connection,
    journal: &Journal,
    generation: u64,
    changes: &[KeyChange],
    events: Vec<Event>,
) -> Result<bool> {
    let ours = connection
        .prepare_cached(
            "UPDATE signing_key_generation SET generation = generation + 1 WHERE generation = ?1",
        )?
        .execute([generation.cast_signed()])?;
    if ours == 0 {
        return Ok(false);
    }
    for change in changes {
        match change {
            KeyChange::Put(key) => put(connection, key)?,
            KeyChange::Remove(kid) => {
                connection
                    .prepare_cached("DELETE FROM signing_keys WHERE kid = ?1")?
                    .execute([kid])?;
            }
        }
    }
    audit::record_all(connection, journal, events)?;
    Ok(true)
}

fn put(connection: &Connection, key: &KeyRecord) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO signing_keys (kid, algorithm, state, public_jwk, \
                 private_key, sealed_under, created_at, published_at, token_life, activate_at, \
                 retired_at, expires_at) \
             VALUES (:kid, :algorithm, :state, :public, :private, :sealed, :created, \
                 :published, :life, :activate, :retired, :expires)",
        )?
        .execute(named_params! {
            ":kid": key.kid,
            ":algorithm": key.algorithm,
            ":state": key.state.as_str(),
            ":public": key.public_jwk,
            ":private": key.private_key,
            ":sealed": key.sealed_under,
            ":created": Stored(key.created_at),
            ":published": Stored(key.published_at),
            ":life": Stored(key.token_life),
            ":activate": key.activate_at.map(Stored),
            ":retired": key.retired_at.map(Stored),
            ":expires": key.expires_at.map(Stored),
        })?;
    Ok(())
}
