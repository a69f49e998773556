//! How the server ends.

use super::*;

#[tokio::test]
async fn stopping_finishes_what_runs() {
    let server = Server::start().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("sent");
    assert!(answer(&mut idle).await.ends_with("hello"));
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("sent");
    server.waiting.notified().await;

    server.stop.send(()).expect("it runs");
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed");
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "still accepts"
    );
    server.go.notify_one();
    let answer = rest(&mut busy).await;
    assert!(answer.ends_with("waited"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(server.running.await.expect("no panic"), Ended::Drained);
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let server = Server::start().await;
    let mut busy = server.connect().await;
    busy.write_all(get("/wait").as_bytes()).await.expect("sent");
    server.waiting.notified().await;
    server.stop.send(()).expect("it runs");
    server.end.send(()).expect("it runs");
    assert_eq!(server.running.await.expect("no panic"), Ended::CutShort);
    let mut bytes = Vec::new();
    // Closed or reset, but not answered.
    drop(busy.read_to_end(&mut bytes).await);
    assert!(bytes.is_empty());
}

#[tokio::test]
async fn the_deadline_of_a_shutdown_holds() {
    let limits = Limits {
        shutdown_deadline: Duration::from_millis(50),
        ..limits()
    };
    let server = Server::start_with(limits, Config::default()).await;
    let mut busy = server.connect().await;
    busy.write_all(get("/wait").as_bytes()).await.expect("sent");
    server.waiting.notified().await;
    server.stop.send(()).expect("it runs");
    assert_eq!(server.running.await.expect("no panic"), Ended::CutShort);
}
