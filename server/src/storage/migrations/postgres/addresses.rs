//! Rows of `users` without a canonical address: those that are being adopted, and those
//! that the predecessor has inserted since.
//!
//! The canonical form is computed here and not in SQL: there is one place that knows it
//! (`domain::email`). The rows pass through in batches, each read by one statement and
//! written by one, so that a million users take neither memory nor a statement each.

use std::collections::HashMap;
use std::fmt;

use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::super::MigrationError;
use super::error::{number, other};
use crate::domain::email::Email;

/// How many rows a statement reads or writes.
const BATCH: i64 = 10_000;
/// How many rows are named where they are listed; the rest is counted.
const NAMED: usize = 20;
/// How often a batch is written again after somebody has signed up with one of its
/// addresses in the same moment.
const ATTEMPTS: u32 = 5;

/// What was done about the rows without a canonical address.
#[derive(Debug, Default)]
pub(super) struct Swept {
    /// Rows that have one now.
    pub(super) put_in_order: u64,
    /// Rows whose canonical address another row has.
    pub(super) taken: Listed<Taken>,
    /// Rows whose address our rules do not take.
    pub(super) unreadable: Listed<Unreadable>,
}

/// Two rows with one canonical address; the first one stays without.
#[derive(Debug)]
pub(super) struct Taken {
    without: (Uuid, String),
    with: (Uuid, String),
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((id, email), (other, taken)) = (&self.without, &self.with);
        write!(f, "{email:?} of user {id} and {taken:?} of user {other}")
    }
}

/// A row whose address cannot be used to sign in.
#[derive(Debug)]
pub(super) struct Unreadable {
    id: Uuid,
    email: String,
    why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, email, why } = self;
        write!(f, "{email:?} of user {id} {why}")
    }
}

/// The first few of many.
#[derive(Debug)]
pub(super) struct Listed<T> {
    first: Vec<T>,
    pub(super) count: usize,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            first: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Listed<T> {
    fn push(&mut self, item: T) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(item);
        }
    }
}

