//! `latchkey migrate`, and databases that are not what they should be.

use latchkey_tests::{Backend, Home, Server, on_each_backend};
use serde_json::{Value, json};

on_each_backend![
    up_and_status_and_verify,
    down_takes_the_last_steps_back,
    down_needs_permission_to_drop_data,
    down_and_up_again_is_as_before,
    a_session_moves_with_its_successor,
    serving_applies_what_is_pending,
    serving_without_migrating_refuses_an_old_database,
    a_newer_database_is_left_alone,
    an_edited_migration_is_named,
    a_changed_schema_is_named,
    a_strangers_database_is_left_alone,
    what_fails_half_way_changes_nothing,
    ten_at_once_apply_each_step_once,
];

const FIRST: [&str; 2] = ["create_users", "add_timestamps"];

async fn status(home: &Home) -> Vec<Value> {
    let status = home.cli(["migrate", "status", "--json"]).await.json();
    status.as_array().expect("steps").clone()
}

fn states(steps: &[Value]) -> Vec<&str> {
    steps
        .iter()
        .map(|step| step["state"].as_str().expect("a state"))
        .collect()
}

async fn up_and_status_and_verify(backend: Backend) {
    let home = Home::new(backend);
    let before = status(&home).await;
    assert!(states(&before).iter().all(|state| *state == "pending"));
    for (index, name) in FIRST.iter().enumerate() {
        assert_eq!(before[index]["version"], json!(index + 1));
        assert_eq!(before[index]["name"], *name);
        assert_eq!(before[index]["applied_at"], Value::Null);
    }

    let _ = home.cli(["migrate", "up"]).await.ok();

    let after = status(&home).await;
    assert!(states(&after).iter().all(|state| *state == "applied"));
    assert!(after[0]["applied_at"].is_string(), "{}", after[0]);
    let _ = home.cli(["migrate", "verify"]).await.ok();
    let text = home.cli(["migrate", "status"]).await.ok().stdout;
    assert!(
        text.contains("create_users") && text.contains("applied"),
        "{text}"
    );
    // Nothing to do is no error.
    let _ = home.cli(["migrate", "up"]).await.ok();
}

async fn down_takes_the_last_steps_back(backend: Backend) {
    let home = Home::new(backend);
    let _ = home.cli(["migrate", "up"]).await.ok();
    let count = status(&home).await.len();
    let _ = home.cli(["migrate", "down", "--yes"]).await.ok();
    let after = status(&home).await;
    assert_eq!(states(&after)[count - 1], "pending");
    assert_eq!(states(&after)[count - 2], "applied");
    let rest = (count - 1).to_string();
    let _ = home.cli(["migrate", "down", &rest, "--yes"]).await.ok();
    assert!(
        states(&status(&home).await)
            .iter()
            .all(|state| *state == "pending")
    );
    let _ = home.cli(["migrate", "down", "1", "--yes"]).await.failed(1);
    let schema = home.database().schema();
    assert!(!schema.contains("users"), "{schema}");
}

async fn down_needs_permission_to_drop_data(backend: Backend) {
    let server = Server::start(backend).await;
    let _ = server.account_of("Alice").await;
    let home = server.terminate().await;
    let count = status(&home).await.len().to_string();
    let refused = home.cli(["migrate", "down", &count]).await;
    assert_ne!(refused.code, Some(0), "{refused:#?}");
    assert!(refused.stderr.contains("--yes"), "{refused:#?}");
    assert_eq!(home.database().rows("select count(*) from users"), [["1"]]);
}

async fn down_and_up_again_is_as_before(backend: Backend) {
    let home = Home::new(backend);
    let _ = home.cli(["migrate", "up"]).await.ok();
    let before = home.database().schema();
    for steps in 1..=status(&home).await.len() {
        let _ = home
            .cli(["migrate", "down", &steps.to_string(), "--yes"])
            .await
            .ok();
        let _ = home.cli(["migrate", "up"]).await.ok();
        let _ = home.cli(["migrate", "verify"]).await.ok();
        assert_eq!(home.database().schema(), before, "{steps} down and up");
    }
}

/// The step that moves what the predecessor of a refresh token still gets, taken back and
/// done again over a session that is in use.
async fn a_session_moves_with_its_successor(backend: Backend) {
    let home = Home::new(backend)
        .env("LATCHKEY_TOKENS__REFRESH_GRACE", "5m")
        // It would have the port in it, which is another one after the restart.
        .env("LATCHKEY_TOKENS__ISSUER", "https://auth.example.com");
    let server = home.start().await;
    let first = server.account_of("Alice").await.tokens.refresh;
    let second = server.refresh(&first).await.expect(200).tokens().refresh;
    let home = server.terminate().await;

    let after_eleven = (status(&home).await.len() - 11).to_string();
    let _ = home
        .cli(["migrate", "down", &after_eleven, "--yes"])
        .await
        .ok();
    let _ = home.cli(["migrate", "up"]).await.ok();

    let server = home.start().await;
    assert_eq!(
        server.refresh(&first).await.expect(200).tokens().refresh,
        second
    );
    let third = server.refresh(&second).await.expect(200).tokens().refresh;
    assert_ne!(third, second);
}

async fn serving_applies_what_is_pending(backend: Backend) {
    let home = Home::new(backend);
    let _ = home.cli(["migrate", "up"]).await.ok();
    let _ = home.cli(["migrate", "down", "1", "--yes"]).await.ok();
    let server = home.start().await;
    let _ = server.account_of("Alice").await;
    let steps = status(server.home()).await;
    assert!(states(&steps).iter().all(|state| *state == "applied"));
}

