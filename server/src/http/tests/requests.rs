//! What is asked, and what is answered.

use super::*;

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

/// What is logged meanwhile on this thread, and so by a server that runs on it.
#[derive(Clone, Default)]
struct Logged(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_panic_is_one_line_with_the_id_of_its_request() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // Where there is one subscriber only, the first thread that comes to a line decides for
    // all of them whether it is ever logged, and other tests have none.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _guard = tracing::subscriber::set_default(subscriber);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        crate::logging::log_panic(panic);
        before(panic);
    }));

    let answer = Server::start().await.send(get("/panic")).await;
    let id = answer.split("x-request-id: ").nth(1).expect("an id");
    let id = id.lines().next().expect("an id");
    let logged = logged.0.lock().expect("no panic").clone();
    let logged = String::from_utf8(logged).expect("text");
    let of_the_request: Vec<&str> = logged.lines().filter(|line| line.contains(id)).collect();
    let [panicked, answered] = &*of_the_request else {
        panic!("{logged}");
    };
    for word in ["ERROR", "panicked", "a test panics", "at=", "/panic"] {
        assert!(panicked.contains(word), "{word}: {panicked}");
    }
    assert!(answered.contains("status=500"), "{answered}");
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

#[test]
fn each_operation_has_its_own_path_and_method() {
    let mut seen = std::collections::BTreeSet::new();
    for (method, path, _) in crate::http::ROUTES {
        assert!(
            seen.insert((method.as_str(), *path)),
            "{method} {path} twice"
        );
    }
}
