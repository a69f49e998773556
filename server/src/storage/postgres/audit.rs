//! The audit trail.
//!
//! A record costs no round trip where something changes: it is a part of the one statement,
//! or goes out with the others before COMMIT.

use tokio_postgres::{Error, Row, Statement};

use super::batch::in_batch;
use super::error::Failure;
use super::pool::Connection;
use super::rows::{Parameter, Parameters, Stored, optional};
use crate::domain::audit::{AuditFilter, AuditPage, Event, Record};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{EventId, SessionId, UserId};
use crate::storage::journal::Journal;

type Result<T, E = Failure> = std::result::Result<T, E>;

const COLUMNS: &str = "event_id, at, event, outcome, reason, actor, actor_id, user_id, \
     session_id, detail, address, user_agent, request_id";

/// How many columns that is.
const WIDTH: usize = 13;

/// A record that is to be stored.
pub(super) struct Entry<'r> {
    id: Stored<EventId>,
    at: Stored<Timestamp>,
    event: &'r str,
    outcome: &'r str,
    reason: Option<&'r str>,
    actor: &'r str,
    actor_id: Option<&'r str>,
    user: Option<Stored<UserId>>,
    session: Option<Stored<SessionId>>,
    detail: Option<&'r str>,
    address: Option<String>,
    user_agent: Option<&'r str>,
    request_id: Option<&'r str>,
}

impl<'r> Entry<'r> {
    /// How many parameters its statement has.
    pub(super) const WIDTH: usize = WIDTH;

    pub(super) fn new(record: &'r Record) -> Self {
        Self {
            id: Stored(record.event_id),
            at: Stored(record.at),
            event: &record.event,
            outcome: &record.outcome,
            reason: record.reason.as_deref(),
            actor: &record.actor,
            actor_id: record.actor_id.as_deref(),
            user: record.user_id.map(Stored),
            session: record.session_id.map(Stored),
            detail: record.detail.as_deref(),
            address: record.ip.map(|address| address.to_string()),
            user_agent: record.user_agent.as_deref(),
            request_id: record.request_id.as_deref(),
        }
    }

    /// The statement that inserts the record if `cause`, a table or a subquery, has a row.
    /// Its [`parameters`](Self::parameters) are numbered from `first`.
    pub(super) fn statement(cause: &str, first: usize) -> String {
        Self::statement_with("NULL", cause, first)
    }

    /// The same, where `detail` is an expression on `cause`.
    pub(super) fn statement_with(detail: &str, cause: &str, first: usize) -> String {
        let parameter = |at: usize| format!("${}", first + at);
        let types = [
            "uuid",
            "timestamptz",
            "text",
            "text",
            "text",
            "text",
            "text",
            "uuid",
            "uuid",
            "text",
            "text",
            "text",
            "text",
        ];
        let mut values: Vec<String> = types
            .iter()
            .enumerate()
            .map(|(at, of_type)| format!("{}::{of_type}", parameter(at)))
            .collect();
        values[9] = format!("coalesce({detail}, {})", values[9]);
        format!(
            "INSERT INTO audit_events ({COLUMNS}) SELECT {} FROM {cause} AS cause LIMIT 1",
            values.join(", ")
        )
    }

    pub(super) fn parameters(&self) -> Parameters<'_, WIDTH> {
        [
            &self.id,
            &self.at,
            &self.event,
            &self.outcome,
            &self.reason,
            &self.actor,
            &self.actor_id,
            &self.user,
            &self.session,
            &self.detail,
            &self.address,
            &self.user_agent,
            &self.request_id,
        ]
    }

    pub(super) async fn prepare(db: &Connection) -> Result<Statement> {
        db.prepared(sql!("{}", Entry::statement("(SELECT)", 1)))
            .await
    }

    /// Inserts the record with what [`prepare`](Self::prepare) has prepared.
    pub(super) async fn insert(&self, db: &Connection, insert: &Statement) -> Result<(), Error> {
        db.execute(insert, &self.parameters()).await.map(|_| ())
    }
}

/// The statement that makes a change of one row at most, gives it back, and puts an event on
/// record if there was one: one statement still. The parameters of the change come first.
pub(super) fn recording(change: &str, parameters: usize) -> String {
    let recorded = Entry::statement("changed", parameters + 1);
    format!("WITH changed AS ({change}), recorded AS ({recorded}) SELECT * FROM changed")
}

