//! Users on their way in and out, in sets: a batch takes one or two round trips.

use std::collections::{HashMap, HashSet};

use tokio_postgres::{Error, Row};

use super::audit::Entry;
use super::error::Failure;
use super::pool::Connection;
use super::rows::{Parameter, Stored, USER, USER_WIDTH};
use super::users::credentials_row;
use crate::domain::audit::{Event, Word};
use crate::domain::ids::UserId;
use crate::domain::transfer::{ImportOutcome, ImportedUser};
use crate::domain::user::{Age, Credentials};
use crate::storage::journal::Journal;

type Result<T, E = Failure> = std::result::Result<T, E>;

/// One statement makes all who can be made; no lock of ours, since the unique indexes
/// decide, and nobody is made twice however often it is repeated. In the order of their
/// identifiers, so that two imports at once wait for each other in one direction only. What
/// is then asked about the others only tells why.
pub(super) async fn import(
    db: &Connection,
    journal: &Journal,
    users: &[ImportedUser],
) -> Result<Vec<ImportOutcome>> {
    let made = insert(db, journal, users).await?;
    let others: Vec<&ImportedUser> = users
        .iter()
        .filter(|user| !made.contains(&user.id))
        .collect();
    let in_the_way = InTheWay::of(db, &others).await?;
    let outcomes = users.iter().map(|user| {
        if made.contains(&user.id) {
            return ImportOutcome::Imported;
        }
        match user.outcome(&in_the_way.of_one(user)) {
            // A unique index that we know nothing of, or somebody who has gone meanwhile.
            ImportOutcome::Imported => ImportOutcome::EmailTaken(None),
            outcome => outcome,
        }
    });
    Ok(outcomes.collect())
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
    let rows = match after {
        None => {
            let page = db
                .prepared(sql!(
                    "SELECT {USER}, users.password FROM users ORDER BY user_id LIMIT $1"
                ))
                .await?;
            db.query(&page, &[&limit]).await?
        }
        Some(after) => {
            let page = db
                .prepared(sql!(
                    "SELECT {USER}, users.password FROM users \
                     WHERE user_id > $1 ORDER BY user_id LIMIT $2"
                ))
                .await?;
            db.query(&page, &[&Stored(after), &limit]).await?
        }
    };
    let users: Result<_, Error> = rows.iter().map(credentials_row).collect();
    Ok(users?)
}

/// Says who was made.
async fn insert(
    db: &Connection,
    journal: &Journal,
    users: &[ImportedUser],
) -> Result<HashSet<UserId>> {
    const INSERT: &str = "INSERT INTO users (user_id, name, email, email_canonical, password, \
             age, created_at, updated_at, disabled_at) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], \
             $6::integer[], $7::timestamp[], $8::timestamp[], $9::timestamptz[]) \
             AS given (user_id) \
         ORDER BY given.user_id \
         ON CONFLICT DO NOTHING RETURNING user_id";
    let insert = format!(
        "WITH made AS ({INSERT}), \
         counted AS (SELECT count(*) AS users FROM made HAVING count(*) > 0), \
         recorded AS ({}) \
         SELECT user_id FROM made",
        Entry::statement_with("cause.users::text", "counted", 10)
    );
    let insert = db.prepared(&insert).await?;
    let ids = column(users, |user| Stored(user.id));
    let names = column(users, |user| user.name.as_str());
    let emails = column(users, |user| user.email.as_str());
    let canonical = column(users, |user| user.email.canonical());
    let passwords = column(users, |user| Stored(&user.password));
    let ages = column(users, |user| user.age.map(Age::years).map(i32::from));
    let created = column(users, |user| Stored(user.created_at));
    let updated = column(users, |user| Stored(user.updated_at));
    let disabled = column(users, |user| user.disabled_at.map(Stored));
    let mut record = journal.draft(Event::new(Word::UsersImported));
    let entry = Entry::new(&record);
    let mut parameters: Vec<Parameter> = vec![
        &ids, &names, &emails, &canonical, &passwords, &ages, &created, &updated, &disabled,
    ];
    parameters.extend(entry.parameters());
    let made = db.query(&insert, &parameters).await?;
    if !made.is_empty() {
        record.detail = Some(made.len().to_string());
        journal.wrote(record);
    }
    made.iter()
        .map(|row| Ok(row.try_get::<_, Stored<UserId>>(0)?.0))
        .collect()
}

fn column<'u, T>(users: &'u [ImportedUser], value: impl Fn(&'u ImportedUser) -> T) -> Vec<T> {
    users.iter().map(value).collect()
}

/// Who has the identifiers or the addresses of those who come: the canonical address, or the
/// one that comes where that is how it was found.
#[derive(Default)]
struct InTheWay {
    by_id: HashMap<UserId, Credentials>,
    by_email: HashMap<String, UserId>,
}

impl InTheWay {
    async fn of(db: &Connection, users: &[&ImportedUser]) -> Result<Self> {
        let mut found = Self::default();
        if users.is_empty() {
            return Ok(found);
        }
        found.look_by_ours(db, users).await?;
        let others: Vec<_> = users
            .iter()
            .filter(|user| found.of_one(user).is_empty())
            .map(|user| user.email.as_str())
            .collect();
        if !others.is_empty() {
            found.look_by_theirs(db, &others).await?;
        }
        Ok(found)
    }

    /// By the indexes that every schema has.
    async fn look_by_ours(&mut self, db: &Connection, users: &[&ImportedUser]) -> Result<()> {
        let find = db
            .prepared(sql!(
                "SELECT {USER}, users.password, users.email_canonical FROM users \
                 WHERE user_id = ANY ($1) OR email_canonical = ANY ($2)"
            ))
            .await?;
        let ids: Vec<_> = users.iter().map(|user| Stored(user.id)).collect();
        let canonical: Vec<_> = users.iter().map(|user| user.email.canonical()).collect();
        let rows = db.query(&find, &[&ids, &canonical]).await?;
        Ok(self.add(&rows)?)
    }

    /// By a unique index on `email` with which an adopted table came, or on an expression,
    /// which is `lower(email)` if anything. There the canonical address may be missing, or
    /// be of an address that another program has changed. Without such an index neither half
    /// reads the table.
    async fn look_by_theirs(&mut self, db: &Connection, emails: &[&str]) -> Result<()> {
        let find = db
            .prepared(sql!(
                "SELECT {USER}, users.password, given.email \
                 FROM users JOIN unnest($1::text[]) AS given (email) ON users.email = given.email \
                 WHERE EXISTS (SELECT FROM pg_catalog.pg_index \
                     JOIN pg_catalog.pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey) \
                     WHERE indrelid = 'users'::regclass AND indisunique AND attname = 'email') \
                 UNION ALL \
                 SELECT {USER}, users.password, given.email \
                 FROM users JOIN unnest($1::text[]) AS given (email) \
                     ON lower(users.email) = lower(given.email) \
                 WHERE EXISTS (SELECT FROM pg_catalog.pg_index \
                     WHERE indrelid = 'users'::regclass AND indisunique AND indexprs IS NOT NULL)"
            ))
            .await?;
        let rows = db.query(&find, &[&emails]).await?;
        Ok(self.add(&rows)?)
    }

    fn add(&mut self, rows: &[Row]) -> Result<(), Error> {
        for row in rows {
            let credentials = credentials_row(row)?;
            let email: Option<String> = row.try_get(USER_WIDTH + 1)?;
            let id = credentials.user.id;
            if let Some(email) = email {
                self.by_email.insert(email, id);
            }
            self.by_id.insert(id, credentials);
        }
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
