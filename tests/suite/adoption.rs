//! The predecessor's database: Latchkey takes it over as it is, and gives it back.
//!
//! Each test has a database as the predecessor made it, and starts the binary with the
//! predecessor's own variables.

use futures_util::future::join_all;
use latchkey_test_postgres::Cluster;
use latchkey_tests::{Backend, Home, Person, Server, eventually, on_postgres};
use serde_json::Value;

on_postgres![
    every_variant_is_adopted_and_goes_on,
    ten_thousand_users_are_adopted,
    long_passwords_are_cut_as_they_were,
    the_way_back_may_be_kept_open,
    the_predecessor_goes_on_inserting,
    addresses_that_are_one_are_refused,
    a_strangers_database_is_refused,
    a_schema_named_like_the_role_is_passed_over,
    status_says_that_it_would_adopt,
    going_back_leaves_what_was_there,
    a_kill_half_way_leaves_the_old_database,
    ten_instances_adopt_once_and_serve,
];

/// bcrypt of [`PASSWORD`], as passlib writes it.
const BCRYPT: &str = "$2b$05$VHJn3nw7EXR3ZZIExVptMeNRQXD6zwEt9PuL1ksKamrczBBW.ewYW";
const PASSWORD: &str = "correct horse battery staple";

/// bcrypt of the letter x, 72 times.
const BCRYPT_LONG: &str = "$2b$04$oG472NCcTu784vX.HZSPpuA.ZIKiY7FP4dY.gYMHrp6wgCydDseMG";

/// The table `users` in all that it may have been.
const VARIANTS: [&str; 5] = [
    // With everything, as SQLAlchemy makes it.
    "create table users (
        user_id uuid not null, name varchar(100) not null, email varchar(100) not null,
        password varchar(255) not null, age integer,
        created_at timestamp without time zone default now(),
        updated_at timestamp without time zone default now(),
        primary key (user_id));
     create unique index ix_users_email on users (email);",
    // The first release: no timestamps.
    "create table users (
        user_id uuid primary key default gen_random_uuid(), name varchar(100) not null,
        email varchar(100) not null unique, password varchar(255) not null, age integer);
     create index ix_users_email on users (email);",
    // No age either, and nothing but the key may not be null.
    "create table users (
        user_id uuid primary key, name varchar(100), email varchar(100) unique, password varchar(255));
     create index ix_users_email on users (email);
     create table token_blacklist (id serial primary key, token varchar(500) unique, blacklisted_at timestamp);
     insert into token_blacklist (token) values ('eyJ');",
    // One timestamp, in another order.
    "create table users (
        email text not null unique, user_id uuid primary key, created_at timestamp,
        name text, password text not null);",
    // Both, not null, and a table of users' tokens.
    "create table users (
        user_id uuid primary key, name varchar(100) not null, email varchar(100) unique not null,
        password varchar(255) not null, created_at timestamp not null default now(),
        updated_at timestamp not null default now());
     create table token_blacklist (
        id serial primary key, user_id uuid references users (user_id) on delete cascade, token text);",
];

/// Three users, and another service's rows that refer to two of them.
fn with_three_users() -> String {
    format!(
        "insert into users (user_id, name, email, password) values
            ('6f9619ff-8b86-4d01-b42d-00cf4fc964ff', 'Alice', 'Alice@Example.com', '{BCRYPT}'),
            ('7f9619ff-8b86-4d01-b42d-00cf4fc964ff', 'Bob Example', 'bob@example.com', '{BCRYPT}'),
            ('8f9619ff-8b86-4d01-b42d-00cf4fc964ff', 'Zoë Example', 'zoë@bücher.example', '{BCRYPT_LONG}');
         create table expenses (
            id serial primary key, user_id uuid not null references users (user_id), amount numeric(10, 2));
         insert into expenses (user_id, amount) select user_id, 9.99 from users where email like '%@example.com';
         insert into expenses (user_id, amount) select user_id, 5.00 from users where email like 'A%';"
    )
}

const USERS: &str = "select user_id, name, email, password from users order by user_id";
const EXPENSES: &str = "select * from expenses order by id";

/// A database as the predecessor left it, and its environment.
fn predecessors(schema: &str) -> Home {
    let home = home(&Home::new(Backend::Postgres));
    home.database().execute(schema);
    home
}

