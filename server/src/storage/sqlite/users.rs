//! Users.

use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::error::of_email;
use super::rows::{self, Stored, USER, USER_WIDTH};
use super::{audit, sessions};
use crate::domain::audit::{Event, Word};
use crate::domain::email::Email;
use crate::domain::ids::UserId;
use crate::domain::password_hash::PasswordHash;
use crate::domain::session::{EndReason, NewSession};
use crate::domain::user::{Age, Credentials, NewUser, ProfileChange, User, UserName};
use crate::storage::journal::Journal;
use crate::storage::{Guarded, Result};

pub(super) fn create(
    connection: &Connection,
    cx: &Journal,
    user: &NewUser,
    session: Option<&NewSession>,
) -> Result<User> {
    let created = connection
        .prepare_cached(sql!(
            "INSERT INTO users (user_id, name, email, email_canonical, password, age, \
                 created_at, updated_at) \
             VALUES (:id, :name, :email, :canonical, :password, :age, :now, :now) \
             RETURNING {USER}"
        ))?
        .query_row(
            named_params! {
                ":id": Stored(user.id),
                ":name": user.name.as_str(),
                ":email": user.email.as_str(),
                ":canonical": user.email.canonical(),
                ":password": user.password.as_str(),
                ":age": user.age.map(Age::years),
                ":now": Stored(cx.now),
            },
            |row| rows::user(row, 0),
        )
        .map_err(of_email)?;
    if let Some(session) = session {
        sessions::insert(connection, cx, user.id, session)?;
    }
    let event = Event::created(user.id, session.map(|session| session.id));
    audit::record(connection, cx, event)?;
    Ok(created)
}

pub(super) fn find(connection: &Connection, id: UserId) -> Result<Option<User>> {
    Ok(connection
        .prepare_cached(sql!("SELECT {USER} FROM users WHERE user_id = ?1"))?
        .query_row([Stored(id)], |row| rows::user(row, 0))
        .optional()?)
}

pub(super) fn credentials(connection: &Connection, id: UserId) -> Result<Option<Credentials>> {
    Ok(connection
        .prepare_cached(sql!(
            "SELECT {USER}, users.password FROM users WHERE user_id = ?1"
        ))?
        .query_row([Stored(id)], credentials_row)
        .optional()?)
}

pub(super) fn credentials_by_email(
    connection: &Connection,
    email: &Email,
) -> Result<Option<Credentials>> {
    Ok(connection
        .prepare_cached(sql!(
            "SELECT {USER}, users.password FROM users WHERE email_canonical = ?1"
        ))?
        .query_row([email.canonical()], credentials_row)
        .optional()?)
}

pub(super) fn credentials_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Credentials> {
    Ok(Credentials {
        user: rows::user(row, 0)?,
        password: PasswordHash::new(row.get::<_, String>(USER_WIDTH)?),
    })
}

