//! From rows to what the domain knows, and back.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use crate::domain::clients::SecretHash;
use crate::domain::clock::Timestamp;
use crate::domain::email::Email;
use crate::domain::ids::{ClientId, EventId, SessionId, UserId};
use crate::domain::password_hash::PasswordHash;
use crate::domain::session::{Session, TokenHash};
use crate::domain::user::{Age, User};

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

/// 0001-01-01, the first time with a form in RFC 3339.
const YEAR_1: Timestamp = Timestamp::from_millis(-62_135_596_800_000);
/// 9999-12-30T22:00:00Z, which is in the year 9999 by every offset.
const YEAR_9999: Timestamp = Timestamp::from_millis(253_402_207_200_000);

/// A parameter of a statement.
pub(super) type Parameter<'p> = &'p (dyn ToSql + Sync);

/// All the parameters of a statement.
pub(super) type Parameters<'p, const N: usize> = [Parameter<'p>; N];

/// Reads a user from the columns [`USER`], the first of which is column `at`.
///
/// A table that was adopted allows nulls, ages that nobody has, and times without a form in
/// RFC 3339.
pub(super) fn user(row: &Row, at: usize) -> Result<User, Error> {
    let epoch = || Timestamp::from_millis(0);
    Ok(User {
        id: row.try_get::<_, Stored<UserId>>(at)?.0,
        name: text(row, at + 1)?,
        email: text(row, at + 2)?,
        age: age(row, at + 3)?,
        created_at: shown(row, at + 4)?.unwrap_or_else(epoch),
        updated_at: shown(row, at + 5)?.unwrap_or_else(epoch),
        disabled_at: shown(row, at + 6)?,
    })
}

/// Reads a time that is shown; `infinity` is the end of the year 9999.
fn shown(row: &Row, at: usize) -> Result<Option<Timestamp>, Error> {
    let at: Option<Timestamp> = optional(row, at)?;
    Ok(at.map(|at| at.clamp(YEAR_1, YEAR_9999)))
}

/// Reads a session from the columns [`SESSION`], the first of which is column `at`.
pub(super) fn session(row: &Row, at: usize) -> Result<Session, Error> {
    let address: Option<String> = row.try_get(at + 5)?;
    Ok(Session {
        id: row.try_get::<_, Stored<SessionId>>(at)?.0,
        user: row.try_get::<_, Stored<UserId>>(at + 1)?.0,
        created_at: row.try_get::<_, Stored<Timestamp>>(at + 2)?.0,
        last_used_at: row.try_get::<_, Stored<Timestamp>>(at + 3)?.0,
        expires_at: row.try_get::<_, Stored<Timestamp>>(at + 4)?.0,
        address: address.and_then(|address| address.parse().ok()),
        user_agent: row.try_get(at + 6)?,
    })
}

/// Reads a text column; null is empty.
pub(super) fn text(row: &Row, at: usize) -> Result<String, Error> {
    Ok(row.try_get::<_, Option<String>>(at)?.unwrap_or_default())
}

/// Reads the hash of a password. Null is one that no password fits.
pub(super) fn password(row: &Row, at: usize) -> Result<PasswordHash, Error> {
    text(row, at).map(PasswordHash::new)
}

fn age(row: &Row, at: usize) -> Result<Option<u8>, Error> {
    let years: Option<i32> = row.try_get(at)?;
    Ok(years
        .and_then(|years| Age::new(years.into()).ok())
        .map(Age::years))
}

/// Reads a column that may be null.
pub(super) fn optional<'r, T>(row: &'r Row, at: usize) -> Result<Option<T>, Error>
where
    Stored<T>: FromSql<'r>,
{
    let value: Option<Stored<T>> = row.try_get(at)?;
    Ok(value.map(|Stored(value)| value))
}

/// A value of the domain in the form that PostgreSQL keeps.
///
/// `Debug` is what the driver logs of parameters, so that it shows no secret.
#[derive(Clone, Copy)]
pub(super) struct Stored<T>(pub(super) T);

/// Hidden.
impl<T> std::fmt::Debug for Stored<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

type Problem = Box<dyn StdError + Sync + Send>;

macro_rules! stored_as {
    ($domain:ty as $sql:ty, |$value:ident| $to:expr, |$raw:ident| $from:expr) => {
        impl ToSql for Stored<$domain> {
            fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Problem> {
                let $value = &self.0;
                $to.to_sql(ty, out)
            }

            fn accepts(ty: &Type) -> bool {
                <$sql as ToSql>::accepts(ty)
            }

            to_sql_checked!();
        }

        impl<'a> FromSql<'a> for Stored<$domain> {
            fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Problem> {
                let $raw = <$sql as FromSql>::from_sql(ty, raw)?;
                Ok(Self($from))
            }

            fn accepts(ty: &Type) -> bool {
                <$sql as FromSql>::accepts(ty)
            }
        }
    };
}

