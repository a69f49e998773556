//! The runner for PostgreSQL.
//!
//! All that a run does happens in one transaction under an advisory lock: of many instances
//! that start at once the first one does the work, and the others find it done. The steps
//! are run on a connection of their own, whose statements may take as long as they take;
//! only waiting for somebody else's lock on a table is bounded.
//!
//! A database of the predecessor is adopted by the first steps: see [`adoption`] for when,
//! [`record::Facts`] for what is remembered, and `adopt.sql` and `hand_back.sql` beside the
//! steps for what is done.

mod addresses;
mod adoption;
mod error;
mod predecessor;
mod record;
mod schema;
mod statements;
mod triggers;

use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, IsolationLevel, Transaction};

use self::addresses::Swept;
pub use self::adoption::AdoptionError;
use self::adoption::{Look, Users, look};
use self::error::{explained, number, other};
use self::record::{ADOPTION, Facts};
use self::statements::statements;
use self::triggers::{Triggers, triggers};
use super::{
    Adoption, HISTORY, Migration, MigrationError, Migrator, Step, embedded, history, trail,
};
use crate::domain::audit::Record;
use crate::domain::clock::Timestamp;
use crate::domain::context::WriteContext;
use crate::storage::Pending;
use crate::storage::postgres::{Connector, audit};

/// The advisory lock of whoever changes the schema: "latchkey" in ASCII.
const LOCK: i64 = 0x6c61_7463_686b_6579;

/// Keeps everybody from the predecessor's table while it is adopted.
const TABLE_LOCK: &str = "LOCK TABLE users IN ACCESS EXCLUSIVE MODE";

/// For how long somebody else who migrates is waited for: long enough to adopt millions of
/// users.
const PATIENCE: Duration = Duration::from_mins(10);

/// Walks the schema of a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresMigrator {
    connector: Connector,
    steps: &'static [Migration],
    cx: WriteContext,
}

impl PostgresMigrator {
    /// For the database that `connector` connects to; `cx` is the cause of what it changes.
    pub(in crate::storage) const fn new(connector: Connector, cx: WriteContext) -> Self {
        Self {
            connector,
            steps: embedded::POSTGRES,
            cx,
        }
    }

    async fn connect(&self) -> Result<Client, MigrationError> {
        let connected = self.connector.connect().await;
        connected.map_err(|error| MigrationError::Database(error.into()))
    }
}

#[async_trait]
impl Migrator for PostgresMigrator {
    async fn up(&self, now: Timestamp) -> Result<Vec<Step>, MigrationError> {
        let mut client = self.connect().await?;
        let applied = apply(&mut client, self.steps, now, &self.cx).await?;
        put_in_order_or_warn(&mut client).await;
        Ok(applied)
    }

    async fn down(&self, count: u32) -> Result<Vec<Step>, MigrationError> {
        let mut client = self.connect().await?;
        let tx = exclusively(&mut client).await?;
        let found = look(&tx).await?;
        let taken_back = taken_back(&found, self.steps, count)?;
        let users = with_fit(&tx, found.users).await?;
        let on_users = users_count(&tx, &users).await?;
        let record = trail::of_taking_back(&self.cx, taken_back);
        let record = put_on_record(&tx, Some(record)).await?;
        let mut done = Vec::new();
        for step in taken_back.iter().rev() {
            let texts = downwards(step, &users);
            run(&tx, step, &texts).await?;
            record::delete(&tx, step).await?;
            let mut step = history::pending(step);
            step.adoption = on_users.map(|users| Adoption {
                users,
                statements: texts,
            });
            done.push(step);
        }
        if taken_back.len() == found.applied.len() {
            record::forget(&tx).await?;
        }
        tx.commit().await.map_err(other)?;
        record.iter().for_each(Record::log);
        Ok(done)
    }

    async fn down_loses(&self, count: u32) -> Result<Vec<String>, MigrationError> {
        let mut client = self.connect().await?;
        let tx = snapshot(&mut client).await?;
        let found = look(&tx).await?;
        let mut loses = Vec::new();
        for step in taken_back(&found, self.steps, count)? {
            match (&step.predecessor, found.users.facts()) {
                (Some(_), Some(facts)) => {
                    loses.extend(adoption::handing_back_loses(&tx, step, &facts).await?);
                }
                _ => loses.extend(step.loses.map(str::to_owned)),
            }
        }
        Ok(loses)
    }

