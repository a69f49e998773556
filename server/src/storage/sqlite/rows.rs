//! From rows to what the domain knows, and back.

use std::net::IpAddr;
use std::time::Duration;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Result, Row};

use crate::domain::clock::Timestamp;
use crate::domain::ids::{ClientId, EventId, SessionId, UserId};
use crate::domain::session::Session;
use crate::domain::user::User;

/// The columns of [`user`], in its order.
pub(super) const USER: &str = "users.user_id, users.name, users.email, users.age, \
     users.created_at, users.updated_at, users.disabled_at";

/// How many columns that is.
pub(super) const USER_WIDTH: usize = 7;

/// The columns of [`session`], in its order.
pub(super) const SESSION: &str = "sessions.session_id, sessions.user_id, sessions.created_at, \
     sessions.last_used_at, sessions.expires_at, sessions.address, sessions.user_agent";

/// How many columns that is.
pub(super) const SESSION_WIDTH: usize = 7;

/// Reads a user from the columns [`USER`], the first of which is column `at`.
pub(super) fn user(row: &Row<'_>, at: usize) -> Result<User> {
    Ok(User {
        id: row.get::<_, Stored<UserId>>(at)?.0,
        name: row.get(at + 1)?,
        email: row.get(at + 2)?,
        age: row.get(at + 3)?,
        created_at: row.get::<_, Stored<Timestamp>>(at + 4)?.0,
        updated_at: row.get::<_, Stored<Timestamp>>(at + 5)?.0,
        disabled_at: optional(row, at + 6)?,
    })
}

/// Reads a session from the columns [`SESSION`], the first of which is column `at`.
pub(super) fn session(row: &Row<'_>, at: usize) -> Result<Session> {
    Ok(Session {
        id: row.get::<_, Stored<SessionId>>(at)?.0,
        user: row.get::<_, Stored<UserId>>(at + 1)?.0,
        created_at: row.get::<_, Stored<Timestamp>>(at + 2)?.0,
        last_used_at: row.get::<_, Stored<Timestamp>>(at + 3)?.0,
        expires_at: row.get::<_, Stored<Timestamp>>(at + 4)?.0,
        address: optional(row, at + 5)?,
        user_agent: row.get(at + 6)?,
    })
}

/// Reads a column that may be null.
pub(super) fn optional<T>(row: &Row<'_>, at: usize) -> Result<Option<T>>
where
    Stored<T>: FromSql,
{
    let value: Option<Stored<T>> = row.get(at)?;
    Ok(value.map(|Stored(value)| value))
}

/// A value of the domain in the form that SQLite keeps: identifiers as 16 bytes, instants
/// and durations as milliseconds, addresses as text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored<T>(pub(super) T);

impl FromSql for Stored<UserId> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value).map(|bytes| Self(UserId::from_bytes(bytes)))
    }
}

impl ToSql for Stored<UserId> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl FromSql for Stored<SessionId> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value).map(|bytes| Self(SessionId::from_bytes(bytes)))
    }
}

impl ToSql for Stored<SessionId> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl FromSql for Stored<ClientId> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value).map(|bytes| Self(ClientId::from_bytes(bytes)))
    }
}

impl ToSql for Stored<ClientId> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl FromSql for Stored<EventId> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value).map(|bytes| Self(EventId::from_bytes(bytes)))
    }
}

impl ToSql for Stored<EventId> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl FromSql for Stored<Timestamp> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value).map(|millis| Self(Timestamp::from_millis(millis)))
    }
}

impl ToSql for Stored<Timestamp> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(self.0.as_millis().into())
    }
}

impl FromSql for Stored<Duration> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let millis = i64::column_result(value)?;
        u64::try_from(millis)
            .map(|millis| Self(Duration::from_millis(millis)))
            .map_err(|_| FromSqlError::OutOfRange(millis))
    }
}

impl ToSql for Stored<Duration> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        let millis = i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX);
        Ok(millis.into())
    }
}

impl FromSql for Stored<IpAddr> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        text.parse()
            .map(Self)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

impl ToSql for Stored<IpAddr> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(self.0.to_string().into())
    }
}
