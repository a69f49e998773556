//! POST `/api/v1/users/signin`.

use insta::assert_snapshot;
use latchkey_tests::{Answer, Backend, Jwt, Person, Server, on_each_backend};
use serde_json::json;

on_each_backend![
    answers_as_sign_up_does,
    item_17_unknown_address_and_wrong_password_look_the_same,
    item_17_an_account_without_a_password_looks_like_none,
    item_24_nobody_is_there_before_somebody_signs_up,
    item_38_every_sign_in_is_a_session_of_its_own,
    what_is_missing_does_not_fit,
    item_18_a_disabled_user_is_told_only_after_the_right_password,
    item_77_a_form_of_a_web_page_cannot_sign_in,
];

async fn answers_as_sign_up_does(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;

    let answer = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await;

    assert_snapshot!(answer.shown(), @r#"
    200
    content-type: application/json
    cache-control: no-store

    {
      "access_token": "[jwt]",
      "expires_in": 1800,
      "refresh_token": "[jwt]",
      "token_type": "bearer",
      "user": {
        "age": null,
        "created_at": "[time]",
        "email": "alice@example.com",
        "name": "Alice Example",
        "updated_at": "[time]",
        "user_id": "[uuid]"
      }
    }
    "#);
    assert_eq!(answer.member("/user/user_id"), alice.user_id);
}

async fn item_17_unknown_address_and_wrong_password_look_the_same(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.person;

    let wrong = server.sign_in(&alice.email, "Not-the-password-1").await;
    let unknown = server.sign_in("nobody@example.com", &alice.password).await;

    assert_snapshot!(wrong.shown(), @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="latchkey"
    cache-control: no-store

    {
      "code": "invalid_credentials",
      "detail": "Invalid email or password",
      "msg": "Invalid email or password",
      "status": 401,
      "title": "Invalid email or password",
      "type": "/problems/invalid_credentials"
    }
    "#);
    assert_eq!(visible(&wrong), visible(&unknown));
    let _ = server.cli(["user", "disable", &alice.email]).await.ok();
    let disabled = server.sign_in(&alice.email, "Not-the-password-1").await;
    assert_eq!(visible(&wrong), visible(&disabled));
}

/// As an import makes it of a user who signed in elsewhere, and as a hash that nothing can
/// verify makes it.
async fn item_17_an_account_without_a_password_looks_like_none(backend: Backend) {
    let server = Server::start(backend).await;
    let line = json!({ "email": "eve@example.com", "name": "Eve Example", "password_hash": null });
    let import = ["user", "import"];
    let _ = server
        .home()
        .cli_with_input(&line.to_string(), import)
        .await
        .ok();
    let broken = server.account_of("Alice").await.person;
    server
        .database()
        .execute("update users set password = 'sha1$x$y' where email like 'alice%'");
    for password in ["", "null", "None", "!", "sha1$x$y", &broken.password] {
        let unknown = server.sign_in("nobody@example.com", password).await;
        for email in ["eve@example.com", &broken.email] {
            let known = server.sign_in(email, password).await;
            assert_eq!(visible(&known), visible(&unknown), "{email} {password:?}");
        }
    }
}

async fn item_24_nobody_is_there_before_somebody_signs_up(backend: Backend) {
    let servers = [Server::start(backend).await, Server::start(backend).await];
    let mut keys = Vec::new();
    for server in &servers {
        let users = server.cli(["user", "list", "--json"]).await.json();
        let clients = server.cli(["client", "list", "--json"]).await.json();
        assert_eq!((users, clients), (json!([]), json!([])));
        for table in ["users", "sessions", "clients"] {
            let rows = server.database().rows(&format!("select * from {table}"));
            assert!(rows.is_empty(), "{table}: {rows:?}");
        }
        for email in [
            "admin@example.com",
            "root@localhost",
            "latchkey@latchkey.local",
        ] {
            for password in ["admin", "Password1", "latchkey", "changeme", ""] {
                let answer = server.sign_in(email, password).await;
                assert!(
                    [401, 422, 429].contains(&answer.status),
                    "{}",
                    answer.shown()
                );
            }
        }
        keys.push(server.get("/.well-known/jwks.json").await.json());
    }
    // Nor is there a key that somebody else could have.
    assert_ne!(keys[0], keys[1]);
}

/// All of an answer but its date and the request's id.
fn visible(answer: &Answer) -> (u16, Vec<(String, String)>, &str) {
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), format!("{value:?}")))
        .collect();
    (answer.status, headers, answer.text())
}

async fn item_38_every_sign_in_is_a_session_of_its_own(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let answer = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await
        .expect(200);

    let [first, second] = [&alice.tokens, &answer.tokens()].map(|tokens| {
        let access = Jwt::read(&tokens.access).claims;
        let refresh = Jwt::read(&tokens.refresh).claims;
        assert_eq!(access["sid"], refresh["sid"]);
        assert_ne!(access["jti"], refresh["jti"]);
        (access, refresh)
    });
    for claim in ["sid", "jti"] {
        assert_ne!(first.0[claim], second.0[claim], "{claim}");
    }
    assert_ne!(first.1["jti"], second.1["jti"]);
    let _ = server.me(&alice.tokens.access).await.expect(200);
}

async fn what_is_missing_does_not_fit(backend: Backend) {
    let server = Server::start(backend).await;
    let sign_in = |form| {
        server
            .post("/api/v1/users/signin")
            .json(&form)
            .into_future()
    };

    let nothing = sign_in(json!({})).await.expect(422).violations();
    assert_eq!(nothing, ["email: missing", "password: missing"]);
    let numbers = sign_in(json!({ "email": 1, "password": 2 })).await;
    assert_eq!(numbers.expect(422).violations().len(), 2);
}

async fn item_18_a_disabled_user_is_told_only_after_the_right_password(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.person;
    let _ = server.cli(["user", "disable", &alice.email]).await.ok();

    let right = server.sign_in(&alice.email, &alice.password).await;
    assert_snapshot!(right.shown(), @r#"
    403
    content-type: application/problem+json
    cache-control: no-store

    {
      "code": "user_disabled",
      "detail": "This account is disabled",
      "msg": "This account is disabled",
      "status": 403,
      "title": "This account is disabled",
      "type": "/problems/user_disabled"
    }
    "#);
    let wrong = server.sign_in(&alice.email, "Not-the-password-1").await;
    assert_eq!(wrong.expect(401).code(), "invalid_credentials");

    let _ = server.cli(["user", "enable", &alice.email]).await.ok();
    let _ = server
        .sign_in(&alice.email, &alice.password)
        .await
        .expect(200);
}

async fn item_77_a_form_of_a_web_page_cannot_sign_in(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account(&Person::named("Alice")).await.person;
    let json = json!({ "email": alice.email, "password": alice.password }).to_string();
    for content_type in [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "text/plain;application/json",
    ] {
        let answer = server
            .post("/api/v1/users/signin")
            .header("origin", "https://evil.example")
            .body(content_type, json.clone())
            .await;
        assert_eq!(answer.expect(415).code(), "unsupported_media_type");
    }
}
