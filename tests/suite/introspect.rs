//! POST `/oauth/introspect` (RFC 7662).

use insta::assert_snapshot;
use latchkey_tests::{Backend, Home, Jwt, Server, on_each_backend};
use serde_json::json;

on_each_backend![
    an_access_token_is_active,
    a_refresh_token_is_active_and_is_no_access_token,
    item_72_what_is_not_active_says_nothing_more,
    item_72_the_caller_must_be_a_client,
    item_45_an_ended_session_is_not_active_at_once,
    item_46_whoever_is_disabled_or_deleted_is_not_active_at_once,
    item_48_a_secret_that_is_almost_right_is_wrong,
    asking_uses_nothing_up,
    a_removed_client_may_ask_no_more,
    the_audience_is_told,
];

async fn an_access_token_is_active(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let alice = server.account_of("Alice").await;
    let claims = Jwt::read(&alice.tokens.access).claims;

    let answer = server.introspect(&client, &alice.tokens.access).await;
    let answer = answer.expect(200);

    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        answer.json(),
        json!({
            "active": true,
            "iss": server.origin(),
            "sub": alice.user_id,
            "exp": claims["exp"],
            "iat": claims["iat"],
            "jti": claims["jti"],
            "sid": claims["sid"],
            "client_id": "latchkey",
            "type": "access",
            "token_type": "bearer",
        })
    );
}

/// A resource server that looks for `token_type` cannot take one for the other.
async fn a_refresh_token_is_active_and_is_no_access_token(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let tokens = server.account_of("Alice").await.tokens;
    for hint in ["refresh_token", "access_token", "nonsense", ""] {
        let answer = server
            .post("/oauth/introspect")
            .basic(&client.id, &client.secret)
            .form(&[("token", &tokens.refresh), ("token_type_hint", hint)])
            .await
            .expect(200)
            .json();
        assert_eq!(answer["active"], true, "{hint}");
        assert_eq!(answer["type"], "refresh");
        assert_eq!(answer.get("token_type"), None);
        assert_eq!(answer["jti"], Jwt::read(&tokens.refresh).claims["jti"]);
    }
    // One that was used up is not good any more.
    let newer = server.refresh(&tokens.refresh).await.tokens();
    let newest = server.refresh(&newer.refresh).await.tokens();
    for (token, active) in [(&tokens.refresh, false), (&newest.refresh, true)] {
        let answer = server.introspect(&client, token).await.expect(200);
        assert_eq!(answer.json()["active"], active);
    }
}

