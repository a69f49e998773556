use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::storage::migrations::StepState;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_007);

/// A folder with a database that need not exist yet.
struct Fixture {
    _folder: TempDir,
    path: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("latchkey.db");
        Self {
            _folder: folder,
            path,
        }
    }

    fn migrator(&self) -> SqliteMigrator {
        SqliteMigrator::new(&self.path, WriteContext::service(NOW))
    }

    /// A migrator of a binary that knows these steps.
    fn knowing(&self, steps: Vec<Migration>) -> SqliteMigrator {
        SqliteMigrator {
            path: self.path.clone(),
            steps: steps.leak(),
            cx: WriteContext::service(NOW),
        }
    }

    fn execute(&self, sql: &str) {
        let connection = Connection::open(&self.path).expect("opens");
        connection.execute_batch(sql).expect("valid SQL");
    }

    /// Everything that the database holds, as text, but for the record of what was done.
    fn dump(&self) -> Vec<String> {
        let connection = connection::open_writer(&self.path).expect("opens");
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .expect("a version");
        let mut lines = vec![version.to_string()];
        for table in tables(&connection).expect("lists") {
            lines.push(table.clone());
            if table == trail::TABLE {
                continue;
            }
            let mut statement = connection
                .prepare(&format!("SELECT * FROM {table}"))
                .expect("selects");
            let columns = statement.column_count();
            let rows = statement
                .query_map([], |row| {
                    (0..columns)
                        .map(|column| row.get::<_, rusqlite::types::Value>(column))
                        .collect::<rusqlite::Result<Vec<_>>>()
                })
                .expect("queries");
            lines.extend(rows.map(|row| format!("{:?}", row.expect("a row"))));
        }
        lines
    }
}

/// The embedded steps, to be changed.
fn embedded_steps() -> Vec<Migration> {
    embedded::SQLITE
        .iter()
        .map(|step| Migration { ..*step })
        .collect()
}

/// The first `count` of them.
fn first(count: u32) -> Vec<Migration> {
    embedded_steps().drain(..index(count)).collect()
}

fn extra(up: &'static str, down: &'static str) -> Migration {
    Migration {
        version: history::count(embedded::SQLITE) + 1,
        name: "extra",
        up,
        down,
        loses: None,
        predecessor: None,
    }
}

/// What [`extra`] is called.
fn extra_name() -> String {
    format!("{:04}_extra", all() + 1)
}

fn all() -> u32 {
    history::count(embedded::SQLITE)
}

#[tokio::test]
async fn up_records_name_checksum_and_time_and_the_second_time_does_nothing() {
    let database = Fixture::new();
    let migrator = database.migrator();
    assert!(
        migrator
            .status()
            .await
            .expect("status")
            .iter()
            .all(|step| step.state == StepState::Pending)
    );
    assert!(!database.path.exists(), "looking must not make the file");

    let applied = migrator.up(NOW).await.expect("up");
    assert_eq!(applied.len(), embedded::SQLITE.len());
    assert_eq!(migrator.up(NOW).await.expect("up again"), []);
    assert_eq!(migrator.verify().await.expect("verify"), [""; 0]);

    let status = migrator.status().await.expect("status");
    assert_eq!(
        status[0],
        Step {
            version: 1,
            name: "create_users".to_owned(),
            state: StepState::Applied,
            applied_at: Some(NOW),
            adoption: None,
        }
    );
}

#[tokio::test]
async fn each_step_goes_down_to_what_was_there_before_it() {
    let database = Fixture::new();
    for version in 1..=all() {
        let below = database.knowing(first(version - 1));
        let here = database.knowing(first(version));
        here.up(NOW).await.expect("up");
        here.down(1).await.expect("down");
        if version > 1 {
            assert_eq!(below.verify().await.expect("verify"), [""; 0], "{version}");
        }
        here.up(NOW).await.expect("up again");
        assert_eq!(here.verify().await.expect("verify"), [""; 0], "{version}");
    }
    let migrator = database.migrator();
    let losses = migrator.down_loses(all()).await.expect("loses");
    assert_eq!(losses.len(), index(all()));
    let steps = migrator.down(all()).await.expect("all the way down");
    assert_eq!(steps[0].version, all(), "the latest is taken back first");
    assert_eq!(database.dump(), ["0", HISTORY]);
    assert!(matches!(
        migrator.down(1).await,
        Err(MigrationError::TooFarDown {
            applied: 0,
            asked: 1
        })
    ));
    migrator.up(NOW).await.expect("and up again");
}

