//! Users on their way in and out.

use rusqlite::{Connection, named_params, params};

use super::audit;
use super::rows::{Stored, USER};
use super::users::credentials_row;
use crate::domain::audit::{Event, Word};
use crate::domain::ids::UserId;
use crate::domain::transfer::{ImportOutcome, ImportedUser};
use crate::domain::user::{Age, Credentials};
use crate::storage::journal::Journal;
use crate::storage::{Result, StorageError};

pub(super) fn import(
    connection: &Connection,
    journal: &Journal,
    users: &[ImportedUser],
) -> Result<Vec<ImportOutcome>> {
    let outcomes: Vec<_> = users
        .iter()
        .map(|user| {
            if insert(connection, user)? {
                return Ok(ImportOutcome::Imported);
            }
            match user.outcome(&in_the_way(connection, user)?) {
                ImportOutcome::Imported => Err(StorageError::Failed(
                    "nobody is in the way of a user who cannot be made".into(),
                )),
                outcome => Ok(outcome),
            }
        })
        .collect::<Result<_>>()?;
    let imported = outcomes
        .iter()
        .filter(|outcome| **outcome == ImportOutcome::Imported)
        .count();
    if imported > 0 {
        let event = Event::new(Word::UsersImported).about(imported.to_string());
        audit::record(connection, journal, event)?;
    }
    Ok(outcomes)
}

pub(super) fn judge(connection: &Connection, users: &[ImportedUser]) -> Result<Vec<ImportOutcome>> {
    users
        .iter()
        .map(|user| Ok(user.outcome(&in_the_way(connection, user)?)))
        .collect()
}

pub(super) fn export(
    connection: &Connection,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<Credentials>> {
    Ok(connection
        // Every identifier comes after the empty one.
        .prepare_cached(sql!(
            "SELECT {USER}, users.password FROM users \
             WHERE user_id > coalesce(?1, x'') ORDER BY user_id LIMIT ?2"
        ))?
        .query_map(params![after.map(Stored), limit], credentials_row)?
        .collect::<rusqlite::Result<_>>()?)
}

/// Says whether the user was made, and not kept from it by somebody else.
fn insert(connection: &Connection, user: &ImportedUser) -> Result<bool> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO users (user_id, name, email, email_canonical, password, age, \
                 created_at, updated_at, disabled_at) \
             VALUES (:id, :name, :email, :canonical, :password, :age, \
                 :created_at, :updated_at, :disabled_at) \
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":id": Stored(user.id),
            ":name": user.name.as_str(),
            ":email": user.email.as_str(),
            ":canonical": user.email.canonical(),
            ":password": user.password.as_str(),
            ":age": user.age.map(Age::years),
            ":created_at": Stored(user.created_at),
            ":updated_at": Stored(user.updated_at),
            ":disabled_at": user.disabled_at.map(Stored),
        })?;
    Ok(inserted == 1)
}

/// Who has the identifier or the address: two users at most.
fn in_the_way(connection: &Connection, user: &ImportedUser) -> Result<Vec<Credentials>> {
    Ok(connection
        .prepare_cached(sql!(
            "SELECT {USER}, users.password FROM users \
             WHERE user_id = ?1 OR email_canonical = ?2"
        ))?
        .query_map(
            params![Stored(user.id), user.email.canonical()],
            credentials_row,
        )?
        .collect::<rusqlite::Result<_>>()?)
}
