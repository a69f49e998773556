//! POST `/api/v1/users/refresh`: each refresh token is good for one successor.

use insta::assert_snapshot;
use latchkey_tests::{Backend, Home, Jwt, Server, eventually, on_each_backend};
use serde_json::json;

on_each_backend![
    answers_with_new_tokens,
    the_token_may_stand_in_the_body,
    item_68_the_token_stands_in_one_place,
    a_bad_token_is_refused,
    item_48_a_token_that_was_tampered_with_is_refused,
    item_40_the_successor_takes_over,
    item_40_item_41_reuse_ends_the_session,
    item_42_within_the_grace_the_same_successor_comes_again,
    item_42_the_grace_ends_when_the_successor_is_used,
    item_42_the_grace_is_for_the_direct_predecessor_alone,
    item_41_reuse_after_the_grace_ends_the_session,
    item_42_twenty_at_once_get_one_successor,
    item_44_an_expired_token_is_refused,
    item_44_a_session_ends_at_its_greatest_age,
    tokens_outlive_the_process,
];

const REFRESH: &str = "/api/v1/users/refresh";

async fn answers_with_new_tokens(backend: Backend) {
    let server = Server::start(backend).await;
    let old = server.account_of("Alice").await.tokens;

    let answer = server.refresh(&old.refresh).await;

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
    let new = answer.tokens();
    for (old, new) in [(&old.access, &new.access), (&old.refresh, &new.refresh)] {
        let (old, new) = (Jwt::read(old).claims, Jwt::read(new).claims);
        assert_eq!(old["sid"], new["sid"]);
        assert_eq!(old["sub"], new["sub"]);
        assert_ne!(old["jti"], new["jti"]);
    }
    let _ = server.me(&new.access).await.expect(200);
}

async fn the_token_may_stand_in_the_body(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let body = json!({ "refresh_token": alice.tokens.refresh });
    let _ = server.post(REFRESH).json(&body).await.expect(200).tokens();
}

