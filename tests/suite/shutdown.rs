//! How the server ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use latchkey_tests::{Backend, Home, Person, Raw, Server, Signal, eventually, on_each_backend};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

on_each_backend![
    no_answer_is_lost_under_load,
    a_signal_ends_it_with_exit_code_0,
    what_runs_is_finished_first,
    a_second_signal_ends_it_at_once,
    the_deadline_ends_it_whatever_runs,
    stdout_holds_one_line,
];

/// Twenty clients sign people up as fast as they can; in the middle of it, SIGTERM. Whoever
/// was signed up has been told.
async fn no_answer_is_lost_under_load(backend: Backend) {
    let server = Arc::new(Server::start(backend).await);
    let answers = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for client in 0..20 {
        let (server, answers) = (server.clone(), answers.clone());
        clients.spawn(async move {
            for index in 0.. {
                let person = Person::named(&format!("Person-{client}-{index}"));
                let Ok(answer) = server.sign_up(&person).attempt().await else {
                    break;
                };
                let _ = answer.expect(201);
                answers.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    eventually("some load", async || {
        (answers.load(Ordering::SeqCst) >= 100).then_some(())
    })
    .await;

    server.signal(Signal::Terminate);

    clients.join_all().await;
    let mut server = Arc::into_inner(server).expect("the clients have finished");
    assert_eq!(server.exit().await.code(), Some(0));
    let told = answers.load(Ordering::SeqCst).to_string();
    assert_eq!(
        server.database().rows("select count(*) from users"),
        [[told]]
    );
}

async fn a_signal_ends_it_with_exit_code_0(backend: Backend) {
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let mut server = Server::start(backend).await;
        // A connection that idles keeps nothing up.
        let _idle = server.raw().await;
        let _ = server.get("/health").await.expect(200);
        server.signal(signal);
        assert_eq!(server.exit().await.code(), Some(0), "{signal:?}");
    }
}

/// A sign-up of which the last byte is missing.
async fn unfinished(server: &Server) -> (Raw, &'static str) {
    let body = Person::named("Alice").form().to_string();
    let mut raw = server.raw().await;
    raw.send(format!(
        "POST /api/v1/users/signup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{}",
        body.len(),
        body.trim_end_matches('}')
    ))
    .await;
    // An answer on another connection: the server has read what was sent before.
    let _ = server.get("/health").await.expect(200);
    (raw, "}")
}

async fn refuses_connections(server: &Server) {
    eventually("a closed door", async || {
        TcpStream::connect(server.address()).await.err()
    })
    .await;
}

async fn what_runs_is_finished_first(backend: Backend) {
    let mut server = Server::start(backend).await;
    let (mut raw, rest) = unfinished(&server).await;

    server.signal(Signal::Terminate);
    refuses_connections(&server).await;
    assert!(server.is_running());
    raw.send(rest).await;

    let answer = raw.answer().await.expect("an answer");
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(server.exit().await.code(), Some(0));
}

async fn a_second_signal_ends_it_at_once(backend: Backend) {
    let mut server = Home::new(backend)
        .env("LATCHKEY_SERVER__SHUTDOWN_DEADLINE", "1h")
        .env("LATCHKEY_SERVER__REQUEST_TIMEOUT", "1h")
        .start()
        .await;
    let (_raw, _) = unfinished(&server).await;

    server.signal(Signal::Terminate);
    refuses_connections(&server).await;
    assert!(server.is_running());
    server.signal(Signal::Terminate);

    // An hour is more than the test waits for anything.
    let _ = server.exit().await;
}

async fn the_deadline_ends_it_whatever_runs(backend: Backend) {
    let mut server = Home::new(backend)
        .env("LATCHKEY_SERVER__SHUTDOWN_DEADLINE", "500ms")
        .env("LATCHKEY_SERVER__REQUEST_TIMEOUT", "1h")
        .start()
        .await;
    let (_raw, _) = unfinished(&server).await;
    server.signal(Signal::Terminate);
    assert_eq!(server.exit().await.code(), Some(0));
}

async fn stdout_holds_one_line(backend: Backend) {
    let mut server = Server::start(backend).await;
    let _ = server.account_of("Alice").await;
    server.signal(Signal::Terminate);
    let _ = server.exit().await;
    assert_eq!(
        server.stdout(),
        format!("listening on {}\n", server.origin())
    );
}
