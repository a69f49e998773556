//! Those who send too much, too slowly or at all badly.

use super::*;

#[tokio::test]
async fn garbage_ends_the_connection_after_what_came_before_it() {
    let server = Server::start().await;
    let both = server
        .send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n\x01\x02 garbage\r\n\r\n")
        .await;
    assert!(
        both.starts_with("HTTP/1.1 200") && both.contains("HTTP/1.1 400"),
        "{both}"
    );
    let big = format!(
        "GET /hello HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n",
        "a".repeat(40_000)
    );
    let refused = server.send(big).await;
    assert!(refused.starts_with("HTTP/1.1 431"), "{refused}");
}

#[tokio::test]
async fn who_is_slow_with_the_head_is_hung_up_on() {
    let header_timeout = Duration::from_millis(50);
    let limits = Limits {
        header_timeout,
        ..limits()
    };
    let server = Server::start_with(limits, Config::default()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nHost:")
        .await
        .expect("sent");
    let answer = rest(&mut stream).await;
    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn who_is_slow_with_the_body_is_told() {
    let mut config = Config::default();
    config.server.request_timeout = Duration::from_millis(50);
    let server = Server::start_with(limits(), config).await;
    let answer = server
        .send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        .await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let answer = server.send(get("/wait")).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1"), "{answer}");
}

#[tokio::test]
async fn a_body_may_come_in_chunks_and_not_be_too_large() {
    let server = Server::start().await;
    let head = "POST /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n";
    let chunked =
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n2\r\n67\r\n0\r\n\r\n");
    assert!(server.send(chunked).await.ends_with("\r\n\r\n7"));

    // Sent whole although nobody reads it all, so that the answer must outlive the rest.
    let size = 10 * 1024 * 1024;
    let announced = format!("{head}Content-Length: {size}\r\n\r\n{}", "a".repeat(size));
    let streamed = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n{}\r\n0\r\n\r\n",
        "a".repeat(size)
    );
    for request in [announced, streamed] {
        let answer = server.send(request).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("\"code\":\"body_too_large\""), "{answer}");
    }
    let untyped = server
        .send(
            "POST /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        )
        .await;
    assert!(untyped.starts_with("HTTP/1.1 415"), "{untyped}");
}

#[tokio::test]
async fn beyond_the_limit_connections_wait_for_a_place() {
    let limits = Limits {
        max_connections: 1,
        ..limits()
    };
    let server = Server::start_with(limits, Config::default()).await;
    let mut first = server.connect().await;
    first
        .write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("sent");
    assert!(answer(&mut first).await.ends_with("hello"));

    let mut second = server.connect().await;
    second
        .write_all(get("/hello").as_bytes())
        .await
        .expect("sent");
    let early = tokio::time::timeout(Duration::from_millis(50), second.readable()).await;
    assert!(early.is_err(), "answered beyond the limit");
    drop(first);
    assert!(rest(&mut second).await.ends_with("hello"));
}

#[tokio::test]
async fn a_request_is_for_one_host() {
    let server = Server::start().await;
    for (request, status) in [
        ("GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (
            "GET /hello HTTP/1.1\r\nConnection: close\r\nHost: a\r\nHost: b\r\n\r\n",
            400,
        ),
        ("GET /hello HTTP/1.0\r\n\r\n", 200),
    ] {
        let answer = server.send(request).await;
        let expected = format!(" {status} ");
        assert!(answer[..13].contains(&expected), "{request}: {answer}");
    }
}

/// A server with one place, far from the header time-out that would free it too.
async fn server_with_one_place() -> Server {
    let limits = Limits {
        max_connections: 1,
        ..limits()
    };
    Server::start_with(limits, Config::default()).await
}

#[tokio::test]
async fn a_kept_connection_makes_room() {
    let server = server_with_one_place().await;
    let mut kept = server.connect().await;
    kept.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("sent");
    assert!(answer(&mut kept).await.ends_with("hello"));
    assert!(server.send(get("/hello")).await.ends_with("hello"));
    assert_eq!(rest(&mut kept).await, "");
}

#[tokio::test]
async fn a_silent_connection_makes_room() {
    let server = server_with_one_place().await;
    let mut silent = server.connect().await;
    assert!(server.send(get("/hello")).await.ends_with("hello"));
    assert_eq!(rest(&mut silent).await, "");
}

#[tokio::test]
async fn a_running_request_is_not_closed_for_another() {
    let server = server_with_one_place().await;
    let address = server.address;
    let ask = |path: &str| {
        let request = get(path);
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.write_all(request.as_ref()).await.expect("sent");
            rest(&mut stream).await
        })
    };
    let running = ask("/wait");
    server.waiting.notified().await;
    let other = ask("/hello");
    server.go.notify_one();
    assert!(running.await.expect("no panic").ends_with("waited"));
    assert!(other.await.expect("no panic").ends_with("hello"));
}