/// A place with the predecessor's variables, and none of ours about the database.
fn home(on: &Home) -> Home {
    let home = on.instance();
    let database = home.database().postgres();
    let (name, port) = (database.name().to_owned(), database.port().to_string());
    home.without_env("LATCHKEY_DATABASE__URL")
        .env("DB_HOST", "127.0.0.1")
        .env("DB_PORT", port)
        .env("DB_USER", Cluster::USER)
        .env("DB_PASSWORD", Cluster::PASSWORD)
        .env("DB_NAME", name)
        .env("JWT_SECRET_KEY", "3f6c0a9d5e7b4821964dc0ffb1a27e85")
}

async fn signs_in(server: &Server, email: &str, password: &str) -> Value {
    let answer = server.sign_in(email, password).await.expect(200);
    answer.json()["user"].clone()
}

fn hash_of(server: &Server, email: &str) -> String {
    let sql = format!("select password from users where email = '{email}'");
    server.database().rows(&sql)[0][0].clone()
}

async fn every_variant_is_adopted_and_goes_on(_: Backend) {
    for variant in VARIANTS {
        let home = predecessors(variant);
        home.database().execute(&with_three_users());
        let users = home.database().rows(USERS);
        let expenses = home.database().rows(EXPENSES);

        let server = home.start().await;

        assert_eq!(server.database().rows(USERS), users, "{variant}");
        assert_eq!(server.database().rows(EXPENSES), expenses, "{variant}");
        let alice = signs_in(&server, "alice@example.com", PASSWORD).await;
        assert_eq!(alice["user_id"], "6f9619ff-8b86-4d01-b42d-00cf4fc964ff");
        assert_eq!(alice["email"], "Alice@Example.com");
        assert_eq!(alice["name"], "Alice");
        assert_eq!(alice["age"], Value::Null);
        assert!(
            alice["created_at"]
                .as_str()
                .is_some_and(|at| at.starts_with("20"))
        );
        let hash = hash_of(&server, "Alice@Example.com");
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert_eq!(hash_of(&server, "bob@example.com"), BCRYPT);
        let _ = signs_in(&server, "ALICE@example.com", PASSWORD).await;
        let _ = server
            .sign_in("bob@example.com", "Wrong-1234")
            .await
            .expect(401);

        let carol = server.account_of("Carol").await;
        let _ = server.me(&carol.tokens.access).await.expect(200);
        let taken = Person::named("Bob").with_email("BOB@Example.com");
        let _ = server.sign_up(&taken).await.expect(400);

        let tokens = server.sign_in("bob@example.com", PASSWORD).await.tokens();
        let kept = server.delete_me(&tokens.access, PASSWORD).await.expect(409);
        assert_eq!(kept.code(), "user_referenced");
        server.database().execute("delete from expenses");
        let _ = server.delete_me(&tokens.access, PASSWORD).await.expect(204);

        let _ = server.cli(["migrate", "verify"]).await.ok();
        let logs = server.logs();
        assert!(logs.contains("ADD COLUMN email_canonical"), "{logs}");
    }
}

async fn ten_thousand_users_are_adopted(_: Backend) {
    let home = predecessors(VARIANTS[0]);
    home.database().execute(&format!(
        "insert into users (user_id, name, email, password, created_at, updated_at)
         select gen_random_uuid(), 'User ' || n, 'User.' || n || '@Example.com', '{BCRYPT}',
            timestamp '2023-01-01 00:00' + n * interval '1 minute', null
         from generate_series(1, 10000) n;
         create table expenses (id serial primary key, user_id uuid not null references users (user_id));
         insert into expenses (user_id) select user_id from users;"
    ));
    let (users, expenses) = (home.database().rows(USERS), home.database().rows(EXPENSES));

    let server = home.start().await;

    assert_eq!(server.database().rows(USERS), users);
    assert_eq!(server.database().rows(EXPENSES), expenses);
    let user = signs_in(&server, "user.10000@example.com", PASSWORD).await;
    assert_eq!(user["created_at"], "2023-01-07T22:40:00.000Z");
    let left = "select count(*) from users where email_canonical is distinct from lower(email) or updated_at is null";
    assert_eq!(server.database().rows(left), [["0"]]);
}

