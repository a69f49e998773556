//! What the endpoints under `/oauth` have in common: forms, and errors in the words of
//! RFC 6749 section 5.2.

use insta::assert_snapshot;
use latchkey_tests::{Backend, Server, on_each_backend};

on_each_backend![
    only_forms_are_read,
    a_parameter_comes_once,
    a_parameter_that_is_missing_is_named,
    item_69_nothing_is_read_from_the_query,
    errors_of_the_server_have_the_same_shape,
    every_endpoint_may_be_called_by_pages_that_may_call_the_api,
];

const ENDPOINTS: [&str; 3] = ["/oauth/token", "/oauth/revoke", "/oauth/introspect"];

async fn only_forms_are_read(backend: Backend) {
    let server = Server::start(backend).await;
    for path in ENDPOINTS {
        for (content_type, body) in [
            ("application/json", r#"{"token":"x"}"#),
            ("text/plain", "token=x"),
            ("multipart/form-data; boundary=x", ""),
            (
                "application/x-www-form-urlencoded; charset=latin1",
                "token=x",
            ),
        ] {
            let answer = server.post(path).body(content_type, body).await;
            let answer = answer.expect(415);
            assert_eq!(answer.member("/error"), "invalid_request", "{content_type}");
        }
        let _ = server.post(path).await.expect(415);
    }
}

async fn a_parameter_comes_once(backend: Backend) {
    let server = Server::start(backend).await;
    for path in ENDPOINTS {
        for body in [
            "token=a&token=a",
            "token=a&%74oken=b",
            "x=1&token=a&x=2",
            "token=%ff",
        ] {
            let answer = server
                .post(path)
                .body("application/x-www-form-urlencoded", body)
                .await
                .expect(400);
            assert_eq!(answer.member("/error"), "invalid_request", "{body}");
        }
    }
}

async fn a_parameter_that_is_missing_is_named(backend: Backend) {
    let server = Server::start(backend).await;
    let nothing = server.post("/oauth/revoke").form(&[("token", "")]).await;
    assert_snapshot!(nothing.shown(), @r#"
    400
    content-type: application/json
    cache-control: no-store

    {
      "error": "invalid_request",
      "error_description": "token: is required"
    }
    "#);
    for (fields, missing) in [
        ([("refresh_token", "x")], "grant_type: is required"),
        (
            [("grant_type", "refresh_token")],
            "refresh_token: is required",
        ),
    ] {
        let answer = server.post("/oauth/token").form(&fields).await.expect(400);
        assert_eq!(answer.member("/error"), "invalid_request");
        assert_eq!(answer.member("/error_description"), missing);
    }
}

/// Nothing of it ends up in the log either.
async fn item_69_nothing_is_read_from_the_query(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let token = server.account_of("Alice").await.tokens.refresh;
    for path in ENDPOINTS {
        let query = format!(
            "{path}?token={token}&grant_type=refresh_token&refresh_token={token}\
             &client_id={}&client_secret={}",
            client.id, client.secret
        );
        let answer = server.post(&query).form(&[("x", "y")]).await;
        assert!([400, 401].contains(&answer.status), "{}", answer.shown());
    }
    let _ = server.refresh(&token).await.expect(200);
    let home = server.terminate().await;
    assert!(!home.logs().contains(&token) && !home.logs().contains(&client.secret));
}

async fn errors_of_the_server_have_the_same_shape(backend: Backend) {
    let server = Server::start(backend).await;
    for path in ENDPOINTS {
        let get = server.get(path).await.expect(405);
        assert_eq!(get.member("/error"), "invalid_request");
        assert_eq!(get.header("allow"), "POST, OPTIONS");
        let large = "a=".to_owned() + &"x".repeat(64 * 1024);
        let large = server
            .post(path)
            .body("application/x-www-form-urlencoded", large)
            .await
            .expect(413);
        assert_eq!(large.member("/error"), "invalid_request");
    }
    // What is no endpoint is no place for OAuth.
    let unknown = server.post("/oauth/authorize").await.expect(404);
    assert_eq!(unknown.code(), "not_found");
}

async fn every_endpoint_may_be_called_by_pages_that_may_call_the_api(backend: Backend) {
    let server = Server::start(backend).await;
    for path in ENDPOINTS {
        for (origin, allowed) in [
            ("http://localhost:5173", "http://localhost:5173"),
            ("https://evil.example", ""),
        ] {
            let answer = server
                .post(path)
                .header("origin", origin)
                .form(&[("token", "x")])
                .await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                allowed,
                "{path}"
            );
        }
    }
}
