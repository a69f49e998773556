//! `/signup` and `/signin`: forms that work without a script.

use latchkey_tests::{Backend, Browser, Person, Server, on_each_backend, on_sqlite};
use rusqlite::Connection;

on_each_backend![
    a_weak_password_then_a_strong_one,
    what_was_typed_is_kept_and_escaped,
    an_address_that_is_taken_is_said_beside_it,
    an_empty_age_is_no_age,
    signing_in_leads_to_the_account,
    item_17_unknown_and_wrong_look_the_same,
    item_18_a_disabled_account_shows_after_its_password,
    a_form_is_read_strictly,
    whoever_is_signed_in_is_sent_on,
    item_38_a_new_sign_in_ends_the_session_before,
    item_76_a_redirect_leads_nowhere_else,
    item_77_every_page_is_guarded,
];

on_sqlite![item_81_a_database_that_is_locked_is_said_in_the_form];

async fn a_weak_password_then_a_strong_one(backend: Backend) {
    let server = Server::start(backend).await;
    let mut browser = Browser::new(&server);
    let page = browser.visit("/signup").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for field in ["name", "email", "password", "age"] {
        assert!(!page.refuses(field), "{field}");
        let label = format!("<label for=\"{field}\"");
        assert!(page.text().contains(&label), "{field} has no label");
    }

    let mut form = [
        ("name", "Ada Lovelace"),
        ("email", "ada@example.com"),
        ("password", "short"),
        ("age", "36"),
    ];
    let page = browser.submit("/signup", &form).await.expect(422);
    assert!(page.refuses("password") && !page.refuses("name"));
    let faults = page.faults("password");
    assert!(faults.contains("at least 8 characters"), "{faults}");
    assert!(faults.contains("upper-case letter"), "{faults}");
    assert!(page.alert().contains("href=\"#password\""));
    assert_eq!(page.value("password"), "");
    for (field, value) in [form[0], form[1], form[3]] {
        assert_eq!(page.value(field), value);
    }
    assert!(!browser.is_signed_in());

    form[2].1 = "Kestrel-over-27-moors";
    let done = browser.submit("/signup", &form).await.expect(303);
    assert_eq!(done.header("location"), "/account");
    assert_eq!(done.header("cache-control"), "no-store");
    let page = browser.visit("/account").await.expect(200);
    assert!(page.text().contains("Ada Lovelace"));
    let signed_in = server.sign_in("ada@example.com", form[2].1).await;
    assert_eq!(signed_in.expect(200).json()["user"]["age"], 36);
}

async fn what_was_typed_is_kept_and_escaped(backend: Backend) {
    let server = Server::start(backend).await;
    let mut browser = Browser::new(&server).called("\"><img src=x onerror=alert(1)>");
    let script = "<script>alert(1)</script>";
    let hostile = [
        ("name", script),
        ("email", "\"><script>alert(1)</script>"),
        ("password", "Kestrel-over-27-moors"),
        ("age", "' onfocus='alert(1)"),
    ];
    let page = browser.submit("/signup", &hostile).await.expect(422);
    assert!(page.refuses("email") && page.refuses("age"));
    assert!(page.value("name").contains("script"), "{}", page.text());
    assert!(!page.text().contains(script), "{}", page.text());
    assert!(!page.text().contains("onfocus='"), "{}", page.text());

    let form = [hostile[0], ("email", "ada@example.com"), hostile[2]];
    let _ = browser.submit("/signup", &form).await.expect(303);
    let page = browser.visit("/account").await.expect(200);
    assert!(page.text().contains("alert(1)"));
    for raw in [script, "<img"] {
        assert!(!page.text().contains(raw), "{}", page.text());
    }
}

async fn an_address_that_is_taken_is_said_beside_it(backend: Backend) {
    let server = Server::start(backend).await;
    let person = server.account_of("Alice").await.person;
    let mut browser = Browser::new(&server);
    let form = [
        ("name", "Somebody Else"),
        ("email", "ALICE@example.com"),
        ("password", &person.password),
    ];
    let page = browser.submit("/signup", &form).await.expect(400);
    let faults = page.faults("email");
    assert!(faults.contains("Email already registered"), "{faults}");
    assert_eq!(page.value("email"), "ALICE@example.com");
    assert!(!browser.is_signed_in());
}