#[tokio::test]
async fn runs_on_a_database_that_is_there_are_on_record() {
    let database = Fixture::new();
    database.migrator().up(NOW).await.expect("up");
    let mut steps = embedded_steps();
    let table = "CREATE TABLE extra (x INTEGER) STRICT;";
    steps.push(extra(table, "DROP TABLE extra;"));
    let newer = database.knowing(steps);
    newer.up(NOW).await.expect("up");
    newer.up(NOW).await.expect("nothing to do");
    newer.down(1).await.expect("down");

    let connection = Connection::open(&database.path).expect("opens");
    let mut select = connection
        .prepare("SELECT event || ' ' || detail FROM audit_events")
        .expect("selects");
    let mut records: Vec<String> = select
        .query_map([], |row| row.get(0))
        .expect("queries")
        .map(|row| row.expect("a row"))
        .collect();
    records.sort();
    let expected =
        ["schema.migrated", "schema.reverted"].map(|word| format!("{word} {}", extra_name()));
    assert_eq!(records, expected);

    // The step that takes the trail away as well leaves nowhere to record it.
    newer.down(all()).await.expect("down");
    assert_eq!(newer.up(NOW).await.expect("up").len(), all() as usize + 1);
}

#[tokio::test]
async fn a_step_that_fails_half_way_changes_nothing() {
    let database = Fixture::new();
    database.migrator().up(NOW).await.expect("up");
    let before = database.dump();
    let mut steps = embedded_steps();
    steps.push(extra(
        "CREATE TABLE one (x); DELETE FROM signing_key_generation; CREATE TABLE users (x);",
        "",
    ));
    let error = database.knowing(steps).up(NOW).await.expect_err("fails");
    assert_eq!(
        error.to_string(),
        format!(
            "migration {} failed and nothing was changed: table users already exists",
            extra_name()
        )
    );
    assert_eq!(database.dump(), before);
    assert_eq!(database.migrator().verify().await.expect("verify"), [""; 0]);
}

#[tokio::test]
async fn a_step_that_breaks_a_foreign_key_changes_nothing() {
    let database = Fixture::new();
    database.migrator().up(NOW).await.expect("up");
    database.execute(
        "INSERT INTO users VALUES (zeroblob(16), 'Alice', 'a@b.io', 'a@b.io', 'hash', NULL, 1, 1, NULL);
         CREATE TABLE orders (owner BLOB REFERENCES users (user_id));
         INSERT INTO orders VALUES (zeroblob(16));",
    );
    let before = database.dump();
    let mut steps = embedded_steps();
    steps.push(extra("DELETE FROM users", ""));
    let error = database.knowing(steps).up(NOW).await.expect_err("fails");
    assert!(error.to_string().contains("'orders'"), "{error}");
    assert_eq!(database.dump(), before);
}

#[tokio::test]
async fn a_database_of_a_newer_binary_is_left_alone() {
    let database = Fixture::new();
    let mut steps = embedded_steps();
    steps.push(extra("CREATE TABLE extra (x)", "DROP TABLE extra"));
    database.knowing(steps).up(NOW).await.expect("up");
    let before = database.dump();

    let migrator = database.migrator();
    for error in [
        migrator.up(NOW).await.expect_err("refused"),
        migrator.down(1).await.expect_err("refused"),
    ] {
        assert_eq!(
            error.to_string(),
            format!(
                "the database has migration {}, and this binary knows only {}: use the newer latchkey",
                extra_name(),
                all()
            )
        );
    }
    assert_eq!(
        migrator.verify().await.expect("verify"),
        [format!(
            "migration {} is not known to this binary",
            extra_name()
        )]
    );
    let status = migrator.status().await.expect("status");
    assert_eq!(status.last().expect("a step").state, StepState::Unknown);
    assert_eq!(database.dump(), before);
}

