//! What a connection is set to.

use super::*;
use crate::domain::clock::{Clock as _, SystemClock};

async fn setting(storage: &PostgresStorage, name: &str) -> String {
    storage
        .read(|db| async move {
            let row = db.query_one("select current_setting($1)", &[&name]).await?;
            Ok(row.try_get(0)?)
        })
        .await
        .expect("answered")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_limits_what_a_connection_does() {
    let database = migrated().await;
    let storage = open(&database.url(), 1).await;
    for (name, value) in [
        ("statement_timeout", "10s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("application_name", "latchkey"),
    ] {
        assert_eq!(setting(&storage, name).await, value, "{name}");
    }
    let own = "options=-cstatement_timeout%3D3s+-cgeqo%3Doff&application_name=auth";
    let storage = open(
        &format!("{}?{}", database.url(), own.replace('+', "%20")),
        1,
    )
    .await;
    for (name, value) in [
        ("statement_timeout", "3s"),
        ("lock_timeout", "5s"),
        ("geqo", "off"),
        ("application_name", "auth"),
    ] {
        assert_eq!(setting(&storage, name).await, value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_the_database_do_not_make_it_forgetful_or_strict() {
    let database = migrated().await;
    let name = database.name();
    for (set, found) in [("off", "on"), ("local", "local"), ("on", "on")] {
        database.execute(&format!(
            "alter database {name} set synchronous_commit = {set}"
        ));
        let storage = open(&database.url(), 1).await;
        assert_eq!(setting(&storage, "synchronous_commit").await, found);
    }
    database.execute(&format!(
        "alter database {name} set default_transaction_isolation = 'serializable'"
    ));
    let storage = open(&database.url(), 1).await;
    assert_eq!(
        setting(&storage, "transaction_isolation").await,
        "read committed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_of_ones_own_is_the_first_of_the_search_path() {
    let database = Cluster::shared().database();
    database.execute("create schema auth; create table public.users (whose text)");
    let url = format!("{}?options=-csearch_path%3Dauth", database.url());
    let storage = open(&url, 1).await;
    signed_in(&storage).await;
    assert_eq!(database.rows("select count(*) from auth.sessions"), [["1"]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_has_a_clock_of_its_own() {
    let database = migrated().await;
    let storage = open(&database.url(), 1).await;
    // The cluster runs on this machine.
    let before = SystemClock.now();
    let now = storage.now().await.expect("an answer").expect("a clock");
    assert!(before <= now && now <= SystemClock.now(), "{now}");
    storage.close().await;
}
