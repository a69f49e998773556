//! What holds for answers of every kind: what they say of themselves, and what they do not
//! tell.

use latchkey_tests::{Answer, Backend, Browser, Home, Person, Server, on_each_backend};
use serde_json::{Value, json};

on_each_backend![
    item_70_no_token_is_stored_on_the_way,
    item_74_an_error_is_a_problem_with_its_own_status,
    item_74_errors_tell_nothing_of_the_inside,
    item_74_no_error_repeats_what_was_sent,
    item_78_a_body_says_what_it_is,
];

/// Everything with a token in it, by whatever way it was asked for.
async fn item_70_no_token_is_stored_on_the_way(backend: Backend) {
    let server = Server::start(backend).await;
    let client = server.client("gateway").await;
    let alice = Person::named("Alice");
    let signed_up = server.sign_up(&alice).await.expect(201);
    let access = signed_up.tokens().access;
    let signed_in = server.sign_in(&alice.email, &alice.password).await;
    let signed_in = signed_in.expect(200);
    let refreshed = server
        .refresh(&signed_in.tokens().refresh)
        .await
        .expect(200);
    let granted = server.oauth_refresh(&refreshed.tokens().refresh).await;
    let granted = granted.expect(200);
    let mut browser = Browser::new(&server).with_token(&granted.tokens().refresh);
    let for_scripts = browser.submit("/account/token", &[]).await.expect(200);
    let form = [("email", &*alice.email), ("password", &*alice.password)];
    let by_form = Browser::new(&server).submit("/signin", &form).await;
    assert!(by_form.header("set-cookie").contains("latchkey=ey"));
    let new = "Heron-under-38-bridges";
    let with_tokens = [
        signed_up,
        signed_in,
        refreshed,
        granted,
        for_scripts,
        by_form.expect(303),
        server.introspect(&client, &access).await.expect(200),
        server.me(&access).await.expect(200),
        server.sessions(&access).await.expect(200),
        server
            .change_password(&access, &alice.password, new)
            .await
            .expect(200),
        server.me("garbage").await.expect(401),
        server.sign_in("nobody@example.com", "x").await.expect(401),
        server.oauth_refresh("garbage").await.expect(400),
    ];
    for answer in with_tokens {
        let caching = answer.header("cache-control");
        assert_eq!(caching, "no-store", "{}", answer.shown());
        assert_eq!(answer.header("etag"), "", "{}", answer.shown());
    }
}

async fn item_74_an_error_is_a_problem_with_its_own_status(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_RATE_LIMITS__ACCOUNT_TRIES", "2")
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let bob = server.account_of("Bobby").await;
    let access = &alice.tokens.access;
    let _ = server
        .cli(["user", "disable", &bob.person.email])
        .await
        .ok();
    let sign_up = |kind: &str, body: &str| {
        server
            .post("/api/v1/users/signup")
            .body(kind, body)
            .into_future()
    };
    let mut answers = vec![
        (400, sign_up("application/json", "{").await),
        (400, server.sign_up(&alice.person).await),
        (400, server.me(access).bearer(access).await),
        (401, server.get("/api/v1/users/me").await),
        (401, server.me("garbage").await),
        (401, server.refresh("garbage").await),
        (401, server.post("/account/token").await),
        (403, server.delete_me(access, "wrong").await),
        (
            403,
            server
                .sign_in(&bob.person.email, &bob.person.password)
                .await,
        ),
        (404, server.get("/nowhere").await),
        (404, server.end_session(access, "garbage").await),
        (405, server.get("/api/v1/users/signup").await),
        (
            413,
            sign_up("application/json", &" ".repeat(65 * 1024)).await,
        ),
        (415, sign_up("text/plain", "{}").await),
        (422, sign_up("application/json", "{}").await),
    ];
    for status in [401, 401, 429] {
        let answer = server.sign_in("nobody@example.com", "wrong").await;
        answers.push((status, answer));
    }
    server
        .database()
        .execute("alter table sessions rename to lost");
    answers.push((500, server.me(access).await));
    server
        .database()
        .execute("alter table lost rename to sessions");
    for (status, answer) in answers {
        let answer = answer.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["msg"], problem["detail"]);
        for member in ["title", "detail", "code"] {
            let text = problem[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{member}: {problem}");
        }
        let kind = format!("/problems/{}", answer.code());
        assert_eq!(problem["type"], json!(kind));
        // Its type is a page that says what it means.
        let page = server.get(&kind).header("accept", "text/html").await;
        assert_eq!(
            page.expect(200).header("content-type"),
            "text/html; charset=utf-8"
        );
    }
}