async fn an_empty_age_is_no_age(backend: Backend) {
    let server = Server::start(backend).await;
    let mut browser = Browser::new(&server);
    let form = [
        ("name", "Ada Lovelace"),
        ("email", "ada@example.com"),
        ("password", "Kestrel-over-27-moors"),
        ("age", ""),
    ];
    for age in ["0", "151", "x", "3.5"] {
        let form = [form[0], form[1], form[2], ("age", age)];
        let page = browser.submit("/signup", &form).await.expect(422);
        assert!(page.refuses("age") && !page.refuses("password"), "{age}");
    }
    let _ = browser.submit("/signup", &form).await.expect(303);
    let signed_in = server.sign_in(form[1].1, form[2].1).await.expect(200);
    assert!(signed_in.json()["user"]["age"].is_null());

    let page = Browser::new(&server).submit("/signup", &[]).await;
    let page = page.expect(422);
    for field in ["name", "email", "password"] {
        assert!(page.faults(field).contains("This is required."), "{field}");
    }
    assert!(!page.refuses("age"));
}

async fn signing_in_leads_to_the_account(backend: Backend) {
    let server = Server::start(backend).await;
    let person = server.account_of("Alice").await.person;
    let mut browser = Browser::new(&server);
    let away = browser.visit("/account").await.expect(303);
    assert_eq!(away.header("location"), "/signin");
    let _ = browser.visit("/signin").await.expect(200);
    let form = [("email", &*person.email), ("password", &*person.password)];
    let done = browser.submit("/signin", &form).await.expect(303);
    assert_eq!(done.header("location"), "/account");
    let page = browser.visit("/account").await.expect(200);
    assert!(page.text().contains(&person.email));
    let home = browser.visit("/").await.expect(200);
    assert!(home.text().contains("href=\"/account\""));
}

async fn item_17_unknown_and_wrong_look_the_same(backend: Backend) {
    let server = Server::start(backend).await;
    let person = server.account_of("Alice").await.person;
    let mut browser = Browser::new(&server);
    let mut shown = Vec::new();
    for email in [person.email.as_str(), "nobody@example.com"] {
        let form = [("email", email), ("password", "Wrong-over-27-moors")];
        let page = browser.submit("/signin", &form).await.expect(401);
        assert_eq!(page.value("email"), email);
        assert_eq!(page.value("password"), "");
        assert!(page.alert().contains("Invalid email or password"));
        let names: Vec<String> = page.headers.keys().map(ToString::to_string).collect();
        shown.push((names, page.text().replace(email, "[email]")));
    }
    assert_eq!(shown[0], shown[1]);
    assert!(!browser.is_signed_in());
}

async fn item_18_a_disabled_account_shows_after_its_password(backend: Backend) {
    let server = Server::start(backend).await;
    let person = server.account_of("Alice").await.person;
    let _ = server.cli(["user", "disable", &person.email]).await.ok();
    let mut browser = Browser::new(&server);
    for (password, status, message) in [
        ("Wrong-over-27-moors", 401, "Invalid email or password"),
        (&person.password, 403, "This account is disabled"),
    ] {
        let form = [("email", &*person.email), ("password", password)];
        let page = browser.submit("/signin", &form).await.expect(status);
        assert!(page.alert().contains(message), "{}", page.text());
    }
    assert!(!browser.is_signed_in());
}

async fn a_form_is_read_strictly(backend: Backend) {
    let server = Server::start(backend).await;
    let person = server.account_of("Alice").await.person;
    let json = format!(
        r#"{{"email":"{}","password":"{}"}}"#,
        person.email, person.password
    );
    let form = "email=alice%40example.com&password=Kestrel-over-27-moors";
    const FORM: &str = "application/x-www-form-urlencoded";
    for (content_type, body, status) in [
        ("application/json", json.clone(), 415),
        ("text/plain", form.to_owned(), 415),
        ("multipart/form-data; boundary=x", form.to_owned(), 415),
        (FORM, format!("{form}&password=x"), 400),
        (FORM, format!("{form}&x=%ff"), 400),
        (FORM, json, 422),
        (FORM, String::new(), 422),
        (FORM, "x".repeat(64 * 1024 + 1), 413),
        (FORM, form.to_owned(), 303),
    ] {
        let answer = server.post("/signin").body(content_type, body).await;
        assert_eq!(answer.status, status, "{content_type}");
        if status > 303 {
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            assert!(answer.alert().len() > 1, "{}", answer.text());
            assert!(!answer.headers.contains_key("set-cookie"));
        }
    }
}