    async fn status(&self) -> Result<Vec<Step>, MigrationError> {
        let mut client = self.connect().await?;
        let tx = snapshot(&mut client).await?;
        let found = look(&tx).await?;
        let mut steps = history::steps(&found.applied, self.steps);
        // What has been done is not told again.
        if matches!(found.users, Users::Predecessors(_)) {
            require_all(&tx, self.steps, &found.users).await?;
            describe(&tx, self.steps, &found.users, &mut steps).await?;
        }
        Ok(steps)
    }

    async fn verify(&self) -> Result<Vec<String>, MigrationError> {
        let mut client = self.connect().await?;
        let tx = snapshot(&mut client).await?;
        let found = look(&tx).await?;
        let mut differences = history::differences(&found.applied, self.steps);
        if history::check(&found.applied, self.steps).is_ok() {
            let applied = &self.steps[..found.applied.len()];
            differences.extend(schema::differences(&tx, applied, &found.users).await?);
        }
        Ok(differences)
    }
}

/// Makes the schema that of this binary, or sees to it that it is.
///
/// # Errors
///
/// [`MigrationError`] when the database is newer, edited, damaged or another program's, a
/// step failed, or steps are pending and were not to be applied.
pub(in crate::storage) async fn open(
    client: &mut Client,
    pending: Pending,
    now: Timestamp,
) -> Result<(), MigrationError> {
    let steps = embedded::POSTGRES;
    if pending == Pending::Refuse {
        let tx = snapshot(client).await?;
        let applied = history::check(&look(&tx).await?.applied, steps)?;
        return match steps.get(number::<_, usize>(applied)) {
            Some(pending) => Err(MigrationError::Pending(pending.label())),
            None => Ok(()),
        };
    }
    let cx = WriteContext::service(now);
    for step in apply(client, steps, now, &cx).await? {
        tracing::info!(version = step.version, name = step.name, "migrated");
        for statement in step.adoption.iter().flat_map(Adoption::summary) {
            tracing::info!(statement, "changed the predecessor's database");
        }
    }
    put_in_order_or_warn(client).await;
    Ok(())
}

/// Applies every pending step, all of them or none; says which.
async fn apply(
    client: &mut Client,
    steps: &[Migration],
    now: Timestamp,
    cx: &WriteContext,
) -> Result<Vec<Step>, MigrationError> {
    {
        // Most starts find nothing to do, and need no lock to see that.
        let tx = snapshot(client).await?;
        let applied = history::check(&look(&tx).await?.applied, steps)?;
        if applied == history::count(steps) {
            return Ok(Vec::new());
        }
    }
    let mut tx = exclusively(client).await?;
    let mut found = look(&tx).await?;
    let before = number::<_, usize>(history::check(&found.applied, steps)?);
    let pending = &steps[before..];
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    require_all(&tx, pending, &found.users).await?;
    let mut quiet = Triggers::default();
    if matches!(found.users, Users::Predecessors(_)) {
        // From here on it stays as it is looked at.
        tx.batch_execute(TABLE_LOCK).await.map_err(other)?;
        found = look(&tx).await?;
        quiet = triggers(&tx).await?;
    }
    all(&tx, &quiet.off).await?;
    for step in pending {
        run(&tx, step, &upwards(step, &found.users)).await?;
        record::write(&tx, step, now).await?;
    }
    if let Users::Predecessors(facts) = &found.users {
        adopt_rows(&mut tx).await?;
        all(&tx, &quiet.on).await?;
        record::write_adoption(&tx, facts, now).await?;
    }
    let mut done = history::steps(&record::applied(&tx).await?, steps).split_off(before);
    describe(&tx, pending, &found.users, &mut done).await?;
    let record = trail::of_applying(cx, before, pending);
    let record = put_on_record(&tx, record).await?;
    tx.commit().await.map_err(other)?;
    record.iter().for_each(Record::log);
    Ok(done)
}

/// Puts the run on record in its transaction, if there is an audit trail; gives back what
/// was put there, for the log.
async fn put_on_record(
    tx: &Transaction<'_>,
    record: Option<Record>,
) -> Result<Option<Record>, MigrationError> {
    let Some(record) = record else {
        return Ok(None);
    };
    if !record::exists(tx, trail::TABLE).await? {
        return Ok(None);
    }
    audit::insert_in(tx, &record).await.map_err(other)?;
    Ok(Some(record))
}

