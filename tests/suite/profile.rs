//! `/api/v1/users/me`: what users see and change of themselves.

use insta::assert_snapshot;
use latchkey_tests::{Backend, Jwt, Server, on_each_backend};
use serde_json::{Value, json};

on_each_backend![
    shows_the_user,
    changes_name_and_age,
    leaves_what_is_not_named,
    refuses_what_does_not_fit,
    item_27_changes_nothing_else,
    item_46_deletes_the_account,
    deletes_only_after_the_right_password,
    item_67_needs_an_access_token,
    item_68_an_access_token_stands_in_one_place,
    item_69_a_token_in_the_query_is_no_token,
    item_27_no_answer_holds_a_hash,
    keeps_an_account_that_others_refer_to,
];

async fn shows_the_user(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    assert_snapshot!(server.me(&alice.tokens.access).await.shown(), @r#"
    200
    content-type: application/json
    cache-control: no-store

    {
      "age": null,
      "created_at": "[time]",
      "email": "alice@example.com",
      "name": "Alice Example",
      "updated_at": "[time]",
      "user_id": "[uuid]"
    }
    "#);
}

async fn changes_name_and_age(backend: Backend) {
    let server = Server::start(backend).await;
    let access = server.account_of("Alice").await.tokens.access;
    let before = server.me(&access).await.json();

    let answer = server
        .update_me(&access, &json!({ "name": "Alice Liddell", "age": "33" }))
        .await;

    assert_snapshot!(answer.shown(), @r#"
    200
    content-type: application/json
    cache-control: no-store

    {
      "age": 33,
      "created_at": "[time]",
      "email": "alice@example.com",
      "name": "Alice Liddell",
      "updated_at": "[time]",
      "user_id": "[uuid]"
    }
    "#);
    let after = server.me(&access).await.json();
    assert_eq!(after, answer.json());
    assert_eq!(after["created_at"], before["created_at"]);
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str());
}

async fn leaves_what_is_not_named(backend: Backend) {
    let server = Server::start(backend).await;
    let access = server.account_of("Alice").await.tokens.access;
    let update = async |change: Value| {
        let user = server.update_me(&access, &change).await.expect(200).json();
        (user["name"].clone(), user["age"].clone())
    };

    assert_eq!(
        update(json!({ "age": 33 })).await,
        (json!("Alice Example"), json!(33))
    );
    assert_eq!(update(json!({})).await, (json!("Alice Example"), json!(33)));
    assert_eq!(
        update(json!({ "name": "Alice Two" })).await,
        (json!("Alice Two"), json!(33))
    );
    assert_eq!(
        update(json!({ "age": null })).await,
        (json!("Alice Two"), json!(null))
    );
}

async fn refuses_what_does_not_fit(backend: Backend) {
    let server = Server::start(backend).await;
    let access = server.account_of("Alice").await.tokens.access;
    for (change, violation) in [
        (json!({ "name": "Al" }), "name: too_short"),
        (json!({ "name": "x".repeat(101) }), "name: too_long"),
        (json!({ "age": 0 }), "age: out_of_range"),
        (json!({ "age": "151" }), "age: out_of_range"),
    ] {
        let answer = server.update_me(&access, &change).await.expect(422);
        assert_eq!(answer.violations(), [violation]);
    }
    for change in [
        json!({ "name": null }),
        json!({ "name": 5 }),
        json!({ "age": {} }),
    ] {
        let answer = server.update_me(&access, &change).await.expect(422);
        assert_eq!(answer.violations().len(), 1, "{change}");
    }
    // One bad field, and the good one is not taken either.
    let half = json!({ "name": "Alice Two", "age": 0 });
    let _ = server.update_me(&access, &half).await.expect(422);
    assert_eq!(server.me(&access).await.member("/name"), "Alice Example");
}

async fn item_27_changes_nothing_else(backend: Backend) {
    let server = Server::start(backend).await;
    let access = server.account_of("Alice").await.tokens.access;
    let before = server.me(&access).await.json();
    let change = json!({
        "user_id": "01932f6e-7a5b-7cde-8f01-23456789abcd",
        "email": "eve@example.com",
        "password": "Another-good-one-1",
        "created_at": "2000-01-01T00:00:00.000Z",
        "disabled_at": "2000-01-01T00:00:00.000Z",
        "role": "admin",
    });
    let mut after = server.update_me(&access, &change).await.expect(200).json();
    after["updated_at"] = before["updated_at"].clone();
    assert_eq!(after, before);
}

async fn item_46_deletes_the_account(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let bob = server.account_of("Bobby").await;

    let answer = server
        .delete_me(&alice.tokens.access, &alice.person.password)
        .await;

    assert_snapshot!(answer.shown(), @r#"
    204
    cache-control: no-store
    "#);
    let _ = server.me(&alice.tokens.access).await.expect(401);
    let _ = server.refresh(&alice.tokens.refresh).await.expect(401);
    let gone = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await;
    assert_eq!(gone.expect(401).code(), "invalid_credentials");
    let _ = server.me(&bob.tokens.access).await.expect(200);
    // The address is free, and its next owner is another user.
    let again = server.account(&alice.person).await;
    assert_ne!(again.user_id, alice.user_id);
    let _ = server.me(&alice.tokens.access).await.expect(401);
}

async fn deletes_only_after_the_right_password(backend: Backend) {
    let server = Server::start(backend).await;
    let access = server.account_of("Alice").await.tokens.access;

    let wrong = server.delete_me(&access, "Not-the-password-1").await;
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
        .delete("/api/v1/users/me")
        .bearer(&access)
        .json(&json!({}))
        .await;
    assert_eq!(missing.expect(422).violations(), ["password: missing"]);
    let _ = server.me(&access).await.expect(200);
}

async fn keeps_an_account_that_others_refer_to(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let id = match backend {
        Backend::Sqlite => "blob",
        Backend::Postgres => "uuid",
    };
    server.database().execute(&format!(
        "create table expenses (user_id {id} not null references users (user_id)); \
         insert into expenses (user_id) select user_id from users;",
    ));

    let answer = server
        .delete_me(&alice.tokens.access, &alice.person.password)
        .await;

    assert_snapshot!(answer.shown(), @r#"
    409
    content-type: application/problem+json
    cache-control: no-store

    {
      "code": "user_referenced",
      "detail": "Other data still refers to this account",
      "msg": "Other data still refers to this account",
      "status": 409,
      "title": "Other data still refers to this account",
      "type": "/problems/user_referenced"
    }
    "#);
    let _ = server.me(&alice.tokens.access).await.expect(200);
    let by_operator = server
        .cli(["user", "delete", &alice.person.email, "--yes"])
        .await;
    assert_eq!(by_operator.code, Some(1), "{by_operator:?}");
    server.database().execute("drop table expenses");
    let _ = server
        .delete_me(&alice.tokens.access, &alice.person.password)
        .await
        .expect(204);
}

async fn item_67_needs_an_access_token(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let access = &alice.tokens.access;

    assert_snapshot!(server.get("/api/v1/users/me").await.shown(), @r#"
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
    assert_snapshot!(server.me("garbage").await.shown(), @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="latchkey", error="invalid_token", error_description="Invalid or expired access token"
    cache-control: no-store

    {
      "code": "invalid_token",
      "detail": "Invalid or expired access token",
      "msg": "Invalid or expired access token",
      "status": 401,
      "title": "Invalid or expired access token",
      "type": "/problems/invalid_token"
    }
    "#);
    let refresh = server.me(&alice.tokens.refresh).await.expect(401);
    assert_eq!(refresh.code(), "invalid_token");

    for (name, value) in [
        ("authorization", format!("bearer {access}")),
        ("authorization", format!("BEARER {access}")),
    ] {
        let _ = server
            .get("/api/v1/users/me")
            .header(name, &value)
            .await
            .expect(200);
    }
    for value in ["Basic YWxpY2U6cGFzc3dvcmQ=", "", "Bearer", "Token abc"] {
        let answer = server
            .get("/api/v1/users/me")
            .header("authorization", value)
            .await;
        let _ = answer.expect(401);
    }
    assert_eq!(Jwt::read(access).claims["sub"], alice.user_id);
}

async fn item_68_an_access_token_stands_in_one_place(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let twice = server.me(&tokens.access).bearer(&tokens.access).await;
    assert_eq!(twice.expect(400).code(), "invalid_request");
    let two = server.me(&tokens.access).bearer(&tokens.refresh).await;
    let two = two.expect(400);
    let challenge = two.header("www-authenticate");
    assert!(
        challenge.contains("error=\"invalid_request\""),
        "{challenge}"
    );
}

async fn item_69_a_token_in_the_query_is_no_token(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let access = &tokens.access;
    for query in [
        format!("access_token={access}"),
        format!("token={access}"),
        format!("authorization=Bearer%20{access}"),
        format!("refresh_token={}", tokens.refresh),
    ] {
        for (method, path) in [
            ("GET", "/api/v1/users/me"),
            ("DELETE", "/api/v1/users/me/sessions"),
            ("POST", "/api/v1/users/refresh"),
            ("POST", "/api/v1/users/logout"),
        ] {
            let refused = server.call(method, &format!("{path}?{query}")).await;
            let refused = refused.expect(401);
            assert_eq!(refused.code(), "authorization_required", "{path}");
        }
        // Beside one in the header it is passed over.
        let me = server.get(&format!("/api/v1/users/me?{query}"));
        let _ = me.bearer(access).await.expect(200);
    }
    let logs = server.logs();
    assert!(!logs.contains(access) && !logs.contains(&tokens.refresh));
}

/// Whatever is asked for, by whomever.
async fn item_27_no_answer_holds_a_hash(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let (person, access) = (&alice.person, &alice.tokens.access);
    let sign_in = server.sign_in(&person.email, &person.password).await;
    let new = "Heron-under-38-bridges";
    let change = json!({ "age": 33, "password": new, "role": "admin" });
    let mut answers = vec![
        server.me(access).await.expect(200),
        server.update_me(access, &change).await.expect(200),
        server.sessions(access).await.expect(200),
        server.refresh(&sign_in.tokens().refresh).await.expect(200),
        sign_in.expect(200),
        server.sign_up(person).await.expect(400),
        server.delete_me(access, "wrong").await.expect(403),
        server
            .change_password(access, &person.password, new)
            .await
            .expect(200),
    ];
    answers.push(server.sign_in(&person.email, new).await.expect(200));
    for answer in answers {
        let shown = answer.text().to_lowercase();
        for word in ["argon2", "$m=", "hash", "role", new] {
            assert!(!shown.contains(word), "{word}: {}", answer.shown());
        }
        let has_password = answer.json().get("password").is_some()
            || answer.json().pointer("/user/password").is_some();
        assert!(!has_password, "{}", answer.shown());
    }
}
