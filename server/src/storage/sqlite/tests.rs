use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::domain::entropy::SystemEntropy;
use crate::domain::session::TokenHash;
use crate::domain::user::UserName;
use crate::storage::conformance::Fresh;
use crate::storage::{MigrationError, StorageError};

mod plans;

mod conforms_in_a_file {
    crate::storage::conformance::suite!(super::fresh_file);
}

mod conforms_in_memory {
    crate::storage::conformance::suite!(super::fresh_memory);
}

async fn fresh_file() -> Fresh {
    let database = Database::new();
    Fresh {
        storage: Arc::new(database.open()),
        _keep: Box::new(database),
    }
}

async fn fresh_memory() -> Fresh {
    Fresh {
        storage: Arc::new(SqliteStorage::in_memory(NOW).expect("opens")),
        _keep: Box::new(()),
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_007);

const OPTIONS: OpenOptions = OpenOptions {
    pool: 4,
    pending: Pending::Apply,
    now: NOW,
};

/// A folder for one database.
struct Database {
    folder: TempDir,
    path: PathBuf,
}

impl Database {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("latchkey.db");
        Self { folder, path }
    }

    fn open(&self) -> SqliteStorage {
        SqliteStorage::open(&self.path, OPTIONS).expect("opens")
    }

    /// Another program's way in.
    fn connect(&self) -> Connection {
        Connection::open(&self.path).expect("opens")
    }

    fn refused(&self, path: &Path) -> String {
        SqliteStorage::open(path, OPTIONS)
            .expect_err("refused")
            .to_string()
            .replace(&self.folder.path().display().to_string(), "")
    }

    /// The names and modes of the files.
    fn files(&self) -> Vec<(String, u32)> {
        let mut files: Vec<_> = std::fs::read_dir(self.folder.path())
            .expect("a folder")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let mode = entry.metadata().expect("metadata").permissions().mode();
                let name = entry.file_name().into_string().expect("a plain name");
                (name, mode & 0o777)
            })
            .collect();
        files.sort();
        files
    }
}

fn cx() -> WriteContext {
    WriteContext::service(NOW)
}

fn ada() -> NewUser {
    NewUser {
        id: UserId::new(NOW, &SystemEntropy),
        name: UserName::parse("Ada Lovelace").expect("a name"),
        email: Email::parse("ada@example.com").expect("an address"),
        age: None,
        password: PasswordHash::new("hash"),
    }
}

async fn sign_up(storage: &SqliteStorage) -> User {
    storage
        .create_user(&cx(), ada(), None)
        .await
        .expect("created")
}

#[tokio::test]
async fn every_file_is_private_and_only_the_database_is_left_after_closing() {
    let database = Database::new();
    let storage = database.open();
    sign_up(&storage).await;
    storage.ping().await.expect("answers");
    let private = |name: &str| (name.to_owned(), 0o600);
    assert_eq!(
        database.files(),
        [
            private("latchkey.db"),
            private("latchkey.db-shm"),
            private("latchkey.db-wal")
        ]
    );
    storage.close().await;
    assert_eq!(database.files(), [private("latchkey.db")]);
}

#[tokio::test]
async fn the_rights_of_others_are_taken_away() {
    let database = Database::new();
    database.open().close().await;
    std::fs::set_permissions(&database.path, PermissionsExt::from_mode(0o644)).expect("set");
    let storage = database.open();
    sign_up(&storage).await;
    assert!(database.files().iter().all(|(_, mode)| *mode == 0o600));
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let database = Database::new();
    let first = database.open();
    let user = sign_up(&first).await;
    // Not closed: as after a crash.
    let second = database.open();
    assert_eq!(second.user(user.id).await.expect("answers"), Some(user));
    drop(first);
}

#[tokio::test]
async fn what_cannot_be_opened_says_what_to_change() {
    let database = Database::new();
    let folder = database.folder.path();
    assert_eq!(
        database.refused(&folder.join("missing/latchkey.db")),
        "the folder /missing of the database does not exist: make it, or change database.url"
    );
    assert_eq!(
        database.refused(folder),
        " is not a file: change database.url"
    );
    let text = folder.join("notes.txt");
    std::fs::write(
        &text,
        "not a database, but long enough to look like one".repeat(100),
    )
    .expect("written");
    assert_eq!(
        database.refused(&text),
        "/notes.txt: file is not a database"
    );
}

