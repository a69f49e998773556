//! Signing keys.

use futures_util::future::try_join_all;
use tokio_postgres::{Error, Row, Statement};

use super::audit::Entry;
use super::error::Failure;
use super::pool::Connection;
use super::rows::{Parameters, Stored, optional};
use super::transaction::Transaction;
use crate::domain::audit::{Event, Record};
use crate::domain::keys::{KeyChange, KeyRecord, KeySnapshot, KeyState};
use crate::storage::StorageError;
use crate::storage::journal::Journal;

type Result<T, E = Failure> = std::result::Result<T, E>;

pub(super) async fn snapshot(db: &Connection) -> Result<KeySnapshot> {
    // One statement, so that the generation is that of the keys; it has a row without a
    // key when there is none.
    let find = db
        .prepared(
            "SELECT generation, kid, algorithm, state, public_jwk, private_key, sealed_under, \
                 created_at, published_at, token_life, activate_at, retired_at, expires_at \
             FROM signing_key_generation LEFT JOIN signing_keys ON true",
        )
        .await?;
    let mut snapshot = KeySnapshot::default();
    for row in db.query(&find, &[]).await? {
        snapshot.generation = row.try_get::<_, i64>(0)?.cast_unsigned();
        if let Some(kid) = row.try_get(1)? {
            snapshot.keys.push(key(kid, &row)?);
        }
    }
    Ok(snapshot)
}

fn key(kid: String, row: &Row) -> Result<KeyRecord> {
    Ok(KeyRecord {
        kid,
        algorithm: row.try_get(2)?,
        state: state(row.try_get(3)?)?,
        public_jwk: row.try_get(4)?,
        private_key: row.try_get(5)?,
        sealed_under: row.try_get(6)?,
        created_at: row.try_get::<_, Stored<_>>(7)?.0,
        published_at: row.try_get::<_, Stored<_>>(8)?.0,
        token_life: row.try_get::<_, Stored<_>>(9)?.0,
        activate_at: optional(row, 10)?,
        retired_at: optional(row, 11)?,
        expires_at: optional(row, 12)?,
    })
}

fn state(word: &str) -> Result<KeyState> {
    KeyState::from_word(word).ok_or_else(|| {
        let problem = format!("a key in the state {word:?}");
        Failure::Storage(StorageError::Failed(problem.into()))
    })
}

pub(super) async fn generation(db: &Connection) -> Result<u64> {
    let find = db
        .prepared("SELECT generation FROM signing_key_generation")
        .await?;
    let row = db.query_one(&find, &[]).await?;
    Ok(row.try_get::<_, i64>(0)?.cast_unsigned())
}

/// The row of the generation is changed first: of two who decided on the same generation
/// the second waits for the first, and then finds another one.
pub(super) async fn change(
    db: &Connection,
    journal: &Journal,
    generation: u64,
    changes: &[KeyChange],
    events: &[Event],
) -> Result<bool> {
    let advance = db
        .prepared(
            "UPDATE signing_key_generation SET generation = generation + 1 \
             WHERE generation = $1 RETURNING generation",
        )
        .await?;
    let (transaction, ours) =
        Transaction::begin(db, &advance, &[&generation.cast_signed()]).await?;
    if ours.is_none() {
        return Ok(false);
    }
    let put = prepare_put(db).await?;
    let remove = db
        .prepared("DELETE FROM signing_keys WHERE kid = $1")
        .await?;
    for change in changes {
        match change {
            KeyChange::Put(key) => execute_put(db, &put, key).await?,
            KeyChange::Remove(kid) => {
                db.execute(&remove, &[kid]).await?;
            }
        }
    }
    let put_on_record = Entry::prepare(db).await?;
    let records: Vec<Record> = (0..)
        .zip(events)
        .map(|(nth, event)| journal.draft_nth(event.clone(), nth))
        .collect();
    let entries: Vec<Entry> = records.iter().map(Entry::new).collect();
    let inserts = entries.iter().map(|entry| entry.insert(db, &put_on_record));
    transaction.commit(try_join_all(inserts)).await?;
    drop(entries);
    records.into_iter().for_each(|record| journal.wrote(record));
    Ok(true)
}

async fn prepare_put(db: &Connection) -> Result<Statement> {
    db.prepared(
        "INSERT INTO signing_keys (kid, algorithm, state, public_jwk, private_key, \
             sealed_under, created_at, published_at, token_life, activate_at, retired_at, \
             expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (kid) DO UPDATE SET algorithm = excluded.algorithm, \
             state = excluded.state, public_jwk = excluded.public_jwk, \
             private_key = excluded.private_key, sealed_under = excluded.sealed_under, \
             created_at = excluded.created_at, published_at = excluded.published_at, \
             token_life = excluded.token_life, activate_at = excluded.activate_at, retired_at = excluded.retired_at, \
             expires_at = excluded.expires_at",
    )
    .await
}

async fn execute_put(db: &Connection, put: &Statement, key: &KeyRecord) -> Result<(), Error> {
    let parameters: Parameters<12> = [
        &key.kid,
        &key.algorithm,
        &key.state.as_str(),
        &key.public_jwk,
        &Stored(key.private_key.as_slice()),
        &key.sealed_under,
        &Stored(key.created_at),
        &Stored(key.published_at),
        &Stored(key.token_life),
        &key.activate_at.map(Stored),
        &key.retired_at.map(Stored),
        &key.expires_at.map(Stored),
    ];
    db.execute(put, &parameters).await.map(|_| ())
}
