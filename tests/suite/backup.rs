//! `latchkey backup` and `latchkey restore`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use latchkey_test_postgres::Cluster;
use latchkey_tests::{Backend, Home, Person, Server, eventually, on_postgres, on_sqlite};
use tokio::task::JoinSet;

on_postgres![are_for_files_alone];
on_sqlite![
    a_backup_under_load_holds_what_was_answered_before,
    a_restored_database_knows_its_users_and_tokens,
    nothing_is_overwritten_by_accident,
    what_was_there_before_is_kept,
    a_damaged_backup_is_refused,
];

async fn a_backup_under_load_holds_what_was_answered_before(backend: Backend) {
    let server = Arc::new(Server::start(backend).await);
    let (stop, answers) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut clients = JoinSet::new();
    for client in 0..8 {
        let (server, stop, answers) = (server.clone(), stop.clone(), answers.clone());
        clients.spawn(async move {
            for index in 0.. {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let person = Person::named(&format!("Person-{client}-{index}"));
                let mut token = server.account(&person).await.tokens.refresh;
                answers.fetch_add(1, Ordering::SeqCst);
                for _ in 0..3 {
                    token = server.refresh(&token).await.expect(200).tokens().refresh;
                }
            }
        });
    }
    eventually("some load", async || {
        (answers.load(Ordering::SeqCst) >= 20).then_some(())
    })
    .await;

    let before = answers.load(Ordering::SeqCst);
    let _ = server.cli(["backup", "backup.db"]).await.ok();
    let after = answers.load(Ordering::SeqCst);
    stop.store(true, Ordering::SeqCst);
    clients.join_all().await;

    let copy = server.home().path("backup.db");
    let mode = fs::metadata(&copy)
        .expect("the backup")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // It is one file, good by itself.
    assert!(!server.home().path("backup.db-wal").exists());
    let url = format!("sqlite:{}", copy.display());
    let listed = server
        .cli(["--database", &url, "user", "list", "--json"])
        .await
        .json();
    let users = listed.as_array().expect("users").len();
    // Each client may have one more sign-up stored than answered.
    assert!(
        (before..=after + 8).contains(&users),
        "{before}, {users}, {after}"
    );
    let _ = server
        .cli(["--database", &url, "migrate", "verify"])
        .await
        .ok();
}

/// How often an operator has done this, as the audit trail says.
async fn on_record(server: &Server, event: &str) -> usize {
    let arguments = ["audit", "list", "--json", "--event", event];
    let records = server.cli(arguments).await.json();
    let records = records.as_array().expect("records");
    assert!(records.iter().all(|record| record["actor"] == "operator"));
    records.len()
}

async fn a_restored_database_knows_its_users_and_tokens(backend: Backend) {
    let server = Home::new(backend).with_public_url().start().await;
    let alice = server.account_of("Alice").await;
    let _ = server.cli(["backup", "backup.db"]).await.ok();
    let _ = server.account_of("Bobby").await;
    assert_eq!(on_record(&server, "database.backed_up").await, 1);
    let home = server.terminate().await;
    let backup = fs::read(home.path("backup.db")).expect("the backup");

    for file in home.database().files() {
        fs::remove_file(file).expect("a file to lose");
    }
    let _ = home.cli(["restore", "backup.db"]).await.ok();

    let mode = fs::metadata(home.database().file()).expect("the database");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::read(home.path("backup.db")).expect("the backup"),
        backup
    );
    let server = home.start().await;
    let _ = server.me(&alice.tokens.access).await.expect(200);
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
    let bob = Person::named("Bobby");
    let _ = server.sign_in(&bob.email, &bob.password).await.expect(401);
    assert_eq!(on_record(&server, "database.restored").await, 1);
    let check = server.database().rows("pragma integrity_check");
    assert_eq!(check, [["ok"]]);
}

async fn nothing_is_overwritten_by_accident(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let _ = server.cli(["backup", "backup.db"]).await.ok();
    let first = fs::read(server.home().path("backup.db")).expect("the backup");
    let _ = server.account_of("Bobby").await;

    // Not the backup of yesterday, not the database, not a database that is served.
    let _ = server.cli(["backup", "backup.db"]).await.failed(1);
    assert_eq!(
        fs::read(server.home().path("backup.db")).expect("it"),
        first
    );
    let _ = server.cli(["backup", "test.db"]).await.failed(1);
    let _ = server.cli(["restore", "backup.db"]).await.failed(1);
    let _ = server.me(&alice.tokens.access).await.expect(200);
    assert_eq!(
        server.database().rows("select count(*) from users"),
        [["2"]]
    );
}

async fn what_was_there_before_is_kept(backend: Backend) {
    let server = Server::start(backend).await;
    let _ = server.account_of("Alice").await;
    let _ = server.cli(["backup", "backup.db"]).await.ok();
    let _ = server.account_of("Bobby").await;
    let home = server.terminate().await;

    let restored = home.cli(["restore", "backup.db", "--json"]).await.json();

    assert_eq!(restored["users"], 1);
    let kept = restored["replaced"].as_str().expect("the file of before");
    let url = format!("sqlite:{}", home.path(kept).display());
    let before = home
        .cli(["--database", &url, "user", "list", "--json"])
        .await;
    assert_eq!(before.json().as_array().map(Vec::len), Some(2));
    let now = home.cli(["user", "list", "--json"]).await.json();
    assert_eq!(now.as_array().map(Vec::len), Some(1));
}

async fn a_damaged_backup_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let _ = server.account_of("Alice").await;
    let _ = server.cli(["backup", "backup.db"]).await.ok();
    let home = server.terminate().await;
    let whole = fs::read(home.path("backup.db")).expect("the backup");
    let mut torn = whole.clone();
    for byte in &mut torn[4096..8192] {
        *byte = 0xa5;
    }
    let before = home.database().rows("select * from users");
    for (name, bytes) in [
        ("empty.db", Vec::new()),
        (
            "text.db",
            b"not a database, and long enough to be read as one".repeat(100),
        ),
        ("cut.db", whole[..whole.len() / 2].to_vec()),
        ("torn.db", torn),
    ] {
        let home_file = home.path(name);
        fs::write(&home_file, bytes).expect("a damaged file");
        let refused = home.cli(["restore", name]).await.failed(1);
        assert!(refused.contains(name), "{refused}");
        assert_eq!(
            home.database().rows("select * from users"),
            before,
            "{name}"
        );
    }
}

/// PostgreSQL has tools of its own, and the error names one.
async fn are_for_files_alone(backend: Backend) {
    let home = Home::new(backend);
    for arguments in [["backup", "copy.db"], ["restore", "copy.db"]] {
        let error = home.cli(arguments).await.failed(1);
        assert!(error.contains("pg_dump"), "{error}");
        assert!(!error.contains(Cluster::PASSWORD), "{error}");
        assert!(!home.path("copy.db").exists());
    }
}
