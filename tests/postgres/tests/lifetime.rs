//! What is started is gone afterwards.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use latchkey_test_postgres::{Cluster, Stop};

const SAFETY_NET: Duration = Duration::from_secs(60);

#[test]
fn a_database_is_of_its_own() {
    let cluster = Cluster::shared();
    let (one, other) = (cluster.database(), cluster.database());
    one.execute("create table t (a uuid, b bytea, c boolean, d text)");
    one.execute(
        "insert into t values ('01932f6e-7a5b-7cde-8f01-23456789abcd', '\\x00ff', true, null)",
    );
    assert_eq!(
        one.rows("select * from t"),
        [["01932f6e7a5b7cde8f0123456789abcd", "00ff", "1", "null"]]
    );
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(other.rows(tables), [["0"]]);

    let name = one.name().to_owned();
    drop(one);
    let there = format!("select count(*) from pg_database where datname = '{name}'");
    assert_eq!(other.rows(&there), [["0"]]);
}

#[test]
fn a_server_starts_again_with_what_was_there() {
    let cluster = Cluster::own().start();
    let database = cluster.database();
    database.execute("create table t as select 1 as a");
    for round in 0..4 {
        match round {
            0 => cluster.stop(Stop::Smart),
            1 => cluster.stop(Stop::Fast),
            2 => cluster.stop(Stop::Immediate),
            _ => cluster.kill_9(),
        }
        cluster.start();
        assert_eq!(database.rows("select a from t"), [["1"]]);
    }
    let directory = cluster.directory().to_owned();
    drop(cluster);
    assert!(!directory.exists());
}

#[test]
fn a_lock_is_held_until_it_is_let_go() {
    let database = Cluster::shared().database();
    database.execute("create table t (a integer)");
    let locks = "select count(*) from pg_locks where relation = 't'::regclass \
                 and mode = 'AccessExclusiveLock' and granted";
    let held = database.hold("lock table t");
    assert_eq!(database.rows(locks), [["1"]]);
    drop(held);
    assert_eq!(database.rows(locks), [["0"]]);
}

/// Runs this program a second time for the test below, and kills it.
#[test]
fn a_killed_process_leaves_nothing_behind() {
    let mut child = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "a_process_to_kill", "--ignored", "--nocapture"])
        .env("LATCHKEY_TEST_TO_KILL", "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a second process");
    let lines = BufReader::new(child.stdout.take().expect("a piped stdout")).lines();
    let directory = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("cluster in ").map(|(_, at)| at.to_owned()))
        .expect("the name of a directory");
    let directory = Path::new(&directory);
    assert!(directory.join("data/postmaster.pid").exists());

    child.kill().expect("a child to kill");
    child.wait().expect("a child to wait for");

    let end = Instant::now() + SAFETY_NET;
    while directory.exists() {
        assert!(Instant::now() < end, "{} is left", directory.display());
        sleep(Duration::from_millis(10));
    }
}

#[test]
#[ignore = "no test by itself, but what the one above runs and kills"]
fn a_process_to_kill() {
    env::var_os("LATCHKEY_TEST_TO_KILL").expect("somebody who kills this");
    let cluster = Cluster::own().start();
    println!("cluster in {}", cluster.directory().display());
    loop {
        sleep(Duration::from_secs(1));
    }
}