pub(super) fn list(
    connection: &Connection,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<User>> {
    Ok(connection
        // Every identifier comes after the empty one.
        .prepare_cached(sql!(
            "SELECT {USER} FROM users WHERE user_id > coalesce(?1, x'') ORDER BY user_id LIMIT ?2"
        ))?
        .query_map(params![after.map(Stored), limit], |row| rows::user(row, 0))?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) fn update_profile(
    connection: &Connection,
    cx: &Journal,
    id: UserId,
    change: &ProfileChange,
) -> Result<Option<User>> {
    if change.name.is_none() && change.age.is_none() {
        return find(connection, id);
    }
    let changed = connection
        .prepare_cached(sql!(
            "UPDATE users SET name = coalesce(:name, name), \
                 age = iif(:sets_age, :age, age), updated_at = :now \
             WHERE user_id = :id RETURNING {USER}"
        ))?
        .query_row(
            named_params! {
                ":id": Stored(id),
                ":name": change.name.as_ref().map(UserName::as_str),
                ":sets_age": change.age.is_some(),
                ":age": change.age.flatten().map(Age::years),
                ":now": Stored(cx.now),
            },
            |row| rows::user(row, 0),
        )
        .optional()?;
    if changed.is_some() {
        audit::record(connection, cx, Event::of(Word::ProfileChanged, id))?;
    }
    Ok(changed)
}

pub(super) fn change_email(
    connection: &Connection,
    cx: &Journal,
    id: UserId,
    email: &Email,
) -> Result<Option<User>> {
    let changed = connection
        .prepare_cached(sql!(
            "UPDATE users SET email = ?2, email_canonical = ?3, updated_at = ?4 \
             WHERE user_id = ?1 RETURNING {USER}"
        ))?
        .query_row(
            params![
                Stored(id),
                email.as_str(),
                email.canonical(),
                Stored(cx.now)
            ],
            |row| rows::user(row, 0),
        )
        .optional()
        .map_err(of_email)?;
    if changed.is_some() {
        audit::record(connection, cx, Event::of(Word::EmailChanged, id))?;
    }
    Ok(changed)
}

pub(super) fn change_password(
    connection: &Connection,
    cx: &Journal,
    id: UserId,
    expected: Option<&PasswordHash>,
    new: &PasswordHash,
    session: Option<&NewSession>,
) -> Result<Guarded<User>> {
    let user = match guard(connection, id, expected)? {
        Guarded::Done(user) => user,
        Guarded::Stale => return Ok(Guarded::Stale),
        Guarded::NotFound => return Ok(Guarded::NotFound),
    };
    if session.is_some() && user.disabled_at.is_some() {
        return Ok(Guarded::Stale);
    }
    let changed = connection
        .prepare_cached(sql!(
            "UPDATE users SET password = ?2, updated_at = ?3 WHERE user_id = ?1 RETURNING {USER}"
        ))?
        .query_row(params![Stored(id), new.as_str(), Stored(cx.now)], |row| {
            rows::user(row, 0)
        })?;
    sessions::end_all(connection, cx, id, EndReason::PasswordChanged)?;
    if let Some(session) = session {
        sessions::insert(connection, cx, id, session)?;
    }
    let event = Event::password_changed(id, session.map(|session| session.id));
    audit::record(connection, cx, event)?;
    Ok(Guarded::Done(changed))
}

pub(super) fn set_disabled(
    connection: &Connection,
    cx: &Journal,
    id: UserId,
    disabled: bool,
) -> Result<Option<User>> {
    let Some(user) = find(connection, id)? else {
        return Ok(None);
    };
    if user.disabled_at.is_some() == disabled {
        return Ok(Some(user));
    }
    if disabled {
        sessions::end_all(connection, cx, id, EndReason::UserDisabled)?;
    }
    let changed = connection
        .prepare_cached(sql!(
            "UPDATE users SET disabled_at = ?2, updated_at = ?3 WHERE user_id = ?1 RETURNING {USER}"
        ))?
        .query_row(
            params![
                Stored(id),
                disabled.then_some(Stored(cx.now)),
                Stored(cx.now)
            ],
            |row| rows::user(row, 0),
        )?;
    audit::record(connection, cx, Event::disabled(id, disabled))?;
    Ok(Some(changed))
}

pub(super) fn delete(
    connection: &Connection,
    cx: &Journal,
    id: UserId,
    expected: Option<&PasswordHash>,
) -> Result<Guarded<()>> {
    match guard(connection, id, expected)? {
        Guarded::Done(_) => {}
        Guarded::Stale => return Ok(Guarded::Stale),
        Guarded::NotFound => return Ok(Guarded::NotFound),
    }
    sessions::end_all(connection, cx, id, EndReason::UserDeleted)?;
    connection
        .prepare_cached("DELETE FROM users WHERE user_id = ?1")?
        .execute([Stored(id)])?;
    audit::record(connection, cx, Event::of(Word::UserDeleted, id))?;
    Ok(Guarded::Done(()))
}

pub(super) fn start_session(
    connection: &Connection,
    cx: &Journal,
    id: UserId,
    expected: &PasswordHash,
    upgraded: Option<&PasswordHash>,
    session: &NewSession,
) -> Result<Guarded<User>> {
    let user = match guard(connection, id, Some(expected))? {
        Guarded::Done(user) => user,
        Guarded::Stale => return Ok(Guarded::Stale),
        Guarded::NotFound => return Ok(Guarded::NotFound),
    };
    if let Some(upgraded) = upgraded {
        // The same password in another form: not a change of the account.
        connection
            .prepare_cached("UPDATE users SET password = ?2 WHERE user_id = ?1")?
            .execute(params![Stored(id), upgraded.as_str()])?;
    }
    sessions::insert(connection, cx, id, session)?;
    audit::record(connection, cx, Event::signed_in(id, session.id))?;
    Ok(Guarded::Done(user))
}

/// The user, unless something has come in between since `expected` was read.
fn guard(
    connection: &Connection,
    id: UserId,
    expected: Option<&PasswordHash>,
) -> Result<Guarded<User>> {
    Ok(Guarded::check(credentials(connection, id)?, expected))
}
