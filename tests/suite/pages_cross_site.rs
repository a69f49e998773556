//! A form that a page of another site sends cannot act.

use latchkey_tests::{Backend, Browser, Call, Home, Server, on_each_backend};

on_each_backend![
    item_77_a_form_of_another_site_cannot_act,
    a_form_of_our_own_can,
    item_77_nobody_is_signed_in_from_elsewhere,
    item_50_item_77_behind_a_proxy_the_public_url_counts,
];

/// What browsers say of a form that is not ours.
const FOREIGN: &[&[(&str, &str)]] = &[
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "cross-site"), ("origin", "{own}")],
    &[("sec-fetch-site", "same-origin"), ("origin", "null")],
    &[("sec-fetch-site", "")],
    &[("origin", "https://evil.example")],
    &[("origin", "http://127.0.0.1")],
    &[("origin", "http://localhost:1")],
    &[("origin", "{own}.evil.example")],
    &[("origin", "null")],
    &[("origin", "")],
    &[("origin", "{own}"), ("origin", "https://evil.example")],
];

fn says(mut call: Call, server: &Server, headers: &[(&str, &str)]) -> Call {
    for (name, value) in headers {
        call = call.header(name, &value.replace("{own}", server.origin()));
    }
    call
}

async fn item_77_a_form_of_another_site_cannot_act(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let fields = [
        ("current_password", &*alice.person.password),
        ("new_password", "Harrier-over-31-fells"),
    ];
    let state = "select refresh_hash, previous_refresh_hash, end_reason from sessions";
    let before = server.database().rows(state);
    for headers in FOREIGN {
        for path in [
            "/signout",
            "/account/password",
            "/account/sessions/end",
            "/account/sessions/end-all",
            "/account/token",
        ] {
            let mut browser = Browser::new(&server).with_token(&alice.tokens.refresh);
            let call = says(server.form(path, &fields), &server, headers);
            let refused = browser.take(call).await.expect(403);
            assert!(refused.text().contains("another site"), "{headers:?}");
            assert!(browser.is_signed_in(), "{headers:?}");
        }
    }
    assert_eq!(server.database().rows(state), before);
    let _ = server.me(&alice.tokens.access).await.expect(200);
    let signed_in = server.sign_in(&alice.person.email, &alice.person.password);
    let _ = signed_in.await.expect(200);
}

async fn a_form_of_our_own_can(backend: Backend) {
    let server = Server::start(backend).await;
    let person = server.account_of("Alice").await.person;
    let port = server.address().rsplit(':').next().expect("a port");
    let localhost = format!("localhost:{port}");
    let by_name = format!("http://{localhost}");
    for headers in [
        &[][..],
        &[("sec-fetch-site", "same-origin"), ("origin", "{own}")],
        &[("sec-fetch-site", "none")],
        &[("origin", "{own}")],
        &[("origin", &by_name), ("host", &localhost)],
    ] {
        let form = [("email", &*person.email), ("password", &*person.password)];
        let call = says(server.form("/signin", &form), &server, headers);
        let done = call.await.expect(303);
        assert_eq!(done.header("location"), "/account", "{headers:?}");
    }
}

/// Signing somebody in to an account of one's own is an attack too.
async fn item_77_nobody_is_signed_in_from_elsewhere(backend: Backend) {
    let server = Server::start(backend).await;
    let person = server.account_of("Mallory").await.person;
    let form = [
        ("name", "Mallory Example"),
        ("email", &*person.email),
        ("password", &*person.password),
    ];
    for headers in FOREIGN {
        for path in ["/signin", "/signup"] {
            let call = says(server.form(path, &form), &server, headers);
            let refused = call.await.expect(403);
            assert_eq!(refused.header("content-type"), "text/html; charset=utf-8");
            assert!(!refused.headers.contains_key("set-cookie"), "{headers:?}");
        }
    }
}

async fn item_50_item_77_behind_a_proxy_the_public_url_counts(backend: Backend) {
    let public = "https://auth.example.com";
    let home = Home::new(backend).env("LATCHKEY_SERVER__PUBLIC_URL", public);
    let server = home.start().await;
    let person = server.account_of("Alice").await.person;
    let form = [("email", &*person.email), ("password", &*person.password)];
    let done = server.form("/signin", &form).header("origin", public);
    let cookie = done.await.expect(303).header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-latchkey=ey"), "{cookie}");
    let guards = "; HttpOnly; SameSite=Lax; Secure";
    assert!(cookie.ends_with(guards), "{cookie}");
    for origin in [
        server.origin(),
        "http://auth.example.com",
        "https://app.example.com",
    ] {
        let call = server.form("/signin", &form).header("origin", origin);
        let _ = call.await.expect(403);
    }
}
