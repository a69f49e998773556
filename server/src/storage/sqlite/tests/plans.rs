//! Every query finds its rows by an index: SQLite says how it goes about each.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::types::Null;
use rusqlite::{StatementStatus, params_from_iter};

use super::*;
use crate::storage::conformance;

/// Tables that grow with the users.
const BIG: [&str; 6] = [
    "users",
    "sessions",
    "sealed_successors",
    "audit_events",
    "account_failures",
    "network_budgets",
];

/// The one that reads on to where it wants to be: housekeeping looks in an index for the
/// place after which there are too many counts.
const DELIBERATE: &str = "SCAN account_failures USING COVERING INDEX account_failures_elsewhere";

/// How many statements on those there are: a query that no case carries out would be one that
/// nobody has looked at.
const STATEMENTS: usize = 53;

/// Each statement that was carried out, and how many steps of it were on the way through a
/// whole table.
static SEEN: Mutex<BTreeMap<String, i32>> = Mutex::new(BTreeMap::new());

fn note(event: TraceEvent<'_>) {
    if let TraceEvent::Profile(statement, _) = event {
        let steps = statement.get_status(StatementStatus::FullscanStep);
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        let most = seen.entry(statement.sql().into_owned()).or_default();
        *most = steps.max(*most);
    }
}

async fn fresh_and_watched() -> Fresh {
    let storage = SqliteStorage::in_memory(NOW).expect("opens");
    let watch = storage.write(|db| {
        db.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(note));
        Ok(())
    });
    watch.await.expect("watched");
    Fresh {
        storage: Arc::new(storage),
        _keep: Box::new(()),
    }
}

macro_rules! one_after_the_other {
    ($open:path: $($case:ident),* $(,)?) => {
        $(
            let fresh = $open().await;
            conformance::$case(&fresh.storage).await;
            fresh.storage.close().await;
        )*
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_reads_a_whole_table() {
    conformance::cases!(one_after_the_other, fresh_and_watched);
    let seen = std::mem::take(&mut *SEEN.lock().expect("no panic"));
    let queries: BTreeMap<_, _> = seen
        .into_iter()
        .filter(|(sql, _)| BIG.iter().any(|table| sql.contains(table)))
        .collect();

    let database = Database::new();
    database.open().close().await;
    let connection = database.connect();
    let mut plans = String::new();
    for (sql, steps) in &queries {
        let plan = plan(&connection, sql);
        for line in plan.lines().filter(|line| *line != DELIBERATE) {
            let scans = BIG
                .iter()
                .any(|table| line.starts_with(&format!("SCAN {table}")));
            assert!(!scans, "{sql}\n{plan}");
        }
        // Foreign keys too, which no plan shows.
        assert!(*steps == 0 || plan.contains(DELIBERATE), "{sql}\n{plan}");
        plans += &plan;
        plans += "\n";
    }
    for index in indexes(&connection) {
        assert!(
            plans.contains(&format!("INDEX {index}")),
            "no query uses {index}\n{plans}"
        );
    }
    assert_eq!(queries.len(), STATEMENTS, "{queries:#?}");
}

/// The indexes that migrations make for queries. What a constraint makes has the constraint
/// for a reason.
fn indexes(connection: &Connection) -> Vec<String> {
    let mut indexes = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
        .expect("a query");
    let names = indexes.query_map([], |row| row.get(0)).expect("indexes");
    names.collect::<rusqlite::Result<_>>().expect("their names")
}

fn plan(connection: &Connection, sql: &str) -> String {
    let mut explain = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .expect("a query");
    let nulls = vec![Null; explain.parameter_count()];
    let lines = explain
        .query_map(params_from_iter(nulls), |row| row.get::<_, String>(3))
        .expect("a plan");
    lines
        .collect::<rusqlite::Result<Vec<_>>>()
        .expect("its lines")
        .join("\n")
}
