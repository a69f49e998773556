//! Instances on machines whose clocks differ, or jump, each under libfaketime.

use std::fs;
use std::path::{Path, PathBuf};

use latchkey_tests::{
    Account, Backend, Home, Jwt, Server, eventually, on_each_backend, on_postgres,
};

use crate::status_list::status;

on_each_backend![
    a_token_is_taken_by_an_instance_whose_clock_is_behind,
    no_clock_prolongs_a_token,
    item_11_a_password_does_not_age_and_has_no_hint,
    an_hour_ahead_and_back_signs_nobody_out,
    an_hour_back_and_ahead_signs_nobody_out,
    what_is_over_by_a_wrong_clock_alone_is_not_deleted,
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

/// A server whose clock can be moved while it runs.
struct Movable {
    server: Server,
    clock: PathBuf,
}

impl Movable {
    async fn start(home: Home) -> Self {
        let clock = home.path("clock");
        set(&clock, 0);
        let home = home
            .env("LD_PRELOAD", faketime().display().to_string())
            .env("FAKETIME_TIMESTAMP_FILE", clock.display().to_string())
            .env("FAKETIME_NO_CACHE", "1")
            // How long something takes is not the clock's affair.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Self {
            server: home.start().await,
            clock,
        }
    }

    /// Sets the clock, which from now on is this many seconds off.
    fn is_off_by(&self, seconds: i64) {
        set(&self.clock, seconds);
    }
}

/// Nobody ever reads half of it.
fn set(clock: &Path, seconds: i64) {
    let new = clock.with_extension("new");
    fs::write(&new, format!("{seconds:+}s\n")).expect("a file in the test's directory");
    fs::rename(new, clock).expect("a file in the test's directory");
}

/// And a minute: half of one is what the clocks of instances may differ by, for which what
/// an hour brings back is not given early.
const HOUR: i64 = 3660;

/// As many wrong passwords as lead to a pause.
async fn fail_until_paused(server: &Server, account: &Account) {
    let person = &account.person;
    for _ in 0..10 {
        let wrong = server.sign_in(&person.email, "Wrong-over-27-moors");
        let _ = wrong.await.expect(401);
    }
    let paused = server.sign_in(&person.email, &person.password);
    let _ = paused.await.expect(429);
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

async fn an_hour_ahead_and_back_signs_nobody_out(backend: Backend) {
    let movable = Movable::start(Home::new(backend)).await;
    let server = &movable.server;
    let (alice, bob) = (
        server.account_of("Alice").await,
        server.account_of("Bobby").await,
    );
    let eve = server.account_of("Evelyn").await;
    let _ = server.log_out(&eve.tokens.refresh).await.expect(200);

    movable.is_off_by(HOUR);
    let me = server.me(&alice.tokens.access).await.expect(401);
    assert_eq!(me.code(), "invalid_token");
    let ahead = server.refresh(&alice.tokens.refresh).await.expect(200);
    let ahead = ahead.tokens();
    let _ = server.me(&ahead.access).await.expect(200);
    // Whoever verifies by a clock that is right still learns of the logout.
    assert_eq!(status(server, &eve.tokens.access).await, 1);
    let carol = server.account_of("Carol").await;
    fail_until_paused(server, &carol).await;

    movable.is_off_by(0);
    // An access token of the future is none, and its owner gets another one.
    let me = server.me(&ahead.access).await.expect(401);
    assert_eq!(me.code(), "invalid_token");
    let right = server.refresh(&ahead.refresh).await.expect(200).tokens();
    let _ = server.me(&right.access).await.expect(200);
    let _ = server.me(&bob.tokens.access).await.expect(200);
    let _ = server.refresh(&bob.tokens.refresh).await.expect(200);
    let _ = server.refresh(&carol.tokens.refresh).await.expect(200);
    let sign_in = server.sign_in(&carol.person.email, &carol.person.password);
    let _ = sign_in.await.expect(200);
    assert_eq!(status(server, &eve.tokens.access).await, 1);
    // What was used before the jump is used.
    let _ = server.refresh(&alice.tokens.refresh).await.expect(401);
}

async fn an_hour_back_and_ahead_signs_nobody_out(backend: Backend) {
    let movable = Movable::start(Home::new(backend)).await;
    let server = &movable.server;
    let (alice, bob) = (
        server.account_of("Alice").await,
        server.account_of("Bobby").await,
    );
    fail_until_paused(server, &bob).await;

    movable.is_off_by(-HOUR);
    let me = server.me(&alice.tokens.access).await.expect(401);
    assert_eq!(me.code(), "invalid_token");
    let back = server.refresh(&alice.tokens.refresh).await.expect(200);
    let back = back.tokens();
    let _ = server.me(&back.access).await.expect(200);
    let sign_in = server.sign_in(&bob.person.email, &bob.person.password);
    let _ = sign_in.await.expect(200);
    let carol = server.account_of("Carol").await;
    let sessions = server.sessions(&carol.tokens.access).await.expect(200);
    assert_eq!(sessions.json().as_array().map(Vec::len), Some(1));

    movable.is_off_by(0);
    // It was good for half an hour, by the clock of then.
    let _ = server.me(&back.access).await.expect(401);
    let right = server.refresh(&back.refresh).await.expect(200).tokens();
    let _ = server.me(&right.access).await.expect(200);
    let _ = server.refresh(&bob.tokens.refresh).await.expect(200);
    let _ = server.refresh(&carol.tokens.refresh).await.expect(200);
}

async fn what_is_over_by_a_wrong_clock_alone_is_not_deleted(backend: Backend) {
    let home = Home::new(backend)
        .env("LATCHKEY_TOKENS__ACCESS_TTL", "5m")
        .env("LATCHKEY_TOKENS__REFRESH_TTL", "10m");
    let movable = Movable::start(home).await;
    let server = &movable.server;
    let (alice, eve) = (
        server.account_of("Alice").await,
        server.account_of("Evelyn").await,
    );

    movable.is_off_by(HOUR);
    let _ = server.refresh(&alice.tokens.refresh).await.expect(401);
    let hours = match backend {
        Backend::Sqlite => "7200000",
        Backend::Postgres => "interval '2 hours'",
    };
    let id = eve.user_id.replace('-', "");
    let eve = match backend {
        Backend::Sqlite => format!("user_id = x'{id}'"),
        Backend::Postgres => format!("user_id = '{id}'"),
    };
    server.database().execute(&format!(
        "update sessions set expires_at = expires_at - {hours}, \
             kept_until = kept_until - {hours} where {eve}"
    ));
    eventually("housekeeping", async || {
        let left = format!("select count(*) from sessions where {eve}");
        (server.database().rows(&left) == [["0"]]).then_some(())
    })
    .await;
    says(server, "the clock has leapt forward").await;

    movable.is_off_by(0);
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
    says(server, "what is over is deleted by the clock again").await;
}
