//! POST `/api/v1/users/logout`.

use insta::assert_snapshot;
use latchkey_tests::{Backend, Server, on_each_backend};

on_each_backend![
    item_45_ends_the_session_by_its_access_token,
    item_45_ends_the_session_by_its_refresh_token,
    ends_only_this_session,
    needs_a_token_that_is_good,
];

async fn item_45_ends_the_session_by_its_access_token(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;

    assert_snapshot!(server.log_out(&tokens.access).await.shown(), @r#"
    200
    content-type: application/json
    cache-control: no-store

    {
      "msg": "Logged out successfully",
      "status": 200
    }
    "#);

    assert_eq!(
        server.me(&tokens.access).await.expect(401).code(),
        "invalid_token"
    );
    let _ = server.refresh(&tokens.refresh).await.expect(401);
    let _ = server.log_out(&tokens.access).await.expect(401);
}

async fn item_45_ends_the_session_by_its_refresh_token(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;

    let _ = server.log_out(&tokens.refresh).await.expect(200);

    let _ = server.me(&tokens.access).await.expect(401);
    let _ = server.refresh(&tokens.refresh).await.expect(401);
}

async fn ends_only_this_session(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let bob = server.account_of("Bobby").await;
    let other = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await
        .tokens();

    let _ = server.log_out(&alice.tokens.access).await.expect(200);

    for tokens in [other, bob.tokens] {
        let _ = server.me(&tokens.access).await.expect(200);
        let _ = server.refresh(&tokens.refresh).await.expect(200);
    }
}

async fn needs_a_token_that_is_good(backend: Backend) {
    let server = Server::start(backend).await;
    let without = server.post("/api/v1/users/logout").await.expect(401);
    assert_eq!(without.code(), "authorization_required");
    let garbage = server.log_out("garbage").await.expect(401);
    assert_eq!(garbage.code(), "invalid_token");
}
