//! What was answered is there, whatever happens to the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use latchkey_tests::{
    Account, Backend, Home, Person, Server, eventually, on_each_backend, on_sqlite,
};
use tokio::task::JoinSet;

on_each_backend![kill_9_loses_nothing_that_was_answered];
on_sqlite![an_answer_comes_after_its_sync];

const ROUNDS: usize = 10;
const CLIENTS: usize = 40;
/// A sign-up and the refreshes after it: with 40 clients, 200 writes in a round.
const REFRESHES: usize = 4;

/// Ten times over: 200 sign-ups and refreshes, and in the middle of it kill -9.
async fn kill_9_loses_nothing_that_was_answered(backend: Backend) {
    // A long grace, so that a refresh whose answer was lost can be asked for again.
    let mut home = Home::new(backend)
        .with_public_url()
        .env("LATCHKEY_TOKENS__REFRESH_GRACE", "5m");
    for round in 0..ROUNDS {
        let server = home.start().await;
        // Somewhere else in the middle each time.
        let killed_after = 20 + round * 15;
        let (server, answered) = load_until_killed(server, round, killed_after).await;
        let server = server.start().await;

        assert!(answered.len() >= killed_after / (1 + REFRESHES));
        check_integrity(&server);
        for account in &answered {
            check_account(&server, account).await;
        }
        home = server.kill_9();
    }
}

/// Loads the server, kills it after so many answers, and gives the accounts that were
/// answered with the last token of each.
async fn load_until_killed(
    server: Server,
    round: usize,
    killed_after: usize,
) -> (Home, Vec<Account>) {
    let answers = Arc::new(AtomicUsize::new(0));
    let server = Arc::new(server);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (server, answers) = (server.clone(), answers.clone());
        clients.spawn(async move {
            let person = Person::named(&format!("Person-{round}-{client}"));
            let answer = server.sign_up(&person).attempt().await.ok()?.expect(201);
            let mut account = Account {
                user_id: answer.member("/user/user_id"),
                tokens: answer.tokens(),
                person,
            };
            answers.fetch_add(1, Ordering::SeqCst);
            for _ in 0..REFRESHES {
                let refresh = server.refresh(&account.tokens.refresh).attempt().await;
                // No answer: the server is gone, and the last token is this one.
                let Ok(answer) = refresh else { break };
                account.tokens = answer.expect(200).tokens();
                answers.fetch_add(1, Ordering::SeqCst);
            }
            Some(account)
        });
    }
    eventually("enough answers", async || {
        (answers.load(Ordering::SeqCst) >= killed_after).then_some(())
    })
    .await;
    server.send_kill_9();
    let answered = clients.join_all().await.into_iter().flatten().collect();
    let server = Arc::into_inner(server).expect("the clients have finished");
    (server.kill_9(), answered)
}

/// The account is there, its last token is good, and has one live successor.
async fn check_account(server: &Server, account: &Account) {
    let person = &account.person;
    let signed_in = server.sign_in(&person.email, &person.password).await;
    assert_eq!(
        signed_in.expect(200).member("/user/user_id"),
        account.user_id
    );
    let _ = server.me(&account.tokens.access).await.expect(200);

    let first = server
        .refresh(&account.tokens.refresh)
        .await
        .expect(200)
        .tokens();
    let again = server
        .refresh(&account.tokens.refresh)
        .await
        .expect(200)
        .tokens();
    assert_eq!(first.refresh, again.refresh, "two successors");
    let next = server.refresh(&first.refresh).await.expect(200).tokens();
    // The token is used up now, and nothing comes of it any more.
    let _ = server.refresh(&account.tokens.refresh).await.expect(401);
    let _ = server.refresh(&next.refresh).await.expect(401);
}

fn check_integrity(server: &Server) {
    for (check, good) in [
        ("integrity_check", &[["ok"]][..]),
        ("foreign_key_check", &[]),
    ] {
        let found = server.database().rows(&format!("pragma {check}"));
        assert_eq!(found, good, "{check}");
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
            "--trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg",
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
        } else if line.contains("sync(") && of_the_log {
            if line.contains("<unfinished") {
                syncing.push(thread);
            } else {
                synced = line.contains("= 0");
            }
        } else if line.contains("sync resumed>") && syncing.contains(&thread) {
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
