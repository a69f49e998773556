use latchkey_test_postgres::{Cluster, Database};

use super::*;
use crate::config::DatabaseUrl;
use crate::storage::migrations::StepState;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_007);

fn migrator(database: &Database) -> PostgresMigrator {
    knowing(database, embedded::POSTGRES)
}

/// A migrator of a binary that knows these steps.
fn knowing(database: &Database, steps: &'static [Migration]) -> PostgresMigrator {
    at(&database.socket_url(), steps)
}

fn at(url: &str, steps: &'static [Migration]) -> PostgresMigrator {
    let DatabaseUrl::Postgres(url) = url.parse().expect("a URL") else {
        panic!("{url}");
    };
    PostgresMigrator {
        connector: Connector::new(&url).expect("a connector"),
        steps,
        cx: WriteContext::service(NOW),
    }
}

fn first(count: u32) -> &'static [Migration] {
    &embedded::POSTGRES[..number::<_, usize>(count)]
}

fn and(up: &'static str, down: &'static str) -> &'static [Migration] {
    let mut steps: Vec<Migration> = embedded::POSTGRES.to_vec();
    steps.push(Migration {
        version: all() + 1,
        name: "extra",
        up,
        down,
        loses: None,
        predecessor: None,
    });
    steps.leak()
}

fn all() -> u32 {
    history::count(embedded::POSTGRES)
}

/// Every object, column and row count of the schema: what a change would show in.
fn dump(database: &Database) -> Vec<Vec<String>> {
    database.rows(
        "select c.relname, c.relkind::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            pg_get_expr(d.adbin, d.adrelid), c.relkind = 'i' and pg_get_indexdef(c.oid) is not null
         from pg_class c join pg_attribute a on a.attrelid = c.oid
            left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
         where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
         order by c.relname, a.attname",
    )
}

