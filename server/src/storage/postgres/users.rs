//! Users.
//!
//! Each function is one unit of work. The row of the user is what a change of the account
//! and the start of a session meet at; it is locked before any row of `sessions`.

use futures_util::future::{try_join3, try_join4};
use tokio_postgres::{Error, Row};

use super::audit::{self, Entry};
use super::error::Failure;
use super::pool::Connection;
use super::rows::{self, Parameter, Parameters, Stored, USER, USER_WIDTH};
use super::sessions::{self, Start};
use super::transaction::Transaction;
use crate::domain::audit::{Event, Word};
use crate::domain::email::Email;
use crate::domain::ids::UserId;
use crate::domain::password_hash::PasswordHash;
use crate::domain::session::{EndReason, NewSession};
use crate::domain::user::{Age, Credentials, NewUser, ProfileChange, User, UserName};
use crate::storage::Guarded;
use crate::storage::journal::Journal;

type Result<T, E = Failure> = std::result::Result<T, E>;

/// One statement. No lock of ours: the unique index lets one of two through.
pub(super) async fn create(
    db: &Connection,
    cx: &Journal,
    user: &NewUser,
    session: Option<&NewSession>,
) -> Result<User> {
    const CREATED: &str = "WITH created AS ( \
             INSERT INTO users (user_id, name, email, email_canonical, password, age, \
                 created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING *)";
    const WIDTH: usize = 7;
    let insert = if session.is_some() {
        sql!(
            "{CREATED}, recorded AS ({}), started AS ({}) SELECT {USER} FROM created AS users",
            Entry::statement("created", WIDTH + 1),
            Start::statement("created", WIDTH + Entry::WIDTH + 1)
        )
    } else {
        sql!(
            "{CREATED}, recorded AS ({}) SELECT {USER} FROM created AS users",
            Entry::statement("created", WIDTH + 1)
        )
    };
    let insert = db.prepared(insert).await?;
    let id = Stored(user.id);
    let name = user.name.as_str();
    let email = user.email.as_str();
    let canonical = user.email.canonical();
    let password = Stored(&user.password);
    let age = user.age.map(Age::years).map(i32::from);
    let now = Stored(cx.now);
    let start = session.map(|session| Start::new(cx, session));
    let record = cx.draft(Event::created(user.id, session.map(|session| session.id)));
    let entry = Entry::new(&record);
    let of_user: Parameters<WIDTH> = [&id, &name, &email, &canonical, &password, &age, &now];
    let mut parameters = of_user.to_vec();
    parameters.extend(entry.parameters());
    if let Some(start) = &start {
        parameters.extend(start.parameters());
    }
    let row = db.query_one(&insert, &parameters).await?;
    cx.wrote(record);
    Ok(rows::user(&row, 0)?)
}

pub(super) async fn find(db: &Connection, id: UserId) -> Result<Option<User>> {
    let find = db
        .prepared(sql!("SELECT {USER} FROM users WHERE user_id = $1"))
        .await?;
    let row = db.query_opt(&find, &[&Stored(id)]).await?;
    Ok(row.map(|row| rows::user(&row, 0)).transpose()?)
}

pub(super) async fn credentials(db: &Connection, id: UserId) -> Result<Option<Credentials>> {
    let find = db
        .prepared(sql!(
            "SELECT {USER}, users.password FROM users WHERE user_id = $1"
        ))
        .await?;
    let row = db.query_opt(&find, &[&Stored(id)]).await?;
    Ok(row.map(|row| credentials_row(&row)).transpose()?)
}

pub(super) async fn credentials_by_email(
    db: &Connection,
    email: &Email,
) -> Result<Option<Credentials>> {
    let find = db
        .prepared(sql!(
            "SELECT {USER}, users.password FROM users WHERE email_canonical = $1"
        ))
        .await?;
    let row = db.query_opt(&find, &[&Stored(email)]).await?;
    Ok(row.map(|row| credentials_row(&row)).transpose()?)
}

