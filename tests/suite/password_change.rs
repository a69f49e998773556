//! POST `/api/v1/users/me/password`.

use insta::assert_snapshot;
use latchkey_tests::{Backend, Server, on_each_backend};
use serde_json::json;

on_each_backend![
    item_38_starts_a_new_session_and_ends_the_others,
    item_12_needs_the_current_password,
    item_13_the_policy_judges_the_new_one,
    two_at_once_do_not_both_win,
];

const NEW: &str = "Heron-under-38-bridges";

async fn item_38_starts_a_new_session_and_ends_the_others(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let other = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await
        .tokens();

    let answer = server
        .change_password(&alice.tokens.access, &alice.person.password, NEW)
        .await;

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
    for old in [&alice.tokens, &other] {
        let _ = server.me(&old.access).await.expect(401);
        let _ = server.refresh(&old.refresh).await.expect(401);
    }
    let new = answer.tokens();
    let _ = server.me(&new.access).await.expect(200);
    let _ = server.refresh(&new.refresh).await.expect(200);
    let old = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await;
    assert_eq!(old.expect(401).code(), "invalid_credentials");
    let _ = server.sign_in(&alice.person.email, NEW).await.expect(200);
}

async fn item_12_needs_the_current_password(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let access = &alice.tokens.access;

    let wrong = server
        .change_password(access, "Not-the-password-1", NEW)
        .await;
    assert_snapshot!(wrong.shown(), @r#"
    403
    content-type: application/problem+json
    cache-control: no-store

    {
      "code": "wrong_password",
      "detail": "The current password is wrong",
      "msg": "The current password is wrong",
      "status": 403,
      "title": "The current password is wrong",
      "type": "/problems/wrong_password"
    }
    "#);
    let missing = server
        .post("/api/v1/users/me/password")
        .bearer(access)
        .json(&json!({ "new_password": NEW }))
        .await;
    assert_eq!(
        missing.expect(422).violations(),
        ["current_password: missing"]
    );

    let _ = server.me(access).await.expect(200);
    let _ = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await
        .expect(200);
}

async fn item_13_the_policy_judges_the_new_one(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    for (new, violation) in [
        ("Zx3kvqp", "new_password: too_short"),
        ("Password1", "new_password: too_common"),
        ("Alice-Example-1", "new_password: contains_context"),
    ] {
        let answer = server
            .change_password(&alice.tokens.access, &alice.person.password, new)
            .await;
        assert_eq!(answer.expect(422).violations(), [violation]);
    }
    let _ = server.me(&alice.tokens.access).await.expect(200);
}

async fn two_at_once_do_not_both_win(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let new = |index| format!("{NEW}-{index}");

    let changes: Vec<_> = (0..8)
        .map(|index| {
            let change =
                server.change_password(&alice.tokens.access, &alice.person.password, &new(index));
            tokio::spawn(change.into_future())
        })
        .collect();
    let mut winner = None;
    for (index, change) in changes.into_iter().enumerate() {
        let answer = change.await.expect("an answer");
        match answer.status {
            200 => assert_eq!(
                winner.replace((index, answer.tokens())),
                None,
                "two winners"
            ),
            401 => assert_eq!(answer.code(), "invalid_token"),
            _ => assert_eq!(answer.expect(403).code(), "wrong_password"),
        }
    }

    let (index, tokens) = winner.expect("a winner");
    let _ = server.me(&tokens.access).await.expect(200);
    let email = &alice.person.email;
    let _ = server.sign_in(email, &new(index)).await.expect(200);
}
