//! PostgreSQL that stops, dies, refuses and comes back, while the service runs on.

use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use insta::assert_snapshot;
use latchkey_test_postgres::{Cluster, Stop};
use latchkey_tests::{Answer, Backend, Home, Load, Person, Server, eventually, on_postgres};

on_postgres![
    a_pool_of_two_serves_two_hundred_clients,
    item_81_a_stop_in_good_order_loses_nothing,
    item_81_a_stop_without_order_loses_nothing,
    item_81_kill_9_of_the_server_loses_nothing,
    item_81_connections_that_are_terminated_are_replaced,
    item_81_a_server_that_takes_no_more_connections_is_503,
    item_81_a_locked_table_is_503_and_nothing_hangs,
    item_81_a_standby_is_503_for_what_writes,
    item_81_a_primary_that_turns_read_only_is_503_for_what_writes,
    item_81_a_standby_that_takes_over_has_all_that_was_answered,
    item_81_connections_that_hang_are_503_in_time_and_replaced,
    a_migration_whose_process_is_killed_is_done_by_the_next,
    a_server_that_is_not_there_is_one_clear_error,
];

/// Two instances on a cluster of their own; `outage` happens in the middle of a load, and
/// the cluster is started again.
async fn outage(outage: impl FnOnce(&Cluster)) {
    let cluster = Cluster::own().start();
    let home = Home::on(cluster.database()).for_a_ledger();
    let (one, two) = tokio::join!(home.instance().start(), home.instance().start());
    let alice = one.account_of("Alice").await;
    let load = Load::new();
    let ledger = load
        .during(&[&one, &two], 20, async {
            load.answers(201, 40).await;
            outage(&cluster);
            // Counted from the outage.
            tokio::join!(
                one.health_becomes(503),
                two.health_becomes(503),
                load.answers(503, 40),
            );
            for server in [&one, &two] {
                // Never a wrong 401, which would sign people out.
                let me = server.me(&alice.tokens.access).await.expect(503);
                assert_eq!(me.code(), "database_unavailable");
                let wrong = server.sign_in(&alice.person.email, "wrong").await;
                let _ = wrong.expect(503);
                let _ = server.get("/health/live").await.expect(200);
                let _ = server.get("/.well-known/jwks.json").await.expect(200);
            }

            cluster.start();
            tokio::join!(one.health_becomes(200), two.health_becomes(200));
            for server in [&one, &two] {
                let _ = server.me(&alice.tokens.access).await.expect(200);
            }
            load.answers(201, 40).await;
        })
        .await;
    assert_eq!(load.count(0), 0, "requests without an answer");
    ledger.check(&one).await;
}

async fn item_81_a_stop_in_good_order_loses_nothing(_: Backend) {
    outage(|cluster| cluster.stop(Stop::Fast)).await;
}

async fn item_81_a_stop_without_order_loses_nothing(_: Backend) {
    outage(|cluster| cluster.stop(Stop::Immediate)).await;
}

async fn item_81_kill_9_of_the_server_loses_nothing(_: Backend) {
    outage(Cluster::kill_9).await;
}

async fn item_81_connections_that_are_terminated_are_replaced(backend: Backend) {
    let server = Home::new(backend).for_a_ledger().start().await;
    let load = Load::new();
    let ledger = load
        .during(&[&server], 20, async {
            for _ in 0..5 {
                load.answers(201, 10).await;
                eventually("connections to end", async || {
                    (server.database().postgres().terminate_backends() > 0).then_some(())
                })
                .await;
            }
            load.answers(201, 10).await;
        })
        .await;
    assert_eq!(load.count(0), 0, "requests without an answer");
    ledger.check(&server).await;
    // What only reads is done again on a new connection, and nobody notices.
    let alice = server.account_of("Alice").await;
    for _ in 0..5 {
        server.database().postgres().terminate_backends();
        let _ = server.me(&alice.tokens.access).await.expect(200);
        let _ = server.get("/health").await.expect(200);
    }
}

async fn item_81_a_server_that_takes_no_more_connections_is_503(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let database = server.database().postgres();
    let limit = |connections: i32| {
        Cluster::shared().execute(&format!(
            "alter database {} connection limit {connections}",
            database.name()
        ));
    };

    limit(0);
    database.terminate_backends();
    server.health_becomes(503).await;
    let me = server.me(&alice.tokens.access).await.expect(503);
    assert_eq!(me.code(), "database_unavailable");
    let refresh = server.refresh(&alice.tokens.refresh).await;
    assert_eq!(refresh.expect(503).code(), "database_unavailable");
    let _ = server.get("/health/live").await.expect(200);

    limit(-1);
    server.health_becomes(200).await;
    let _ = server.me(&alice.tokens.access).await.expect(200);
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
}

