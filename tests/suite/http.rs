//! What holds for every path: methods, headers, and the documentation that lists them.

use insta::assert_snapshot;
use latchkey_tests::{Backend, Home, Server, on_each_backend};

on_each_backend![
    the_documentation_lists_the_whole_api,
    what_is_documented_exists,
    head_is_get_without_the_body,
    options_names_the_methods,
    item_78_a_wrong_method_is_told_the_right_ones,
    item_78_an_unknown_path_is_404,
    item_77_every_answer_carries_the_security_headers,
    item_77_pages_carry_a_content_security_policy,
    item_77_strict_transport_security_comes_with_https,
    request_ids_are_our_own,
    a_trusted_proxy_may_name_the_request,
];

/// Every row of the API.
const API: [(&str, &str); 25] = [
    ("get", "/"),
    ("get", "/.well-known/jwks.json"),
    ("get", "/.well-known/oauth-authorization-server"),
    ("get", "/api/v1/password-policy"),
    ("post", "/api/v1/users/logout"),
    ("delete", "/api/v1/users/me"),
    ("get", "/api/v1/users/me"),
    ("patch", "/api/v1/users/me"),
    ("post", "/api/v1/users/me/password"),
    ("delete", "/api/v1/users/me/sessions"),
    ("get", "/api/v1/users/me/sessions"),
    ("delete", "/api/v1/users/me/sessions/{session_id}"),
    ("post", "/api/v1/users/refresh"),
    ("post", "/api/v1/users/signin"),
    ("post", "/api/v1/users/signup"),
    ("get", "/docs"),
    ("get", "/health"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
    ("post", "/oauth/introspect"),
    ("post", "/oauth/revoke"),
    ("post", "/oauth/token"),
    ("get", "/openapi.json"),
    ("get", "/problems/{code}"),
    ("get", "/status-lists/{id}"),
];

/// The methods that the documentation lists, path by path.
async fn documented(server: &Server) -> Vec<(String, Vec<String>)> {
    let document = server.get("/openapi.json").await.expect(200).json();
    document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .map(|(path, operations)| {
            let methods = operations.as_object().expect("operations").keys();
            let methods = methods.filter(|name| *name != "parameters").cloned();
            (path.clone(), methods.collect())
        })
        .collect()
}

/// A path that fits a template.
fn filled(template: &str) -> String {
    template
        .replace("{session_id}", "01932f6e-7a5b-7cde-8f01-23456789abcd")
        .replace("{code}", "not_found")
        .replace("/{id}", "/0")
}

async fn the_documentation_lists_the_whole_api(backend: Backend) {
    let server = Server::start(backend).await;
    let mut listed: Vec<(String, String)> = Vec::new();
    for (path, methods) in documented(&server).await {
        listed.extend(methods.into_iter().map(|method| (method, path.clone())));
    }
    for (method, path) in API {
        let row = (method.to_owned(), path.to_owned());
        assert!(listed.contains(&row), "{method} {path} is not documented");
    }
    assert_eq!(listed.len(), API.len(), "{listed:#?}");
    let document = server.get("/openapi.json").await.json();
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1."))
    );
}

async fn what_is_documented_exists(backend: Backend) {
    let server = Server::start(backend).await;
    let access = server.account_of("Alice").await.tokens.access;
    for (template, methods) in documented(&server).await {
        for method in methods {
            let call = server.call(&method.to_uppercase(), &filled(&template));
            let answer = call.bearer(&access).await;
            let found = answer.status != 404 || answer.code() == "session_not_found";
            assert!(found, "{method} {template}: {}", answer.shown());
            assert_ne!(answer.status, 405, "{method} {template}");
            assert!(answer.status < 500, "{method} {template}");
        }
    }
}

async fn head_is_get_without_the_body(backend: Backend) {
    let server = Server::start(backend).await;
    let access = server.account_of("Alice").await.tokens.access;
    for (template, methods) in documented(&server).await {
        if !methods.iter().any(|method| method == "get") {
            continue;
        }
        let path = filled(&template);
        let get = server.get(&path).bearer(&access).await;
        let head = server.call("HEAD", &path).bearer(&access).await;
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty(), "{path}");
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
    assert_eq!(
        server.call("HEAD", "/api/v1/users/signup").await.status,
        405
    );
}

async fn options_names_the_methods(backend: Backend) {
    let server = Server::start(backend).await;
    for (template, methods) in documented(&server).await {
        let answer = server.call("OPTIONS", &filled(&template)).await.expect(204);
        assert!(answer.body.is_empty());
        let allowed: Vec<_> = answer.header("allow").split(", ").collect();
        for method in &methods {
            assert!(
                allowed.contains(&method.to_uppercase().as_str()),
                "{template}"
            );
        }
        let with_head = methods.iter().any(|method| method == "get");
        assert_eq!(allowed.contains(&"HEAD"), with_head, "{template}");
        assert!(allowed.contains(&"OPTIONS"), "{template}");
        assert_eq!(allowed.len(), methods.len() + usize::from(with_head) + 1);
    }
}

