//! The server around warp, talked to through raw sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use warp::Filter;
use warp::http::Method;

use super::error::ApiError;
use super::filters::{Body, Caller, body, caller};
use super::operation::{Endpoint, Operation};
use super::request_id::RequestIds;
use super::serve::{Ended, Limits, serve};
use super::service::service;
use super::state::Settings;
use crate::config::Config;
use crate::domain::clock::{SystemClock, Timestamp};
use crate::domain::entropy::SystemEntropy;

/// A server with a few endpoints that misbehave on demand.
struct Server {
    address: SocketAddr,
    /// Lets `/wait` answer.
    go: Arc<Notify>,
    /// Says that somebody is in `/wait`.
    waiting: Arc<Notify>,
    stop: oneshot::Sender<()>,
    end: oneshot::Sender<()>,
    running: JoinHandle<Ended>,
}

fn limits() -> Limits {
    Limits {
        header_timeout: Duration::from_secs(30),
        max_connections: 64,
        shutdown_deadline: Duration::from_secs(30),
    }
}

impl Server {
    async fn start() -> Self {
        Self::start_with(limits(), Config::default()).await
    }

    async fn start_with(limits: Limits, config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let settings = Settings::new(&config, config.public_url(address), "issuer".to_owned());
        let ids = RequestIds::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
        let (go, waiting) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let service = service(&settings, ids, endpoints(&go, &waiting));
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let running = tokio::spawn(serve(
            listener,
            service,
            limits,
            async { drop(stopped.await) },
            async { drop(ended.await) },
        ));
        Self {
            address,
            go,
            waiting,
            stop,
            end,
            running,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address)
            .await
            .expect("a connection")
    }

    /// Sends bytes on a connection of their own and reads until the server closes it.
    async fn send(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_ref()).await.expect("sent");
        rest(&mut stream).await
    }
}

fn endpoints(go: &Arc<Notify>, waiting: &Arc<Notify>) -> Vec<Endpoint> {
    let (go, waiting) = (Arc::clone(go), Arc::clone(waiting));
    vec![
        Operation::new(Method::GET, "/hello").answered_by(|route| route.map(|| "hello")),
        Operation::new(Method::GET, "/public")
            .public()
            .answered_by(|route| route.map(|| "public")),
        Operation::new(Method::GET, "/panic")
            .answered_by(|route| route.map(|| -> &str { panic!("a test panics") })),
        Operation::new(Method::GET, "/wait").answered_by(|route| {
            route.then(move || {
                let (go, waiting) = (Arc::clone(&go), Arc::clone(&waiting));
                async move {
                    waiting.notify_one();
                    go.notified().await;
                    "waited"
                }
            })
        }),
        Operation::new(Method::POST, "/length").answered_by(|route| {
            route.and(body(64 * 1024)).then(|body: Body| async {
                Ok::<_, ApiError>(body.json().await?.len().to_string())
            })
        }),
        Operation::new(Method::GET, "/address").answered_by(|route| {
            route.and(caller()).map(|caller: Caller| {
                let cx = caller.context(Timestamp::from_seconds(0));
                format!("{:?} {:?}", cx.address, cx.request_id)
            })
        }),
        Operation::new(Method::DELETE, "/things/{id}")
            .answered_by_parameter(|route| route.map(|id: String| id)),
    ]
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an answer");
    String::from_utf8(bytes).expect("UTF-8")
}

/// Reads one answer that has a length, and leaves the connection open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        let mut byte = [0; 1];
        stream.read_exact(&mut byte).await.expect("an answer");
        text.push(char::from(byte[0]));
        if text.ends_with("\r\n\r\n") {
            break;
        }
    }
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("a body");
    text + std::str::from_utf8(&body).expect("UTF-8")
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn every_answer_is_dressed() {
    let server = Server::start().await;
    for path in ["/hello", "/nowhere", "/panic"] {
        let answer = server.send(get(path)).await;
        for header in [
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "content-security-policy: default-src 'none'",
            "cross-origin-resource-policy: same-origin",
            "cache-control: no-store",
            "vary: Origin",
            "x-request-id: 0",
        ] {
            assert!(answer.contains(header), "{path} lacks {header}: {answer}");
        }
    }
    let public = server.send(get("/public")).await;
    assert!(
        public.contains("access-control-allow-origin: *"),
        "{public}"
    );
}

