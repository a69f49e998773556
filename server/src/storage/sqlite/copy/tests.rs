use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::*;
use crate::domain::audit::{Event, Word};
use crate::domain::clock::Timestamp;
use crate::domain::context::WriteContext;
use crate::domain::entropy::SystemEntropy;
use crate::storage::sqlite::SqliteStorage;
use crate::storage::{OpenOptions, Pending, Storage};

const OPTIONS: OpenOptions = OpenOptions {
    pool: 1,
    pending: Pending::Apply,
    now: Timestamp::from_millis(1_767_225_600_007),
};

fn record() -> Record {
    let cx = WriteContext::service(OPTIONS.now);
    Record::new(&cx, Event::new(Word::DatabaseBackedUp), 0, &SystemEntropy)
}

/// A folder with a database that is not open.
struct Fixture {
    folder: TempDir,
    database: PathBuf,
    copy: PathBuf,
}

impl Fixture {
    async fn with_users(count: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let fixture = Self {
            database: folder.path().join("latchkey.db"),
            copy: folder.path().join("copy.db"),
            folder,
        };
        fixture.open().close().await;
        for number in 1..=count {
            add_user(&Connection::open(&fixture.database).expect("opens"), number);
        }
        fixture
    }

    fn open(&self) -> SqliteStorage {
        SqliteStorage::open(&self.database, OPTIONS).expect("opens")
    }

    fn users(&self) -> u64 {
        let connection = Connection::open(&self.database).expect("opens");
        connection
            .query_row("SELECT count(*) FROM users", [], |row| row.get::<_, i64>(0))
            .expect("a count")
            .unsigned_abs()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .expect("a folder")
            .map(|entry| {
                let name = entry.expect("an entry").file_name();
                name.into_string().expect("a plain name")
            })
            .collect();
        names.sort();
        names
    }
}

fn add_user(connection: &Connection, number: u32) {
    connection
        .execute(
            "INSERT INTO users (user_id, name, email, email_canonical, password)
             VALUES (randomblob(16), 'somebody', ?1, ?1, 'hash')",
            [format!("{number}@example.com")],
        )
        .expect("written");
}

#[tokio::test]
async fn a_copy_comes_back() {
    let fixture = Fixture::with_users(3).await;
    let copied = backup(&fixture.database, &fixture.copy, false, &record()).expect("copied");
    let latest: u32 = Connection::open(&fixture.database)
        .and_then(|db| {
            db.query_row("SELECT max(version) FROM latchkey_migrations", [], |row| {
                row.get(0)
            })
        })
        .expect("a version");
    assert_eq!((copied.users, copied.schema_version), (3, latest));
    let metadata = fs::metadata(&fixture.copy).expect("there");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(metadata.len(), copied.bytes);

    add_user(&Connection::open(&fixture.database).expect("opens"), 4);
    let restored = restore(&fixture.copy, &fixture.database, &record()).expect("restored");
    assert_eq!(restored.verified, copied);
    assert_eq!(fixture.users(), 3);
    assert_eq!(
        fixture.names(),
        ["copy.db", "latchkey.db", "latchkey.db.before-restore"]
    );
    let before = Connection::open(restored.replaced.expect("kept")).expect("opens");
    let users: i64 = before
        .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(users, 4, "what was replaced is kept");
    fixture.open().close().await;
}

#[tokio::test]
async fn a_copy_shows_one_moment_while_others_write() {
    let fixture = Fixture::with_users(1).await;
    let storage = fixture.open();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = Connection::open(&fixture.database).expect("opens");
            let mut number = 2;
            while !stop.load(Ordering::Relaxed) {
                // Always two in one transaction: a copy never has one without the other.
                let transaction = connection.transaction().expect("begun");
                add_user(&transaction, number);
                add_user(&transaction, number + 1);
                transaction.commit().expect("committed");
                number += 2;
            }
        });
        for _ in 0..10 {
            let copied = backup(&fixture.database, &fixture.copy, true, &record()).expect("copied");
            assert_eq!(copied.users % 2, 1);
        }
        stop.store(true, Ordering::Relaxed);
    });
    storage.close().await;
}