async fn item_81_a_locked_table_is_503_and_nothing_hangs(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let person = &alice.person;
    let held = server
        .database()
        .postgres()
        .hold("lock table users in access exclusive mode");

    let (sign_in, me) = tokio::join!(
        server
            .sign_in(&person.email, &person.password)
            .into_future(),
        server.me(&alice.tokens.access).into_future(),
    );
    assert_snapshot!(sign_in.shown(), @r#"
    503
    content-type: application/problem+json
    retry-after: 1
    cache-control: no-store

    {
      "code": "database_unavailable",
      "detail": "The database is not available, try again shortly",
      "msg": "The database is not available, try again shortly",
      "status": 503,
      "title": "The database is not available, try again shortly",
      "type": "/problems/database_unavailable"
    }
    "#);
    let _ = me.expect(503);
    let _ = server.get("/health").await.expect(200);

    drop(held);
    let sign_in = server.sign_in(&person.email, &person.password);
    let _ = sign_in.await.expect(200);
}

/// Somebody has made another server the primary, and later this one again.
async fn item_81_a_standby_is_503_for_what_writes(_: Backend) {
    let cluster = Cluster::own().start();
    let server = Home::on(cluster.database()).start().await;
    let alice = server.account_of("Alice").await;
    let person = &alice.person;
    cluster.stop(Stop::Fast);
    std::fs::write(cluster.directory().join("data/standby.signal"), "").expect("a file");
    cluster.start();
    server.health_becomes(200).await;

    let _ = server.me(&alice.tokens.access).await.expect(200);
    for refused in [
        server.sign_up(&Person::named("Bobby")).await,
        server.sign_in(&person.email, &person.password).await,
        server.refresh(&alice.tokens.refresh).await,
        server.log_out(&alice.tokens.access).await,
    ] {
        assert_eq!(refused.expect(503).code(), "database_unavailable");
    }

    cluster.execute("select pg_promote()");
    let _ = server.account_of("Bobby").await;
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
}

/// Before a switch to another server it is common to let this one take no more changes.
async fn item_81_a_primary_that_turns_read_only_is_503_for_what_writes(_: Backend) {
    let cluster = Cluster::own().start();
    let turn_read_only = |how: &str| {
        cluster.execute(&format!(
            "alter system set default_transaction_read_only = {how}"
        ));
        cluster.execute("select pg_reload_conf()");
    };
    let server = Home::on(cluster.database()).for_a_ledger().start().await;
    let alice = server.account_of("Alice").await;
    let person = &alice.person;
    let load = Load::new();
    let ledger = load
        .during(&[&server], 20, async {
            load.answers(201, 20).await;
            turn_read_only("on");
            load.answers(503, 40).await;
            for refused in [
                server.sign_in(&person.email, &person.password).await,
                server.sign_in(&person.email, "wrong").await,
                server.refresh(&alice.tokens.refresh).await,
                server.log_out(&alice.tokens.access).await,
            ] {
                assert_eq!(refused.expect(503).code(), "database_unavailable");
            }
            // Reading goes on, and whoever is signed in notices nothing.
            let _ = server.me(&alice.tokens.access).await.expect(200);
            let _ = server.get("/health").await.expect(200);

            turn_read_only("off");
            load.answers(201, 40).await;
        })
        .await;
    assert_eq!(load.count(0), 0, "requests without an answer");
    ledger.check(&server).await;
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
    assert!(
        server.logs().contains("SQLSTATE 25006"),
        "{}",
        server.logs()
    );
}

/// The URL names both, and the service goes to the one that can be written to.
async fn item_81_a_standby_that_takes_over_has_all_that_was_answered(_: Backend) {
    let primary = Cluster::own().start();
    let standby = primary.standby();
    let database = primary.database();
    let both = format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), standby.port());
    let url = format!("{}?target_session_attrs=read-write", database.url_at(&both));
    let home = Home::on(database).for_a_ledger();
    let server = home.env("LATCHKEY_DATABASE__URL", url).start().await;
    let alice = server.account_of("Alice").await;
    let load = Load::new();
    let ledger = load
        .during(&[&server], 20, async {
            load.answers(201, 40).await;
            primary.kill_9();
            tokio::join!(server.health_becomes(503), load.answers(503, 20));
            let me = server.me(&alice.tokens.access).await.expect(503);
            assert_eq!(me.code(), "database_unavailable");

            standby.execute("select pg_promote()");
            server.health_becomes(200).await;
            load.answers(201, 40).await;
        })
        .await;
    assert_eq!(load.count(0), 0, "requests without an answer");
    ledger.check(&server).await;
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
}

/// Processes of PostgreSQL that do nothing and go on when this is dropped.
struct Stopped(Vec<String>);

