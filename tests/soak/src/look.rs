//! What the database has, asked behind the service's back.

use std::collections::{BTreeMap, BTreeSet};

use latchkey_tests::Database;

use crate::account::Account;
use crate::model::{Facts, Rows, UserRow};

/// How many accounts one query is about.
const CHUNK: usize = 200;

/// What the database has about each of these, in their order. Who is found learns their
/// identifier.
pub(crate) fn look(database: &Database, accounts: &mut [&mut Account]) -> Vec<Facts> {
    let mut found = Vec::new();
    for some in accounts.chunks_mut(CHUNK) {
        found.extend(look_at_some(database, some));
    }
    found
}

fn look_at_some(database: &Database, accounts: &mut [&mut Account]) -> Vec<Facts> {
    let emails = quoted(accounts.iter().map(|account| &*account.email));
    let sql = format!(
        "select email, user_id, name, age, disabled_at is not null from users \
         where email in ({emails})"
    );
    let mut users = BTreeMap::new();
    for row in database.rows(&sql) {
        if let [email, id, name, age, disabled] = &row[..] {
            let user = UserRow {
                name: name.clone(),
                age: age.parse().ok(),
                disabled: disabled == "1",
            };
            users.insert(email.clone(), (id.clone(), user));
        }
    }
    for account in accounts.iter_mut() {
        if let Some((id, _)) = users.get(&account.email) {
            account.user_id.get_or_insert_with(|| id.clone());
        }
    }
    let known = accounts
        .iter()
        .filter_map(|account| account.user_id.as_deref());
    let ids = identifiers(database, known);
    let mut sessions: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut records: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    if !ids.is_empty() {
        let sql = format!(
            "select user_id, session_id, refresh_hash from sessions \
             where ended_at is null and user_id in ({ids})"
        );
        for row in database.rows(&sql) {
            if let [user, session, digest] = &row[..] {
                let own = sessions.entry(user.clone()).or_default();
                own.insert(session.clone(), digest.clone());
            }
        }
        let sql = format!(
            "select user_id, event, count(*) from audit_events \
             where user_id in ({ids}) group by user_id, event"
        );
        for row in database.rows(&sql) {
            if let [user, event, count] = &row[..] {
                let own = records.entry(user.clone()).or_default();
                own.insert(event.clone(), count.parse().unwrap_or(u32::MAX));
            }
        }
    }
    let all = accounts.iter();
    all.map(|account| {
        let id = account.user_id.as_deref().unwrap_or_default();
        let rows = Rows {
            // One that has the address and another identifier is somebody else.
            user: users
                .remove(&account.email)
                .map(|(found, user)| if found == id { user } else { stranger() }),
            sessions: sessions.remove(id).unwrap_or_default(),
            records: records.remove(id).unwrap_or_default(),
        };
        Facts {
            rows: Some(rows),
            ..Facts::default()
        }
    })
    .collect()
}

/// Fits no state of any account.
fn stranger() -> UserRow {
    UserRow {
        name: "somebody else".to_owned(),
        age: None,
        disabled: false,
    }
}

/// All users, and all sessions that are alive.
pub(crate) fn everything(database: &Database) -> (BTreeSet<String>, BTreeSet<String>) {
    let column = |sql: &str| database.rows(sql).into_iter().flatten().collect();
    (
        column("select user_id from users"),
        column("select session_id from sessions where ended_at is null"),
    )
}

/// How often each event is on record under each request's identifier.
pub(crate) fn by_request(database: &Database) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    let sql = "select request_id, event from audit_events where request_id is not null";
    for row in database.rows(sql) {
        if let [request, event] = &row[..] {
            *counts.entry((request.clone(), event.clone())).or_default() += 1;
        }
    }
    counts
}

/// How often somebody has failed to sign in at an address that nobody had.
pub(crate) fn failures_of_nobody(database: &Database) -> u32 {
    let sql = "select count(*) from audit_events \
               where event = 'user.sign_in_failed' and user_id is null";
    let rows = database.rows(sql);
    rows[0][0].parse().unwrap_or(u32::MAX)
}

/// How large the database is, in bytes.
pub(crate) fn size(database: &Database) -> u64 {
    let sql = match is_sqlite(database) {
        true => "select page_count * page_size from pragma_page_count, pragma_page_size",
        false => "select pg_database_size(current_database())",
    };
    database.rows(sql)[0][0].parse().unwrap_or(0)
}

fn is_sqlite(database: &Database) -> bool {
    database.url().starts_with("sqlite:")
}

fn quoted<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<String> = texts.map(|text| format!("'{text}'")).collect();
    all.join(", ")
}

/// Identifiers, as the database writes them.
fn identifiers<'a>(database: &Database, ids: impl Iterator<Item = &'a str>) -> String {
    let prefix = if is_sqlite(database) { "x" } else { "" };
    let all: Vec<String> = ids.map(|id| format!("{prefix}'{id}'")).collect();
    all.join(", ")
}
