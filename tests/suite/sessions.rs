//! `/api/v1/users/me/sessions`: users see where they are signed in, and end it.

use insta::assert_snapshot;
use latchkey_tests::{Backend, Home, Jwt, Server, on_each_backend};

on_each_backend![
    item_47_lists_the_sessions_that_are_alive,
    item_47_ends_one,
    item_47_ends_all_of_them,
    item_47_shows_and_ends_nobody_elses,
    remembers_address_and_agent_of_the_last_use,
    item_22_a_trusted_proxy_tells_the_address,
    item_22_nobody_else_tells_the_address,
];

async fn item_47_lists_the_sessions_that_are_alive(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let person = &alice.person;
    let second = server
        .sign_in(&person.email, &person.password)
        .header("user-agent", "Firefox/140.0")
        .await
        .tokens();
    let third = server
        .sign_in(&person.email, &person.password)
        .await
        .tokens();
    let _ = server.log_out(&third.access).await.expect(200);

    let answer = server.sessions(&second.access).await;

    assert_snapshot!(answer.shown(), @r#"
    200
    content-type: application/json
    cache-control: no-store

    [
      {
        "created_at": "[time]",
        "current": true,
        "expires_at": "[time]",
        "ip": "127.0.0.1",
        "last_used_at": "[time]",
        "session_id": "[uuid]",
        "user_agent": "Firefox/140.0"
      },
      {
        "created_at": "[time]",
        "current": false,
        "expires_at": "[time]",
        "ip": "127.0.0.1",
        "last_used_at": "[time]",
        "session_id": "[uuid]",
        "user_agent": null
      }
    ]
    "#);
    let listed = answer.json();
    let sid = |token: &str| Jwt::read(token).claims["sid"].clone();
    assert_eq!(listed[0]["session_id"], sid(&second.access));
    assert_eq!(listed[1]["session_id"], sid(&alice.tokens.access));
}

async fn item_47_ends_one(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let other = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await
        .tokens();
    let access = &alice.tokens.access;
    let other_id = Jwt::read(&other.access).claims["sid"]
        .as_str()
        .expect("a session")
        .to_owned();

    assert_snapshot!(server.end_session(access, &other_id).await.shown(), @r#"
    204
    cache-control: no-store
    "#);

    let _ = server.me(&other.access).await.expect(401);
    let _ = server.refresh(&other.refresh).await.expect(401);
    let _ = server.me(access).await.expect(200);
    assert_snapshot!(server.end_session(access, &other_id).await.shown(), @r#"
    404
    content-type: application/problem+json
    cache-control: no-store

    {
      "code": "session_not_found",
      "detail": "There is no such session",
      "msg": "There is no such session",
      "status": 404,
      "title": "There is no such session",
      "type": "/problems/session_not_found"
    }
    "#);
    for nonsense in [
        "1",
        "garbage",
        "01932f6e-7a5b-7cde-8f01-23456789abcd",
        "%00",
    ] {
        let answer = server.end_session(access, nonsense).await;
        let _ = answer.expect(404);
    }
}

async fn item_47_ends_all_of_them(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let bob = server.account_of("Bobby").await;
    let other = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await
        .tokens();

    let answer = server.end_sessions(&other.access).await;

    assert_snapshot!(answer.shown(), @r#"
    204
    cache-control: no-store
    "#);
    for tokens in [&alice.tokens, &other] {
        let _ = server.me(&tokens.access).await.expect(401);
        let _ = server.refresh(&tokens.refresh).await.expect(401);
    }
    let _ = server.me(&bob.tokens.access).await.expect(200);
}

async fn item_47_shows_and_ends_nobody_elses(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let bob = server.account_of("Bobby").await;
    let listed = server.sessions(&alice.tokens.access).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let session = listed[0]["session_id"].as_str().expect("a session");

    let answer = server.end_session(&bob.tokens.access, session).await;

    let _ = answer.expect(404);
    let _ = server.me(&alice.tokens.access).await.expect(200);
}

async fn remembers_address_and_agent_of_the_last_use(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let used = server
        .refresh(&alice.tokens.refresh)
        .header("user-agent", "Tablet/2 (on the sofa)")
        .await
        .expect(200)
        .tokens();

    let session = server.sessions(&used.access).await.json()[0].clone();

    assert_eq!(session["user_agent"], "Tablet/2 (on the sofa)");
    assert_eq!(session["ip"], "127.0.0.1");
    assert!(session["last_used_at"].as_str() >= session["created_at"].as_str());
    assert!(session["expires_at"].as_str() > session["last_used_at"].as_str());
}

/// Signs in with the header and gives the address that the list of sessions shows.
async fn address_shown(server: &Server, headers: &[(&str, &str)]) -> String {
    let alice = server.account_of("Alice").await.person;
    let mut call = server.sign_in(&alice.email, &alice.password);
    for (name, value) in headers {
        call = call.header(name, value);
    }
    let tokens = call.await.expect(200).tokens();
    let sessions = server.sessions(&tokens.access).await;
    let address = sessions.member("/0/ip");
    let _ = server
        .delete_me(&tokens.access, &alice.password)
        .await
        .expect(204);
    address
}

async fn item_22_a_trusted_proxy_tells_the_address(backend: Backend) {
    let server = Home::new(backend)
        .config("[server]\ntrusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\n")
        .start()
        .await;
    for (headers, address) in [
        (&[][..], "127.0.0.1"),
        (&[("x-forwarded-for", "203.0.113.7")], "203.0.113.7"),
        // From the right: what stands left of the first stranger is hearsay.
        (
            &[("x-forwarded-for", "198.51.100.1, 203.0.113.7, 10.1.2.3")],
            "203.0.113.7",
        ),
        // Two lines are one list.
        (
            &[
                ("x-forwarded-for", "198.51.100.1, 203.0.113.7"),
                ("x-forwarded-for", "10.1.2.3"),
            ],
            "203.0.113.7",
        ),
        (&[("x-forwarded-for", "2001:db8::7")], "2001:db8::7"),
        // What cannot be read ends the walk at the last address that could.
        (&[("x-forwarded-for", "203.0.113.7, garbage")], "127.0.0.1"),
        (
            &[("x-forwarded-for", "203.0.113.7, garbage, 10.1.2.3")],
            "10.1.2.3",
        ),
    ] {
        assert_eq!(
            address_shown(&server, headers).await,
            address,
            "{headers:?}"
        );
    }
}

async fn item_22_nobody_else_tells_the_address(backend: Backend) {
    let server = Server::start(backend).await;
    for name in [
        "x-forwarded-for",
        "x-real-ip",
        "forwarded",
        "cf-connecting-ip",
    ] {
        let value = match name {
            "forwarded" => "for=203.0.113.7",
            _ => "203.0.113.7",
        };
        assert_eq!(
            address_shown(&server, &[(name, value)]).await,
            "127.0.0.1",
            "{name}"
        );
    }
}
