//! What a person sees in a browser.

use insta::assert_snapshot;
use latchkey_tests::{Backend, Home, Server, on_each_backend};

on_each_backend![
    the_root_is_a_message_to_programs,
    the_root_is_a_page_to_browsers,
    a_wrong_path_is_a_page_to_browsers,
    the_docs_need_no_network,
    item_78_the_docs_can_be_turned_off,
    the_documentation_is_openapi_3_1,
];

async fn the_root_is_a_message_to_programs(backend: Backend) {
    let server = Server::start(backend).await;
    assert_snapshot!(server.get("/").await.shown(), @r#"
    200
    content-type: application/json
    cache-control: no-store

    {
      "message": "Latchkey is running"
    }
    "#);
    for accept in [
        "*/*",
        "application/json",
        "application/json, text/html;q=0.5",
    ] {
        let answer = server.get("/").header("accept", accept).await.expect(200);
        assert_eq!(
            answer.header("content-type"),
            "application/json",
            "{accept}"
        );
        assert!(answer.header("vary").to_lowercase().contains("accept"));
    }
}

async fn the_root_is_a_page_to_browsers(backend: Backend) {
    let server = Server::start(backend).await;
    let page = server
        .get("/")
        .header(
            "accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        )
        .await
        .expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let text = page.text();
    assert!(text.contains("Latchkey"), "{text}");
    assert!(text.contains("href=\"/docs\""), "{text}");
    assert!(text.contains("It is healthy"), "{text}");
    assert!(loads_nothing_from_elsewhere(text), "{text}");
}

async fn a_wrong_path_is_a_page_to_browsers(backend: Backend) {
    let server = Server::start(backend).await;
    for (path, status, allow) in [
        ("/nowhere", 404, ""),
        ("/account/password", 405, "POST, OPTIONS"),
    ] {
        let page = server.get(path).header("accept", "text/html,*/*;q=0.8");
        let page = page.await.expect(status);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("allow"), allow);
        assert!(page.text().contains("href=\"/\""), "{}", page.text());
        let problem = server.get(path).await.expect(status);
        assert_eq!(problem.header("content-type"), "application/problem+json");
    }
}

async fn the_docs_need_no_network(backend: Backend) {
    let server = Server::start(backend).await;
    let page = server.get("/docs").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(loads_nothing_from_elsewhere(page.text()), "{}", page.text());
    for path in ["/api/v1/users/signup", "/.well-known/jwks.json"] {
        assert!(
            page.text().contains(path) || page.text().contains("/openapi.json"),
            "{}",
            page.text()
        );
    }
}

fn loads_nothing_from_elsewhere(html: &str) -> bool {
    [
        "src=\"http",
        "src=\"//",
        "@import",
        "url(http",
        "<link rel=\"stylesheet\" href=\"http",
    ]
    .iter()
    .all(|load| !html.contains(load))
}

async fn item_78_the_docs_can_be_turned_off(backend: Backend) {
    let server = Home::new(backend).without_docs().start().await;
    for path in ["/docs", "/openapi.json"] {
        assert_eq!(server.get(path).await.expect(404).code(), "not_found");
    }
    let _ = server.get("/health").await.expect(200);
}

async fn the_documentation_is_openapi_3_1(backend: Backend) {
    let server = Server::start(backend).await;
    let document = server.get("/openapi.json").await.expect(200).json();
    let mut operation_ids = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let what = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{what}");
            assert!(operation["responses"].is_object(), "{what}");
            operation_ids.push(operation["operationId"].as_str().expect(&what).to_owned());
            let parameters = operation["parameters"].as_array().map_or(0, Vec::len);
            assert_eq!(parameters >= 1, path.contains('{'), "{what}");
        }
    }
    let count = operation_ids.len();
    operation_ids.sort();
    operation_ids.dedup();
    assert_eq!(operation_ids.len(), count, "operation ids are unique");
    let schemes = document.pointer("/components/securitySchemes");
    assert!(schemes.is_some(), "how to authenticate is documented");
}
