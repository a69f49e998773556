//! Users on their way in and out, in sets: a batch takes one or two round trips.

use std::collections::{HashMap, HashSet};

use tokio_postgres::{Error, Row};

use super::error::Failure;
use super::pool::Connection;
use super::rows::{Stored, USER, USER_WIDTH};
use super::users::credentials_row;
use crate::domain::ids::UserId;
use crate::domain::transfer::{ImportOutcome, ImportedUser};
use crate::domain::user::{Age, Credentials};
use crate::storage::StorageError;

type Result<T, E = Failure> = std::result::Result<T, E>;

/// One statement makes all who can be made; no lock of ours, since the unique indexes
/// decide, and nobody is made twice however often it is repeated. In the order of their
/// identifiers, so that two imports at once wait for each other in one direction only. What
/// is then asked about the others only tells why.
pub(super) async fn import(db: &Connection, users: &[ImportedUser]) -> Result<Vec<ImportOutcome>> {
    let made = insert(db, users).await?;
    let others: Vec<&ImportedUser> = users
        .iter()
        .filter(|user| !made.contains(&user.id))
        .collect();
    let in_the_way = InTheWay::of(db, &others).await?;
    users
        .iter()
        .map(|user| {
            if made.contains(&user.id) {
                return Ok(ImportOutcome::Imported);
            }
            match user.outcome(&in_the_way.of_one(user)) {
                ImportOutcome::Imported => Err(Failure::Storage(StorageError::Unavailable(
                    "who was in the way of an imported user has gone meanwhile".into(),
                ))),
                outcome => Ok(outcome),
            }
        })
        .collect()
}

pub(super) async fn judge(db: &Connection, users: &[ImportedUser]) -> Result<Vec<ImportOutcome>> {
    let everybody: Vec<&ImportedUser> = users.iter().collect();
    let in_the_way = InTheWay::of(db, &everybody).await?;
    Ok(users
        .iter()
        .map(|user| user.outcome(&in_the_way.of_one(user)))
        .collect())
}

pub(super) async fn export(
    db: &Connection,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<Credentials>> {
    let limit = i64::from(limit);
    let select = format!("SELECT {USER}, users.password FROM users");
    let rows = match after {
        None => {
            let page = format!("{select} ORDER BY user_id LIMIT $1");
            let page = db.prepared(&page).await?;
            db.query(&page, &[&limit]).await?
        }
        Some(after) => {
            let page = format!("{select} WHERE user_id > $1 ORDER BY user_id LIMIT $2");
            let page = db.prepared(&page).await?;
            db.query(&page, &[&Stored(after), &limit]).await?
        }
    };
    let users: Result<_, Error> = rows.iter().map(credentials_row).collect();
    Ok(users?)
}

/// Says who was made.
async fn insert(db: &Connection, users: &[ImportedUser]) -> Result<HashSet<UserId>> {
    let insert = db
        .prepared(
            "INSERT INTO users (user_id, name, email, email_canonical, password, age, \
                 created_at, updated_at, disabled_at) \
             SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], \
                 $6::integer[], $7::timestamp[], $8::timestamp[], $9::timestamptz[]) \
                 AS given (user_id) \
             ORDER BY given.user_id \
             ON CONFLICT DO NOTHING RETURNING user_id",
        )
        .await?;
    let ids = column(users, |user| Stored(user.id));
    let names = column(users, |user| user.name.as_str());
    let emails = column(users, |user| user.email.as_str());
    let canonical = column(users, |user| user.email.canonical());
    let passwords = column(users, |user| Stored(&user.password));
    let ages = column(users, |user| user.age.map(Age::years).map(i32::from));
    let created = column(users, |user| Stored(user.created_at));
    let updated = column(users, |user| Stored(user.updated_at));
    let disabled = column(users, |user| user.disabled_at.map(Stored));
    let made = db
        .query(
            &insert,
            &[
                &ids, &names, &emails, &canonical, &passwords, &ages, &created, &updated, &disabled,
            ],
        )
        .await?;
    made.iter()
        .map(|row| Ok(row.try_get::<_, Stored<UserId>>(0)?.0))
        .collect()
}

fn column<'u, T>(users: &'u [ImportedUser], value: impl Fn(&'u ImportedUser) -> T) -> Vec<T> {
    users.iter().map(value).collect()
}

/// Who has the identifiers or the addresses of those who come.
#[derive(Default)]
struct InTheWay {
    by_id: HashMap<UserId, Credentials>,
    by_email: HashMap<String, UserId>,
}

impl InTheWay {
    /// A row without a canonical address was inserted by another program and is found by
    /// the address as it stands there.
    async fn of(db: &Connection, users: &[&ImportedUser]) -> Result<Self> {
        if users.is_empty() {
            return Ok(Self::default());
        }
        let find = format!(
            "SELECT {USER}, users.password, coalesce(email_canonical, email) FROM users \
             WHERE user_id = ANY ($1) OR email_canonical = ANY ($2) \
                 OR (email_canonical IS NULL AND email = ANY ($3))"
        );
        let find = db.prepared(&find).await?;
        let ids: Vec<_> = users.iter().map(|user| Stored(user.id)).collect();
        let canonical: Vec<_> = users.iter().map(|user| user.email.canonical()).collect();
        let typed: Vec<_> = users.iter().map(|user| user.email.as_str()).collect();
        let rows = db.query(&find, &[&ids, &canonical, &typed]).await?;
        let mut found = Self::default();
        for row in &rows {
            found.add(row)?;
        }
        Ok(found)
    }

    fn add(&mut self, row: &Row) -> Result<(), Error> {
        let credentials = credentials_row(row)?;
        let email: Option<String> = row.try_get(USER_WIDTH + 1)?;
        let id = credentials.user.id;
        if let Some(email) = email {
            self.by_email.insert(email, id);
        }
        self.by_id.insert(id, credentials);
        Ok(())
    }

    fn of_one(&self, user: &ImportedUser) -> Vec<Credentials> {
        let by_email = self
            .by_email
            .get(user.email.canonical())
            .or_else(|| self.by_email.get(user.email.as_str()));
        [Some(&user.id), by_email]
            .into_iter()
            .flatten()
            .filter_map(|id| self.by_id.get(id))
            .cloned()
            .collect()
    }
}