stored_as!(UserId as Uuid, |id| id.as_uuid(), |uuid| UserId::from(uuid));
stored_as!(
    SessionId as Uuid,
    |id| id.as_uuid(),
    |uuid| SessionId::from(uuid)
);
stored_as!(ClientId as Uuid, |id| id.as_uuid(), |uuid| ClientId::from(
    uuid
));
stored_as!(SecretHash as Vec<u8>, |hash| hash.0.as_slice(), |bytes| {
    SecretHash(
        bytes
            .try_into()
            .map_err(|_| "a digest is not of 32 bytes")?,
    )
});
stored_as!(EventId as Uuid, |id| id.as_uuid(), |uuid| EventId::from(
    uuid
));
stored_as!(TokenHash as Vec<u8>, |hash| hash.0.as_slice(), |bytes| {
    TokenHash(
        bytes
            .try_into()
            .map_err(|_| "a digest is not of 32 bytes")?,
    )
});
stored_as!(Timestamp as Micros, |at| Micros::from(*at), |micros| {
    Timestamp::from(micros)
});

stored_as!(
    Duration as i64,
    |life| i64::try_from(life.as_millis()).unwrap_or(i64::MAX),
    |millis| Duration::from_millis(u64::try_from(millis)?)
);

impl ToSql for Stored<&PasswordHash> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Problem> {
        self.0.as_str().to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <&str as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

/// The canonical form of an address that somebody typed, who may have meant another field.
impl ToSql for Stored<&Email> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Problem> {
        self.0.canonical().to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <&str as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

/// Bytes that may be a private key.
impl ToSql for Stored<&[u8]> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Problem> {
        self.0.to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <&[u8] as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

/// PostgreSQL's instants: microseconds since 2000 in UTC, with or without a zone. Its ends
/// of time are `infinity` and `-infinity`.
#[derive(Debug)]
struct Micros(i64);

/// 2000-01-01 in milliseconds since 1970.
const EPOCH_MILLIS: i64 = 946_684_800_000;
/// What lies from here on, in the year 294277, is `infinity`.
const END: i64 = 9_223_371_331_200_000_000;
/// What lies before this, 4714 BC, is `-infinity`.
const BEGINNING: i64 = -211_813_488_000_000_000;

impl From<Timestamp> for Micros {
    fn from(at: Timestamp) -> Self {
        let micros = at
            .as_millis()
            .saturating_sub(EPOCH_MILLIS)
            .saturating_mul(1000);
        Self(match micros {
            ..BEGINNING => i64::MIN,
            END.. => i64::MAX,
            micros => micros,
        })
    }
}

/// Rounds down to the millisecond.
impl From<Micros> for Timestamp {
    fn from(Micros(micros): Micros) -> Self {
        Self::from_millis(match micros {
            i64::MIN | i64::MAX => micros,
            micros => micros.div_euclid(1000) + EPOCH_MILLIS,
        })
    }
}

impl ToSql for Micros {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Problem> {
        self.0.to_sql(&Type::INT8, out)
    }

    accepts!(TIMESTAMP, TIMESTAMPTZ);
    to_sql_checked!();
}

impl FromSql<'_> for Micros {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Problem> {
        i64::from_sql(&Type::INT8, raw).map(Self)
    }

    accepts!(TIMESTAMP, TIMESTAMPTZ);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_found_again_to_the_end_of_time() {
        for millis in [
            -1,
            0,
            1,
            946_684_799_999,
            1_767_225_600_007,
            i64::MAX,
            i64::MIN,
        ] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(Timestamp::from(Micros::from(at)), at, "{millis}");
        }
        let far = Timestamp::from_millis(i64::MAX / 2);
        assert_eq!(Micros::from(far).0, i64::MAX);
        assert_eq!(
            Timestamp::from(Micros(-1)),
            Timestamp::from_millis(EPOCH_MILLIS - 1)
        );
        assert_eq!(
            Timestamp::from(Micros(1999)),
            Timestamp::from_millis(EPOCH_MILLIS + 1)
        );
    }

    #[test]
    fn the_log_of_parameters_shows_nothing() {
        let hash = PasswordHash::new("secret");
        assert_eq!(format!("{:?}", Stored(&hash)), "…");
        assert_eq!(format!("{:?}", Stored(&b"secret"[..])), "…");
    }
}