/// Refuses to begin what could not be carried through.
async fn require_all(
    tx: &Transaction<'_>,
    pending: &[Migration],
    users: &Users,
) -> Result<(), MigrationError> {
    adoption::require_rights(tx, users).await?;
    if matches!(users, Users::Predecessors(_)) {
        let made: Vec<String> = pending
            .iter()
            .flat_map(|step| upwards(step, users))
            .collect();
        adoption::require_names(tx, &made).await?;
    }
    Ok(())
}

/// Runs statements that belong to no step.
async fn all(tx: &Transaction<'_>, statements: &[String]) -> Result<(), MigrationError> {
    for statement in statements {
        tx.batch_execute(statement).await.map_err(other)?;
    }
    Ok(())
}

/// Gives the predecessor's users their canonical addresses, or refuses.
async fn adopt_rows(tx: &mut Transaction<'_>) -> Result<(), MigrationError> {
    let swept = addresses::put_in_order(tx).await?;
    if swept.taken.count > 0 {
        return Err(AdoptionError::Collisions {
            count: swept.taken.count,
            list: swept.taken.to_string(),
        }
        .into());
    }
    tell(&swept);
    Ok(())
}

/// Puts the rows in order that another program has added since.
///
/// Whoever can sign up at the predecessor must not be able to keep this from starting, and
/// what has been applied stays applied.
async fn put_in_order_or_warn(client: &mut Client) {
    if let Err(error) = put_in_order(client).await {
        tracing::warn!(%error, "the users that another program has added are not in order");
    }
}

async fn put_in_order(client: &mut Client) -> Result<(), MigrationError> {
    let tx = snapshot(client).await?;
    let any = addresses::any_without(&tx).await?;
    drop(tx);
    if any {
        let mut tx = exclusively(client).await?;
        addresses::fill_times(&tx).await?;
        let swept = addresses::put_in_order(&mut tx).await?;
        tx.commit().await.map_err(other)?;
        tell(&swept);
    }
    Ok(())
}

fn tell(swept: &Swept) {
    if swept.put_in_order > 0 {
        tracing::info!(users = swept.put_in_order, "put users in order");
    }
    if swept.taken.count > 0 {
        tracing::warn!(
            users = swept.taken.count,
            "users cannot sign in, because others have their e-mail addresses: {}; \
             give them other ones with `latchkey user set-email`",
            swept.taken
        );
    }
    if swept.unreadable.count > 0 {
        tracing::warn!(
            users = swept.unreadable.count,
            "users cannot sign in, because their e-mail addresses are none: {}; \
             give them other ones with `latchkey user set-email`",
            swept.unreadable
        );
    }
}

/// A transaction in which nobody else migrates, and which waits for no table for long.
async fn exclusively(client: &mut Client) -> Result<Transaction<'_>, MigrationError> {
    exclusively_within(client, PATIENCE).await
}

/// The same, waiting for `patience` until nobody else migrates.
///
/// READ COMMITTED, so that what whoever held the lock before has committed is seen.
async fn exclusively_within(
    client: &mut Client,
    patience: Duration,
) -> Result<Transaction<'_>, MigrationError> {
    let tx = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .read_only(false)
        .start()
        .await
        .map_err(other)?;
    // The server, the database or the role may have limits for what is short. Nothing here
    // computes for long between two statements, so that whoever is silent is not there any
    // more, and must not keep the locks.
    let limits = format!(
        "SELECT pg_catalog.set_config(name, value, true) \
         FROM (VALUES ('statement_timeout', '0'), ('transaction_timeout', '0'), \
            ('idle_in_transaction_session_timeout', '60s'), ('lock_timeout', '{}ms'), \
            ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '5'), \
            ('tcp_keepalives_count', '3')) AS limits (name, value) \
         JOIN pg_catalog.pg_settings USING (name)",
        patience.as_millis()
    );
    tx.batch_execute(&limits).await.map_err(other)?;
    let query = "SELECT pg_catalog.pg_try_advisory_xact_lock($1)";
    let got: bool = tx.query_one(query, &[&LOCK]).await.map_err(other)?.get(0);
    if !got {
        tracing::info!("waiting for another process that migrates the database");
        let query = "SELECT pg_catalog.pg_advisory_xact_lock($1)";
        let waited = tx.execute(query, &[&LOCK]).await;
        waited.map_err(|error| match error.code() {
            Some(&SqlState::LOCK_NOT_AVAILABLE) => MigrationError::Database(
                "another process is still migrating the database: try again when it has finished, \
                 or end its connection with pg_terminate_backend if it hangs"
                    .into(),
            ),
            _ => other(error),
        })?;
    }
    let limit = "SET LOCAL lock_timeout = '10s'";
    tx.batch_execute(limit).await.map_err(other)?;
    Ok(tx)
}

