//! What was answered is there, whatever happens to the process.

use latchkey_tests::{Backend, Home, Load, eventually, on_each_backend, on_sqlite};

on_each_backend![item_49_kill_9_loses_nothing_that_was_answered];
on_sqlite![an_answer_comes_after_its_sync];

const ROUNDS: usize = 10;
const CLIENTS: usize = 40;

/// Ten times over: many sign-ups and refreshes, and in the middle of it kill -9.
async fn item_49_kill_9_loses_nothing_that_was_answered(backend: Backend) {
    let mut home = Home::new(backend).for_a_ledger();
    for round in 0..ROUNDS {
        let server = home.start().await;
        let load = Load::new();
        let ledger = load
            .during(&[&server], CLIENTS, async {
                // Somewhere else in the middle each time.
                load.answers(201, 10 + round * 5).await;
                server.send_kill_9();
                load.answers(0, CLIENTS).await;
            })
            .await;
        let server = server.kill_9().start().await;

        assert!(ledger.len() >= 10 + round * 5);
        if backend == Backend::Sqlite {
            server.database().assert_sound();
        }
        ledger.check(&server).await;
        home = server.kill_9();
    }
}

/// The order of the system calls: write to the log, sync, answer.
async fn an_answer_comes_after_its_sync(backend: Backend) {
    let home = Home::new(backend);
    let trace = home.path("trace");
    let server = home
        .under(&[
            "strace",
            // The tracer stands aside, so that the process is the server itself.
            "--daemonize",
            "--follow-forks",
            "--decode-fds=path",
            "--string-limit=16",
            "--trace=pwrite64,fdatasync,write,writev,sendto,sendmsg",
            "--output",
            trace.to_str().expect("a path of text"),
        ])
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let person = &alice.person;
    let tokens = server
        .sign_in(&person.email, &person.password)
        .await
        .tokens();
    let tokens = server.refresh(&tokens.refresh).await.expect(200).tokens();
    let new = "Heron-under-38-bridges";
    let changed = server.change_password(&tokens.access, &person.password, new);
    let tokens = changed.await.expect(200).tokens();
    let _ = server.log_out(&tokens.access).await.expect(200);
    let tokens = server
        .sign_in(&person.email, new)
        .await
        .expect(200)
        .tokens();
    let _ = server.delete_me(&tokens.access, new).await.expect(204);
    let home = server.terminate().await;

    // The tracer writes the last line when the server has ended.
    let calls = eventually("the end of the trace", async || {
        let calls = std::fs::read_to_string(home.path("trace")).ok()?;
        calls.contains("+++ exited with 0 +++").then_some(calls)
    })
    .await;
    // Sign-up, two sign-ins, refresh, change, log-out and deletion.
    assert_eq!(synced_answers(&calls), 7, "{calls}");
}

/// How many 2xx answers came after a write to the write-ahead log; each must have a sync
/// of it between.
fn synced_answers(calls: &str) -> usize {
    let (mut written, mut synced, mut answers) = (false, false, 0);
    // Who is in the middle of a sync of the log.
    let mut syncing: Vec<&str> = Vec::new();
    for line in calls.lines() {
        let thread = line.split_whitespace().next().unwrap_or_default();
        let of_the_log = line.contains("test.db-wal>");
        if line.contains("pwrite64(") && of_the_log {
            (written, synced) = (true, false);
        } else if line.contains("fdatasync(") && of_the_log {
            if line.contains("<unfinished") {
                syncing.push(thread);
            } else {
                synced = line.contains("= 0");
            }
        } else if line.contains("fdatasync resumed>") && syncing.contains(&thread) {
            syncing.retain(|other| *other != thread);
            synced = line.contains("= 0");
        } else if line.contains("HTTP/1.1 2") && written {
            assert!(synced, "answered before the sync: {line}\n{calls}");
            answers += 1;
            (written, synced) = (false, false);
        }
    }
    answers
}