async fn item_78_a_wrong_method_is_told_the_right_ones(backend: Backend) {
    let server = Server::start(backend).await;
    assert_snapshot!(server.get("/api/v1/users/signup").await.shown(), @r#"
    405
    content-type: application/problem+json
    allow: POST, OPTIONS
    cache-control: no-store

    {
      "code": "method_not_allowed",
      "detail": "This path does not support the request method",
      "msg": "This path does not support the request method",
      "status": 405,
      "title": "This path does not support the request method",
      "type": "/problems/method_not_allowed"
    }
    "#);
    for (template, methods) in documented(&server).await {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            if methods.contains(&method.to_lowercase()) {
                continue;
            }
            let answer = server.call(method, &filled(&template)).await.expect(405);
            if template.starts_with("/oauth/") {
                assert_eq!(answer.member("/error"), "invalid_request");
            } else {
                assert_eq!(answer.code(), "method_not_allowed");
            }
            let options = server.call("OPTIONS", &filled(&template)).await;
            assert_eq!(answer.header("allow"), options.header("allow"));
        }
    }
}

async fn item_78_an_unknown_path_is_404(backend: Backend) {
    let server = Server::start(backend).await;
    assert_snapshot!(server.get("/nowhere").await.shown(), @r#"
    404
    content-type: application/problem+json
    cache-control: no-store

    {
      "code": "not_found",
      "detail": "There is nothing at this path",
      "msg": "There is nothing at this path",
      "status": 404,
      "title": "There is nothing at this path",
      "type": "/problems/not_found"
    }
    "#);
    for path in [
        "/api",
        "/api/v1/users",
        "/api/v1/users/signup/",
        "/api/v1/users/me/",
        "/API/V1/users/me",
        "/api/v1/users/%6de",
        "/api/v1//users/me",
        "/api/v1/users/me/sessions/a/b",
        "/health/",
        "/.env",
        "/latchkey.db",
        "/docs/../../etc/passwd",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/.well-known/",
        "/index.html",
        "/metrics",
        "/debug/pprof/",
        "/server-status",
        "/.git/config",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let answer = server.call(method, path).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.shown());
        }
    }
}

/// Each header of an answer but those that every message has.
fn headers(answer: &latchkey_tests::Answer) -> String {
    let mut lines: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| {
            !["date", "content-length", "x-request-id", "etag"].contains(&name.as_str())
        })
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    lines.sort();
    lines.join("\n")
}

async fn item_77_every_answer_carries_the_security_headers(backend: Backend) {
    let server = Server::start(backend).await;
    let answer = server.get("/api/v1/users/me").await;
    assert_snapshot!(headers(&answer), @r#"
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    cross-origin-resource-policy: same-origin
    referrer-policy: no-referrer
    vary: Origin
    www-authenticate: Bearer realm="latchkey"
    x-content-type-options: nosniff
    "#);
    for path in ["/", "/health", "/docs", "/openapi.json", "/nowhere"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("server"), "", "{path}");
        assert!(!answer.header("referrer-policy").is_empty(), "{path}");
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
    }
}

async fn item_77_pages_carry_a_content_security_policy(backend: Backend) {
    let server = Server::start(backend).await;
    for path in ["/", "/docs"] {
        let answer = server
            .get(path)
            .header("accept", "text/html")
            .await
            .expect(200);
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src"), "{path}: {policy}");
        assert!(!policy.contains("'unsafe-eval'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
        assert!(!policy.contains("http"), "nothing from elsewhere: {policy}");
    }
}

async fn item_77_strict_transport_security_comes_with_https(backend: Backend) {
    let plain = Server::start(backend).await;
    assert_eq!(
        plain
            .get("/health")
            .await
            .header("strict-transport-security"),
        ""
    );
    let secure = Home::new(backend)
        .env("LATCHKEY_SERVER__PUBLIC_URL", "https://auth.example.com")
        .start()
        .await;
    let answer = secure.get("/health").await;
    let value = answer.header("strict-transport-security");
    assert!(value.starts_with("max-age="), "{value}");
}

async fn request_ids_are_our_own(backend: Backend) {
    let server = Server::start(backend).await;
    let id = async |given: Option<&str>| {
        let mut call = server.get("/health");
        if let Some(given) = given {
            call = call.header("x-request-id", given);
        }
        call.await.header("x-request-id").to_owned()
    };
    let first = id(None).await;
    let second = id(None).await;
    assert_ne!(first, second);
    // Nobody writes into our log by naming a request.
    assert_ne!(
        id(Some("chosen-by-the-client")).await,
        "chosen-by-the-client"
    );
    assert_eq!(
        server
            .get("/nowhere")
            .await
            .expect(404)
            .header("x-request-id")
            .len(),
        first.len()
    );
}

async fn a_trusted_proxy_may_name_the_request(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_SERVER__TRUSTED_PROXIES", "127.0.0.1")
        .start()
        .await;
    let named = "0af7651916cd43dd8448eb211c80319c";
    let answer = server.get("/health").header("x-request-id", named).await;
    assert_eq!(answer.header("x-request-id"), named);
    for bad in ["", "with space", &"x".repeat(1000), "a\tb", "\u{e9}"] {
        let answer = server.get("/health").header("x-request-id", bad).await;
        assert_ne!(answer.header("x-request-id"), bad);
    }
}