async fn item_74_errors_tell_nothing_of_the_inside(backend: Backend) {
    let server = Server::start(backend).await;
    let access = server.account_of("Alice").await.tokens.access;
    let mut answers = vec![
        server.get("/nowhere").await,
        server.me("garbage").await,
        server
            .sign_in("a'; drop table users --@example.com", "x")
            .await,
        server.end_session(&access, "'%20or%201=1").await,
        server
            .post("/api/v1/users/signup")
            .body("application/json", "{")
            .await,
    ];
    // The worst case: the table is gone.
    server
        .database()
        .execute("alter table users rename to lost");
    answers.push(server.me(&access).await.expect(500));
    answers.push(server.sign_in("alice@example.com", "x").await.expect(500));
    server
        .database()
        .execute("alter table lost rename to users");
    for answer in answers {
        let text = answer.text().to_lowercase();
        for word in [
            "sqlite",
            "sql",
            "select",
            "no such table",
            "panic",
            ".rs",
            "stack",
            "/tmp",
            "rust",
            env!("CARGO_PKG_VERSION"),
        ] {
            assert!(!text.contains(word), "{word}: {}", answer.shown());
        }
        let problem: Value = answer.json();
        assert!(problem["code"].is_string());
    }
    let _ = server.me(&access).await.expect(200);
}

/// What is in the wrong place may be a password, and answers end up in the logs of others.
async fn item_74_no_error_repeats_what_was_sent(backend: Backend) {
    const SENT: &str = "Zebra-secret-42";
    let server = Server::start(backend).await;
    let mut answers = Vec::new();
    for body in [
        json!({ "email": [SENT], "password": { "x": SENT }, "name": [SENT], "age": SENT }),
        json!({ "email": SENT, "password": 17, "name": 1, "age": [SENT] }),
        json!({ "email": format!("{SENT}@x"), "password": SENT, "refresh_token": SENT }),
        json!({ SENT: 1 }),
        json!([SENT]),
        json!(SENT),
    ] {
        for path in ["signin", "signup", "refresh"] {
            let path = format!("/api/v1/users/{path}");
            answers.push(server.post(&path).json(&body).await);
        }
    }
    let broken = format!("{{\"password\": \"{SENT}\" \"x\"}}");
    let sign_in = server.post("/api/v1/users/signin");
    answers.push(sign_in.body("application/json", broken).await);
    let fields = ["grant_type", "token", "refresh_token", "client_id", "scope"];
    for path in ["token", "revoke", "introspect"] {
        let call = server.post(&format!("/oauth/{path}"));
        answers.push(call.form(&fields.map(|field| (field, SENT))).await);
        let call = server.post(&format!("/oauth/{path}"));
        answers.push(call.form(&[(SENT, SENT), ("grant_type", "password")]).await);
    }
    for path in [
        "/",
        "/problems/",
        "/status-lists/",
        "/assets/",
        "/account?notice=",
    ] {
        answers.push(server.get(&format!("{path}{SENT}")).await);
    }
    answers.push(server.me(SENT).await);
    for answer in answers {
        assert!(!answer.text().contains(SENT), "{}", answer.shown());
        for (name, value) in &answer.headers {
            assert!(!format!("{value:?}").contains(SENT), "{name}");
        }
    }
    assert!(!server.logs().contains(SENT), "{}", server.logs());
}

async fn item_78_a_body_says_what_it_is(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.access;
    let says = |answer: &Answer| answer.header("content-type").to_owned();
    for (path, kind) in [
        ("/health", "application/json"),
        ("/openapi.json", "application/json"),
        ("/.well-known/jwks.json", "application/json"),
        (
            "/.well-known/oauth-authorization-server",
            "application/json",
        ),
        ("/api/v1/users/me", "application/json"),
        ("/api/v1/users/me/sessions", "application/json"),
        ("/status-lists/0", "application/statuslist+jwt"),
        ("/nowhere", "application/problem+json"),
        ("/docs", "text/html; charset=utf-8"),
        ("/signin", "text/html; charset=utf-8"),
        ("/problems/not_found", "text/html; charset=utf-8"),
    ] {
        let answer = server.get(path).bearer(&token).await;
        assert_eq!(says(&answer), kind, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    let page = server.get("/signin").await.text().to_owned();
    let files = page.split('"').filter(|part| part.starts_with("/assets/"));
    let mut kinds: Vec<String> = Vec::new();
    for file in files {
        kinds.push(says(&server.get(file).await.expect(200)));
    }
    assert!(kinds.len() >= 2, "{page}");
    for kind in kinds {
        let known = [
            "text/css; charset=utf-8",
            "text/javascript; charset=utf-8",
            "image/svg+xml",
        ];
        assert!(known.contains(&kind.as_str()), "{kind}");
    }
    // Where there is no body there is no kind of one.
    let gone = server.log_out(&token).await.expect(200);
    assert_eq!(says(&gone), "application/json");
    let none = server.call("OPTIONS", "/api/v1/users/me").await.expect(204);
    assert_eq!(says(&none), "");
}