#[tokio::test]
async fn pending_migrations_can_be_refused() {
    let database = Database::new();
    let options = OpenOptions {
        pending: Pending::Refuse,
        ..OPTIONS
    };
    let error = SqliteStorage::open(&database.path, options).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "the database lacks migration 0001_create_users: run `latchkey migrate up`"
    );
    database.open().close().await;
    SqliteStorage::open(&database.path, options)
        .expect("opens")
        .close()
        .await;
}

#[tokio::test]
async fn a_newer_database_is_not_opened() {
    let database = Database::new();
    database.open().close().await;
    let connection = database.connect();
    let next: u32 = connection
        .query_row(
            "SELECT max(version) + 1 FROM latchkey_migrations",
            [],
            |row| row.get(0),
        )
        .expect("a version");
    connection
        .execute_batch(&format!(
            "INSERT INTO latchkey_migrations VALUES ({next}, 'later', '', 0); \
             PRAGMA user_version = {next};"
        ))
        .expect("written");
    let error = SqliteStorage::open(&database.path, OPTIONS).expect_err("refused");
    assert!(matches!(
        error,
        OpenError::Schema(MigrationError::Newer { .. })
    ));
}

#[tokio::test]
async fn a_user_that_another_table_points_at_is_not_deleted() {
    for clause in [
        "REFERENCES users (user_id)",
        "REFERENCES users (user_id) ON DELETE RESTRICT",
        "REFERENCES users (user_id) DEFERRABLE INITIALLY DEFERRED",
    ] {
        let database = Database::new();
        let storage = database.open();
        let session = NewSession {
            id: SessionId::new(NOW, &SystemEntropy),
            refresh: TokenHash([1; 32]),
            expires_at: NOW.plus(std::time::Duration::from_secs(60)),
            status: None,
        };
        let session_id = session.id;
        let user = storage
            .create_user(&cx(), ada(), Some(session))
            .await
            .expect("created");
        database
            .connect()
            .execute_batch(&format!(
                "CREATE TABLE orders (owner BLOB {clause});
                 INSERT INTO orders SELECT user_id FROM users;"
            ))
            .expect("written");
        let outcome = storage.delete_user(&cx(), user.id, None).await;
        assert!(
            matches!(outcome, Err(StorageError::UserReferenced)),
            "{clause}: {outcome:?}"
        );
        assert_eq!(storage.user(user.id).await.expect("answers"), Some(user));
        let session = storage.session(session_id, NOW).await.expect("answers");
        assert!(session.is_some(), "{clause}: the session goes on");
    }
}

#[tokio::test]
async fn another_process_with_the_lock_makes_writing_unavailable_and_reading_goes_on() {
    let database = Database::new();
    let storage = database.open();
    let user = sign_up(&storage).await;
    storage
        .write(|db| Ok(db.busy_timeout(std::time::Duration::from_millis(20))?))
        .await
        .expect("set");

    let other = database.connect();
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let outcome = storage.set_disabled(&cx(), user.id, true).await;
    assert!(matches!(outcome, Err(StorageError::Unavailable(_))));
    assert_eq!(
        storage.user(user.id).await.expect("reads"),
        Some(user.clone())
    );

    other.execute_batch("ROLLBACK").expect("unlocked");
    storage
        .set_disabled(&cx(), user.id, true)
        .await
        .expect("recovers");
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_unavailable_until_it_is_back() {
    let database = Database::new();
    let storage = database.open();
    let user = sign_up(&storage).await;
    let aside = database.folder.path().join("aside.db");
    std::fs::rename(&database.path, &aside).expect("moved");
    for another_in_its_place in [false, true] {
        if another_in_its_place {
            std::fs::write(&database.path, "").expect("made");
        }
        let change = storage.delete_user(&cx(), user.id, None).await;
        assert!(
            matches!(change, Err(StorageError::Unavailable(_))),
            "{change:?}"
        );
        let ping = storage.ping().await;
        assert!(
            matches!(ping, Err(StorageError::Unavailable(_))),
            "{ping:?}"
        );
    }
    std::fs::rename(&aside, &database.path).expect("moved back");
    assert!(storage.user(user.id).await.expect("reads").is_some());
}

#[tokio::test]
async fn housekeeping_takes_more_than_one_batch() {
    let database = Database::new();
    let storage = database.open();
    let user = sign_up(&storage).await;
    database
        .connect()
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
             INSERT INTO sessions (session_id, user_id, refresh_hash, created_at, last_used_at,
                 expires_at, kept_until)
             SELECT randomblob(16), ?1, zeroblob(32), 0, 0, i, i FROM n",
            [user.id.as_bytes()],
        )
        .expect("written");
    let limits = Limits {
        sessions_over_before: Timestamp::from_millis(2400),
        rotated_before: Timestamp::from_millis(0),
        audited_before: Timestamp::from_millis(0),
    };
    let done = storage.housekeep(&cx(), limits).await.expect("done");
    assert_eq!(done.sessions, 2399);
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_changes_nothing() {
    let database = Database::new();
    let storage = database.open();
    let user = sign_up(&storage).await;
    let pages = async |pragma: &'static str| {
        storage
            .write(move |db| Ok(db.query_row(pragma, [], |row| row.get::<_, i64>(0))?))
            .await
            .expect("set")
    };
    pages("PRAGMA max_page_count = 1").await;
    let mut stopped = None;
    for number in 0..2000 {
        let session = NewSession {
            id: SessionId::new(NOW, &SystemEntropy),
            refresh: TokenHash([1; 32]),
            expires_at: NOW.plus(std::time::Duration::from_secs(60)),
            status: None,
        };
        let hash = PasswordHash::new("hash");
        let outcome = storage
            .start_session(&cx(), user.id, &hash, None, session)
            .await;
        if let Err(error) = outcome {
            stopped = Some((number, error));
            break;
        }
    }
    let (number, error) = stopped.expect("the disk is full");
    assert!(matches!(error, StorageError::Unavailable(_)), "{error}");
    let alive = storage.sessions(user.id, NOW).await.expect("reads");
    assert_eq!(alive.len(), number);

    pages("PRAGMA max_page_count = 100000").await;
    storage
        .set_disabled(&cx(), user.id, true)
        .await
        .expect("recovers");
}