async fn long_passwords_are_cut_as_they_were(_: Backend) {
    let home = predecessors(VARIANTS[1]);
    home.database().execute(&with_three_users());
    let server = home.start().await;
    let zoe = "zoë@xn--bcher-kva.example";
    let _ = server.sign_in(zoe, &"x".repeat(71)).await.expect(401);
    let _ = signs_in(&server, zoe, &"x".repeat(80)).await;
    // What was typed is what counts from now on, all of it.
    let _ = server.sign_in(zoe, &"x".repeat(72)).await.expect(401);
    let _ = signs_in(&server, zoe, &"x".repeat(80)).await;
}

async fn the_way_back_may_be_kept_open(_: Backend) {
    let home = predecessors(VARIANTS[0]).env("LATCHKEY_PASSWORDS__UPGRADE_FOREIGN", "false");
    home.database().execute(&with_three_users());
    let server = home.start().await;
    let _ = signs_in(&server, "alice@example.com", PASSWORD).await;
    assert_eq!(hash_of(&server, "Alice@Example.com"), BCRYPT);
}

async fn the_predecessor_goes_on_inserting(_: Backend) {
    for variant in VARIANTS {
        let home = predecessors(variant);
        home.database().execute(&with_three_users());
        let server = home.start().await;
        server.database().execute(&format!(
            "insert into users (user_id, name, email, password) values
                ('9f9619ff-8b86-4d01-b42d-00cf4fc964ff', 'Dora Example', 'Dora@Example.com', '{BCRYPT}'),
                ('af9619ff-8b86-4d01-b42d-00cf4fc964ff', 'Other Alice', 'aLICE@example.com', '{BCRYPT}')"
        ));
        // Not in order yet: that is for the next start.
        let _ = server
            .sign_in("dora@example.com", PASSWORD)
            .await
            .expect(401);

        let server = server.restart().await;

        let dora = signs_in(&server, "dora@example.com", PASSWORD).await;
        assert_eq!(dora["user_id"], "9f9619ff-8b86-4d01-b42d-00cf4fc964ff");
        let without_times = "select name from users where created_at is null or updated_at is null";
        assert!(
            server.database().rows(without_times).is_empty(),
            "{variant}"
        );
        let alice = signs_in(&server, "alice@example.com", PASSWORD).await;
        assert_eq!(alice["user_id"], "6f9619ff-8b86-4d01-b42d-00cf4fc964ff");
        let logs = server.logs();
        for part in [
            "\"aLICE@example.com\" of user af9619ff-8b86-4d01-b42d-00cf4fc964ff",
            "\"Alice@Example.com\" of user 6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        ] {
            assert!(logs.contains(part), "{part}: {logs}");
        }
        // An operator can put that in order, too.
        let other = "af9619ff-8b86-4d01-b42d-00cf4fc964ff";
        let set = ["user", "set-email", other, "alice2@example.com"];
        let _ = server.cli(set).await.ok();
        let _ = signs_in(&server, "alice2@example.com", PASSWORD).await;
    }
}

/// Neither `serve` nor `migrate up` starts on it, both say why, and nothing is changed.
async fn is_refused(home: &Home, words: &[&str]) {
    let before = home.database().schema();
    let failed = home.fails_to_start().await;
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    let up = home.cli(["migrate", "up"]).await.failed(1);
    for word in words {
        assert!(failed.stderr.contains(word), "{word}: {failed:#?}");
        assert!(up.contains(word), "{word}: {up}");
    }
    assert_eq!(up.trim_end().lines().count(), 1, "{up}");
    assert_eq!(home.database().schema(), before);
}

