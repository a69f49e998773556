//! The refresh token in the cookie: looked at by pages, exchanged by `/account/token`
//! alone, and of no use to the API.

use latchkey_tests::{Backend, Browser, Home, Server, on_each_backend};
use serde_json::json;

on_each_backend![
    looking_at_pages_changes_nothing,
    an_access_token_for_scripts_and_no_more,
    two_tabs_that_ask_at_once_stay_signed_in,
    item_41_a_token_that_was_used_before_ends_the_session,
    without_a_grace_the_predecessor_is_not_recognised,
    whoever_has_no_cookie_gets_no_token,
    item_77_the_api_does_not_look_at_cookies,
];

const STATE: &str = "select refresh_hash, previous_refresh_hash, end_reason from sessions";

async fn looking_at_pages_changes_nothing(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let mut browser = Browser::new(&server).with_token(&tokens.refresh);
    let before = server.database().rows(STATE);
    for _ in 0..4 {
        for path in ["/", "/account", "/signin", "/signup"] {
            let _ = browser.visit(path).await;
        }
        let head = server.call("HEAD", "/account");
        let _ = browser.take(head).await.expect(200);
    }
    assert_eq!(server.database().rows(STATE), before);
    assert_eq!(browser.token(), tokens.refresh);
    let _ = server.refresh(&tokens.refresh).await.expect(200);
}

async fn an_access_token_for_scripts_and_no_more(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let mut browser = Browser::new(&server).with_token(&tokens.refresh);
    let answer = browser.submit("/account/token", &[]).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut members: Vec<_> = answer
        .json()
        .as_object()
        .expect("members")
        .clone()
        .into_iter()
        .collect();
    members.retain(|(name, _)| name != "access_token");
    let expected = json!({ "expires_in": 1800, "token_type": "bearer" });
    assert_eq!(
        json!(members.into_iter().collect::<serde_json::Map<_, _>>()),
        expected
    );
    let _ = server.me(&answer.member("/access_token")).await.expect(200);
    assert_ne!(browser.token(), tokens.refresh, "it is rotated");
    let _ = browser.visit("/account").await.expect(200);
    // A fetch without a body does as well.
    let bare = server
        .post("/account/token")
        .header("sec-fetch-site", "same-origin");
    let _ = browser.take(bare).await.expect(200);
    let _ = server.get("/account/token").await.expect(405);
}

async fn two_tabs_that_ask_at_once_stay_signed_in(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let [mut one, mut other] = [(); 2].map(|()| Browser::new(&server).with_token(&tokens.refresh));
    let (first, second) = tokio::join!(
        one.submit("/account/token", &[]),
        other.submit("/account/token", &[])
    );
    for answer in [first, second] {
        let access = answer.expect(200).member("/access_token");
        let _ = server.me(&access).await.expect(200);
    }
    assert_eq!(one.token(), other.token());
    // A tab that still has the one before is recognised meanwhile.
    let mut late = Browser::new(&server).with_token(&tokens.refresh);
    let _ = late.visit("/account").await.expect(200);
    let _ = one.submit("/account/token", &[]).await.expect(200);
    let _ = one.visit("/account").await.expect(200);
}

async fn item_41_a_token_that_was_used_before_ends_the_session(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let mut browser = Browser::new(&server).with_token(&tokens.refresh);
    for _ in 0..2 {
        let _ = browser.submit("/account/token", &[]).await.expect(200);
    }
    let mut thief = Browser::new(&server).with_token(&tokens.refresh);
    // To look with it is not to use it.
    let _ = thief.visit("/account").await.expect(303);
    let _ = browser.visit("/account").await.expect(200);
    let mut thief = thief.with_token(&tokens.refresh);
    let refused = thief.submit("/account/token", &[]).await.expect(401);
    assert_eq!(refused.code(), "invalid_refresh_token");
    assert!(!thief.is_signed_in());
    let last = browser.token().to_owned();
    let _ = browser.visit("/account").await.expect(303);
    assert!(!browser.is_signed_in());
    let _ = server.me(&tokens.access).await.expect(401);
    for token in [&tokens.refresh, &last] {
        assert!(!server.logs().contains(token), "the log shows a token");
    }
}

async fn without_a_grace_the_predecessor_is_not_recognised(backend: Backend) {
    let home = Home::new(backend).env("LATCHKEY_TOKENS__REFRESH_GRACE", "0s");
    let server = home.start().await;
    let tokens = server.account_of("Alice").await.tokens;
    let mut browser = Browser::new(&server).with_token(&tokens.refresh);
    let _ = browser.submit("/account/token", &[]).await.expect(200);
    let mut before = Browser::new(&server).with_token(&tokens.refresh);
    let _ = before.visit("/account").await.expect(303);
    let _ = browser.visit("/account").await.expect(200);
}

async fn whoever_has_no_cookie_gets_no_token(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let bare = server.post("/account/token").await.expect(401);
    assert_eq!(bare.code(), "invalid_refresh_token");
    assert!(!bare.headers.contains_key("set-cookie"));
    let bearer = server.post("/account/token").bearer(&tokens.refresh).await;
    let _ = bearer.expect(401);
    for wrong in [tokens.access.as_str(), "x", ""] {
        let cookie = format!("latchkey={wrong}");
        let call = server.post("/account/token").header("cookie", &cookie);
        let refused = call.await.expect(401);
        assert!(refused.header("set-cookie").contains("Max-Age=0"));
    }
    let _ = server.refresh(&tokens.refresh).await.expect(200);
}

async fn item_77_the_api_does_not_look_at_cookies(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    for token in [&tokens.refresh, &tokens.access] {
        for name in ["latchkey", "__Host-latchkey"] {
            let cookie = format!("{name}={token}");
            for (method, path) in [
                ("GET", "/api/v1/users/me"),
                ("GET", "/api/v1/users/me/sessions"),
                ("DELETE", "/api/v1/users/me/sessions"),
                ("POST", "/api/v1/users/refresh"),
                ("POST", "/api/v1/users/logout"),
            ] {
                let call = server.call(method, path).header("cookie", &cookie);
                let refused = call.await.expect(401);
                assert_eq!(refused.code(), "authorization_required", "{path}");
                assert!(!refused.headers.contains_key("set-cookie"));
            }
        }
    }
    let _ = server.me(&tokens.access).await.expect(200);
    let _ = server.refresh(&tokens.refresh).await.expect(200);
}