#[tokio::test]
async fn nothing_is_overwritten_unasked() {
    let fixture = Fixture::with_users(1).await;
    fs::write(&fixture.copy, "precious").expect("written");
    let error = backup(&fixture.database, &fixture.copy, false, &record()).expect_err("refused");
    assert!(matches!(error, CopyError::Exists(_)));
    assert_eq!(fs::read(&fixture.copy).expect("there"), b"precious");
    backup(&fixture.database, &fixture.copy, true, &record()).expect("copied");
    let error = backup(&fixture.database, &fixture.database, true, &record()).expect_err("refused");
    assert!(matches!(error, CopyError::Exists(_)), "not even when asked");
}

#[tokio::test]
async fn an_open_database_is_not_replaced() {
    let fixture = Fixture::with_users(1).await;
    backup(&fixture.database, &fixture.copy, false, &record()).expect("copied");
    let storage = fixture.open();
    storage.ping().await.expect("answers");
    let before = fixture.names();
    let error = restore(&fixture.copy, &fixture.database, &record()).expect_err("refused");
    assert!(matches!(error, CopyError::InUse(_)), "{error}");
    assert_eq!(fixture.names(), before);
    storage.ping().await.expect("goes on");
    storage.close().await;
    restore(&fixture.copy, &fixture.database, &record()).expect("restored");
}

#[tokio::test]
async fn what_is_not_sound_is_not_restored() {
    let fixture = Fixture::with_users(200).await;
    backup(&fixture.database, &fixture.copy, false, &record()).expect("copied");
    let good = fs::read(&fixture.copy).expect("there");
    let mut scribbled = good.clone();
    scribbled[4096 * 2..4096 * 3].fill(0x5a);
    let half = good[..good.len() / 2].to_vec();
    let text = b"not a database, but long enough to look like one".repeat(100);
    for bad in [scribbled, half, text, Vec::new()] {
        fs::write(&fixture.copy, bad).expect("written");
        let error = restore(&fixture.copy, &fixture.database, &record()).expect_err("refused");
        assert!(
            matches!(error, CopyError::Damaged { .. } | CopyError::Empty(_)),
            "{error}"
        );
        assert_eq!(fixture.users(), 200);
    }
    let missing = fixture.folder.path().join("missing.db");
    let error = restore(&missing, &fixture.database, &record()).expect_err("refused");
    assert!(matches!(error, CopyError::Missing(_)));
}

#[tokio::test]
async fn another_programs_database_is_not_restored() {
    let fixture = Fixture::with_users(1).await;
    Connection::open(&fixture.copy)
        .and_then(|connection| connection.execute_batch("CREATE TABLE recipes (x)"))
        .expect("written");
    let error = restore(&fixture.copy, &fixture.database, &record()).expect_err("refused");
    assert!(matches!(error, CopyError::Schema { .. }), "{error}");
    assert_eq!(fixture.users(), 1);
}

#[tokio::test]
async fn a_destroyed_database_is_restored_and_kept() {
    let fixture = Fixture::with_users(2).await;
    backup(&fixture.database, &fixture.copy, false, &record()).expect("copied");
    fs::write(&fixture.database, "rubbish ".repeat(1000)).expect("written");
    fs::write(fixture.folder.path().join("latchkey.db-wal"), "rubbish").expect("written");
    let restored = restore(&fixture.copy, &fixture.database, &record()).expect("restored");
    assert_eq!(fixture.users(), 2);
    let kept = fs::read(restored.replaced.expect("kept")).expect("there");
    assert!(kept.starts_with(b"rubbish"));
    // SQLite would take the log of another database for one of this one's.
    assert!(!fixture.names().contains(&"latchkey.db-wal".to_owned()));
}