async fn addresses_that_are_one_are_refused(_: Backend) {
    let home = predecessors(VARIANTS[0]);
    home.database().execute(&with_three_users());
    home.database().execute(
        "insert into users (user_id, name, email, password) values
            ('9f9619ff-8b86-4d01-b42d-00cf4fc964ff', 'Al', 'alice@EXAMPLE.com', 'x'),
            ('af9619ff-8b86-4d01-b42d-00cf4fc964ff', 'Zoë', 'zoë@xn--bcher-kva.example', 'x')",
    );
    let users = home.database().rows("select * from users order by 1");
    let words = [
        "2 e-mail addresses",
        "\"alice@EXAMPLE.com\" of user 9f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "\"Alice@Example.com\" of user 6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "\"zoë@bücher.example\" of user 8f9619ff-8b86-4d01-b42d-00cf4fc964ff",
    ];
    is_refused(&home, &words).await;
    assert_eq!(
        home.database().rows("select * from users order by 1"),
        users
    );
    // One of each two gets another address, and all is well.
    home.database().execute(
        "update users set email = 'al@example.com' where name = 'Al';
         delete from users where email like 'zoë@xn%'",
    );
    let server = home.start().await;
    let _ = signs_in(&server, "alice@example.com", PASSWORD).await;
}

async fn a_strangers_database_is_refused(_: Backend) {
    for (schema, words) in [
        (
            "create table users (id serial primary key, email varchar(100) unique, password varchar(255));
             insert into users (email) values ('a@example.com')",
            vec!["users", "column user_id is missing", "column id is not the predecessor's"],
        ),
        (
            "create table users (user_id uuid primary key, name varchar(100), email varchar(100) unique,
                password varchar(255), is_admin boolean)",
            vec!["column is_admin is not the predecessor's"],
        ),
        (
            "create table users (user_id uuid primary key, name varchar(100), email varchar(100), password varchar(255))",
            vec!["email is not unique"],
        ),
        (
            "create table people (id integer); create view users as select * from people",
            vec!["it is a view"],
        ),
        (
            "create table orders (id integer); create table customers (id integer)",
            vec!["customers, orders", "options=-csearch_path"],
        ),
    ] {
        let home = predecessors(schema);
        is_refused(&home, &words).await;
        let status = home.cli(["migrate", "status"]).await.failed(1);
        assert!(status.contains(words[0]), "{status}");
        // In a schema of its own there is room beside it.
        home.database().execute("create schema auth");
        let url = format!("{}?options=-csearch_path%3Dauth", home.database().url());
        let server = home.env("LATCHKEY_DATABASE__URL", url).start().await;
        let _ = server.account_of("Alice").await;
    }
}

async fn a_schema_named_like_the_role_is_passed_over(_: Backend) {
    let home = predecessors(VARIANTS[1]);
    home.database().execute(&with_three_users());
    // The default search path looks here first.
    home.database()
        .execute(&format!("create schema {}", Cluster::USER));

    let server = home.start().await;

    let alice = signs_in(&server, "alice@example.com", PASSWORD).await;
    assert_eq!(alice["user_id"], "6f9619ff-8b86-4d01-b42d-00cf4fc964ff");
    let schemas = "select distinct schemaname from pg_tables
                   where tablename = 'users' or tablename like 'latchkey%'";
    assert_eq!(server.database().rows(schemas), [["public"]]);
}

async fn status_says_that_it_would_adopt(_: Backend) {
    let home = predecessors(VARIANTS[2]);
    home.database().execute(&with_three_users());
    let before = home.database().schema();

    let text = home.cli(["migrate", "status"]).await.ok().stdout;
    let steps = home.cli(["migrate", "status", "--json"]).await.json();
    let verify = home.cli(["migrate", "verify"]).await.failed(1);

    assert_eq!(home.database().schema(), before);
    assert!(verify.contains("not what this binary expects"), "{verify}");
    assert!(
        text.contains("would adopt its table users (3 rows)"),
        "{text}"
    );
    assert_eq!(steps[0]["state"], "pending");
    assert_eq!(steps[0]["adoption"]["users"], 3);
    let up = home.cli(["migrate", "up"]).await.ok().stdout;
    for statement in [
        "ALTER TABLE users ALTER COLUMN email TYPE varchar(254)",
        "ALTER TABLE users ADD COLUMN age integer",
        "ALTER TABLE users ADD COLUMN disabled_at timestamptz",
    ] {
        assert!(text.contains(statement), "{statement}: {text}");
        assert!(up.contains(statement), "{statement}: {up}");
        assert!(steps.to_string().contains(statement), "{steps}");
    }
    let text = home.cli(["migrate", "status"]).await.ok().stdout;
    assert!(!text.contains("adopt"), "{text}");
    let verify = home.cli(["migrate", "verify"]).await.ok().stdout;
    assert!(verify.contains("is what this binary expects"), "{verify}");
    // What is ours is looked at all the same.
    home.database().execute(
        "drop index users_email_canonical_key; alter table users alter column email type varchar(100);
         create index by_name on users (name); alter table users alter column age set default 1",
    );
    let differences = home.cli(["migrate", "verify"]).await.stdout;
    for part in ["users_email_canonical_key", "column email", "column age"] {
        assert!(differences.contains(part), "{part}: {differences}");
    }
    assert!(!differences.contains("by_name"), "{differences}");
}