/// Of a list only what is in it is read: not the sessions that are alive, and no row.
#[tokio::test]
async fn a_status_list_is_made_from_its_index_alone() {
    let database = Database::new();
    database.open().close().await;
    let connection = database.connect();
    let mut explain = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {}", status::REVOKED))
        .expect("a query");
    let plan: Vec<String> = explain
        .query_map([0, 0, 0, 0], |row| row.get(3))
        .expect("a plan")
        .collect::<rusqlite::Result<_>>()
        .expect("its lines");
    assert_eq!(
        plan,
        [
            "SEARCH status_lists USING INTEGER PRIMARY KEY (rowid=?)",
            "SEARCH sessions USING COVERING INDEX sessions_revoked \
             (status_index>? AND status_index<?) LEFT-JOIN",
        ]
    );
}

#[tokio::test]
async fn a_query_that_panics_takes_no_connection_along() {
    let database = Database::new();
    let storage = database.open();
    for _ in 0..2 * OPTIONS.pool {
        let outcome: Result<()> = storage.read(|_| panic!("a bug, on purpose")).await;
        assert!(matches!(outcome, Err(StorageError::Failed(_))));
    }
    storage.ping().await.expect("goes on");
}

/// Where several threads drive tasks, a look-up runs on the one that asks, until as many do
/// as there are others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_up_is_carried_out_where_it_is_asked_by_one_fewer_than_there_are_threads() {
    let database = Database::new();
    let storage = Arc::new(database.open());
    storage.ping().await.expect("a connection is open");
    let thread = || std::thread::current().id();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let stuck = tokio::spawn({
        let storage = storage.clone();
        async move {
            let asked_on = thread();
            storage
                .look_up(move |_| {
                    let _ = begun.send(());
                    let _ = wait.recv();
                    Ok(thread() == asked_on)
                })
                .await
        }
    });
    has_begun.await.expect("it has begun");
    let second = tokio::spawn({
        let storage = storage.clone();
        async move {
            let asked_on = thread();
            storage.look_up(move |_| Ok(thread() == asked_on)).await
        }
    });
    assert!(!second.await.expect("no panic").expect("answered"));
    go.send(()).expect("it waits");
    assert!(stuck.await.expect("no panic").expect("answered"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_up_that_panics_takes_nothing_along() {
    let database = Database::new();
    let storage = Arc::new(database.open());
    for _ in 0..2 * OPTIONS.pool {
        let storage = storage.clone();
        let look_up = async move {
            let outcome: Result<()> = storage.look_up(|_| panic!("a bug, on purpose")).await;
            outcome
        };
        let outcome = tokio::spawn(look_up).await.expect("no panic of the task");
        assert!(matches!(outcome, Err(StorageError::Failed(_))));
    }
    let storage_after = tokio::spawn(async move { storage.ping().await });
    storage_after.await.expect("no panic").expect("goes on");
}
