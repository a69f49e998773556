//! The audit trail.

use rusqlite::{Connection, Row, ToSql, named_params, params, params_from_iter};

use super::rows::{Stored, optional};
use crate::domain::audit::{AuditFilter, AuditPage, Event, Record};
use crate::domain::clock::Timestamp;
use crate::domain::ids::EventId;
use crate::storage::journal::Journal;
use crate::storage::{Result, StorageError};

/// Writes the record of `event` in the transaction that the unit of work is in.
pub(super) fn record(connection: &Connection, journal: &Journal, event: Event) -> Result<()> {
    let record = journal.draft(event);
    insert(connection, &record)?;
    journal.wrote(record);
    Ok(())
}

/// The same for several events, in their order.
pub(super) fn record_all(
    connection: &Connection,
    journal: &Journal,
    events: Vec<Event>,
) -> Result<()> {
    for (nth, event) in (0..).zip(events) {
        let record = journal.draft_nth(event, nth);
        insert(connection, &record)?;
        journal.wrote(record);
    }
    Ok(())
}

pub(in crate::storage) fn insert(connection: &Connection, record: &Record) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit_events (event_id, at, event, outcome, reason, actor, actor_id, \
                 user_id, session_id, detail, address, user_agent, request_id) \
             VALUES (:id, :at, :event, :outcome, :reason, :actor, :actor_id, :user, :session, \
                 :detail, :address, :agent, :request)",
        )?
        .execute(named_params! {
            ":id": Stored(record.event_id),
            ":at": Stored(record.at),
            ":event": record.event,
            ":outcome": record.outcome,
            ":reason": record.reason,
            ":actor": record.actor,
            ":actor_id": record.actor_id,
            ":user": record.user_id.map(Stored),
            ":session": record.session_id.map(Stored),
            ":detail": record.detail,
            ":address": record.ip.map(Stored),
            ":agent": record.user_agent,
            ":request": record.request_id,
        })?;
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    filter: &AuditFilter,
    page: AuditPage,
    limit: u32,
) -> Result<Vec<Record>> {
    let (after, before) = filter.bounds(page);
    let user = filter.user.map(Stored);
    let words: Vec<&str> = filter.words.iter().map(|word| word.as_str()).collect();
    let words =
        serde_json::to_string(&words).map_err(|error| StorageError::Failed(error.into()))?;
    let (after, before) = (Stored(after), Stored(before));
    let mut parameters: Vec<&dyn ToSql> = vec![&after, &before, &limit];
    if let Some(user) = &user {
        parameters.push(user);
    }
    if !filter.words.is_empty() {
        parameters.push(&words);
    }
    let mut records = connection
        .prepare_cached(&query(filter, page))?
        .query_map(params_from_iter(parameters), from_row)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    if matches!(page, AuditPage::Latest) {
        records.reverse();
    }
    Ok(records)
}

/// Read in the order of an index: of the user, or of the event, or of time.
fn query(filter: &AuditFilter, page: AuditPage) -> String {
    let user = filter.user.map_or("", |_| " AND user_id = ?4");
    let words = match (filter.words.is_empty(), filter.user) {
        (true, _) => "",
        (false, None) => " AND event IN (SELECT value FROM json_each(?4))",
        (false, Some(_)) => " AND event IN (SELECT value FROM json_each(?5))",
    };
    let order = match page {
        AuditPage::After(_) => "ASC",
        AuditPage::Latest => "DESC",
    };
    format!(
        "SELECT event_id, at, event, outcome, reason, actor, actor_id, user_id, session_id, \
             detail, address, user_agent, request_id \
         FROM audit_events WHERE event_id > ?1 AND event_id < ?2{user}{words} \
         ORDER BY event_id {order} LIMIT ?3"
    )
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        event_id: row.get::<_, Stored<EventId>>(0)?.0,
        at: row.get::<_, Stored<Timestamp>>(1)?.0,
        event: row.get::<_, String>(2)?.into(),
        outcome: row.get::<_, String>(3)?.into(),
        reason: row.get::<_, Option<String>>(4)?.map(Into::into),
        actor: row.get::<_, String>(5)?.into(),
        actor_id: row.get(6)?,
        user_id: optional(row, 7)?,
        session_id: optional(row, 8)?,
        detail: row.get(9)?,
        ip: optional(row, 10)?,
        user_agent: row.get(11)?,
        request_id: row.get(12)?,
    })
}

/// Deletes up to `limit` records from before `before`.
pub(super) fn delete(connection: &Connection, before: Timestamp, limit: u32) -> Result<u64> {
    let deleted = connection
        .prepare_cached(
            "DELETE FROM audit_events WHERE event_id IN \
                 (SELECT event_id FROM audit_events WHERE event_id < ?1 \
                  ORDER BY event_id LIMIT ?2)",
        )?
        .execute(params![Stored(EventId::floor(before)), limit])?;
    Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::Word;
    use crate::domain::ids::UserId;
    use crate::storage::migrations;
    use crate::storage::sqlite::connection;

    #[test]
    fn no_query_reads_the_whole_table() {
        let mut database = connection::open_memory().expect("opens");
        let now = Timestamp::from_millis(1_767_225_600_007);
        migrations::apply_pending(&mut database, None, now).expect("migrates");
        let user = Some(UserId::from_bytes([7; 16]));
        let words = vec![Word::SignedIn, Word::SignedOut];
        for (user, words, index) in [
            (None, vec![], "PRIMARY KEY"),
            (user, vec![], "INDEX audit_events_user"),
            (None, words.clone(), "INDEX audit_events_event"),
            (user, words, "INDEX audit_events_user"),
        ] {
            for page in [AuditPage::After(None), AuditPage::Latest] {
                let filter = AuditFilter {
                    user,
                    words: words.clone(),
                    ..AuditFilter::default()
                };
                let plan = plan(&database, &query(&filter, page));
                let search = format!("SEARCH audit_events USING {index}");
                assert!(plan.contains(&search), "{filter:?}: {plan}");
            }
        }
    }

    fn plan(database: &Connection, query: &str) -> String {
        let mut explain = database
            .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
            .expect("explains");
        let nulls = vec![rusqlite::types::Null; explain.parameter_count()];
        let lines = explain
            .query_map(params_from_iter(nulls), |row| row.get::<_, String>(3))
            .expect("a plan");
        lines
            .collect::<rusqlite::Result<Vec<_>>>()
            .expect("lines")
            .join("\n")
    }
}