pub(super) fn credentials_row(row: &Row) -> Result<Credentials, Error> {
    Ok(Credentials {
        user: rows::user(row, 0)?,
        password: rows::password(row, USER_WIDTH)?,
    })
}

pub(super) async fn list(db: &Connection, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
    let limit = i64::from(limit);
    let rows = match after {
        None => {
            let list = db
                .prepared(sql!("SELECT {USER} FROM users ORDER BY user_id LIMIT $1"))
                .await?;
            db.query(&list, &[&limit]).await?
        }
        Some(after) => {
            let list = db
                .prepared(sql!(
                    "SELECT {USER} FROM users WHERE user_id > $1 ORDER BY user_id LIMIT $2"
                ))
                .await?;
            db.query(&list, &[&Stored(after), &limit]).await?
        }
    };
    let users: Result<_, Error> = rows.iter().map(|row| rows::user(row, 0)).collect();
    Ok(users?)
}

/// One statement on one row.
pub(super) async fn update_profile(
    db: &Connection,
    cx: &Journal,
    id: UserId,
    change: &ProfileChange,
) -> Result<Option<User>> {
    if change.name.is_none() && change.age.is_none() {
        return find(db, id).await;
    }
    let update = sql!(
        "{}",
        audit::recording(
            &format!(
                "UPDATE users SET name = coalesce($2::text, name), \
                     age = CASE WHEN $3 THEN $4::integer ELSE age END, updated_at = $5 \
                 WHERE user_id = $1 RETURNING {USER}"
            ),
            5
        )
    );
    let name = change.name.as_ref().map(UserName::as_str);
    let sets_age = change.age.is_some();
    let age = change.age.flatten().map(Age::years).map(i32::from);
    let (key, now) = (Stored(id), Stored(cx.now));
    let parameters: Parameters<5> = [&key, &name, &sets_age, &age, &now];
    let event = Event::of(Word::ProfileChanged, id);
    let row = audit::recorded(db, cx, update, &parameters, event).await?;
    Ok(row.map(|row| rows::user(&row, 0)).transpose()?)
}

/// One statement on one row; the unique index keeps the address to one user.
pub(super) async fn change_email(
    db: &Connection,
    cx: &Journal,
    id: UserId,
    email: &Email,
) -> Result<Option<User>> {
    let update = sql!(
        "{}",
        audit::recording(
            &format!(
                "UPDATE users SET email = $2, email_canonical = $3, updated_at = $4 \
                 WHERE user_id = $1 RETURNING {USER}"
            ),
            4
        )
    );
    let (key, now) = (Stored(id), Stored(cx.now));
    let (email, canonical) = (email.as_str(), email.canonical());
    let parameters: Parameters<4> = [&key, &email, &canonical, &now];
    let event = Event::of(Word::EmailChanged, id);
    let row = audit::recorded(db, cx, update, &parameters, event).await?;
    Ok(row.map(|row| rows::user(&row, 0)).transpose()?)
}

/// The lock on the user keeps sign-ins out ([`start_session`]). A sign-in that came before
/// it has committed when the lock is ours, and the statements after it see its session.
pub(super) async fn change_password(
    db: &Connection,
    cx: &Journal,
    id: UserId,
    expected: Option<&PasswordHash>,
    new: &PasswordHash,
    session: Option<&NewSession>,
) -> Result<Guarded<User>> {
    let (transaction, found) = lock(db, id, Lock::NoKeyUpdate).await?;
    let user = match Guarded::check(found, expected) {
        Guarded::Done(user) => user,
        Guarded::Stale => return Ok(Guarded::Stale),
        Guarded::NotFound => return Ok(Guarded::NotFound),
    };
    if session.is_some() && user.disabled_at.is_some() {
        return Ok(Guarded::Stale);
    }
    let update = db
        .prepared(sql!(
            "UPDATE users SET password = $2, updated_at = $3 WHERE user_id = $1 RETURNING {USER}"
        ))
        .await?;
    let end_all = db.prepared(sessions::END_ALL).await?;
    let insert = Start::prepare(db).await?;
    let start = session.map(|session| Start::new(cx, session));
    let put_on_record = Entry::prepare(db).await?;
    let record = cx.draft(Event::password_changed(
        id,
        session.map(|session| session.id),
    ));
    let entry = Entry::new(&record);
    let key = Stored(id);
    let now = Stored(cx.now);
    let hash = Stored(new);
    let reason = EndReason::PasswordChanged.as_str();
    let changed: Parameters<3> = [&key, &hash, &now];
    let ended: Parameters<3> = [&key, &now, &reason];
    let changes = try_join4(
        db.query_one(&update, &changed),
        db.execute(&end_all, &ended),
        async {
            match &start {
                Some(start) => start.insert(db, &insert, id).await,
                None => Ok(()),
            }
        },
        entry.insert(db, &put_on_record),
    );
    let (row, ..) = transaction.commit(changes).await?;
    cx.wrote(record);
    Ok(Guarded::Done(rows::user(&row, 0)?))
}

