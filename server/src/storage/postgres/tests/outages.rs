//! What happens when connections are scarce, slow or gone.

use std::time::Instant;

use super::*;

fn is_unavailable<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(StorageError::Unavailable(_)))
}

/// Ends the connections of the storage and not the one that holds a lock, so that the lock
/// is there until they know.
fn end_ours(database: &Database) {
    Cluster::shared().execute(&format!(
        "select pg_terminate_backend(pid) from pg_stat_activity \
         where application_name = 'latchkey' and datname = '{}'",
        database.name()
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_is_used_up_says_so_in_time_and_the_ping_does_not_wait_for_it() {
    let database = migrated().await;
    let patience = Patience {
        connection: Duration::from_millis(200),
        ..PATIENCE
    };
    let storage = Arc::new(open_with(&database.url(), 1, patience));
    let (user, _) = signed_in(&storage).await;
    let held = database.hold("select from users for update");
    let writer = tokio::spawn({
        let storage = storage.clone();
        async move { storage.set_disabled(&cx(), user.id, true).await }
    });
    until_waiting(&database, 1).await;

    let asked_at = Instant::now();
    assert!(is_unavailable(&storage.user(user.id).await));
    assert!(asked_at.elapsed() < PATIENCE.connection);
    storage.ping().await.expect("has a connection of its own");

    drop(held);
    let disabled = writer.await.expect("no panic").expect("disabled");
    assert!(disabled.is_some_and(|user| user.disabled_at.is_some()));
    storage.user(user.id).await.expect("free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ping_and_the_keys_wait_for_nobodys_lock() {
    let database = migrated().await;
    let storage = Arc::new(open(&database.url(), 2).await);
    let (cx, every) = (cx(), Duration::from_secs(60));
    let turn = storage.take_turn(&cx, Chore::Housekeeping, every).await;
    assert!(turn.expect("answered"));
    let generation = storage.key_generation().await.expect("answered");
    let held = database
        .hold("select from signing_key_generation for update; select from turns for update");
    let changing = tokio::spawn({
        let storage = storage.clone();
        let cx = cx.clone();
        async move {
            storage
                .change_keys(&cx, generation, Vec::new(), Vec::new())
                .await
        }
    });
    let turning = tokio::spawn({
        let storage = storage.clone();
        async move { storage.take_turn(&cx, Chore::Housekeeping, every).await }
    });
    until_waiting(&database, 2).await;

    storage.ping().await.expect("has a connection of its own");
    storage.keys().await.expect("only reads");
    assert!(!changing.is_finished() && !turning.is_finished());
    drop(held);
    assert!(changing.await.expect("no panic").expect("changed"));
    assert!(!turning.await.expect("no panic").expect("answered"));
}

/// As behind a network that swallows everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_does_not_answer_in_time_is_thrown_away() {
    let database = migrated().await;
    let patience = Patience {
        unit: Duration::from_secs(1),
        ..PATIENCE
    };
    let storage = open_with(&database.url(), 1, patience);
    let process = async || {
        let answer = storage.read(|db| async move {
            let row = db.query_one("select pg_backend_pid()", &[]).await?;
            Ok(row.try_get::<_, i32>(0)?)
        });
        answer.await
    };
    let silent = loop {
        if let Ok(process) = process().await {
            break process;
        }
    };
    signal("STOP", silent);
    let outcome = process().await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    let other = loop {
        if let Ok(process) = process().await {
            break process;
        }
    };
    signal("CONT", silent);
    assert_ne!(other, silent);
}

fn signal(name: &str, process: i32) {
    let status = std::process::Command::new("sh")
        .args(["-c", &format!("kill -{name} {process}")])
        .status()
        .expect("a shell");
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_lock_is_not_waited_for_longer_than_the_server_allows() {
    let database = migrated().await;
    let url = format!("{}?options=-clock_timeout%3D50ms", database.url());
    let storage = open(&url, 1).await;
    let (user, session) = signed_in(&storage).await;
    let held = database.hold("select from users for update");
    let outcome = storage
        .change_password(&cx(), user.id, None, hash("second"), None)
        .await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    drop(held);
    let found = storage.session(session, NOW).await.expect("at rest again");
    assert!(found.is_some(), "nothing has changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_leaves_a_connection_that_others_can_use() {
    let database = migrated().await;
    let storage = open(&database.url(), 1).await;
    let (user, session) = signed_in(&storage).await;
    let held = database.hold("select from users for update");
    let cx = cx();
    tokio::select! {
        _ = storage.set_disabled(&cx, user.id, true) => panic!("the lock is held"),
        () = until_waiting(&database, 1) => {}
    }
    drop(held);
    let found = storage.session(session, NOW).await.expect("usable");
    assert!(found.is_some(), "what nobody waited for was undone");
    let open = "select 1 from pg_stat_activity where state like 'idle in transaction%' \
         and datname = current_database()";
    assert_eq!(database.rows(open).len(), 0);
}

/// A bug in the middle of a transaction, and one while its COMMIT is on the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_leaves_a_connection_that_others_can_use() {
    let database = migrated().await;
    let storage = Arc::new(open(&database.url(), 1).await);
    let (user, _) = signed_in(&storage).await;
    for is_committing in [false, true] {
        let panicking = tokio::spawn({
            let storage = storage.clone();
            async move {
                storage
                    .write(|db| async move {
                        let lock = "SELECT 1 FROM users FOR UPDATE";
                        let change = "UPDATE users SET name = 'Undone'";
                        let (lock, change) = (db.prepared(lock).await?, db.prepared(change).await?);
                        let (transaction, _) = Transaction::begin(&db, &lock, &[]).await?;
                        if !is_committing {
                            db.execute(&change, &[]).await?;
                            panic!("a bug, on purpose");
                        }
                        let changes = async {
                            if is_committing {
                                panic!("a bug, on purpose");
                            }
                            Ok(())
                        };
                        transaction.commit(changes).await
                    })
                    .await
            }
        });
        let outcome = panicking.await;
        assert!(outcome.is_err_and(|error| error.is_panic()));

        let found = storage.user(user.id).await.expect("usable");
        assert_eq!(found, Some(user.clone()), "it was undone");
        let open = storage.read(|db| async move {
            let ask = "select pg_current_xact_id_if_assigned() is not null";
            Ok(db.query_one(ask, &[]).await?.try_get::<_, bool>(0)?)
        });
        assert!(!open.await.expect("usable"), "a transaction is open");
        let disabled = storage.set_disabled(&cx(), user.id, false).await;
        assert!(disabled.expect("usable").is_some());
    }
    let open = "select 1 from pg_stat_activity where state like 'idle in transaction%' \
         and datname = current_database()";
    assert_eq!(database.rows(open).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_when_the_server_ends_connections() {
    let database = migrated().await;
    let storage = Arc::new(open(&database.url(), 4).await);
    let (user, _) = signed_in(&storage).await;
    for _ in 0..5 {
        let reads: Vec<_> = (0..8)
            .map(|_| {
                let storage = storage.clone();
                tokio::spawn(async move { storage.user(user.id).await })
            })
            .collect();
        for read in reads {
            let found = read.await.expect("no panic").expect("answered");
            assert_eq!(found, Some(user.clone()));
        }
        storage.ping().await.expect("answered");
        assert!(database.terminate_backends() >= 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_whose_connection_is_ended_under_it_is_done_again() {
    let database = migrated().await;
    let storage = Arc::new(open(&database.url(), 2).await);
    let (user, _) = signed_in(&storage).await;
    let held = database.hold("lock table users in access exclusive mode");
    let read = tokio::spawn({
        let storage = storage.clone();
        async move { storage.user(user.id).await }
    });
    until_waiting(&database, 1).await;
    end_ours(&database);
    drop(held);
    let found = read.await.expect("no panic").expect("answered");
    assert_eq!(found, Some(user));
}

/// Until its COMMIT is sent, a transaction has certainly changed nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_whose_connection_is_ended_before_the_commit_is_done_again() {
    let database = migrated().await;
    let storage = Arc::new(open(&database.url(), 2).await);
    let (user, session) = signed_in(&storage).await;
    let held = database.hold("select from users for update");
    let write = tokio::spawn({
        let storage = storage.clone();
        async move { storage.set_disabled(&cx(), user.id, true).await }
    });
    until_waiting(&database, 1).await;
    end_ours(&database);
    drop(held);
    let disabled = write.await.expect("no panic").expect("done again");
    assert!(disabled.is_some_and(|user| user.disabled_at.is_some()));
    let found = storage.session(session, NOW).await.expect("answered");
    assert!(found.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_may_have_been_committed_is_not_done_again() {
    let database = migrated().await;
    let storage = Arc::new(open(&database.url(), 1).await);
    let sign_up_while_connections_end = async |address: &'static str| {
        let held = database.hold("lock table users in access exclusive mode");
        let write = tokio::spawn({
            let storage = storage.clone();
            async move { storage.create_user(&cx(), new_user(address), None).await }
        });
        until_waiting(&database, 1).await;
        end_ours(&database);
        drop(held);
        write.await.expect("no panic")
    };
    // The first is ended while it is being prepared, the second while it is carried out.
    let prepared = sign_up_while_connections_end("ada@example.com").await;
    assert!(prepared.is_ok(), "{prepared:?}");
    let carried_out = sign_up_while_connections_end("bob@example.com").await;
    assert!(is_unavailable(&carried_out), "{carried_out:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_away_is_used_again_when_it_is_back() {
    let cluster = Cluster::own().start();
    let database = migrated_on(&cluster).await;
    let storage = open(&database.url(), 2).await;
    let (user, _) = signed_in(&storage).await;
    cluster.kill_9();
    // Processes that have connections outlive the one that started them by a moment.
    while !is_unavailable(&storage.ping().await) {}
    while !is_unavailable(&storage.user(user.id).await) {}
    let bob = new_user("bob@example.com");
    let created = storage.create_user(&cx(), bob, None).await;
    assert!(is_unavailable(&created));
    cluster.start();
    storage.ping().await.expect("back");
    let found = storage.user(user.id).await.expect("back");
    assert_eq!(found, Some(user));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_lets_what_runs_come_to_its_end() {
    let database = migrated().await;
    let storage = Arc::new(open(&database.url(), 2).await);
    let (user, _) = signed_in(&storage).await;
    let held = database.hold("select from users for update");
    let write = tokio::spawn({
        let storage = storage.clone();
        async move { storage.set_disabled(&cx(), user.id, true).await }
    });
    until_waiting(&database, 1).await;
    let close = tokio::spawn({
        let storage = storage.clone();
        async move { storage.close().await }
    });
    while !is_unavailable(&storage.user(user.id).await) {
        tokio::task::yield_now().await;
    }
    assert!(!close.is_finished());
    drop(held);
    write.await.expect("no panic").expect("disabled");
    close.await.expect("no panic");
    let ours = "select 1 from pg_stat_activity where application_name = 'latchkey' \
         and datname = current_database()";
    while !database.rows(ours).is_empty() {
        tokio::task::yield_now().await;
    }
}

/// An older server may be running while a newer one changes the schema.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_changes_under_prepared_statements_is_noticed() {
    let database = migrated().await;
    let storage = open(&database.url(), 1).await;
    let (user, _) = signed_in(&storage).await;
    let rename = |name: &str| ProfileChange {
        name: Some(UserName::parse(name).expect("a name")),
        age: None,
    };
    for (number, kind) in ["text", "varchar(300)"].into_iter().enumerate() {
        storage.user(user.id).await.expect("prepared");
        database.execute(&format!("alter table users alter column name type {kind}"));
        let found = storage.user(user.id).await.expect("prepared again");
        assert_eq!(found.map(|user| user.id), Some(user.id));

        storage
            .update_profile(&cx(), user.id, rename("Grace Hopper"))
            .await
            .expect("prepared");
        storage
            .set_disabled(&cx(), user.id, number % 2 == 0)
            .await
            .expect("prepared");
        database.execute("alter table users alter column name type varchar(150)");
        let renamed = storage
            .update_profile(&cx(), user.id, rename("Ada Lovelace"))
            .await
            .expect("prepared again");
        assert_eq!(
            renamed.map(|user| user.name),
            Some("Ada Lovelace".to_owned())
        );
        database.execute(&format!("alter table users alter column name type {kind}"));
        let changed = storage
            .set_disabled(&cx(), user.id, number % 2 == 1)
            .await
            .expect("prepared again");
        assert!(changed.is_some());
    }
}
