//! `/account`: who am I, my sessions, my password, signing out.

use latchkey_tests::{Backend, Browser, Jwt, Server, on_each_backend};

on_each_backend![
    item_47_it_lists_the_sessions_and_ends_another,
    ending_ones_own_session_is_signing_out,
    item_47_nobody_ends_a_session_of_somebody_else,
    item_47_every_session_can_be_ended,
    item_45_signing_out_ends_the_session,
    item_38_a_new_password_starts_a_new_session,
    item_12_a_password_that_is_not_taken_changes_nothing,
    whoever_is_not_signed_in_is_asked_to,
    of_two_cookies_none_is_guessed,
    a_notice_is_one_of_ours,
];

const NEW_PASSWORD: &str = "Harrier-over-31-fells";

async fn item_47_it_lists_the_sessions_and_ends_another(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let form = [
        ("email", &*alice.person.email),
        ("password", &*alice.person.password),
    ];
    let mut here = Browser::new(&server).called("Here/1.0");
    let mut there = Browser::new(&server).called("There/2.0");
    for browser in [&mut here, &mut there] {
        let _ = browser.submit("/signin", &form).await.expect(303);
    }
    let page = here.visit("/account").await.expect(200);
    for shown in ["Alice Example", "Here/1.0", "There/2.0", "127.0.0.1"] {
        assert!(page.text().contains(shown), "{shown}: {}", page.text());
    }

    let other = session_of(there.token());
    let field = [("session_id", &*other)];
    let done = here.submit("/account/sessions/end", &field).await;
    let to = done.expect(303).header("location").to_owned();
    let page = here.visit(&to).await.expect(200);
    assert!(page.text().contains("The session has ended."));
    assert!(!page.text().contains("There/2.0"), "{}", page.text());
    assert_eq!(
        there.visit("/account").await.expect(303).header("location"),
        "/signin"
    );
    assert!(!there.is_signed_in(), "a dead cookie is taken back");

    let again = here.submit("/account/sessions/end", &field).await;
    assert!(again.expect(404).alert().contains("no such session"));
    let _ = here.visit("/account").await.expect(200);
}

async fn ending_ones_own_session_is_signing_out(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let mut browser = Browser::new(&server).with_token(&alice.tokens.refresh);
    let own = session_of(browser.token());
    let fields = [("session_id", &*own)];
    let done = browser.submit("/account/sessions/end", &fields).await;
    let to = done.expect(303).header("location").to_owned();
    assert!(!browser.is_signed_in());
    let page = browser.visit(&to).await.expect(200);
    assert!(page.text().contains("You are signed out."));
    let _ = server.me(&alice.tokens.access).await.expect(401);
}

async fn item_47_nobody_ends_a_session_of_somebody_else(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.tokens;
    let mallory = server.account_of("Mallory").await.tokens;
    let mut browser = Browser::new(&server).with_token(&mallory.refresh);
    let of_alice = session_of(&alice.refresh);
    for id in [of_alice.as_str(), "", "x", "' or 1=1 --"] {
        let fields = [("session_id", id)];
        let page = browser.submit("/account/sessions/end", &fields).await;
        assert!(page.expect(404).text().contains("Mallory"));
    }
    let _ = server.me(&alice.access).await.expect(200);
}

async fn item_47_every_session_can_be_ended(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let elsewhere = server.sign_in(&alice.person.email, &alice.person.password);
    let elsewhere = elsewhere.await.expect(200).tokens();
    let mut browser = Browser::new(&server).with_token(&alice.tokens.refresh);
    let done = browser.submit("/account/sessions/end-all", &[]).await;
    let to = done.expect(303).header("location").to_owned();
    assert!(!browser.is_signed_in());
    let page = browser.visit(&to).await.expect(200);
    assert!(page.text().contains("signed out on every device"));
    for token in [&alice.tokens.access, &elsewhere.access] {
        let _ = server.me(token).await.expect(401);
    }
}

async fn item_45_signing_out_ends_the_session(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let mut browser = Browser::new(&server).with_token(&tokens.refresh);
    let done = browser.submit("/signout", &[]).await.expect(303);
    assert_eq!(done.header("location"), "/signin?notice=signed_out");
    assert!(!browser.is_signed_in());
    let _ = server.refresh(&tokens.refresh).await.expect(401);
    let _ = server.me(&tokens.access).await.expect(401);
    // Once more, with the dead cookie and with none.
    for mut browser in [
        Browser::new(&server).with_token(&tokens.refresh),
        Browser::new(&server),
    ] {
        let _ = browser.submit("/signout", &[]).await.expect(303);
        assert!(!browser.is_signed_in());
    }
}