#[tokio::test]
async fn a_panic_ends_one_request_and_no_more() {
    let server = Server::start().await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /panic HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("sent");
    let panicked = answer(&mut stream).await;
    assert!(panicked.starts_with("HTTP/1.1 500"), "{panicked}");
    assert!(
        panicked.contains("\"code\":\"internal_error\""),
        "{panicked}"
    );
    assert!(!panicked.contains("a test panics"), "{panicked}");
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("sent");
    assert!(answer(&mut stream).await.ends_with("hello"));
}

#[tokio::test]
async fn connect_and_other_strange_methods_are_refused() {
    let server = Server::start().await;
    for (request, allow) in [
        (
            "CONNECT example.com:443 HTTP/1.1",
            "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
        ),
        ("TRACE /hello HTTP/1.1", "GET, HEAD, OPTIONS"),
        ("BREW /hello HTTP/1.1", "GET, HEAD, OPTIONS"),
        ("GET /length HTTP/1.1", "POST, OPTIONS"),
        ("HEAD /length HTTP/1.1", "POST, OPTIONS"),
    ] {
        let answer = server
            .send(format!("{request}\r\nHost: x\r\nConnection: close\r\n\r\n"))
            .await;
        assert!(answer.starts_with("HTTP/1.1 405"), "{request}: {answer}");
        assert!(
            answer.contains(&format!("\r\nallow: {allow}\r\n")),
            "{request}: {answer}"
        );
    }
    assert!(server.send(get("/hello")).await.ends_with("hello"));
}

#[tokio::test]
async fn options_tells_what_is_allowed() {
    let server = Server::start().await;
    for (target, allow) in [
        ("/length", "POST, OPTIONS"),
        ("*", "GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
    ] {
        let answer = server
            .send(format!(
                "OPTIONS {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            ))
            .await;
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        assert!(
            answer.contains(&format!("\r\nallow: {allow}\r\n")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_preflight_is_answered() {
    let server = Server::start().await;
    let answer = server
        .send(
            "OPTIONS /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Origin: http://localhost:5173\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: authorization\r\n\r\n",
        )
        .await;
    for header in [
        "access-control-allow-origin: http://localhost:5173",
        "access-control-allow-methods: POST, OPTIONS",
        "access-control-allow-headers: authorization",
    ] {
        assert!(answer.contains(header), "{answer}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Server::start().await;
    let answer = server
        .send("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\r\ncontent-length: 5\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn paths_are_exact_and_never_a_surprise() {
    let server = Server::start().await;
    for path in [
        "/hello/",
        "//hello",
        "/hell%6f",
        "/%",
        "/%ff",
        "/../hello",
        "/things/",
        "/things/a/b",
    ] {
        let answer = server.send(get(path)).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(
            answer.contains("\"code\":\"not_found\""),
            "{path}: {answer}"
        );
    }
    let absolute = server
        .send(get("http://anything.example/hello?x=%ff"))
        .await;
    assert!(absolute.ends_with("hello"), "{absolute}");
    let thing = server
        .send("DELETE /things/%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert!(thing.ends_with("%ff"), "{thing}");
}

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
async fn a_trusted_proxy_names_the_client_and_the_request() {
    let request = "GET /address HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                   X-Forwarded-For: 192.0.2.1\r\nX-Request-Id: abc-1\r\n\r\n";
    let stranger = Server::start().await.send(request).await;
    assert!(
        stranger.contains("Some(127.0.0.1)") && !stranger.contains("abc-1"),
        "{stranger}"
    );

    let mut config = Config::default();
    config.server.trusted_proxies = vec!["127.0.0.0/8".parse::<IpNet>().expect("a network")];
    let trusted = Server::start_with(limits(), config)
        .await
        .send(request)
        .await;
    assert!(
        trusted.ends_with("Some(192.0.2.1) Some(\"abc-1\")"),
        "{trusted}"
    );
    assert!(trusted.contains("\r\nx-request-id: abc-1\r\n"), "{trusted}");
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

#[test]
fn each_operation_has_its_own_path_and_method() {
    let mut seen = std::collections::BTreeSet::new();
    for (method, path, _) in super::ROUTES {
        assert!(
            seen.insert((method.as_str(), *path)),
            "{method} {path} twice"
        );
    }
}
