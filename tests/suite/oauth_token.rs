//! POST `/oauth/token`: the refresh grant of RFC 6749 section 6, and no other. Reuse, grace
//! and life of the tokens are those of the API, which `refresh.rs` has.

use insta::assert_snapshot;
use latchkey_tests::{Backend, Home, Jwt, Server, on_each_backend};

on_each_backend![
    answers_with_new_tokens,
    item_48_a_bad_token_is_an_invalid_grant,
    item_41_reuse_ends_the_session,
    item_42_within_the_grace_the_same_successor_comes_again,
    item_42_api_and_oauth_exchange_the_same_tokens,
    item_75_there_is_no_password_grant,
    item_43_nothing_widens_and_no_other_client_gets_any,
];

async fn answers_with_new_tokens(backend: Backend) {
    let server = Server::start(backend).await;
    let old = server.account_of("Alice").await.tokens;
    let answer = server.oauth_refresh(&old.refresh).await;
    assert_snapshot!(answer.shown(), @r#"
    200
    content-type: application/json
    cache-control: no-store

    {
      "access_token": "[jwt]",
      "expires_in": 1800,
      "refresh_token": "[jwt]",
      "token_type": "bearer"
    }
    "#);
    assert_eq!(answer.header("pragma"), "no-cache");
    let new = answer.tokens();
    let _ = server.me(&new.access).await.expect(200);
    // By its name, too.
    let named = server
        .post("/oauth/token")
        .form(&[
            ("client_id", "latchkey"),
            ("refresh_token", &new.refresh),
            ("grant_type", "refresh_token"),
            ("scope", ""),
        ])
        .await
        .expect(200);
    let _ = server.me(&named.tokens().access).await.expect(200);
}

async fn item_48_a_bad_token_is_an_invalid_grant(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let garbage = server.oauth_refresh("garbage").await;
    assert_snapshot!(garbage.shown(), @r#"
    400
    content-type: application/json
    cache-control: no-store

    {
      "error": "invalid_grant",
      "error_description": "Invalid or expired refresh token"
    }
    "#);
    // Truncated, extended and re-cased ones.
    let right = &tokens.refresh;
    for token in [
        tokens.access.clone(),
        right[..right.len() - 1].to_owned(),
        format!("{right}A"),
        format!("{right}="),
        right.to_lowercase(),
    ] {
        let answer = server.oauth_refresh(&token).await.expect(400);
        assert_eq!(answer.member("/error"), "invalid_grant", "{token}");
    }
    let _ = server.oauth_refresh(right).await.expect(200);
}

async fn item_41_reuse_ends_the_session(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__REFRESH_GRACE", "0s")
        .start()
        .await;
    let old = server.account_of("Alice").await.tokens;
    let new = server.oauth_refresh(&old.refresh).await.tokens();
    let reused = server.oauth_refresh(&old.refresh).await.expect(400);
    assert_eq!(reused.member("/error"), "invalid_grant");
    let _ = server.oauth_refresh(&new.refresh).await.expect(400);
    let _ = server.me(&new.access).await.expect(401);
}

async fn item_42_within_the_grace_the_same_successor_comes_again(backend: Backend) {
    let server = Server::start(backend).await;
    let old = server.account_of("Alice").await.tokens.refresh;
    let first = server.oauth_refresh(&old).await.tokens();
    let second = server.oauth_refresh(&old).await.tokens();
    assert_eq!(first.refresh, second.refresh);
    let _ = server.oauth_refresh(&second.refresh).await.expect(200);
}

async fn item_42_api_and_oauth_exchange_the_same_tokens(backend: Backend) {
    let server = Server::start(backend).await;
    let first = server.account_of("Alice").await.tokens;
    let second = server.oauth_refresh(&first.refresh).await.tokens();
    let third = server.refresh(&second.refresh).await.expect(200).tokens();
    // A grand-parent is no predecessor, whoever it is shown to.
    let _ = server.oauth_refresh(&first.refresh).await.expect(400);
    let _ = server.refresh(&third.refresh).await.expect(401);
}

async fn item_75_there_is_no_password_grant(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let client = server.client("gateway").await;
    for grant in [
        "password",
        "client_credentials",
        "authorization_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "REFRESH_TOKEN",
    ] {
        let fields = [
            ("grant_type", grant),
            ("username", &alice.person.email),
            ("password", &alice.person.password),
            ("refresh_token", &alice.tokens.refresh),
        ];
        for call in [
            server.post("/oauth/token").form(&fields),
            server
                .post("/oauth/token")
                .form(&fields)
                .basic(&client.id, &client.secret),
        ] {
            let answer = call.await.expect(400);
            assert_eq!(answer.member("/error"), "unsupported_grant_type", "{grant}");
        }
    }
}

async fn item_43_nothing_widens_and_no_other_client_gets_any(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let alice = server.account_of("Alice").await;
    let token = alice.tokens.refresh;
    let grant = [("grant_type", "refresh_token"), ("refresh_token", &*token)];
    let with = |name, value| {
        let fields = [grant.as_slice(), &[(name, value)]].concat();
        server.post("/oauth/token").form(&fields)
    };

    let scope = with("scope", "admin").await.expect(400);
    assert_eq!(scope.member("/error"), "invalid_scope");
    let other = server
        .post("/oauth/token")
        .form(&grant)
        .basic(&client.id, &client.secret);
    assert_eq!(
        other.await.expect(400).member("/error"),
        "unauthorized_client"
    );
    for (name, value) in [("client_id", client.id.as_str()), ("client_secret", "x")] {
        let refused = with(name, value).await.expect(401);
        assert_eq!(refused.member("/error"), "invalid_client", "{name}");
    }
    // None of these used the token up. What it does not know it passes over (RFC 6749
    // section 3.2), and gives nothing for it.
    let fields = [
        grant.as_slice(),
        &[
            ("audience", "https://other.example"),
            ("resource", "https://other.example"),
            ("sub", "somebody else"),
        ],
    ]
    .concat();
    let answer = server.post("/oauth/token").form(&fields).await.expect(200);
    let claims = Jwt::read(&answer.tokens().access).claims;
    assert_eq!(claims["sub"], alice.user_id);
    assert_eq!((claims.get("aud"), claims.get("scope")), (None, None));
}