async fn item_72_what_is_not_active_says_nothing_more(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let tokens = server.account_of("Alice").await.tokens;
    let (signed, _) = tokens.access.rsplit_once('.').expect("a token");
    for token in [
        "garbage",
        "a.b.c",
        "..",
        "🗝",
        &format!("{}A", tokens.access),
        &format!("{signed}."),
        &tokens.access.to_uppercase(),
    ] {
        let answer = server.introspect(&client, token).await;
        assert_snapshot!(answer.shown(), @r#"
        200
        content-type: application/json
        cache-control: no-store

        {
          "active": false
        }
        "#);
    }
}

async fn item_72_the_caller_must_be_a_client(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let token = server.account_of("Alice").await.tokens.access;
    let introspect = |fields: &[(&str, &str)]| server.post("/oauth/introspect").form(fields);

    let nobody = introspect(&[("token", &token)]).await;
    assert_snapshot!(nobody.shown(), @r#"
    401
    content-type: application/json
    www-authenticate: Basic realm="latchkey"
    cache-control: no-store

    {
      "error": "invalid_client",
      "error_description": "Client authentication failed"
    }
    "#);
    let in_the_body = introspect(&[
        ("token", &token),
        ("client_id", &client.id),
        ("client_secret", &client.secret),
    ]);
    assert_eq!(in_the_body.await.expect(200).json()["active"], true);

    // The public client is nobody in particular, and a token is no client.
    for refused in [
        introspect(&[("token", &token), ("client_id", "latchkey")]),
        introspect(&[("token", &token), ("client_id", &client.id)]),
        introspect(&[("token", &token)]).bearer(&token),
        introspect(&[("token", &token)]).basic("latchkey", ""),
        introspect(&[("token", &token)]).basic(&client.id, ""),
        introspect(&[("token", &token)]).basic("gateway", &client.secret),
        // Whether the token is there is not even looked at.
        introspect(&[]),
    ] {
        let refused = refused.await.expect(401);
        assert_eq!(refused.member("/error"), "invalid_client");
    }
    let twice = introspect(&[("token", &token), ("client_secret", &client.secret)])
        .basic(&client.id, &client.secret)
        .await
        .expect(400);
    assert_eq!(twice.member("/error"), "invalid_request");
}

async fn item_45_an_ended_session_is_not_active_at_once(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let tokens = server.account_of("Alice").await.tokens;
    let _ = server.log_out(&tokens.access).await.expect(200);
    for token in [&tokens.access, &tokens.refresh] {
        let answer = server.introspect(&client, token).await.expect(200);
        assert_eq!(answer.json(), json!({ "active": false }));
    }
}

async fn item_46_whoever_is_disabled_or_deleted_is_not_active_at_once(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let alice = server.account_of("Alice").await;
    let bob = server.account_of("Bobby").await;
    let _ = server
        .cli(["user", "disable", &alice.person.email])
        .await
        .ok();
    let _ = server
        .cli(["user", "delete", &bob.person.email, "--yes"])
        .await
        .ok();
    for tokens in [alice.tokens, bob.tokens] {
        for token in [&tokens.access, &tokens.refresh] {
            let answer = server.introspect(&client, token).await.expect(200);
            assert_eq!(answer.json(), json!({ "active": false }));
        }
    }
}

async fn item_48_a_secret_that_is_almost_right_is_wrong(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let other = server.client("other").await;
    let right = &client.secret;
    for (id, secret) in [
        (&client.id, &right[..right.len() - 1]),
        (&client.id, &format!("{right}A")),
        (&client.id, &format!("{right}=")),
        (&client.id, &right.to_lowercase()),
        (&client.id, &other.secret),
        (&other.id, right),
        (&client.id.to_uppercase().replace('-', ""), right),
    ] {
        let answer = server
            .post("/oauth/introspect")
            .basic(id, secret)
            .form(&[("token", "x")])
            .await
            .expect(401);
        assert_eq!(answer.member("/error"), "invalid_client", "{id} {secret}");
    }
}

async fn asking_uses_nothing_up(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__REFRESH_GRACE", "0s")
        .start()
        .await;
    let client = server.client("gateway").await;
    let first = server.account_of("Alice").await.tokens;
    let second = server.refresh(&first.refresh).await.tokens();
    // Asking about one that was used up is no reuse of it.
    let old = server.introspect(&client, &first.refresh).await.expect(200);
    assert_eq!(old.json(), json!({ "active": false }));
    for _ in 0..3 {
        let good = server.introspect(&client, &second.refresh).await;
        assert_eq!(good.expect(200).json()["active"], true);
    }
    let _ = server.refresh(&second.refresh).await.expect(200);
}

async fn a_removed_client_may_ask_no_more(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let token = server.account_of("Alice").await.tokens.access;
    let _ = server.introspect(&client, &token).await.expect(200);
    let _ = server.cli(["client", "remove", "gateway"]).await.ok();
    let _ = server.introspect(&client, &token).await.expect(401);
}

async fn the_audience_is_told(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__AUDIENCE", "https://api.example.com")
        .start()
        .await;
    let client = server.client("gateway").await;
    let tokens = server.account_of("Alice").await.tokens;
    let answer = server.introspect(&client, &tokens.access).await.json();
    assert_eq!(answer["aud"], "https://api.example.com");
    let answer = server.introspect(&client, &tokens.refresh).await.json();
    assert_eq!(answer.get("aud"), None);
}