impl<T: fmt::Display> fmt::Display for Listed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.first.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{item}")?;
        }
        match self.count - self.first.len() {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Whether there are such rows.
pub(super) async fn any_without(tx: &Transaction<'_>) -> Result<bool, MigrationError> {
    let query = "SELECT EXISTS (SELECT FROM users WHERE email_canonical IS NULL)";
    Ok(tx.query_one(query, &[]).await.map_err(other)?.get(0))
}

/// Gives those rows the times that they lack: a null becomes the other one of the two, or
/// else the time of now, as when the table was adopted.
pub(super) async fn fill_times(tx: &Transaction<'_>) -> Result<(), MigrationError> {
    let update = "UPDATE users \
                  SET created_at = coalesce(created_at, updated_at, now() AT TIME ZONE 'utc'), \
                      updated_at = coalesce(updated_at, created_at, now() AT TIME ZONE 'utc') \
                  WHERE email_canonical IS NULL AND (created_at IS NULL OR updated_at IS NULL)";
    tx.execute(update, &[]).await.map_err(other)?;
    Ok(())
}

/// Gives every row that lacks it its canonical address. Of two rows with the same one, the
/// one with the lower identifier gets it, unless another row has it already.
pub(super) async fn put_in_order(tx: &mut Transaction<'_>) -> Result<Swept, MigrationError> {
    // Each row is to be found by its key. The planner knows nothing yet about columns and
    // indexes that are new, and would read the whole table for each batch.
    tx.batch_execute(
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off",
    )
    .await
    .map_err(other)?;
    let mut swept = Swept::default();
    let mut after = None;
    loop {
        let query = "SELECT user_id, coalesce(email, '') FROM users \
                     WHERE email_canonical IS NULL AND ($1::uuid IS NULL OR user_id > $1) \
                     ORDER BY user_id LIMIT $2";
        let rows = tx.query(query, &[&after, &BATCH]).await.map_err(other)?;
        let Some(last) = rows.last() else {
            return Ok(swept);
        };
        after = Some(last.get::<_, Uuid>(0));
        let mut batch = Batch::default();
        for row in &rows {
            batch.add(row.get(0), row.get(1), &mut swept);
        }
        drop(rows);
        write(tx, &batch, &mut swept).await?;
    }
}

/// Rows and their canonical addresses, as columns.
#[derive(Default)]
struct Batch {
    ids: Vec<Uuid>,
    emails: Vec<String>,
    canonical: Vec<String>,
    /// The place of each canonical address, by itself.
    places: HashMap<String, usize>,
}

impl Batch {
    fn add(&mut self, id: Uuid, email: String, swept: &mut Swept) {
        let parsed = match Email::parse(&email) {
            Ok(parsed) => parsed,
            Err(error) => {
                let why = error.to_string();
                return swept.unreadable.push(Unreadable { id, email, why });
            }
        };
        let canonical = parsed.canonical();
        if let Some(&place) = self.places.get(canonical) {
            let with = (self.ids[place], self.emails[place].clone());
            let without = (id, email);
            return swept.taken.push(Taken { without, with });
        }
        self.places.insert(canonical.to_owned(), self.ids.len());
        self.ids.push(id);
        self.canonical.push(canonical.to_owned());
        self.emails.push(email);
    }
}

/// Writes a batch, but for what other rows have already.
async fn write(
    tx: &mut Transaction<'_>,
    batch: &Batch,
    swept: &mut Swept,
) -> Result<(), MigrationError> {
    let written = written(tx, batch).await?;
    swept.put_in_order += written;
    if written == number::<_, u64>(batch.ids.len()) {
        return Ok(());
    }
    let query = "SELECT fresh.id, fresh.email, users.user_id, coalesce(users.email, '') \
                 FROM unnest($1::uuid[], $2::text[], $3::text[]) AS fresh (id, email, canonical) \
                 JOIN users ON users.email_canonical = fresh.canonical \
                 WHERE users.user_id <> fresh.id ORDER BY fresh.id";
    let rows = tx
        .query(query, &[&batch.ids, &batch.emails, &batch.canonical])
        .await
        .map_err(other)?;
    for row in rows {
        swept.taken.push(Taken {
            without: (row.get(0), row.get(1)),
            with: (row.get(2), row.get(3)),
        });
    }
    Ok(())
}

/// How many rows were written. Somebody may sign up with one of the addresses between the
/// look and the write; the next attempt sees that.
async fn written(tx: &mut Transaction<'_>, batch: &Batch) -> Result<u64, MigrationError> {
    // An address that was changed since it was read waits for the next time.
    let update = "UPDATE users SET email_canonical = fresh.canonical \
                  FROM unnest($1::uuid[], $2::text[], $3::text[]) AS fresh (id, email, canonical) \
                  WHERE users.user_id = fresh.id AND users.email_canonical IS NULL \
                  AND coalesce(users.email, '') = fresh.email \
                  AND NOT EXISTS (SELECT FROM users AS owner WHERE owner.email_canonical = fresh.canonical)";
    let mut attempt = 1;
    loop {
        let savepoint = tx.transaction().await.map_err(other)?;
        let outcome = savepoint
            .execute(update, &[&batch.ids, &batch.emails, &batch.canonical])
            .await;
        match outcome {
            Ok(written) => {
                savepoint.commit().await.map_err(other)?;
                return Ok(written);
            }
            Err(error)
                if error.code() == Some(&SqlState::UNIQUE_VIOLATION) && attempt < ATTEMPTS =>
            {
                savepoint.rollback().await.map_err(other)?;
                attempt += 1;
            }
            Err(error) => return Err(other(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        let mut list = Listed::default();
        for number in 1..=2 {
            list.push(number);
        }
        assert_eq!(list.to_string(), "1; 2");
        for number in 3..=23 {
            list.push(number);
        }
        assert!(list.to_string().ends_with("; 19; 20; and 3 more"), "{list}");
    }

    #[test]
    fn within_a_batch_the_first_gets_the_address() {
        let mut swept = Swept::default();
        let mut batch = Batch::default();
        let id = |number| Uuid::from_u128(number);
        batch.add(id(1), "Alice@Example.com".to_owned(), &mut swept);
        batch.add(id(2), "alice@example.COM".to_owned(), &mut swept);
        batch.add(id(3), "nobody".to_owned(), &mut swept);
        assert_eq!(batch.ids, [id(1)]);
        assert_eq!(batch.canonical, ["alice@example.com"]);
        assert_eq!(
            swept.taken.to_string(),
            "\"alice@example.COM\" of user 00000000-0000-0000-0000-000000000002 \
             and \"Alice@Example.com\" of user 00000000-0000-0000-0000-000000000001"
        );
        assert!(
            swept
                .unreadable
                .to_string()
                .starts_with("\"nobody\" of user 00000000-"),
            "{}",
            swept.unreadable
        );
    }
}