#[tokio::test]
async fn an_edited_step_is_noticed() {
    let database = Fixture::new();
    database.migrator().up(NOW).await.expect("up");
    let before = database.dump();
    let mut steps = embedded_steps();
    steps[1].up = "ALTER TABLE users ADD COLUMN created_at INTEGER";
    steps.push(extra("CREATE TABLE extra (x)", "DROP TABLE extra"));
    let migrator = database.knowing(steps);
    let error = migrator.up(NOW).await.expect_err("refused");
    assert!(
        error
            .to_string()
            .starts_with("migration 0002_add_timestamps was applied with another text"),
        "{error}"
    );
    let differences = migrator.verify().await.expect("verify");
    assert!(
        differences[0].contains("0002_add_timestamps"),
        "{differences:?}"
    );
    assert_eq!(database.dump(), before);
}

#[tokio::test]
async fn a_strangers_database_is_left_alone() {
    let database = Fixture::new();
    database.execute("CREATE TABLE users (id INTEGER); INSERT INTO users VALUES (7);");
    std::fs::set_permissions(&database.path, PermissionsExt::from_mode(0o640)).expect("set");
    let before = std::fs::read(&database.path).expect("there");
    let migrator = database.migrator();
    for error in [
        migrator.up(NOW).await.expect_err("refused"),
        migrator.down(1).await.expect_err("refused"),
        migrator.status().await.expect_err("refused"),
        migrator.verify().await.expect_err("refused"),
    ] {
        assert!(matches!(error, MigrationError::NotOurs(table) if table == "users"));
    }
    assert_eq!(std::fs::read(&database.path).expect("there"), before);
    let mode = std::fs::metadata(&database.path)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[tokio::test]
async fn a_record_that_contradicts_itself_is_refused() {
    let database = Fixture::new();
    database.migrator().up(NOW).await.expect("up");
    database.execute("PRAGMA user_version = 3");
    let error = database.migrator().up(NOW).await.expect_err("refused");
    assert!(matches!(error, MigrationError::Damaged(_)), "{error}");
}

#[tokio::test]
async fn verify_names_what_was_changed_by_hand() {
    let database = Fixture::new();
    database.migrator().up(NOW).await.expect("up");
    database.execute(
        "DROP INDEX sessions_user; ALTER TABLE users ADD COLUMN role TEXT; CREATE TABLE mine (x);",
    );
    assert_eq!(
        database.migrator().verify().await.expect("verify"),
        [
            "index sessions_user is missing",
            "table users: column role is not expected"
        ]
    );
}

#[tokio::test]
async fn many_at_once_apply_each_step_once() {
    let database = Fixture::new();
    let runs = (0..8).map(|_| {
        let migrator = database.migrator();
        tokio::spawn(async move { migrator.up(NOW).await })
    });
    let mut applied = 0;
    for run in runs.collect::<Vec<_>>() {
        applied += run.await.expect("no panic").expect("up").len();
    }
    assert_eq!(applied, embedded::SQLITE.len());
}

#[tokio::test]
async fn users_of_before_the_timestamps_get_the_time_of_the_migration() {
    let database = Fixture::new();
    let first = database.knowing(first(1));
    first.up(NOW).await.expect("up");
    database.execute(
        "INSERT INTO users VALUES (zeroblob(16), 'Alice', 'a@b.io', 'a@b.io', 'hash', NULL)",
    );
    database.migrator().up(NOW).await.expect("up");
    let connection = connection::open_writer(&database.path).expect("opens");
    let recent: bool = connection
        .query_row(
            "SELECT created_at > 1700000000000 AND created_at = updated_at FROM users",
            [],
            |row| row.get(0),
        )
        .expect("a row");
    assert!(recent);
}
