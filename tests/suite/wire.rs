//! What no well-behaved client sends, and what the server makes of it.

use latchkey_tests::{Backend, Home, Person, Raw, RawAnswer, Server, on_each_backend};
use serde_json::Value;

on_each_backend![
    what_is_no_json_is_400,
    item_78_a_body_of_another_kind_is_415,
    item_78_a_large_body_is_413,
    item_78_large_headers_are_431,
    slow_headers_end_the_connection,
    a_slow_body_is_408,
    a_connect_is_refused,
    item_78_unknown_methods_are_405,
    what_is_no_http_is_400,
    bad_utf_8_is_a_bad_request_and_nothing_worse,
    a_request_cannot_hide_in_another,
    requests_on_one_connection_are_answered_in_order,
    those_who_hang_up_leave_nothing_behind,
];

const SIGN_UP: &str = "/api/v1/users/signup";

/// A POST of JSON with these headers besides.
fn post(path: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body.as_ref());
    request
}

/// Sends bytes on a connection of their own and gives the answer.
async fn answer_to(server: &Server, bytes: impl AsRef<[u8]>) -> RawAnswer {
    let mut raw = server.raw().await;
    raw.send(bytes).await;
    raw.answer().await.expect("an answer")
}

#[track_caller]
fn problem(answer: &RawAnswer, status: u16, code: &str) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{text}");
    let problem: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{answer:?}"));
    assert_eq!(problem["code"], code, "{text}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
}

async fn is_well(server: &Server) {
    let _ = server.get("/health").await.expect(200);
}

async fn what_is_no_json_is_400(backend: Backend) {
    let server = Server::start(backend).await;
    let deep = "[".repeat(60_000);
    for body in [
        "",
        " ",
        "{",
        "{\"name\": }",
        "{'name': 'x'}",
        "{\"name\": \"x\",}",
        "name=Alice",
        "nul",
        "{} {}",
        "{\"name\": 1e999999}",
        "\u{feff}{}",
        &deep,
    ] {
        let answer = server.post(SIGN_UP).body("application/json", body).await;
        let shown = &body[..body.len().min(40)];
        assert_eq!(answer.status, 400, "{shown:?}: {}", answer.shown());
        assert_eq!(answer.code(), "invalid_json", "{shown:?}");
    }
    let not_utf_8 = b"{\"name\": \"\xff\xfe\", \"email\": \"a@b.co\"}";
    let answer = server
        .post(SIGN_UP)
        .body("application/json", not_utf_8.to_vec())
        .await;
    assert_eq!(answer.expect(400).code(), "invalid_json");
}

async fn item_78_a_body_of_another_kind_is_415(backend: Backend) {
    let server = Server::start(backend).await;
    let body = Person::named("Alice").form().to_string();
    for content_type in [
        "text/plain",
        "application/xml",
        "application/jsonx",
        "json",
        "",
    ] {
        let answer = server.post(SIGN_UP).body(content_type, body.clone()).await;
        assert_eq!(answer.expect(415).code(), "unsupported_media_type");
    }
    let untyped = format!(
        "POST {SIGN_UP} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    problem(
        &answer_to(&server, untyped).await,
        415,
        "unsupported_media_type",
    );
    let with_parameter = server
        .post(SIGN_UP)
        .body("Application/JSON; charset=UTF-8", body)
        .await;
    let _ = with_parameter.expect(201);
}

async fn item_78_a_large_body_is_413(backend: Backend) {
    let server = Server::start(backend).await;
    let mebibytes = 10 * 1024 * 1024;

    // Told beforehand: refused before a byte of it.
    let told = post(SIGN_UP, &format!("Content-Length: {mebibytes}\r\n"), "");
    problem(&answer_to(&server, told).await, 413, "body_too_large");
    // Told beforehand and sent all the same.
    let sent = post(
        SIGN_UP,
        &format!("Content-Length: {mebibytes}\r\n"),
        vec![b' '; mebibytes],
    );
    let mut raw = server.raw().await;
    raw.send(sent).await;
    raw.closed().await;
    // Not told: refused when the limit is reached.
    let mut raw = server.raw().await;
    raw.send(post(SIGN_UP, "Transfer-Encoding: chunked\r\n", ""))
        .await;
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    for _ in 0..mebibytes / 0x4000 {
        if raw.try_send(&chunk).await.is_err() {
            break;
        }
    }
    if let Some(answer) = raw.answer().await {
        problem(&answer, 413, "body_too_large");
    }
    // Impossible lengths.
    for length in ["-1", "1e3", "18446744073709551616", "0x10", "5, 6"] {
        let request = post(SIGN_UP, &format!("Content-Length: {length}\r\n"), "{}");
        let answer = answer_to(&server, request).await;
        assert_eq!(answer.status, 400, "{length}");
    }

    let exactly = |length: usize| {
        let body = Person::named("Alice").form().to_string();
        body.clone() + &" ".repeat(length - body.len())
    };
    let beyond = server
        .post(SIGN_UP)
        .body("application/json", exactly(64 * 1024 + 1));
    assert_eq!(beyond.await.expect(413).code(), "body_too_large");
    let fitting = server
        .post(SIGN_UP)
        .body("application/json", exactly(64 * 1024));
    let _ = fitting.await.expect(201);
}

