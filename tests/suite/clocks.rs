//! Instances on machines whose clocks differ, each under libfaketime.

use std::fs;
use std::path::PathBuf;

use latchkey_tests::{Backend, Home, Jwt, Server, eventually, on_each_backend, on_postgres};

on_each_backend![
    a_token_is_taken_by_an_instance_whose_clock_is_behind,
    no_clock_prolongs_a_token,
    item_11_a_password_does_not_age_and_has_no_hint,
];

on_postgres![
    instances_go_by_the_clock_of_the_database,
    an_instance_whose_clock_is_wrong_says_so,
];

/// The library that shows a process another time. A test fails where it is not installed:
/// without it nothing would be proved.
fn faketime() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders
        .map(|folder| folder.path().join("faketime/libfaketime.so.1"))
        .find(|library| library.exists())
        .expect("libfaketime: install the Debian package libfaketime")
}

/// An instance beside `home` whose clock is this many seconds off.
async fn off_by(home: &Home, seconds: i64) -> Server {
    home.instance()
        .env("LD_PRELOAD", faketime().display().to_string())
        .env("FAKETIME", format!("{seconds:+}s"))
        // How long something takes is not the clock's affair.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .start()
        .await
}

async fn says(server: &Server, words: &str) {
    eventually(words, async || server.logs().contains(words).then_some(())).await;
}

async fn a_token_is_taken_by_an_instance_whose_clock_is_behind(backend: Backend) {
    let home = Home::new(backend).with_public_url();
    let (ahead, behind) = (off_by(&home, 12).await, off_by(&home, -12).await);
    let alice = ahead.account_of("Alice").await;

    let _ = behind.me(&alice.tokens.access).await.expect(200);
    let tokens = behind.refresh(&alice.tokens.refresh).await.expect(200);
    let tokens = tokens.tokens();
    let _ = ahead.me(&tokens.access).await.expect(200);
    let _ = ahead.log_out(&tokens.refresh).await.expect(200);
    let _ = behind.me(&tokens.access).await.expect(401);
    let _ = behind.refresh(&tokens.refresh).await.expect(401);
}

/// Ten years later nobody is told to think of another one.
async fn item_11_a_password_does_not_age_and_has_no_hint(backend: Backend) {
    let home = Home::new(backend).with_public_url();
    let now = home.instance().start().await;
    let mut form = latchkey_tests::Person::named("Alice").form();
    for (member, value) in [
        ("password_hint", "the bird"),
        ("hint", "the bird"),
        ("security_question", "first pet"),
        ("security_answer", "kestrel"),
        ("password_expires_at", "2020-01-01T00:00:00.000Z"),
    ] {
        form[member] = value.into();
    }
    let sign_up = now.post("/api/v1/users/signup").json(&form).await;
    let user = sign_up.expect(201).json()["user"].clone();
    let document = now.get("/openapi.json").await.text().to_lowercase();
    for word in ["password_hint", "question", "password_expires"] {
        assert!(!document.contains(word), "{word}");
    }
    let stored = now.database().dump();
    assert!(!stored.contains("the bird") && !stored.contains("first pet"));

    let years_later = off_by(&home, 10 * 365 * 86_400).await;
    let person = latchkey_tests::Person::named("Alice");
    let sign_in = years_later.sign_in(&person.email, &person.password).await;
    assert_eq!(sign_in.expect(200).json()["user"], user);
}

async fn no_clock_prolongs_a_token(backend: Backend) {
    // By more than any instance makes up for.
    let home = Home::new(backend).with_public_url();
    let right = home.instance().start().await;
    let alice = right.account_of("Alice").await;
    let late = off_by(&home, 1801).await;
    let _ = late.me(&alice.tokens.access).await.expect(401);
    let _ = late.refresh(&alice.tokens.refresh).await.expect(200);
}

async fn instances_go_by_the_clock_of_the_database(backend: Backend) {
    let home = Home::new(backend)
        .with_public_url()
        .env("LATCHKEY_TOKENS__REFRESH_GRACE", "60s");
    let ahead = off_by(&home, 45).await;
    let behind = off_by(&home, -45).await;
    for server in [&ahead, &behind] {
        says(server, "corrected by that of the database").await;
    }
    let right = home.instance().start().await;
    let alice = right.account_of("Alice").await;

    // Two tabs refresh at once, at instances whose clocks differ by more than the grace.
    let first = behind.refresh(&alice.tokens.refresh).await.expect(200);
    let second = ahead.refresh(&alice.tokens.refresh).await.expect(200);
    let (first, second) = (first.tokens(), second.tokens());
    assert_eq!(first.refresh, second.refresh);
    let [one, other] = [&first, &second].map(|pair| Jwt::read(&pair.access).seconds("iat"));
    assert!((other - one).abs() < 90, "{one} {other}");
    for server in [&ahead, &behind, &right] {
        let _ = server.me(&first.access).await.expect(200);
        let _ = server.me(&second.access).await.expect(200);
    }
}

async fn an_instance_whose_clock_is_wrong_says_so(backend: Backend) {
    let home = Home::new(backend).with_public_url();
    let wrong = off_by(&home, 7200).await;
    says(&wrong, "too far from that of the database").await;
}
