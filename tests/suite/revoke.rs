//! POST `/oauth/revoke` (RFC 7009).

use insta::assert_snapshot;
use latchkey_test_postgres::Cluster;
use latchkey_tests::{
    Backend, Home, Network, Proxy, Server, on_each_backend, on_postgres, on_sqlite,
};

on_each_backend![
    item_71_a_refresh_token_ends_its_session,
    item_71_an_access_token_ends_its_session,
    item_71_an_unknown_token_is_no_error,
    item_71_a_wrong_hint_does_no_harm,
    only_its_own_session_ends,
    item_43_credentials_that_are_sent_must_be_right,
];
on_sqlite![item_71_a_database_that_is_gone_is_no_success];
on_postgres![item_71_a_database_out_of_reach_is_no_success];

async fn assert_ended(server: &Server, access: &str, refresh: &str) {
    let _ = server.me(access).await.expect(401);
    let _ = server.refresh(refresh).await.expect(401);
}

async fn item_71_a_refresh_token_ends_its_session(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let answer = server.revoke(&tokens.refresh).await;
    assert_snapshot!(answer.shown(), @r#"
    200
    cache-control: no-store
    "#);
    assert_ended(&server, &tokens.access, &tokens.refresh).await;
}

async fn item_71_an_access_token_ends_its_session(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let _ = server.revoke(&tokens.access).await.expect(200);
    assert_ended(&server, &tokens.access, &tokens.refresh).await;
}

async fn item_71_an_unknown_token_is_no_error(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let longer = format!("{}A", tokens.refresh);
    for token in ["garbage", "a.b.c", "🗝", longer.as_str()] {
        let _ = server.revoke(token).await.expect(200);
    }
    let _ = server.me(&tokens.access).await.expect(200);
    // The second time it is unknown too.
    for _ in 0..2 {
        let _ = server.revoke(&tokens.refresh).await.expect(200);
    }
}

async fn item_71_a_wrong_hint_does_no_harm(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.tokens;
    let bob = server.account_of("Bobby").await.tokens;
    let carol = server.account_of("Carol").await.tokens;
    for (tokens, token, hint) in [
        (&alice, &alice.refresh, "access_token"),
        (&bob, &bob.access, "refresh_token"),
        (&carol, &carol.access, "pull_request"),
    ] {
        let fields = [("token_type_hint", hint), ("token", token)];
        let _ = server.post("/oauth/revoke").form(&fields).await.expect(200);
        assert_ended(&server, &tokens.access, &tokens.refresh).await;
    }
}

async fn only_its_own_session_ends(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let other = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await
        .tokens();
    let _ = server.revoke(&alice.tokens.refresh).await.expect(200);
    let _ = server.me(&other.access).await.expect(200);
    let _ = server.refresh(&other.refresh).await.expect(200);
}

async fn item_43_credentials_that_are_sent_must_be_right(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let token = server.account_of("Alice").await.tokens.refresh;
    let revoke = |fields: &[(&str, &str)]| server.post("/oauth/revoke").form(fields);
    for refused in [
        revoke(&[("token", &token)]).basic(&client.id, "wrong"),
        revoke(&[("token", &token)]).basic("latchkey", "anything"),
        revoke(&[("token", &token)]).bearer(&token),
        revoke(&[("token", &token), ("client_id", "somebody else")]),
        revoke(&[("token", &token), ("client_secret", "x")]),
    ] {
        assert_eq!(refused.await.expect(401).member("/error"), "invalid_client");
    }
    // None of these ended anything.
    let token = server.refresh(&token).await.tokens().refresh;
    let named = revoke(&[("token", &token), ("client_id", "latchkey")]);
    let _ = named.await.expect(200);
    let _ = server.refresh(&token).await.expect(401);

    let token = server.account_of("Bobby").await.tokens.refresh;
    let by_client = revoke(&[("token", &token)]).basic(&client.id, &client.secret);
    let _ = by_client.await.expect(200);
    let _ = server.refresh(&token).await.expect(401);
}

async fn item_71_a_database_that_is_gone_is_no_success(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let file = server.database().file().to_owned();
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).expect("moved");
    let answer = server.revoke(&tokens.refresh).await;
    assert_snapshot!(answer.shown(), @r#"
    503
    content-type: application/json
    retry-after: 1
    cache-control: no-store

    {
      "error": "temporarily_unavailable",
      "error_description": "The database is not available, try again shortly"
    }
    "#);
    std::fs::rename(&aside, &file).expect("moved back");
    let _ = server.me(&tokens.access).await.expect(200);
    let _ = server.revoke(&tokens.refresh).await.expect(200);
    assert_ended(&server, &tokens.access, &tokens.refresh).await;
}

async fn item_71_a_database_out_of_reach_is_no_success(backend: Backend) {
    let proxy = Proxy::to(Cluster::shared().port());
    let home = Home::new(backend);
    let url = home.database().postgres().url_at(&proxy.address());
    let server = home.env("LATCHKEY_DATABASE__URL", url).start().await;
    let tokens = server.account_of("Alice").await.tokens;

    proxy.becomes(Network::Cut);
    let answer = server.revoke(&tokens.refresh).await.expect(503);
    assert_eq!(answer.member("/error"), "temporarily_unavailable");

    proxy.becomes(Network::Good);
    let _ = server.revoke(&tokens.refresh).await.expect(200);
    assert_ended(&server, &tokens.access, &tokens.refresh).await;
}