async fn item_78_large_headers_are_431(backend: Backend) {
    let server = Server::start(backend).await;
    let one = format!(
        "GET /health HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    assert_eq!(answer_to(&server, one).await.status, 431);
    let many = "X: x\r\n".repeat(20_000);
    let many = format!("GET /health HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    assert_eq!(answer_to(&server, many).await.status, 431);
    let target = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(1 << 20));
    let status = answer_to(&server, target).await.status;
    assert!([414, 431].contains(&status), "{status}");
    is_well(&server).await;
}

async fn slow_headers_end_the_connection(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_SERVER__HEADER_TIMEOUT", "300ms")
        .start()
        .await;
    for beginning in ["", "G", "GET /health HTTP/1.1\r\nHost: x\r\nX: "] {
        let mut raw = server.raw().await;
        raw.send(beginning).await;
        raw.closed().await;
    }
    is_well(&server).await;
}

async fn a_slow_body_is_408(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_SERVER__REQUEST_TIMEOUT", "500ms")
        .start()
        .await;
    let answer = answer_to(&server, post(SIGN_UP, "Content-Length: 100\r\n", "{")).await;
    problem(&answer, 408, "request_timeout");
    is_well(&server).await;
}

async fn a_connect_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    for request in [
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        "CONNECT /health HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT * HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let status = answer_to(&server, request).await.status;
        assert!([400, 404, 405].contains(&status), "{request}: {status}");
    }
    for request in [
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://elsewhere.example/health HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let answer = answer_to(&server, request).await;
        assert!(answer.status < 500, "{request}: {answer:?}");
    }
    is_well(&server).await;
    assert!(!server.logs().contains("panic"), "{}", server.logs());
}

async fn item_78_unknown_methods_are_405(backend: Backend) {
    let server = Server::start(backend).await;
    for method in ["TRACE", "PUT", "BREW", "get", "PROPFIND", "PRI"] {
        let request = format!("{method} /health HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = answer_to(&server, request).await;
        problem(&answer, 405, "method_not_allowed");
        assert_eq!(
            answer.header("allow"),
            Some("GET, HEAD, OPTIONS"),
            "{method}"
        );
        assert!(!answer.text().contains("Host: x"), "TRACE echoes");
    }
}

async fn what_is_no_http_is_400(backend: Backend) {
    let server = Server::start(backend).await;
    for bytes in [
        &b"hello\r\n\r\n"[..],
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX: a\0b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX : y\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut raw = server.raw().await;
        raw.send(bytes).await;
        // Hanging up without a word is as good.
        if let Some(answer) = raw.answer().await {
            let shown = String::from_utf8_lossy(bytes);
            assert!([400, 505].contains(&answer.status), "{shown}: {answer:?}");
        }
    }
    is_well(&server).await;
}

async fn bad_utf_8_is_a_bad_request_and_nothing_worse(backend: Backend) {
    let server = Server::start(backend).await;
    for (request, expected) in [
        (
            &b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            [400, 404],
        ),
        (b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n", [400, 404]),
        (b"GET /health?\xff HTTP/1.1\r\nHost: x\r\n\r\n", [200, 400]),
        (
            b"GET /api/v1/users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
            [400, 401],
        ),
        (b"GET /health HTTP/1.1\r\nHost: \xff\r\n\r\n", [200, 400]),
        (
            b"GET /health HTTP/1.1\r\nHost: x\r\nOrigin: \xff\r\n\r\n",
            [200, 200],
        ),
        (
            b"GET /health HTTP/1.1\r\nHost: x\r\nUser-Agent: \xff\r\nX-Request-Id: \xff\r\n\r\n",
            [200, 200],
        ),
    ] {
        let answer = answer_to(&server, request).await;
        let shown = String::from_utf8_lossy(request);
        assert!(expected.contains(&answer.status), "{shown}: {answer:?}");
    }
    // An agent that is no text is no reason to refuse a sign-in.
    let body = Person::named("Alice").form().to_string();
    let mut request = format!(
        "POST {SIGN_UP} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nUser-Agent: ",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(b"\xff\xfe\r\n\r\n");
    request.extend_from_slice(body.as_bytes());
    assert_eq!(answer_to(&server, request).await.status, 201);
}

async fn a_request_cannot_hide_in_another(backend: Backend) {
    let server = Server::start(backend).await;
    let hidden = "GET /health HTTP/1.1\r\nHost: hidden\r\n\r\n";
    for headers in [
        format!(
            "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n",
            hidden.len() + 5
        ),
        "Content-Length: 0\r\nContent-Length: 5\r\n".to_owned(),
        "Transfer-Encoding: identity\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
    ] {
        let mut raw = server.raw().await;
        raw.send(post(SIGN_UP, &headers, format!("0\r\n\r\n{hidden}")))
            .await;
        let first = raw.answer().await.expect("an answer");
        assert!((400..500).contains(&first.status), "{headers}: {first:?}");
        // The only one who may not read the rest as a request is a proxy in front that
        // counts otherwise: so after such a message the connection ends.
        let second = raw.answer().await;
        assert!(second.is_none(), "{headers}: {second:?}");
    }
}

async fn requests_on_one_connection_are_answered_in_order(backend: Backend) {
    let server = Server::start(backend).await;
    let mut raw = server.raw().await;
    raw.send(
        "GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n\
         HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    for status in [200, 404] {
        assert_eq!(raw.answer().await.expect("an answer").status, status);
    }
    assert!(raw.head().await.starts_with("HTTP/1.1 200"));
    raw.closed().await;
}

async fn those_who_hang_up_leave_nothing_behind(backend: Backend) {
    let server = Server::start(backend).await;
    let body = Person::named("Alice").form().to_string();
    let whole = post(
        SIGN_UP,
        &format!("Content-Length: {}\r\n", body.len()),
        &body,
    );
    for cut in (0..whole.len()).step_by(7) {
        let mut raw = server.raw().await;
        raw.send(&whole[..cut]).await;
        drop::<Raw>(raw);
    }
    is_well(&server).await;
    let users = server.database().rows("select count(*) from users");
    assert_eq!(users, [["0"]]);
    assert_eq!(answer_to(&server, whole).await.status, 201);
}