impl Stopped {
    fn these(processes: Vec<String>) -> Self {
        signal("-STOP", &processes);
        Self(processes)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(name: &str, processes: &[String]) {
    let status = Command::new("kill").arg(name).args(processes).status();
    assert!(status.expect("kill runs").success(), "kill {name}");
}

/// Two of the three connections hang: whoever gets one of them waits, once, and the next
/// ones do not.
async fn item_81_connections_that_hang_are_503_in_time_and_replaced(backend: Backend) {
    let home = Home::new(backend).env("LATCHKEY_DATABASE__POOL", "3");
    let server = home.start().await;
    let alice = server.account_of("Alice").await;
    let all_at_once = async |count: usize| {
        let calls = (0..count).map(|_| server.me(&alice.tokens.access).into_future());
        let answers = join_all(calls).await;
        let refused = answers.into_iter().filter(|answer| answer.status != 200);
        let refused: Vec<Answer> = refused.map(|answer| answer.expect(503)).collect();
        refused
    };
    // Whose last question was one of these: not the connection that asks for keys.
    let ours = "select pid from pg_stat_activity where datname = current_database() \
        and application_name = 'latchkey' and query ilike '%from sessions%'";
    let processes = eventually("three connections", async || {
        assert_eq!(all_at_once(12).await.len(), 0);
        let rows = server.database().rows(ours);
        (rows.len() == 3).then_some(rows)
    })
    .await;
    let two = processes[..2].iter().map(|row| row[0].clone()).collect();
    let stopped = Stopped::these(two);

    let began = Instant::now();
    let refused = all_at_once(12).await;
    assert_eq!(refused.len(), 2, "of those that got one of the two");
    for answer in &refused {
        assert_eq!(answer.code(), "database_unavailable");
    }
    // 15 s for a unit of work, as the documentation says, and room for a busy machine.
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "{:?}",
        began.elapsed()
    );
    let _ = server.get("/health").await.expect(200);
    for _ in 0..3 {
        assert_eq!(all_at_once(6).await.len(), 0, "nobody gets one again");
    }
    drop(stopped);
}

/// Every answer is one of the two that there may be, and none takes longer than
/// `server.request_timeout`.
async fn a_pool_of_two_serves_two_hundred_clients(backend: Backend) {
    let home = Home::new(backend).for_a_ledger();
    let server = home.env("LATCHKEY_DATABASE__POOL", "2").start().await;
    let load = Load::new();
    let ledger = load
        .during(&[&server], 200, async {
            for _ in 0..10 {
                load.answers(201, 20).await;
                let _ = server.get("/health").await.expect(200);
                let _ = server.get("/health/ready").await.expect(200);
                let connections = "select count(*) from pg_stat_activity \
                    where datname = current_database() and application_name = 'latchkey'";
                let connections = server.database().rows(connections);
                assert!(
                    ["1", "2", "3"].contains(&&*connections[0][0]),
                    "two and one beside them: {connections:?}"
                );
            }
        })
        .await;
    assert_eq!(load.count(0), 0, "requests without an answer");
    assert!(ledger.len() >= 100, "{} accounts", ledger.len());
    let timeout = Duration::from_secs(30);
    assert!(load.slowest() < timeout, "{:?}", load.slowest());
    ledger.check(&server).await;
}

/// The first is held up in the middle of a step, the second waits for the first.
async fn a_migration_whose_process_is_killed_is_done_by_the_next(backend: Backend) {
    let home = Home::new(backend);
    let _ = home.cli(["migrate", "up"]).await.ok();
    let count = steps(&home).await.len().to_string();
    let down = (steps(&home).await.len() - 1).to_string();
    let _ = home.cli(["migrate", "down", &down, "--yes"]).await.ok();
    let database = home.database().postgres();
    let held = database.hold("lock table users in access share mode");

    let mut first = Box::pin(home.instance().start());
    let mut second = Box::pin(home.instance().start());
    tokio::select! {
        _ = &mut first => panic!("the first is not held up"),
        () = waits_for_a_lock(&home, "relation") => {}
    }
    tokio::select! {
        _ = &mut second => panic!("the second does not wait"),
        () = waits_for_a_lock(&home, "advisory") => {}
    }
    // The process is killed where nobody waits for it to start.
    drop(first);
    drop(held);

    let second = second.await;
    let _ = second.account_of("Alice").await;
    let _ = second.cli(["migrate", "verify"]).await.ok();
    let once = "select count(*), count(distinct version) from latchkey_migrations";
    assert_eq!(second.database().rows(once), [[&*count, &*count]]);
}

async fn steps(home: &Home) -> Vec<serde_json::Value> {
    let status = home.cli(["migrate", "status", "--json"]).await.json();
    status.as_array().expect("steps").clone()
}

/// Waits until somebody else waits for a lock of this kind.
async fn waits_for_a_lock(home: &Home, kind: &str) {
    let sql = format!(
        "select count(*) > 0 from pg_stat_activity \
         where datname = current_database() and wait_event_type = 'Lock' and wait_event = '{kind}'"
    );
    eventually("somebody waits for the lock", async || {
        (home.database().rows(&sql) == [["1"]]).then_some(())
    })
    .await;
}

async fn a_server_that_is_not_there_is_one_clear_error(_: Backend) {
    let cluster = Cluster::own().start();
    let home = Home::on(cluster.database());
    cluster.stop(Stop::Fast);
    let failed = home.fails_to_start().await;
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    let address = format!("127.0.0.1:{}", cluster.port());
    let error = failed.stderr.lines().last().expect("an error");
    assert!(
        error.starts_with("error: ") && error.contains(&address),
        "{failed:#?}"
    );
    for secret in [Cluster::PASSWORD, "tide%2F27"] {
        assert!(!failed.stderr.contains(secret), "{failed:#?}");
    }
}