async fn item_38_a_new_password_starts_a_new_session(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let old = alice.tokens.refresh.as_str();
    let mut browser = Browser::new(&server).with_token(old);
    let fields = [
        ("current_password", &*alice.person.password),
        ("new_password", NEW_PASSWORD),
    ];
    let done = browser.submit("/account/password", &fields).await;
    let to = done.expect(303).header("location").to_owned();
    assert_ne!(session_of(browser.token()), session_of(old));
    let page = browser.visit(&to).await.expect(200);
    assert!(page.text().contains("Your password is changed."));
    let _ = server.me(&alice.tokens.access).await.expect(401);
    let mut before = Browser::new(&server).with_token(old);
    let _ = before.visit("/account").await.expect(303);
    assert!(!before.is_signed_in());
    for (password, status) in [(&*alice.person.password, 401), (NEW_PASSWORD, 200)] {
        let signed_in = server.sign_in(&alice.person.email, password).await;
        let _ = signed_in.expect(status);
    }
}

async fn item_12_a_password_that_is_not_taken_changes_nothing(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let mut browser = Browser::new(&server).with_token(&alice.tokens.refresh);
    let right = &*alice.person.password;
    for (current, new, status, field, message) in [
        (
            "Wrong-over-27-moors",
            NEW_PASSWORD,
            403,
            "current_password",
            "The current password is wrong.",
        ),
        (right, "short", 422, "new_password", "at least 8 characters"),
        (right, "", 422, "new_password", "This is required."),
        (
            "",
            NEW_PASSWORD,
            422,
            "current_password",
            "This is required.",
        ),
        (right, "Alice-Example-1", 422, "new_password", "name"),
    ] {
        let fields = [("current_password", current), ("new_password", new)];
        let page = browser.submit("/account/password", &fields).await;
        let page = page.expect(status);
        assert!(page.faults(field).contains(message), "{}", page.text());
        assert!(page.alert().contains(&format!("href=\"#{field}\"")));
        for field in ["current_password", "new_password"] {
            assert_eq!(page.value(field), "");
        }
        assert!(page.text().contains(&alice.person.email));
    }
    assert_eq!(browser.token(), alice.tokens.refresh);
    let signed_in = server.sign_in(&alice.person.email, right).await;
    let _ = signed_in.expect(200);
}

async fn whoever_is_not_signed_in_is_asked_to(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let _ = server.log_out(&alice.tokens.access).await.expect(200);
    let fields = [
        ("current_password", &*alice.person.password),
        ("new_password", NEW_PASSWORD),
        ("session_id", "x"),
    ];
    for token in [&alice.tokens.refresh, &alice.tokens.access, "x", "a.b.c"] {
        for path in [
            "/account/password",
            "/account/sessions/end",
            "/account/sessions/end-all",
        ] {
            let mut browser = Browser::new(&server).with_token(token);
            let away = browser.submit(path, &fields).await.expect(303);
            assert_eq!(away.header("location"), "/signin");
            assert!(!browser.is_signed_in(), "{path}");
        }
        let mut browser = Browser::new(&server).with_token(token);
        let away = browser.visit("/account").await.expect(303);
        assert_eq!(away.header("location"), "/signin");
        assert!(!browser.is_signed_in());
    }
    let signed_in = server.sign_in(&alice.person.email, &alice.person.password);
    let _ = signed_in.await.expect(200);
}

/// Over http anything on the same host can set a cookie of our name.
async fn of_two_cookies_none_is_guessed(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let two = format!("latchkey={}; latchkey=x", tokens.refresh);
    for path in ["/account", "/signin", "/signup"] {
        let page = server.get(path).header("cookie", &two).await.expect(400);
        assert!(page.text().contains("several cookies"), "{path}");
    }
    let _ = server.me(&tokens.access).await.expect(200);
    let away = server.post("/signout").header("cookie", &two).form(&[]);
    assert_eq!(
        away.await.expect(303).header("location"),
        "/signin?notice=signed_out"
    );
    let _ = server.me(&tokens.access).await.expect(401);
}

async fn a_notice_is_one_of_ours(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let mut browser = Browser::new(&server).with_token(&tokens.refresh);
    let plain = browser.visit("/account").await.expect(200);
    for query in ["notice=x", "notice=%3Cb%3E", "notice=signed_out", "notice"] {
        let page = browser.visit(&format!("/account?{query}")).await;
        assert_eq!(page.expect(200).text(), plain.text(), "{query}");
    }
}

fn session_of(token: &str) -> String {
    let sid = &Jwt::read(token).claims["sid"];
    sid.as_str().expect("a session").to_owned()
}