/// Runs a statement that [`recording`] has made, with the parameters of its change.
pub(super) async fn recorded(
    db: &Connection,
    journal: &Journal,
    change: &str,
    parameters: &[Parameter<'_>],
    event: Event,
) -> Result<Option<Row>> {
    let record = journal.draft(event);
    let entry = Entry::new(&record);
    let change = db.prepared(change).await?;
    let mut parameters = parameters.to_vec();
    parameters.extend(entry.parameters());
    let row = db.query_opt(&change, &parameters).await?;
    if row.is_some() {
        journal.wrote(record);
    }
    Ok(row)
}

/// Writes a record in a transaction of another kind: that of a run of migrations.
pub(in crate::storage) async fn insert_in(
    tx: &tokio_postgres::Transaction<'_>,
    record: &Record,
) -> Result<(), Error> {
    let insert = Entry::statement("(SELECT)", 1);
    tx.execute(&insert, &Entry::new(record).parameters())
        .await
        .map(|_| ())
}

/// One statement: a record that stands for itself.
pub(super) async fn insert(db: &Connection, record: &Record) -> Result<()> {
    let insert = Entry::prepare(db).await?;
    Ok(Entry::new(record).insert(db, &insert).await?)
}

/// In the order of an index: of the user, or of the event, or of time.
pub(super) async fn list(
    db: &Connection,
    filter: &AuditFilter,
    page: AuditPage,
    limit: u32,
) -> Result<Vec<Record>> {
    let (after, before) = filter.bounds(page);
    let (after, before, limit) = (Stored(after), Stored(before), i64::from(limit));
    let user = filter.user.map(Stored);
    let words: Vec<&str> = filter.words.iter().map(|word| word.as_str()).collect();
    let mut parameters: Vec<Parameter> = vec![&after, &before, &limit];
    let mut conditions = String::new();
    if let Some(user) = &user {
        parameters.push(user);
        conditions += &format!(" AND user_id = ${}", parameters.len());
    }
    if !words.is_empty() {
        parameters.push(&words);
        conditions += &format!(" AND event = ANY (${})", parameters.len());
    }
    let order = match page {
        AuditPage::After(_) => "ASC",
        AuditPage::Latest => "DESC",
    };
    let list = format!(
        "SELECT {COLUMNS} FROM audit_events WHERE event_id > $1 AND event_id < $2{conditions} \
         ORDER BY event_id {order} LIMIT $3"
    );
    let list = db.prepared(&list).await?;
    let rows = db.query(&list, &parameters).await?;
    let mut records = rows
        .iter()
        .map(from_row)
        .collect::<Result<Vec<_>, Error>>()?;
    if matches!(page, AuditPage::Latest) {
        records.reverse();
    }
    Ok(records)
}

fn from_row(row: &Row) -> Result<Record, Error> {
    let address: Option<String> = row.try_get(10)?;
    Ok(Record {
        event_id: row.try_get::<_, Stored<EventId>>(0)?.0,
        at: row.try_get::<_, Stored<Timestamp>>(1)?.0,
        event: row.try_get::<_, String>(2)?.into(),
        outcome: row.try_get::<_, String>(3)?.into(),
        reason: row.try_get::<_, Option<String>>(4)?.map(Into::into),
        actor: row.try_get::<_, String>(5)?.into(),
        actor_id: row.try_get(6)?,
        user_id: optional(row, 7)?,
        session_id: optional(row, 8)?,
        detail: row.try_get(9)?,
        ip: address.and_then(|address| address.parse().ok()),
        user_agent: row.try_get(11)?,
        request_id: row.try_get(12)?,
    })
}

/// Deletes up to `limit` records from before `before`, the oldest ones, which an index finds.
pub(super) async fn delete(db: &Connection, before: Timestamp, limit: u32) -> Result<u64> {
    in_batch(
        db,
        "DELETE FROM audit_events WHERE event_id = ANY (ARRAY( \
             SELECT event_id FROM audit_events WHERE event_id < $1 \
             ORDER BY event_id LIMIT $2 FOR UPDATE SKIP LOCKED))",
        &Stored(EventId::floor(before)),
        limit,
    )
    .await
}