/// A transaction that sees one moment of the database. It is never committed.
async fn snapshot(client: &mut Client) -> Result<Transaction<'_>, MigrationError> {
    client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .start()
        .await
        .map_err(other)
}

/// The statements that make a step.
fn upwards(step: &Migration, users: &Users) -> Vec<String> {
    match (users.facts(), &step.predecessor) {
        (Some(facts), Some(other)) => statements(other.adopt, &facts),
        _ => statements(step.up, &Facts::default()),
    }
}

/// The statements that take a step back.
fn downwards(step: &Migration, users: &Users) -> Vec<String> {
    match (users.facts(), &step.predecessor) {
        (Some(facts), Some(other)) => statements(other.hand_back, &facts),
        _ => statements(step.down, &Facts::default()),
    }
}

async fn run(
    tx: &Transaction<'_>,
    step: &Migration,
    statements: &[String],
) -> Result<(), MigrationError> {
    for statement in statements {
        let ran = tx.batch_execute(statement).await;
        ran.map_err(|error| MigrationError::Failed {
            label: step.label(),
            problem: explained(&error),
        })?;
    }
    Ok(())
}

/// The last `count` steps of those that are applied.
fn taken_back<'s>(
    found: &Look,
    steps: &'s [Migration],
    count: u32,
) -> Result<&'s [Migration], MigrationError> {
    let applied = history::check(&found.applied, steps)?;
    match applied.checked_sub(count) {
        Some(target) => Ok(&steps[number::<_, usize>(target)..number(applied)]),
        None => Err(MigrationError::TooFarDown {
            applied,
            asked: count,
        }),
    }
}

/// The same, knowing whether every address would fit into the column of before.
async fn with_fit(tx: &Transaction<'_>, users: Users) -> Result<Users, MigrationError> {
    let Users::Adopted(facts) = users else {
        return Ok(users);
    };
    let Some(length) = facts.email_was else {
        return Ok(users);
    };
    let query = "SELECT count(*) FROM users WHERE char_length(email) > $1";
    let longer: i64 = tx.query_one(query, &[&length]).await.map_err(other)?.get(0);
    if longer > 0 {
        tracing::warn!(
            users = longer,
            "users.email stays wide: there are addresses of more than {length} characters"
        );
    }
    Ok(Users::Adopted(Facts {
        email_fits: longer == 0,
        ..facts
    }))
}

/// Says of each step what it does, or has done, to the predecessor's database.
async fn describe(
    tx: &Transaction<'_>,
    migrations: &[Migration],
    users: &Users,
    steps: &mut [Step],
) -> Result<(), MigrationError> {
    let Some(count) = users_count(tx, users).await? else {
        return Ok(());
    };
    for (migration, step) in migrations.iter().zip(&mut *steps) {
        step.adoption = Some(Adoption {
            users: count,
            statements: upwards(migration, users),
        });
    }
    if matches!(users, Users::Predecessors(_)) {
        describe_around(&triggers(tx).await?, steps);
    }
    Ok(())
}

/// Says what is done to the predecessor's database before the first step and after the last.
fn describe_around(quiet: &Triggers, steps: &mut [Step]) {
    let told = |step: Option<&mut Step>, statements: Vec<String>, at_start| {
        let Some(adoption) = step.and_then(|step| step.adoption.as_mut()) else {
            return;
        };
        let at = if at_start {
            0
        } else {
            adoption.statements.len()
        };
        adoption.statements.splice(at..at, statements);
    };
    let mut before = vec![TABLE_LOCK.to_owned()];
    before.extend(quiet.off.iter().cloned());
    before.push(format!("CREATE TABLE {HISTORY} (…)"));
    told(steps.first_mut(), before, true);
    let mut after = vec!["UPDATE users SET email_canonical = …".to_owned()];
    after.extend(quiet.on.iter().cloned());
    after.push(format!("CREATE TABLE {ADOPTION} (…)"));
    told(steps.last_mut(), after, false);
}

/// How many users there are in a table that is not our own.
async fn users_count(tx: &Transaction<'_>, users: &Users) -> Result<Option<u64>, MigrationError> {
    if users.facts().is_none() {
        return Ok(None);
    }
    let query = "SELECT count(*) FROM users";
    let count: i64 = tx.query_one(query, &[]).await.map_err(other)?.get(0);
    Ok(Some(number(count)))
}

#[cfg(test)]
mod tests;