async fn item_68_the_token_stands_in_one_place(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.refresh;

    let both = server
        .refresh(&token)
        .json(&json!({ "refresh_token": token }))
        .await;
    assert_snapshot!(both.shown(), @r#"
    400
    content-type: application/problem+json
    www-authenticate: Bearer realm="latchkey", error="invalid_request", error_description="Send the token once, in one place"
    cache-control: no-store

    {
      "code": "invalid_request",
      "detail": "Send the token once, in one place",
      "msg": "Send the token once, in one place",
      "status": 400,
      "title": "Send the token once, in one place",
      "type": "/problems/invalid_request"
    }
    "#);
    let twice = server.refresh(&token).bearer(&token).await;
    assert_eq!(twice.expect(400).code(), "invalid_request");

    let nowhere = server.post(REFRESH).await;
    assert_snapshot!(nowhere.shown(), @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="latchkey"
    cache-control: no-store

    {
      "code": "authorization_required",
      "detail": "Authorization header required",
      "msg": "Authorization header required",
      "status": 401,
      "title": "Authorization header required",
      "type": "/problems/authorization_required"
    }
    "#);
    let in_the_query = server
        .post(&format!("{REFRESH}?refresh_token={token}"))
        .await;
    assert_eq!(in_the_query.expect(401).code(), "authorization_required");

    // None of these used the token up.
    let _ = server.refresh(&token).await.expect(200);
}

async fn a_bad_token_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;

    let garbage = server.refresh("garbage").await;
    assert_snapshot!(garbage.shown(), @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="latchkey", error="invalid_token", error_description="Invalid or expired refresh token"
    cache-control: no-store

    {
      "code": "invalid_refresh_token",
      "detail": "Invalid or expired refresh token",
      "msg": "Invalid or expired refresh token",
      "status": 401,
      "title": "Invalid or expired refresh token",
      "type": "/problems/invalid_refresh_token"
    }
    "#);
    for token in [tokens.access.as_str(), "", "a.b.c", "..", "🗝"] {
        let by_body = server
            .post(REFRESH)
            .json(&json!({ "refresh_token": token }))
            .await;
        assert_eq!(
            by_body.expect(401).code(),
            "invalid_refresh_token",
            "{token}"
        );
    }
    let _ = server.refresh(&tokens.refresh).await.expect(200);
}

async fn item_48_a_token_that_was_tampered_with_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.refresh;
    let (signed, signature) = token.rsplit_once('.').expect("three segments");
    for other in [
        token[..token.len() - 1].to_owned(),
        format!("{token}A"),
        format!("{token}="),
        format!("{token}."),
        format!("{signed}."),
        token.to_lowercase(),
        format!("{signed}.{}", signature.to_uppercase()),
    ] {
        let answer = server.refresh(&other).await.expect(401);
        assert_eq!(answer.code(), "invalid_refresh_token", "{other}");
    }
    let _ = server.refresh(&token).await.expect(200);
}

async fn item_40_the_successor_takes_over(backend: Backend) {
    let server = Server::start(backend).await;
    let mut token = server.account_of("Alice").await.tokens.refresh;
    for _ in 0..5 {
        token = server.refresh(&token).await.expect(200).tokens().refresh;
    }
}

async fn item_40_item_41_reuse_ends_the_session(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__REFRESH_GRACE", "0s")
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let other = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await
        .tokens();
    let new = server.refresh(&alice.tokens.refresh).await.tokens();

    let reused = server.refresh(&alice.tokens.refresh).await.expect(401);

    assert_eq!(reused.member("/msg"), "Invalid or expired refresh token");
    let _ = server.refresh(&new.refresh).await.expect(401);
    let _ = server.me(&new.access).await.expect(401);
    let _ = server.me(&alice.tokens.access).await.expect(401);
    // The other session has nothing to do with it.
    let _ = server.me(&other.access).await.expect(200);
    let _ = server.refresh(&other.refresh).await.expect(200);
}

async fn item_42_within_the_grace_the_same_successor_comes_again(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.refresh;
    let first = server.refresh(&token).await.expect(200).tokens();
    let second = server.refresh(&token).await.expect(200).tokens();

    assert_eq!(first.refresh, second.refresh);
    let _ = server.me(&second.access).await.expect(200);
    let _ = server.refresh(&second.refresh).await.expect(200);
}

async fn item_42_the_grace_ends_when_the_successor_is_used(backend: Backend) {
    let server = Server::start(backend).await;
    let first = server.account_of("Alice").await.tokens.refresh;
    let second = server.refresh(&first).await.tokens().refresh;
    let third = server.refresh(&second).await.tokens().refresh;

    let _ = server.refresh(&first).await.expect(401);
    let _ = server.refresh(&third).await.expect(401);
}

async fn item_42_the_grace_is_for_the_direct_predecessor_alone(backend: Backend) {
    let server = Server::start(backend).await;
    let first = server.account_of("Alice").await.tokens.refresh;
    let second = server.refresh(&first).await.tokens().refresh;
    let third = server.refresh(&second).await.tokens().refresh;

    // The second is the direct predecessor and forgiven; the first is not.
    assert_eq!(server.refresh(&second).await.tokens().refresh, third);
    let _ = server.refresh(&first).await.expect(401);
    let _ = server.refresh(&second).await.expect(401);
    let _ = server.refresh(&third).await.expect(401);
}

async fn item_41_reuse_after_the_grace_ends_the_session(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__REFRESH_GRACE", "1s")
        .start()
        .await;
    let token = server.account_of("Alice").await.tokens.refresh;
    let successor = server.refresh(&token).await.expect(200).tokens();

    eventually("the end of the grace", async || {
        let answer = server.refresh(&token).await;
        match answer.status {
            200 => {
                assert_eq!(answer.tokens().refresh, successor.refresh);
                None
            }
            _ => Some(answer.expect(401)),
        }
    })
    .await;

    let _ = server.refresh(&successor.refresh).await.expect(401);
    let _ = server.me(&successor.access).await.expect(401);
}

async fn item_42_twenty_at_once_get_one_successor(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.refresh;

    let tries: Vec<_> = (0..20)
        .map(|_| tokio::spawn(server.refresh(&token).into_future()))
        .collect();
    let mut successors = Vec::new();
    for answer in tries {
        let answer = answer.await.expect("an answer").expect(200);
        let tokens = answer.tokens();
        let _ = server.me(&tokens.access).await.expect(200);
        successors.push(tokens.refresh);
    }
    successors.dedup();
    assert_eq!(successors.len(), 1, "one successor for all");

    let next = server.refresh(&successors[0]).await.expect(200).tokens();
    let _ = server.refresh(&token).await.expect(401);
    let _ = server.refresh(&next.refresh).await.expect(401);
    let _ = server.me(&next.access).await.expect(401);
}

async fn item_44_an_expired_token_is_refused(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__REFRESH_TTL", "1s")
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let token = &alice.tokens.refresh;
    server
        .wait_until(&alice.person, Jwt::read(token).seconds("exp"))
        .await;

    let answer = server.refresh(token).await.expect(401);
    assert_eq!(answer.code(), "invalid_refresh_token");
}

async fn item_44_a_session_ends_at_its_greatest_age(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__SESSION_MAX_AGE", "2s")
        .env("LATCHKEY_TOKENS__ACCESS_TTL", "1s")
        .env("LATCHKEY_TOKENS__REFRESH_TTL", "1s")
        .start()
        .await;
    let mut token = server.account_of("Alice").await.tokens.refresh;
    let started = Jwt::read(&token).seconds("iat");
    let refused = eventually("the end of the session", async || {
        let answer = server.refresh(&token).await;
        if answer.status != 200 {
            return Some(answer);
        }
        token = answer.tokens().refresh;
        assert!(Jwt::read(&token).seconds("exp") <= started + 2);
        None
    });
    assert_eq!(refused.await.expect(401).code(), "invalid_refresh_token");
}

async fn tokens_outlive_the_process(backend: Backend) {
    let server = Home::new(backend).with_public_url().start().await;
    let tokens = server.account_of("Alice").await.tokens;
    let server = server.restart().await;
    let _ = server.me(&tokens.access).await.expect(200);
    let tokens = server.refresh(&tokens.refresh).await.expect(200).tokens();
    let server = server.kill_9().start().await;
    let _ = server.me(&tokens.access).await.expect(200);
    let _ = server.refresh(&tokens.refresh).await.expect(200);
}
