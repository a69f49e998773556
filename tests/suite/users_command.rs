//! `latchkey user`: an operator at work while the server runs.

use latchkey_tests::{Account, Backend, Home, Server, on_each_backend};
use serde_json::json;

on_each_backend![
    adds_a_user_who_can_sign_in,
    judges_what_it_adds_like_the_api,
    lists_and_shows_users,
    item_79_a_name_steers_no_terminal,
    sets_a_password,
    sets_an_address,
    item_46_signs_a_user_out,
    item_46_disables_and_enables_a_user,
    item_46_deletes_a_user,
    finds_users_by_address_and_id,
    tells_when_there_is_no_such_user,
    unlocks_a_user,
];

async fn started(backend: Backend) -> (Server, Account) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    (server, alice)
}

async fn adds_a_user_who_can_sign_in(backend: Backend) {
    let server = Server::start(backend).await;
    let added = server
        .home()
        .cli_with_input(
            "Kestrel-over-27-moors\n",
            [
                "user",
                "add",
                "bobby@example.com",
                "--name",
                "Bobby Example",
                "--age",
                "40",
                "--json",
            ],
        )
        .await
        .json();
    let answer = server
        .sign_in("Bobby@Example.com", "Kestrel-over-27-moors")
        .await
        .expect(200);
    for member in [
        "user_id",
        "name",
        "email",
        "age",
        "created_at",
        "updated_at",
    ] {
        assert_eq!(answer.json()["user"][member], added[member], "{member}");
    }
    assert_eq!(added["disabled_at"], json!(null));
}

async fn judges_what_it_adds_like_the_api(backend: Backend) {
    let (server, alice) = started(backend).await;
    for (email, name, password, code, hint) in [
        (
            "bobby@example.com",
            "Bobby Example",
            "Password1",
            1,
            "most people use",
        ),
        (
            "bobby@example.com",
            "Bobby Example",
            "short",
            1,
            "8 characters",
        ),
        (
            alice.person.email.as_str(),
            "Alice Two",
            "Kestrel-over-27-moors",
            1,
            "registered",
        ),
        (
            "no address",
            "Bobby Example",
            "Kestrel-over-27-moors",
            2,
            "no address",
        ),
        ("bobby@example.com", "Bob", "Kestrel-over-27-moors", 2, "5"),
    ] {
        let arguments = ["user", "add", email, "--name", name];
        let refused = server.home().cli_with_input(password, arguments).await;
        let error = refused.failed(code);
        assert!(error.contains(hint), "{hint}: {error}");
        assert!(!error.contains(password), "{error}");
    }
    assert_eq!(
        server.database().rows("select count(*) from users"),
        [["1"]]
    );
}

async fn lists_and_shows_users(backend: Backend) {
    let (server, alice) = started(backend).await;
    let bob = server.account_of("Bobby").await;

    let listed = server.cli(["user", "list", "--json"]).await.json();
    assert_eq!(listed[0]["user_id"], alice.user_id);
    assert_eq!(listed[1]["user_id"], bob.user_id);
    let text = server.cli(["user", "list"]).await.ok().stdout;
    assert_eq!(text.lines().count(), 3, "{text}");
    let page = server
        .cli([
            "user",
            "list",
            "--json",
            "--limit",
            "1",
            "--after",
            &alice.user_id,
        ])
        .await
        .json();
    assert_eq!(page.as_array().map(Vec::len), Some(1));
    assert_eq!(page[0]["email"], bob.person.email);

    let shown = server
        .cli(["user", "show", &alice.person.email, "--json"])
        .await
        .json();
    assert_eq!(shown["name"], alice.person.name);
    assert_eq!(shown["sessions"].as_array().map(Vec::len), Some(1));
    for output in [text, listed.to_string(), shown.to_string()] {
        assert!(!output.contains("argon2"), "{output}");
    }
}

/// A mark of direction turns the rest of a line around, so that one user's row looks like
/// another's; a database that was adopted may hold worse.
async fn item_79_a_name_steers_no_terminal(backend: Backend) {
    let (server, alice) = started(backend).await;
    let change = json!({ "name": "Alice\u{202e}elbasid\u{2066}x\u{200f}\u{2028}y" });
    let access = &alice.tokens.access;
    let _ = server.update_me(access, &change).await.expect(200);
    let bob = server.account_of("Bobby").await;
    let worse = "update users set name = 'Bob\u{1b}[2J\u{7}\u{9b}31m\rforged\ndisabled' \
                 where email like 'bobby%'";
    server.database().execute(worse);
    let strange = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    for (arguments, lines) in [
        (&["user", "list"][..], 3),
        (&["user", "show", &alice.person.email], 12),
        (&["user", "show", &bob.person.email], 12),
    ] {
        let shown = server.cli(arguments).await.ok().stdout;
        assert!(!shown.contains(strange), "{shown:?}");
        assert_eq!(shown.lines().count(), lines, "{shown}");
    }
    // Programs get the name as it is.
    let listed = server.cli(["user", "list", "--json"]).await.json();
    assert_eq!(listed[0]["name"], change["name"]);
}