/// The predecessor's database at its fullest.
fn predecessors() -> Database {
    let database = Cluster::shared().database();
    database.execute(
        "create table users (
            user_id uuid primary key,
            name varchar(100) not null,
            email varchar(100) not null,
            password varchar(255) not null,
            age integer,
            created_at timestamp,
            updated_at timestamp
         );
         create unique index ix_users_email on users (email);
         create table expenses (id serial primary key, user_id uuid not null references users (user_id));
         insert into users values
            ('00000000-0000-4000-8000-000000000001', 'Alice', 'Alice@Example.com', '$2b$04$x', 41, '2024-02-29 12:00', null),
            ('00000000-0000-4000-8000-000000000002', 'Bob', 'bob@example.com', '$2b$04$y', null, null, null);
         insert into expenses (user_id) select user_id from users;",
    );
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn up_records_name_checksum_and_time_and_the_second_time_does_nothing() {
    let database = Cluster::shared().database();
    let migrator = migrator(&database);
    let before = migrator.status().await.expect("status");
    assert!(before.iter().all(|step| step.state == StepState::Pending));
    assert_eq!(dump(&database), [[""; 0]; 0], "looking changes nothing");

    let applied = migrator.up(NOW).await.expect("up");
    assert_eq!(applied.len(), embedded::POSTGRES.len());
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

#[tokio::test(flavor = "multi_thread")]
async fn each_step_goes_down_to_what_was_there_before_it() {
    let database = Cluster::shared().database();
    for version in 1..=all() {
        let before = dump(&database);
        let here = knowing(&database, first(version));
        here.up(NOW).await.expect("up");
        assert_eq!(here.verify().await.expect("verify"), [""; 0], "{version}");
        here.down(1).await.expect("down");
        assert_eq!(dump(&database), before, "{version}");
        here.up(NOW).await.expect("up again");
    }
    let migrator = migrator(&database);
    assert_eq!(
        migrator.down_loses(all()).await.expect("loses").len(),
        embedded::POSTGRES.len()
    );
    let steps = migrator.down(all()).await.expect("all the way down");
    assert_eq!(steps[0].version, all(), "the latest is taken back first");
    assert_eq!(dump(&database), [[""; 0]; 0], "nothing is left");
    assert!(matches!(
        migrator.down(1).await,
        Err(MigrationError::TooFarDown {
            applied: 0,
            asked: 1
        })
    ));
    migrator.up(NOW).await.expect("and up again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_half_way_changes_nothing() {
    let database = Cluster::shared().database();
    migrator(&database).up(NOW).await.expect("up");
    let before = dump(&database);
    let steps = and(
        "CREATE TABLE one (x integer);\nDELETE FROM signing_key_generation;\nCREATE TABLE users (x integer);\n",
        "",
    );
    let error = knowing(&database, steps).up(NOW).await.expect_err("fails");
    assert_eq!(
        error.to_string(),
        format!(
            "migration {:04}_extra failed and nothing was changed: relation \"users\" already exists",
            all() + 1
        )
    );
    assert_eq!(dump(&database), before);
    assert_eq!(
        database.rows("select count(*) from signing_key_generation"),
        [["1"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_and_edited_databases_are_left_alone() {
    let database = Cluster::shared().database();
    let newer = and("CREATE TABLE extra (x integer);", "DROP TABLE extra;");
    knowing(&database, newer).up(NOW).await.expect("up");
    let before = dump(&database);
    let migrator = migrator(&database);
    for error in [
        migrator.up(NOW).await.expect_err("refused"),
        migrator.down(1).await.expect_err("refused"),
    ] {
        assert!(matches!(error, MigrationError::Newer { .. }), "{error}");
    }
    let edited = and("CREATE TABLE extra (y integer);", "DROP TABLE extra;");
    let migrator = knowing(&database, edited);
    for error in [
        migrator.up(NOW).await.expect_err("refused"),
        migrator.down(1).await.expect_err("refused"),
    ] {
        assert!(matches!(error, MigrationError::Edited(_)), "{error}");
    }
    let differences = migrator.verify().await.expect("verify");
    assert!(differences[0].contains("_extra"), "{differences:?}");
    assert_eq!(dump(&database), before);
}

#[tokio::test]
async fn runs_on_a_database_that_is_there_are_on_record() {
    let database = Cluster::shared().database();
    migrator(&database).up(NOW).await.expect("up");
    let newer = and("CREATE TABLE extra (x integer);", "DROP TABLE extra;");
    let newer = knowing(&database, newer);
    newer.up(NOW).await.expect("up");
    newer.up(NOW).await.expect("nothing to do");
    newer.down(1).await.expect("down");
    let records = database.rows("select event, detail from audit_events order by event");
    let label = format!("{:04}_extra", all() + 1);
    let expected =
        ["schema.migrated", "schema.reverted"].map(|word| vec![word.to_owned(), label.clone()]);
    assert_eq!(records, expected);

    // The step that takes the trail away as well leaves nowhere to record it.
    newer.down(all()).await.expect("down");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_names_what_was_changed_by_hand() {
    let database = Cluster::shared().database();
    migrator(&database).up(NOW).await.expect("up");
    database.execute(
        "drop index sessions_user;
         alter table users add column role text, alter column name type varchar(50);
         alter table signing_keys alter column state set default 'active';
         alter table sessions drop constraint sessions_check;
         create table mine (x integer);
         create index mine_x on mine (x);
         create table orders (owner uuid references users (user_id));
         create index users_name on users (name);",
    );
    assert_eq!(
        migrator(&database).verify().await.expect("verify"),
        [
            "table signing_keys: column state is `text NOT NULL DEFAULT 'active'::text`, expected `text NOT NULL`",
            "table users: column name is `character varying(50) NOT NULL`, expected `character varying(100) NOT NULL`",
            "table users: column role is not expected",
            "constraint sessions_check on sessions is missing",
            "index sessions_user on sessions is missing",
            "index users_name on users is not expected",
        ]
    );
    database.execute("drop table signing_keys");
    let differences = migrator(&database).verify().await.expect("verify");
    assert_eq!(differences[0], "table signing_keys is missing");
    assert_eq!(differences.len(), 6, "{differences:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_apply_each_step_once() {
    for database in [Cluster::shared().database(), predecessors()] {
        let runs = (0..8).map(|_| {
            let migrator = migrator(&database);
            tokio::spawn(async move { migrator.up(NOW).await })
        });
        let mut applied = 0;
        for run in runs.collect::<Vec<_>>() {
            applied += run.await.expect("no panic").expect("up").len();
        }
        assert_eq!(applied, embedded::POSTGRES.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_its_own_beside_a_stranger() {
    let database = Cluster::shared().database();
    database.execute("create table users (nickname text); create schema auth;");
    let in_schema = |name| {
        let url = format!("{}&options=-csearch_path%3D{name}", database.socket_url());
        at(&url, embedded::POSTGRES)
    };
    let migrator = in_schema("auth");
    migrator.up(NOW).await.expect("up");
    assert_eq!(migrator.verify().await.expect("verify"), [""; 0]);
    let ours = "select count(*) from auth.latchkey_migrations";
    assert_eq!(database.rows(ours), [[all().to_string()]]);
    let error = in_schema("nowhere").up(NOW).await.expect_err("refused");
    assert!(error.to_string().contains("CREATE SCHEMA"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_named_like_the_role_does_not_hide_the_tables() {
    let own = format!("create schema {}", Cluster::USER);
    let database = predecessors();
    database.execute(&own);
    let status = migrator(&database).status().await.expect("status");
    assert!(status[0].adoption.is_some(), "{status:?}");
    migrator(&database).up(NOW).await.expect("up");
    let added =
        "select table_schema from information_schema.columns where column_name = 'email_canonical'";
    assert_eq!(database.rows(added), [["public"]]);

    // Made later, by whichever role.
    let database = Cluster::shared().database();
    migrator(&database).up(NOW).await.expect("up");
    database.execute(&own);
    let mut client = migrator(&database).connect().await.expect("connects");
    open(&mut client, Pending::Refuse, NOW)
        .await
        .expect("nothing is pending");
    assert_eq!(migrator(&database).verify().await.expect("verify"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn adoption_adds_and_handing_back_takes_away() {
    let database = predecessors();
    let before = dump(&database);
    let rows = "select u.*, e.id from users u join expenses e using (user_id) order by 1";
    let rows_before = database.rows(rows);
    let migrator = migrator(&database);
    let status = migrator.status().await.expect("status");
    assert_eq!(dump(&database), before, "looking changes nothing");
    let would = status[0]
        .adoption
        .as_ref()
        .expect("it says what it would do");
    assert_eq!(would.users, 2);
    assert_eq!(
        would.statements,
        [
            "LOCK TABLE users IN ACCESS EXCLUSIVE MODE",
            "CREATE TABLE latchkey_migrations (…)",
            "ALTER TABLE users ALTER COLUMN email TYPE varchar(254)",
            "ALTER TABLE users ADD COLUMN email_canonical varchar(254) COLLATE \"C\"",
            "CREATE UNIQUE INDEX users_email_canonical_key ON users (email_canonical)",
            "CREATE INDEX users_without_canonical ON users (user_id) WHERE email_canonical IS NULL",
        ]
    );

    let last = status.last().and_then(|step| step.adoption.as_ref());
    let last = &last.expect("statements").statements;
    for part in [
        "UPDATE users SET email_canonical = …",
        "CREATE TABLE latchkey_adoption (…)",
    ] {
        assert!(last.iter().any(|it| it == part), "{part}: {last:?}");
    }

    let did = migrator.up(NOW).await.expect("up");
    assert_eq!(did[0].adoption.as_ref(), Some(would));
    assert_eq!(migrator.verify().await.expect("verify"), [""; 0]);
    assert_eq!(
        database.rows("select email, email_canonical from users order by 1"),
        [
            ["Alice@Example.com", "alice@example.com"],
            ["bob@example.com", "bob@example.com"]
        ]
    );
    assert_eq!(
        database.rows("select created_at = updated_at, created_at::text from users where age = 41"),
        [["1", "2024-02-29 12:00:00"]]
    );
    let bob = "select abs(extract(epoch from created_at - (now() at time zone 'utc'))) < 3600
               from users where age is null";
    assert_eq!(database.rows(bob), [["1"]], "the time is UTC");

    assert!(
        migrator.status().await.expect("status")[0]
            .adoption
            .is_none()
    );
    let back = migrator.down(all()).await.expect("down");
    let last = back.last().and_then(|step| step.adoption.as_ref());
    assert_eq!(
        last.expect("statements")
            .statements
            .last()
            .map(String::as_str),
        Some("ALTER TABLE users ALTER COLUMN email TYPE varchar(100)")
    );
    assert_eq!(dump(&database), before);
    database.execute(
        "update users set updated_at = null; update users set created_at = null where age is null",
    );
    assert_eq!(database.rows(rows), rows_before);
    migrator.up(NOW).await.expect("and up again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_added_is_taken_back_and_lost() {
    let database = Cluster::shared().database();
    database.execute(
        "create table users (user_id uuid primary key, name varchar(100), email varchar(100) unique, password varchar(255));
         insert into users values (gen_random_uuid(), 'Alice', 'a@example.com', '$2b$04$x')",
    );
    let before = dump(&database);
    let migrator = migrator(&database);
    migrator.up(NOW).await.expect("up");
    assert_eq!(migrator.verify().await.expect("verify"), [""; 0]);
    let long = format!("{}@example.com", "a".repeat(60).as_str()) + &".example.com".repeat(4);
    database.execute(&format!(
        "update users set age = 41;
         insert into users (user_id, name, email, email_canonical, password)
         values (gen_random_uuid(), 'Long', '{long}', '{long}', '$argon2id$')"
    ));
    let loses = migrator.down_loses(all()).await.expect("loses");
    for part in [
        "the ages of 1 of the users",
        "for 1 of the users the sign-in",
        "created",
    ] {
        assert!(
            loses.iter().any(|it| it.contains(part)),
            "{part}: {loses:?}"
        );
    }
    assert!(!loses.iter().any(|it| it == "every user"), "{loses:?}");
    migrator.down(all()).await.expect("down");
    let wide = "select format_type(atttypid, atttypmod) from pg_attribute
                where attrelid = 'users'::regclass and attname = 'email'";
    assert_eq!(database.rows(wide), [["character varying(254)"]]);
    assert_eq!(database.rows("select count(*) from users"), [["2"]]);
    database.execute("delete from users where name = 'Long'; alter table users alter column email type varchar(100)");
    assert_eq!(dump(&database), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_carried_through_is_refused_before() {
    let shown = predecessors();
    shown.execute("create view addresses as select email from users");
    let locked = predecessors();
    let collides = predecessors();
    collides.execute(
        "insert into users values ('00000000-0000-4000-8000-000000000003', 'Al', 'alice@EXAMPLE.com', 'x')",
    );
    let occupied = predecessors();
    occupied
        .execute("create table sessions (x integer); create table latchkey_adoption (x integer)");
    let held = locked.hold("lock table users in access share mode");
    for (database, part) in [
        (&shown, "drop addresses, run"),
        (&locked, "stop the other programs"),
        (
            &collides,
            "\"alice@EXAMPLE.com\" of user 00000000-0000-4000-8000-000000000003 and \"Alice@Example.com\" of user",
        ),
        (&occupied, "has latchkey_adoption, sessions already"),
    ] {
        let before = dump(database);
        let error = migrator(database).up(NOW).await.expect_err("refused");
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(dump(database), before);
    }
    drop(held);
    for database in [&shown, &occupied] {
        let error = migrator(database).status().await.expect_err("no promise");
        let refused = migrator(database).up(NOW).await.expect_err("refused");
        assert_eq!(error.to_string(), refused.to_string());
    }
    migrator(&locked).up(NOW).await.expect("nobody has it now");
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_do_not_notice_and_stay_as_they_were() {
    let database = predecessors();
    database.execute(
        "create function touch() returns trigger language plpgsql as
            'begin new.updated_at = now(); new.name = new.name || ''!''; return new; end';
         create trigger touch before update on users for each row execute function touch();
         create trigger \"Always\" before update on users for each row execute function touch();
         create trigger off before update on users for each row execute function touch();
         alter table users enable always trigger \"Always\", disable trigger off;",
    );
    let state = "select tgname, tgenabled::text from pg_trigger where not tgisinternal order by 1";
    let before = database.rows(state);
    migrator(&database).up(NOW).await.expect("up");
    assert_eq!(database.rows(state), before);
    assert_eq!(
        database.rows("select name, updated_at::text from users where age = 41"),
        [["Alice", "2024-02-29 12:00:00"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn collations_and_indexes_with_the_key_are_the_predecessors_business() {
    let database = predecessors();
    database.execute(
        "alter table users alter column name type text collate \"C\";
         create unique index by_id on users (user_id);
         create unique index by_name_and_id on users (name, user_id);",
    );
    migrator(&database).up(NOW).await.expect("up");
    assert_eq!(migrator(&database).verify().await.expect("verify"), [""; 0]);

    let database = predecessors();
    database.execute("create unique index by_name on users (name) include (user_id)");
    let error = migrator(&database).up(NOW).await.expect_err("a stranger's");
    assert!(error.to_string().contains("unique by by_name"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_missing_are_named() {
    let cluster = Cluster::own().start();
    let database = cluster.database();
    cluster.execute("create role shop");
    database.execute("grant create on schema public to public");
    let name = database.name();
    cluster.execute(&format!(
        "create role other login; grant all on database {name} to other"
    ));
    database.execute(
        "create table users (user_id uuid primary key, name varchar(100), email varchar(100) unique, password varchar(255));
         grant all on users to other",
    );
    let url = database.socket_url();
    let url = url.replacen(Cluster::USER, "other", 1);
    let migrator = at(&url, embedded::POSTGRES);
    let error = migrator.up(NOW).await.expect_err("refused").to_string();
    assert!(
        error.contains("ALTER TABLE users OWNER TO \"other\""),
        "{error}"
    );
    let other = format!("revoke temporary on database {name} from public, other");
    database.execute(&other);
    let error = migrator.verify().await.expect_err("refused").to_string();
    assert!(error.contains("GRANT TEMPORARY ON DATABASE"), "{error}");
    database.execute("revoke create on schema public from public");
    let error = migrator.up(NOW).await.expect_err("refused").to_string();
    assert!(
        error.contains("GRANT CREATE ON SCHEMA \"public\" TO \"other\""),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_predecessor_are_put_in_order_later() {
    let database = predecessors();
    let migrator = migrator(&database);
    migrator.up(NOW).await.expect("up");
    database.execute(
        "insert into users (user_id, name, email, password) values
            ('00000000-0000-4000-8000-000000000011', 'Carol', 'Carol@Example.com', 'x'),
            ('00000000-0000-4000-8000-000000000012', 'Al', 'alice@EXAMPLE.com', 'x'),
            ('00000000-0000-4000-8000-000000000013', 'Dave', 'dave', 'x'),
            ('00000000-0000-4000-8000-000000000014', 'Al', 'ALICE@EXAMPLE.COM', 'x')",
    );
    let mut client = migrator.connect().await.expect("connects");
    let mut times = Vec::new();
    for _ in 0..2 {
        open(&mut client, Pending::Apply, NOW).await.expect("opens");
        assert_eq!(
            database.rows(
                "select name, email_canonical, now() at time zone 'utc' - created_at < interval '1 hour',
                    updated_at = created_at
                 from users where password = 'x' order by user_id"
            ),
            [
                ["Carol", "carol@example.com", "1", "1"],
                ["Al", "null", "1", "1"],
                ["Dave", "null", "1", "1"],
                ["Al", "null", "1", "1"]
            ]
        );
        times.push(database.rows("select user_id, created_at::text from users order by 1"));
    }
    assert_eq!(times[0], times[1], "they stay what they have become");
    open(&mut client, Pending::Refuse, NOW)
        .await
        .expect("opens");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_a_batch_collide_across_batches() {
    let database = predecessors();
    database.execute(
        "insert into users (user_id, name, email, password)
         select ('10000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'User', 'user' || n || '@example.com', 'x'
         from generate_series(1, 10050) n",
    );
    let migrator = migrator(&database);
    migrator.up(NOW).await.expect("up");
    assert_eq!(
        database.rows("select count(email_canonical), count(*) from users"),
        [["10052", "10052"]]
    );
    migrator.down(all()).await.expect("down");
    database.execute(
        "update users set email = 'USER1@example.com' where email = 'user10050@example.com'",
    );
    let error = migrator.up(NOW).await.expect_err("refused").to_string();
    assert!(
        error.contains("because 1 e-mail address is the same"),
        "{error}"
    );
    assert!(
        error.contains("\"USER1@example.com\" of user 10000000-0000-4000-8000-000000010050"),
        "{error}"
    );
}

/// Somebody signs up with the address of a row while that row is being put in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_in_the_same_moment_keeps_the_address() {
    let database = predecessors();
    let migrator = migrator(&database);
    migrator.up(NOW).await.expect("up");
    database.execute(
        "insert into users (user_id, name, email, password) values
            ('00000000-0000-4000-8000-000000000021', 'Erin', 'Erin@example.com', 'x'),
            ('00000000-0000-4000-8000-000000000022', 'Finn', 'Finn@example.com', 'x')",
    );
    let other = migrator.connect().await.expect("connects");
    other
        .batch_execute(
            "begin; insert into users (user_id, name, email, email_canonical, password) values
                ('00000000-0000-4000-8000-000000000023', 'Erin', 'erin@example.com', 'erin@example.com', 'x')",
        )
        .await
        .expect("inserts");

    let mut client = migrator.connect().await.expect("connects");
    let start = tokio::spawn(async move { put_in_order(&mut client).await });
    let waiting = "select 1 from pg_stat_activity where datname = current_database()
                   and wait_event_type = 'Lock' and query like 'UPDATE users%'";
    while database.rows(waiting).is_empty() {
        tokio::task::yield_now().await;
    }
    other.batch_execute("commit").await.expect("commits");

    start.await.expect("no panic").expect("the start goes on");
    assert_eq!(
        database.rows(
            "select name, email_canonical from users where user_id::text like '%00002_' order by user_id"
        ),
        [
            ["Erin", "null"],
            ["Finn", "finn@example.com"],
            ["Erin", "erin@example.com"]
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_put_in_order_do_not_undo_a_run() {
    let database = predecessors();
    let migrator = migrator(&database);
    migrator.up(NOW).await.expect("up");
    migrator.down(1).await.expect("down");
    database.execute(
        "insert into users (user_id, name, email, password)
            values (gen_random_uuid(), 'Carol', 'carol@example.com', 'x');
         create function no() returns trigger language plpgsql as 'begin raise exception ''no''; end';
         create trigger no before update on users for each row execute function no();",
    );
    assert_eq!(migrator.up(NOW).await.expect("a warning").len(), 1);
    assert_eq!(migrator.up(NOW).await.expect("a warning"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_migrates_and_is_silent_is_not_waited_for_without_end() {
    let database = Cluster::shared().database();
    let mut client = migrator(&database).connect().await.expect("connects");
    let held = database.hold(&format!("select pg_advisory_xact_lock({LOCK})"));
    let error = exclusively_within(&mut client, Duration::from_millis(50))
        .await
        .map(drop)
        .expect_err("somebody migrates");
    assert!(error.to_string().contains("still migrating"), "{error}");
    drop(held);
    let tx = exclusively(&mut client).await.expect("nobody migrates");
    let query = "select current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout')";
    let row = tx.query_one(query, &[]).await.expect("settings");
    assert_eq!((row.get(0), row.get(1)), ("1min", "10s"));
}