async fn going_back_leaves_what_was_there(_: Backend) {
    for variant in VARIANTS {
        let home = predecessors(variant);
        home.database().execute(&with_three_users());
        let before = home.database().schema();
        let server = home.start().await;
        let _ = signs_in(&server, "alice@example.com", PASSWORD).await;
        let _ = server.account_of("Carol").await;
        let users = server.database().rows(USERS);
        let home = server.terminate().await;
        let steps = home.cli(["migrate", "status", "--json"]).await.json();
        let all = steps.as_array().expect("steps").len().to_string();

        let refused = home.cli(["migrate", "down", &all]).await.failed(2);
        assert!(
            refused.contains("--yes") && refused.contains("for 2 of the users the sign-in"),
            "{refused}"
        );
        assert_ne!(home.database().schema(), before);
        let _ = home.cli(["migrate", "down", &all, "--yes"]).await.ok();

        assert_eq!(home.database().schema(), before, "{variant}");
        assert_eq!(home.database().rows(USERS), users);
        let server = home.start().await;
        let _ = signs_in(&server, "alice@example.com", PASSWORD).await;
        let _ = signs_in(
            &server,
            "carol@example.com",
            &Person::named("Carol").password,
        )
        .await;
        let _ = server.cli(["migrate", "verify"]).await.ok();
    }
}

async fn a_kill_half_way_leaves_the_old_database(_: Backend) {
    let home = predecessors(VARIANTS[0]);
    home.database().execute(&with_three_users());
    // Whoever changes a user waits for a lock that the test has: half way is where it wants.
    home.database().execute(
        "create function wait() returns boolean language plpgsql as
            'begin perform pg_advisory_xact_lock(42); return true; end';
         alter table users add constraint wait check (wait());",
    );
    let _ = home.cli(["migrate", "status"]).await.ok();
    let before = home.database().schema();
    let users = home.database().rows("select * from users order by 1");
    let postgres = home.database().postgres();
    let waits = "select 1 from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock' and query like 'UPDATE users%'";
    let held = postgres.hold("select pg_advisory_xact_lock(42)");
    tokio::select! {
        // Dropped, it is killed.
        output = home.cli(["migrate", "up"]) => panic!("nothing was in its way: {output:#?}"),
        () = eventually("half way", async || (!postgres.rows(waits).is_empty()).then_some(())) => {}
    }
    drop(held);
    let others = "select 1 from pg_stat_activity where datname = current_database()
                  and application_name = 'latchkey'";
    eventually("its end", async || {
        postgres.rows(others).is_empty().then_some(())
    })
    .await;

    assert_eq!(home.database().schema(), before);
    assert_eq!(
        home.database().rows("select * from users order by 1"),
        users
    );
    let server = home.start().await;
    let _ = signs_in(&server, "alice@example.com", PASSWORD).await;
}

async fn ten_instances_adopt_once_and_serve(_: Backend) {
    let first = predecessors(VARIANTS[2]);
    first.database().execute(&with_three_users());
    let servers = join_all((0..10).map(|_| home(&first).start())).await;
    let mut adopted = 0;
    for server in &servers {
        let _ = signs_in(server, "alice@example.com", PASSWORD).await;
        adopted += usize::from(server.logs().contains("ADD COLUMN email_canonical"));
    }
    assert_eq!(adopted, 1);
    let twice = "select version from latchkey_migrations group by version having count(*) > 1";
    assert!(first.database().rows(twice).is_empty());
    let _ = first.cli(["migrate", "verify"]).await.ok();
}