async fn serving_without_migrating_refuses_an_old_database(backend: Backend) {
    for home in [
        Home::new(backend).arg("--no-migrate"),
        Home::new(backend).env("LATCHKEY_DATABASE__MIGRATE_ON_START", "false"),
    ] {
        let failed = home.fails_to_start().await;
        assert_eq!(failed.code, Some(1), "{failed:#?}");
        assert!(failed.stderr.contains("latchkey migrate up"), "{failed:#?}");
        let _ = home.cli(["migrate", "up"]).await.ok();
        let server = home.start().await;
        let _ = server.account_of("Alice").await;
    }
}

/// A database with a user, whose server has ended.
async fn used(backend: Backend) -> Home {
    let server = Server::start(backend).await;
    let _ = server.account_of("Alice").await;
    server.terminate().await
}

async fn refuses_to_serve(home: &Home, words: &[&str]) {
    let users = home.database().rows("select * from users");
    let failed = home.fails_to_start().await;
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    let up = home.cli(["migrate", "up"]).await.failed(1);
    let verify = home.cli(["migrate", "verify"]).await;
    assert_eq!(verify.code, Some(1), "{verify:#?}");
    for word in words {
        assert!(failed.stderr.contains(word), "{word}: {failed:#?}");
        assert!(up.contains(word), "{word}: {up}");
        let verify = format!("{}{}", verify.stdout, verify.stderr);
        assert!(verify.contains(word), "{word}: {verify}");
    }
    assert_eq!(home.database().rows("select * from users"), users);
}

async fn a_newer_database_is_left_alone(backend: Backend) {
    let home = used(backend).await;
    let version = status(&home).await.len() + 1;
    home.database().execute(
        "create table tomorrow (x integer);
         insert into latchkey_migrations
         select max(version) + 1, 'tomorrow', 'unknown', max(applied_at) from latchkey_migrations;",
    );
    if backend == Backend::Sqlite {
        let sql = format!("pragma user_version = {version}");
        home.database().execute(&sql);
    }
    refuses_to_serve(&home, &[&format!("{version:04}_tomorrow")]).await;
}

async fn an_edited_migration_is_named(backend: Backend) {
    let home = used(backend).await;
    home.database()
        .execute("update latchkey_migrations set checksum = 'another' where version = 2");
    refuses_to_serve(&home, &["0002_add_timestamps"]).await;
    assert_eq!(states(&status(&home).await)[1], "edited");
}

async fn a_changed_schema_is_named(backend: Backend) {
    let home = used(backend).await;
    home.database()
        .execute("alter table users add column nickname text; create table strangers (x integer);");
    let verify = home.cli(["migrate", "verify"]).await;
    assert_eq!(verify.code, Some(1), "{verify:#?}");
    let said = format!("{}{}", verify.stdout, verify.stderr);
    assert!(said.contains("users"), "{said}");
    // Other services' tables are their own business.
    assert!(!said.contains("strangers"), "{said}");
}

/// Somebody else's table has the name of ours.
async fn a_strangers_database_is_left_alone(backend: Backend) {
    let home = Home::new(backend);
    home.database()
        .execute("create table users (nickname text); insert into users values ('bob')");
    let before = home.database().schema();

    let failed = home.fails_to_start().await;

    assert_eq!(failed.code, Some(1), "{failed:#?}");
    assert!(failed.stderr.contains("users"), "{failed:#?}");
    let _ = home.cli(["migrate", "up"]).await.failed(1);
    assert_eq!(home.database().schema(), before);
    assert_eq!(home.database().rows("select * from users"), [["bob"]]);
}

async fn what_fails_half_way_changes_nothing(backend: Backend) {
    let home = Home::new(backend);
    let _ = home.cli(["migrate", "up"]).await.ok();
    let steps = status(&home).await;
    let is_ours = |step: &Value| step["name"] == "create_signing_keys";
    let place = steps.iter().position(is_ours).expect("the step");
    // One before it, so that it is not the first of those that are pending.
    let (kept, last) = (place - 1, steps.len());
    let down = (last - kept).to_string();
    let _ = home.cli(["migrate", "down", &down, "--yes"]).await.ok();
    home.database()
        .execute("create table signing_keys (x integer)");
    let before = home.database().schema();

    let failed = home.cli(["migrate", "up"]).await.failed(1);

    assert!(failed.contains("create_signing_keys"), "{failed}");
    assert_eq!(home.database().schema(), before);
    let steps = status(&home).await;
    assert_eq!(states(&steps)[kept..], vec!["pending"; last - kept]);
    // Out of the way again, all is well.
    home.database().execute("drop table signing_keys");
    let _ = home.cli(["migrate", "up"]).await.ok();
    let _ = home.cli(["migrate", "verify"]).await.ok();
}

async fn ten_at_once_apply_each_step_once(backend: Backend) {
    let home = std::sync::Arc::new(Home::new(backend));
    let runs: Vec<_> = (0..10)
        .map(|_| {
            let home = home.clone();
            tokio::spawn(async move { home.cli(["migrate", "up"]).await })
        })
        .collect();
    for run in runs {
        let _ = run.await.expect("an end").ok();
    }
    let _ = home.cli(["migrate", "verify"]).await.ok();
    let twice = home
        .database()
        .rows("select version from latchkey_migrations group by version having count(*) > 1");
    assert!(twice.is_empty(), "{twice:?}");
}