async fn whoever_is_signed_in_is_sent_on(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let mut browser = Browser::new(&server).with_token(&alice.tokens.refresh);
    for path in ["/signin", "/signup"] {
        let answer = browser.visit(path).await.expect(303);
        assert_eq!(answer.header("location"), "/account");
    }
    let _ = server.log_out(&alice.tokens.access).await.expect(200);
    let _ = browser.visit("/signin").await.expect(200);
    assert!(!browser.is_signed_in(), "a dead cookie is taken back");
}

async fn item_38_a_new_sign_in_ends_the_session_before(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let mut browser = Browser::new(&server).with_token(&alice.tokens.refresh);
    let wrong = [("email", &*alice.person.email), ("password", "x")];
    let _ = browser.submit("/signin", &wrong).await.expect(401);
    let _ = server.me(&alice.tokens.access).await.expect(200);
    let form = [wrong[0], ("password", &*alice.person.password)];
    let _ = browser.submit("/signin", &form).await.expect(303);
    assert_ne!(browser.token(), alice.tokens.refresh);
    let _ = server.me(&alice.tokens.access).await.expect(401);
    let _ = browser.visit("/account").await.expect(200);
}

async fn item_76_a_redirect_leads_nowhere_else(backend: Backend) {
    let server = Server::start(backend).await;
    let person = Person::named("Alice");
    let _ = server.account(&person).await;
    for query in [
        "next=//evil.example",
        "next=https://evil.example",
        "redirect=%2F%2Fevil.example",
        "return_to=\\\\evil.example",
        "next=%2F%5Cevil.example",
        "next=https%3A%2F%2Flocalhost%40evil.example",
        "next=javascript%3Aalert(1)%2F%2Fevil.example",
        "notice=%23https%3A%2F%2Fevil.example",
    ] {
        let path = format!("/signin?{query}");
        let form = [
            ("email", &*person.email),
            ("password", &*person.password),
            ("next", "//evil.example"),
        ];
        let page = Browser::new(&server).visit(&path).await.expect(200);
        assert!(!page.text().contains("evil.example"), "{}", page.text());
        let call = server.form(&path, &form).header("host", "evil.example");
        let call = call.header("x-forwarded-host", "evil.example");
        let done = call.await.expect(303);
        assert_eq!(done.header("location"), "/account");
    }
    // A path that could be a host is a path, and one that is not there.
    for path in [
        "//evil.example",
        "/\\evil.example",
        "//evil.example/%2e%2e",
        "/signin//evil.example",
        "/https://evil.example",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n");
        let mut raw = server.raw().await;
        raw.send(request).await;
        let answer = raw.answer().await.expect("an answer");
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
        assert_eq!(answer.header("location"), None, "{path}");
    }
}

async fn item_77_every_page_is_guarded(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.refresh;
    let mut pages = Vec::new();
    for path in ["/", "/signin", "/signup"] {
        pages.push(Browser::new(&server).visit(path).await);
    }
    let mut browser = Browser::new(&server).with_token(&token);
    pages.push(browser.visit("/account").await);
    pages.push(browser.submit("/account/password", &[]).await);
    for page in pages {
        let policy = page.header("content-security-policy");
        assert_eq!(
            policy,
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
             img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(page.header(name), value, "{name}");
        }
        let text = page.text();
        for inline in ["style=\"", "<style", "onclick", "onsubmit", "javascript:"] {
            assert!(!text.contains(inline), "{inline} in {text}");
        }
        let mut scripts = text.split("<script").skip(1);
        assert!(scripts.all(|script| script.contains("src=\"/assets/")));
    }
}

async fn item_81_a_database_that_is_locked_is_said_in_the_form(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let other = Connection::open(server.database().file()).expect("the database");
    other.execute_batch("begin immediate").expect("the lock");

    let form = [
        ("email", &*alice.person.email),
        ("password", &*alice.person.password),
    ];
    let mut browser = Browser::new(&server);
    let page = browser.submit("/signin", &form).await.expect(503);
    assert!(page.alert().contains("try again shortly"));
    assert_eq!(page.header("retry-after"), "1");
    assert_eq!(page.value("email"), form[0].1);
    // Nobody is signed out by what passes.
    let mut browser = browser.with_token(&alice.tokens.refresh);
    let refused = browser.submit("/signout", &[]).await.expect(503);
    assert!(refused.alert().contains("try again shortly"));
    assert!(browser.is_signed_in());

    other.execute_batch("rollback").expect("unlocked");
    let _ = browser.visit("/account").await.expect(200);
    let _ = browser.submit("/signin", &form).await.expect(303);
}