/// As [`change_password`].
pub(super) async fn set_disabled(
    db: &Connection,
    cx: &Journal,
    id: UserId,
    disabled: bool,
) -> Result<Option<User>> {
    let (transaction, found) = lock(db, id, Lock::NoKeyUpdate).await?;
    let Some(Credentials { user, .. }) = found else {
        return Ok(None);
    };
    if user.disabled_at.is_some() == disabled {
        return Ok(Some(user));
    }
    let update = db
        .prepared(sql!(
            "UPDATE users SET disabled_at = $2, updated_at = $3 WHERE user_id = $1 RETURNING {USER}"
        ))
        .await?;
    let end_all = db.prepared(sessions::END_ALL).await?;
    let put_on_record = Entry::prepare(db).await?;
    let record = cx.draft(Event::disabled(id, disabled));
    let entry = Entry::new(&record);
    let key = Stored(id);
    let now = Stored(cx.now);
    let disabled_at = disabled.then_some(now);
    let reason = EndReason::UserDisabled.as_str();
    // Who is enabled again has no session left that this could end.
    let changed: Parameters<3> = [&key, &disabled_at, &now];
    let ended: Parameters<3> = [&key, &now, &reason];
    let changes = try_join3(
        db.query_one(&update, &changed),
        db.execute(&end_all, &ended),
        entry.insert(db, &put_on_record),
    );
    let (row, ..) = transaction.commit(changes).await?;
    cx.wrote(record);
    Ok(Some(rows::user(&row, 0)?))
}

/// As [`change_password`], with the lock that a deletion takes anyway: rows of other tables
/// that come to point at the user wait for it too.
pub(super) async fn delete(
    db: &Connection,
    cx: &Journal,
    id: UserId,
    expected: Option<&PasswordHash>,
) -> Result<Guarded<()>> {
    let (transaction, found) = lock(db, id, Lock::Update).await?;
    match Guarded::check(found, expected) {
        Guarded::Done(_) => {}
        Guarded::Stale => return Ok(Guarded::Stale),
        Guarded::NotFound => return Ok(Guarded::NotFound),
    }
    let end_all = db.prepared(sessions::END_ALL).await?;
    let delete = db.prepared("DELETE FROM users WHERE user_id = $1").await?;
    let put_on_record = Entry::prepare(db).await?;
    let record = cx.draft(Event::of(Word::UserDeleted, id));
    let entry = Entry::new(&record);
    let key = Stored(id);
    let now = Stored(cx.now);
    let reason = EndReason::UserDeleted.as_str();
    let ended: Parameters<3> = [&key, &now, &reason];
    let deleted: Parameters<1> = [&key];
    let changes = try_join3(
        db.execute(&end_all, &ended),
        db.execute(&delete, &deleted),
        entry.insert(db, &put_on_record),
    );
    transaction.commit(changes).await?;
    cx.wrote(record);
    Ok(Guarded::Done(()))
}

