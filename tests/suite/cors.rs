//! Which pages of other origins may call the API.

use insta::assert_snapshot;
use latchkey_tests::{Answer, Backend, Home, Server, on_each_backend};

on_each_backend![
    item_77_on_loopback_the_pages_of_this_machine_may,
    item_77_off_loopback_nobody_may,
    item_77_listed_origins_may,
    item_77_everybody_may_if_configured,
    a_preflight_tells_methods_and_headers,
    item_77_credentials_are_never_allowed,
];

async fn asked_by(server: &Server, origin: &str) -> Answer {
    server
        .get("/api/v1/users/me")
        .header("origin", origin)
        .await
}

async fn may(server: &Server, origin: &str) -> bool {
    let answer = asked_by(server, origin).await;
    let allowed = answer.header("access-control-allow-origin");
    assert!(["", "*", origin].contains(&allowed), "{allowed}");
    !allowed.is_empty()
}

async fn item_77_on_loopback_the_pages_of_this_machine_may(backend: Backend) {
    let server = Server::start(backend).await;
    for origin in [
        "http://localhost",
        "http://localhost:5173",
        "http://127.0.0.1:3000",
        "https://localhost:8443",
        "http://[::1]:3000",
    ] {
        assert!(may(&server, origin).await, "{origin}");
    }
    for origin in [
        "https://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://evil.example/localhost",
        "null",
        "file://",
        "",
    ] {
        assert!(!may(&server, origin).await, "{origin}");
    }
    let answer = asked_by(&server, "https://evil.example").await;
    assert!(answer.header("vary").to_lowercase().contains("origin"));
}

async fn item_77_off_loopback_nobody_may(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_SERVER__PUBLIC_URL", "https://auth.example.com")
        .start()
        .await;
    for origin in [
        "http://localhost:5173",
        "https://auth.example.com.evil.example",
    ] {
        assert!(!may(&server, origin).await, "{origin}");
    }
}

async fn item_77_listed_origins_may(backend: Backend) {
    let server = Home::new(backend)
        .env(
            "LATCHKEY_SERVER__CORS_ORIGINS",
            "https://app.example.com, https://admin.example.com:8443",
        )
        .start()
        .await;
    for (origin, allowed) in [
        ("https://app.example.com", true),
        ("https://admin.example.com:8443", true),
        ("https://admin.example.com", false),
        ("http://app.example.com", false),
        ("https://app.example.com.evil.example", false),
        ("https://xapp.example.com", false),
        ("http://localhost:5173", false),
    ] {
        assert_eq!(may(&server, origin).await, allowed, "{origin}");
    }
}

async fn item_77_everybody_may_if_configured(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_SERVER__CORS_ORIGINS", "*")
        .start()
        .await;
    let answer = asked_by(&server, "https://anywhere.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

async fn a_preflight_tells_methods_and_headers(backend: Backend) {
    let server = Server::start(backend).await;
    let preflight = async |origin: &str| {
        server
            .call("OPTIONS", "/api/v1/users/me")
            .header("origin", origin)
            .header("access-control-request-method", "PATCH")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            )
            .await
            .expect(204)
    };
    let allowed = preflight("http://localhost:5173").await;
    let shown: Vec<_> = allowed
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("access-control-"))
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    assert_snapshot!(shown.join("\n"), @r#"
    access-control-allow-origin: http://localhost:5173
    access-control-allow-methods: GET, HEAD, PATCH, DELETE, OPTIONS
    access-control-max-age: 7200
    access-control-allow-headers: authorization,content-type
    "#);
    let refused = preflight("https://evil.example").await;
    for name in [
        "access-control-allow-origin",
        "access-control-allow-methods",
        "access-control-allow-headers",
    ] {
        assert_eq!(refused.header(name), "");
    }
}

async fn item_77_credentials_are_never_allowed(backend: Backend) {
    for origins in ["*", "https://app.example.com"] {
        let server = Home::new(backend)
            .env("LATCHKEY_SERVER__CORS_ORIGINS", origins)
            .start()
            .await;
        let answer = asked_by(&server, "https://app.example.com").await;
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert_eq!(answer.header("set-cookie"), "");
    }
}