async fn sets_a_password(backend: Backend) {
    let (server, alice) = started(backend).await;
    let set = |password: &'static str| {
        let email = alice.person.email.clone();
        let home = server.home();
        async move {
            let arguments = ["user", "set-password", &email];
            home.cli_with_input(password, arguments).await
        }
    };
    let refused = set("Password1").await.failed(1);
    assert!(refused.contains("most people use"), "{refused}");
    let _ = server.me(&alice.tokens.access).await.expect(200);

    let _ = set("Heron-under-38-bridges\n").await.ok();

    let _ = server.me(&alice.tokens.access).await.expect(401);
    let _ = server.refresh(&alice.tokens.refresh).await.expect(401);
    let email = &alice.person.email;
    let _ = server
        .sign_in(email, &alice.person.password)
        .await
        .expect(401);
    let _ = server
        .sign_in(email, "Heron-under-38-bridges")
        .await
        .expect(200);
}

async fn sets_an_address(backend: Backend) {
    let (server, alice) = started(backend).await;
    let bob = server.account_of("Bobby").await;
    let old = &alice.person.email;
    let taken = server
        .cli(["user", "set-email", old, "BOBBY@example.com"])
        .await;
    assert!(taken.failed(1).contains("registered"));

    let _ = server
        .cli(["user", "set-email", old, "Alice@Example.org"])
        .await
        .ok();

    let password = &alice.person.password;
    let _ = server.sign_in(old, password).await.expect(401);
    let answer = server
        .sign_in("alice@example.org", password)
        .await
        .expect(200);
    assert_eq!(answer.member("/user/user_id"), alice.user_id);
    assert_eq!(answer.member("/user/email"), "Alice@Example.org");
    let _ = server.me(&bob.tokens.access).await.expect(200);
}

async fn item_46_signs_a_user_out(backend: Backend) {
    let (server, alice) = started(backend).await;
    let email = &alice.person.email;
    let other = server.sign_in(email, &alice.person.password).await.tokens();
    let out = server
        .cli(["user", "sign-out", email, "--json"])
        .await
        .json();
    assert_eq!(out["ended"], 2);
    for tokens in [&alice.tokens, &other] {
        let _ = server.me(&tokens.access).await.expect(401);
        let _ = server.refresh(&tokens.refresh).await.expect(401);
    }
    let _ = server
        .sign_in(email, &alice.person.password)
        .await
        .expect(200);
}

async fn item_46_disables_and_enables_a_user(backend: Backend) {
    let (server, alice) = started(backend).await;
    let email = &alice.person.email;
    let disabled = server
        .cli(["user", "disable", email, "--json"])
        .await
        .json();
    assert!(disabled["disabled_at"].is_string(), "{disabled}");
    let _ = server.me(&alice.tokens.access).await.expect(401);
    let _ = server.refresh(&alice.tokens.refresh).await.expect(401);
    let refused = server.sign_in(email, &alice.person.password).await;
    assert_eq!(refused.expect(403).code(), "user_disabled");

    let _ = server.cli(["user", "enable", email]).await.ok();

    // The sessions of before have ended for good.
    let _ = server.me(&alice.tokens.access).await.expect(401);
    let _ = server
        .sign_in(email, &alice.person.password)
        .await
        .expect(200);
    // Doing it again is no error.
    let _ = server.cli(["user", "enable", email]).await.ok();
}

async fn item_46_deletes_a_user(backend: Backend) {
    let (server, alice) = started(backend).await;
    let email = &alice.person.email;
    let _ = server.cli(["user", "delete", email, "--yes"]).await.ok();
    let _ = server.me(&alice.tokens.access).await.expect(401);
    let _ = server.refresh(&alice.tokens.refresh).await.expect(401);
    let gone = server.sign_in(email, &alice.person.password).await;
    assert_eq!(gone.expect(401).code(), "invalid_credentials");
    let _ = server
        .cli(["user", "delete", email, "--yes"])
        .await
        .failed(1);
}

async fn finds_users_by_address_and_id(backend: Backend) {
    let (server, alice) = started(backend).await;
    for name in [
        alice.user_id.as_str(),
        "alice@example.com",
        "ALICE@EXAMPLE.COM",
        &alice.user_id.to_uppercase(),
    ] {
        let shown = server.cli(["user", "show", name, "--json"]).await.json();
        assert_eq!(shown["user_id"], alice.user_id, "{name}");
    }
}

async fn tells_when_there_is_no_such_user(backend: Backend) {
    let (server, _) = started(backend).await;
    let nobody = "01932f6e-7a5b-7cde-8f01-23456789abcd";
    for name in ["nobody@example.com", nobody] {
        for command in ["show", "sign-out", "disable", "enable", "unlock", "delete"] {
            let error = server.cli(["user", command, name]).await.failed(1);
            assert!(error.contains(name), "{command}: {error}");
            assert_eq!(error.trim_end().lines().count(), 1, "{error}");
        }
    }
    // And a database that is not there is not made by looking.
    let home = Home::new(backend);
    let _ = home.cli(["user", "list"]).await.failed(1);
}

async fn unlocks_a_user(backend: Backend) {
    let (server, alice) = started(backend).await;
    let _ = server
        .cli(["user", "unlock", &alice.person.email])
        .await
        .ok();
}