/// One statement, unless the hash is replaced. The lock on the user is one that sign-ins
/// share and that waits for whoever changes the password, disables or deletes; the row that
/// it gives, and on which the session starts, is the one of after the wait.
pub(super) async fn start_session(
    db: &Connection,
    cx: &Journal,
    id: UserId,
    expected: &PasswordHash,
    upgraded: Option<&PasswordHash>,
    session: &NewSession,
) -> Result<Guarded<User>> {
    if let Some(upgraded) = upgraded {
        return start_session_upgrading(db, cx, id, expected, upgraded, session).await;
    }
    let query = db
        .prepared(sql!(
            "WITH found AS MATERIALIZED \
                 (SELECT {USER}, users.password FROM users WHERE user_id = $1 FOR SHARE), \
             good AS (SELECT user_id FROM found WHERE password = $2 AND disabled_at IS NULL), \
             started AS ({} RETURNING session_id), recorded AS ({}) \
             SELECT found.*, EXISTS (SELECT FROM started) FROM found",
            Start::statement("good", 3),
            Entry::statement("started", 3 + Start::WIDTH)
        ))
        .await?;
    let (key, expected) = (Stored(id), Stored(expected));
    let start = Start::new(cx, session);
    let mut parameters: Vec<Parameter> = vec![&key, &expected];
    parameters.extend(start.parameters());
    let record = cx.draft(Event::signed_in(id, session.id));
    let entry = Entry::new(&record);
    parameters.extend(entry.parameters());
    let row = db.query_opt(&query, &parameters).await?;
    let Some(row) = row else {
        return Ok(Guarded::NotFound);
    };
    if row.try_get(USER_WIDTH + 1)? {
        cx.wrote(record);
        Ok(Guarded::Done(rows::user(&row, 0)?))
    } else {
        Ok(Guarded::Stale)
    }
}

/// Locks the user as a change of the password does: two sign-ins that shared the lock could
/// not both write.
async fn start_session_upgrading(
    db: &Connection,
    cx: &Journal,
    id: UserId,
    expected: &PasswordHash,
    upgraded: &PasswordHash,
    session: &NewSession,
) -> Result<Guarded<User>> {
    let (transaction, found) = lock(db, id, Lock::NoKeyUpdate).await?;
    let user = match Guarded::check(found, Some(expected)) {
        Guarded::Done(user) => user,
        Guarded::Stale => return Ok(Guarded::Stale),
        Guarded::NotFound => return Ok(Guarded::NotFound),
    };
    // The same password in another form: not a change of the account.
    let update = db
        .prepared("UPDATE users SET password = $2 WHERE user_id = $1")
        .await?;
    let insert = Start::prepare(db).await?;
    let start = Start::new(cx, session);
    let put_on_record = Entry::prepare(db).await?;
    let record = cx.draft(Event::signed_in(id, session.id));
    let entry = Entry::new(&record);
    let (key, hash) = (Stored(id), Stored(upgraded));
    let changed: Parameters<2> = [&key, &hash];
    let changes = try_join3(
        db.execute(&update, &changed),
        start.insert(db, &insert, id),
        entry.insert(db, &put_on_record),
    );
    transaction.commit(changes).await?;
    cx.wrote(record);
    Ok(Guarded::Done(user))
}

/// How the row of a user is locked. Both wait for sign-ins and for each other.
#[derive(Clone, Copy, Debug)]
enum Lock {
    /// Rows may come to point at the user meanwhile.
    NoKeyUpdate,
    /// They may not.
    Update,
}

/// Begins a transaction that has the user's row to itself.
async fn lock(
    db: &Connection,
    id: UserId,
    lock: Lock,
) -> Result<(Transaction<'_>, Option<Credentials>)> {
    let find = match lock {
        Lock::NoKeyUpdate => {
            sql!("SELECT {USER}, users.password FROM users WHERE user_id = $1 FOR NO KEY UPDATE")
        }
        Lock::Update => {
            sql!("SELECT {USER}, users.password FROM users WHERE user_id = $1 FOR UPDATE")
        }
    };
    let find = db.prepared(find).await?;
    let (transaction, row) = Transaction::begin(db, &find, &[&Stored(id)]).await?;
    let found = row.map(|row| credentials_row(&row)).transpose()?;
    Ok((transaction, found))
}
