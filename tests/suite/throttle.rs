//! How often a password may be tried.

use futures_util::future::join_all;
use latchkey_tests::{Account, Answer, Backend, Home, Jwt, Server, on_each_backend};
use serde_json::{Value, json};

on_each_backend![
    item_12_a_password_change_is_throttled_like_a_sign_in,
    item_17_a_refusal_tells_nothing_about_the_account,
    item_19_failures_in_a_row_end_in_a_pause_and_success_ends_them,
    item_20_one_counter_for_every_way_and_every_spelling,
    item_20_the_pages_count_with_the_api,
    item_21_the_limit_holds_for_200_parallel_tries,
    item_21_the_limit_holds_across_a_restart,
    item_21_two_instances_have_one_limit,
    item_22_what_a_stranger_says_about_addresses_changes_nothing,
    item_22_a_trusted_proxy_is_read_from_the_right,
    item_23_a_stranger_cannot_lock_the_owner_out,
    item_23_an_account_that_is_locked_can_be_unlocked,
    one_network_cannot_try_every_account,
    sign_ups_of_one_network_are_limited,
    many_people_behind_one_address_are_no_nuisance,
    right_passwords_at_once_are_all_let_in,
    what_is_switched_off_limits_nothing,
];

const WRONG: &str = "Not-the-password-1";

/// The tries that an account takes without a pause, by default.
const TRIES: usize = 10;

async fn tries(server: &Server, email: &str, count: usize) -> Vec<Answer> {
    let mut answers = Vec::new();
    for _ in 0..count {
        answers.push(server.sign_in(email, WRONG).await);
    }
    answers
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

/// How many of them have this status.
fn count(answers: &[Answer], status: u16) -> usize {
    answers
        .iter()
        .filter(|answer| answer.status == status)
        .count()
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

/// A server behind a proxy on this machine, so that a test can come from anywhere.
async fn behind_a_proxy(backend: Backend) -> Server {
    let home = Home::new(backend).env("LATCHKEY_SERVER__TRUSTED_PROXIES", "127.0.0.1");
    home.start().await
}

async fn sign_in_from(server: &Server, address: &str, email: &str, password: &str) -> Answer {
    let call = server.sign_in(email, password);
    call.header("x-forwarded-for", address).await
}

/// Signs in with a wrong password from each of these, `count` times.
async fn fail_from(server: &Server, address: &str, email: &str, count: usize) -> Vec<u16> {
    let mut answers = Vec::new();
    for _ in 0..count {
        answers.push(sign_in_from(server, address, email, WRONG).await);
    }
    statuses(&answers)
}

async fn sign_up_from(server: &Server, address: &str, name: &str) -> Account {
    let person = latchkey_tests::Person::named(name);
    let answer = server.sign_up(&person).header("x-forwarded-for", address);
    let answer = answer.await.expect(201);
    Account {
        person,
        user_id: answer.member("/user/user_id"),
        tokens: answer.tokens(),
    }
}

async fn item_12_a_password_change_is_throttled_like_a_sign_in(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let change =
        |current: &str| server.change_password(&alice.tokens.access, current, "Heron-over-2-lakes");

    for _ in 0..TRIES {
        let _ = change(WRONG).await.expect(403);
    }
    let refused = change(WRONG).await.expect(429);
    assert_eq!(refused.code(), "too_many_requests");
    // The right password is refused in the same words, and changes nothing.
    let right = change(&alice.person.password).await.expect(429);
    assert_eq!(refused.text(), right.text());
    let _ = server.me(&alice.tokens.access).await.expect(200);
    // A password that the policy refuses is no try.
    let weak = server.change_password(&alice.tokens.access, WRONG, "short");
    let _ = weak.await.expect(422);
}

async fn item_17_a_refusal_tells_nothing_about_the_account(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.person;
    let disabled = server.account_of("Bobby").await.person;
    let _ = server.cli(["user", "disable", &disabled.email]).await.ok();

    let known = tries(&server, &alice.email, TRIES + 5).await;
    let unknown = tries(&server, "nobody@example.com", TRIES + 5).await;
    let off = tries(&server, &disabled.email, TRIES + 5).await;

    for ((known, unknown), off) in known.iter().zip(&unknown).zip(&off) {
        assert_eq!(visible(known).0, visible(unknown).0);
        if known.status == 401 {
            assert_eq!(visible(known), visible(unknown));
            assert_eq!(visible(known), visible(off));
        } else {
            // All but the seconds, which pass.
            assert_eq!(known.text(), unknown.text());
            assert_eq!(known.text(), off.text());
            let names = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(known), names(unknown));
            assert_eq!(names(known), names(off));
        }
    }
    let right = server.sign_in(&alice.email, &alice.password).await;
    assert_eq!(right.expect(429).text(), known[TRIES].text());
}

async fn item_19_failures_in_a_row_end_in_a_pause_and_success_ends_them(backend: Backend) {
    let home = Home::new(backend)
        .env("LATCHKEY_RATE_LIMITS__ACCOUNT_PAUSE", "2s")
        .env("LATCHKEY_RATE_LIMITS__ACCOUNT_PAUSE_MAX", "2s");
    let server = home.start().await;
    let alice = server.account_of("Alice").await.person;
    let sign_in = || server.sign_in(&alice.email, &alice.password);

    for _ in 0..3 {
        let failed = tries(&server, &alice.email, TRIES - 1).await;
        assert_eq!(count(&failed, 401), TRIES - 1);
        let _ = sign_in().await.expect(200);
    }
    let failed = tries(&server, &alice.email, TRIES + 1).await;
    assert_eq!(count(&failed, 401), TRIES);
    // After the pause there is one try, and it may be the right one.
    latchkey_tests::eventually("the end of the pause", async || {
        let answer = sign_in().await;
        (answer.status == 200).then_some(())
    })
    .await;
    let failed = tries(&server, &alice.email, TRIES + 1).await;
    assert_eq!(count(&failed, 401), TRIES);
}

async fn item_20_one_counter_for_every_way_and_every_spelling(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let access = &alice.tokens.access;

    let spellings = [
        "alice@example.com",
        "ALICE@EXAMPLE.COM",
        " Alice@Example.com ",
        "aLICE@eXAMPLE.cOM",
    ];
    for spelling in spellings {
        let _ = server.sign_in(spelling, WRONG).await.expect(401);
    }
    for _ in 0..3 {
        let change = server.change_password(access, WRONG, "Heron-over-2-lakes");
        let _ = change.await.expect(403);
        let _ = server.delete_me(access, WRONG).await.expect(403);
    }
    assert_eq!(spellings.len() + 6, TRIES);

    for spelling in spellings {
        let _ = server.sign_in(spelling, WRONG).await.expect(429);
    }
    let password = &alice.person.password;
    let _ = server.delete_me(access, password).await.expect(429);
    let change = server.change_password(access, password, "Heron-over-2-lakes");
    let _ = change.await.expect(429);
    // What needs no password goes on.
    let _ = server.me(access).await.expect(200);
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
}

async fn item_20_the_pages_count_with_the_api(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.person;
    let form = |password: &str| {
        let fields = format!("email=alice%40example.com&password={password}");
        let call = server.post("/signin");
        call.body("application/x-www-form-urlencoded", fields)
    };
    for _ in 0..TRIES / 2 {
        let _ = form(WRONG).await.expect(401);
        let _ = server.sign_in(&alice.email, WRONG).await.expect(401);
    }
    let refused = form(&alice.password).await.expect(429);
    assert!(refused.header("content-type").starts_with("text/html"));
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    let right = server.sign_in(&alice.email, &alice.password).await;
    let _ = right.expect(429);
}

async fn item_21_the_limit_holds_for_200_parallel_tries(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.person;

    for email in [alice.email.as_str(), "nobody@example.com"] {
        let answers = join_all((0..200).map(async |_| server.sign_in(email, WRONG).await)).await;
        assert_eq!((count(&answers, 401), count(&answers, 429)), (TRIES, 190));
    }
}

async fn item_21_the_limit_holds_across_a_restart(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.person;
    let failed = tries(&server, &alice.email, TRIES - 1).await;
    assert_eq!(count(&failed, 401), TRIES - 1);

    let server = server.restart().await;
    let failed = tries(&server, &alice.email, 2).await;
    assert_eq!(statuses(&failed), [401, 429]);

    let server = server.kill_9().start().await;
    let right = server.sign_in(&alice.email, &alice.password).await;
    let _ = right.expect(429);
}

async fn item_21_two_instances_have_one_limit(backend: Backend) {
    let home = Home::new(backend).with_public_url();
    let other = home.instance();
    let servers: [Server; 2] = tokio::join!(home.start(), other.start()).into();
    let alice = servers[0].account_of("Alice").await.person;

    let answers = (0..200).map(async |index: usize| {
        let server = &servers[index % 2];
        server.sign_in(&alice.email, WRONG).await
    });
    let answers = join_all(answers).await;

    assert_eq!((count(&answers, 401), count(&answers, 429)), (TRIES, 190));
    for server in &servers {
        let right = server.sign_in(&alice.email, &alice.password).await;
        let _ = right.expect(429);
    }
}

async fn item_22_what_a_stranger_says_about_addresses_changes_nothing(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let mut answers = Vec::new();
    for index in 0..30 {
        let address = format!("203.0.113.{index}");
        let forwarded = format!("for={address}");
        let call = server
            .sign_in(&alice.person.email, WRONG)
            .header("x-forwarded-for", &address)
            .header("forwarded", &forwarded)
            .header("x-real-ip", &address);
        answers.push(call.await);
    }
    assert_eq!((count(&answers, 401), count(&answers, 429)), (TRIES, 20));
    assert!(!server.logs().contains("203.0.113."), "{}", server.logs());
    let sessions = server.sessions(&alice.tokens.access).await.json();
    assert_eq!(sessions[0]["ip"], "127.0.0.1");
}

async fn item_22_a_trusted_proxy_is_read_from_the_right(backend: Backend) {
    let home = Home::new(backend)
        .env("LATCHKEY_SERVER__TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")
        .env("LATCHKEY_RATE_LIMITS__ADDRESS_FAILURES", "5");
    let server = home.start().await;
    let try_as = async |who: usize, forwarded: &str| {
        let email = format!("user{who}@example.com");
        sign_in_from(&server, forwarded, &email, WRONG).await.status
    };

    // Whatever the client claims stands left of what the proxy has seen.
    for who in 0..5 {
        let claims = format!("198.51.100.{who}, 192.0.2.1, 10.1.2.3");
        assert_eq!(try_as(who, &claims).await, 401);
    }
    assert_eq!(try_as(5, "198.51.100.5, 192.0.2.1").await, 429);
    assert_eq!(try_as(6, "192.0.2.1, 192.0.2.2").await, 401);
    // A /64 is one network, in whatever form an address is written.
    for who in 10..15 {
        assert_eq!(try_as(who, &format!("2001:db8:1:2::{who}")).await, 401);
    }
    assert_eq!(try_as(15, "2001:db8:1:2:ffff::1").await, 429);
    assert_eq!(try_as(16, "2001:db8:1:3::1").await, 401);
    for who in 20..25 {
        assert_eq!(try_as(who, "::ffff:192.0.2.7").await, 401);
    }
    assert_eq!(try_as(25, "192.0.2.7").await, 429);
    // A proxy may write another header instead.
    for (who, header, value) in [
        (30, "forwarded", "for=\"[2001:db8:1:2::9]:4711\""),
        (31, "x-real-ip", "192.0.2.7"),
    ] {
        let call = server.sign_in(&format!("user{who}@example.com"), WRONG);
        let _ = call.header(header, value).await.expect(429);
    }
}

async fn item_23_a_stranger_cannot_lock_the_owner_out(backend: Backend) {
    let server = behind_a_proxy(backend).await;
    let alice = sign_up_from(&server, "2001:db8:a::1", "Alice").await;
    let person = &alice.person;
    let right_from =
        async |address: &str| sign_in_from(&server, address, &person.email, &person.password).await;
    let _ = right_from("192.0.2.10").await.expect(200);

    // A stranger fails from many places.
    let mut refused = 0;
    for network in 0..20 {
        let address = format!("203.0.113.{network}");
        let failed = fail_from(&server, &address, &person.email, 5).await;
        refused += failed.iter().filter(|status| **status == 429).count();
    }
    assert_eq!(refused, 100 - TRIES);

    // Where she has signed in, and where she has signed up, she still can.
    let _ = right_from("192.0.2.10").await.expect(200);
    let _ = right_from("2001:db8:a::77").await.expect(200);
    // Where she has never been, not even she can, and is told until when.
    let answer = right_from("198.51.100.1").await.expect(429);
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(
        answer.header("ratelimit"),
        format!(r#""account";r=0;t={wait}"#)
    );
    assert_eq!(answer.header("ratelimit-policy"), r#""account";q=10"#);
    assert_eq!(answer.header("cache-control"), "no-store");

    // Her own places have an end too, each its own.
    let failed = fail_from(&server, "192.0.2.10", &person.email, TRIES + 1).await;
    assert_eq!(failed[TRIES - 1..], [401, 429]);
    let _ = right_from("2001:db8:a::1").await.expect(200);
    // And a session that she has goes on.
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
}

async fn item_23_an_account_that_is_locked_can_be_unlocked(backend: Backend) {
    let home = Home::new(backend)
        .env("LATCHKEY_RATE_LIMITS__ACCOUNT_TRIES", "3")
        .env("LATCHKEY_RATE_LIMITS__ACCOUNT_LOCK_AFTER", "3");
    let server = home.start().await;
    let alice = server.account_of("Alice").await.person;
    let show = async || {
        let shown = server.cli(["user", "show", &alice.email, "--json"]).await;
        shown.ok().json()["failures"].clone()
    };
    let unlock = async || {
        let unlocked = server.cli(["user", "unlock", &alice.email, "--json"]).await;
        unlocked.ok().json()["unlocked"].clone()
    };
    assert_eq!((show().await, unlock().await), (json!([]), json!(false)));

    let failed = tries(&server, &alice.email, 4).await;
    assert_eq!(statuses(&failed), [401, 401, 401, 429]);
    let wait: u64 = failed[3].header("retry-after").parse().expect("seconds");
    assert!((86_000..=86_400).contains(&wait), "{wait}");

    let failures = show().await;
    assert_eq!(failures[0]["in_a_row"], 3, "{failures}");
    assert_eq!(failures[0]["network"], "127.0.0.1");
    assert!(failures[0]["paused_until"].is_string(), "{failures}");
    let text = server.cli(["user", "show", &alice.email]).await.ok();
    assert!(text.stdout.contains("PAUSED UNTIL"), "{}", text.stdout);

    assert_eq!(unlock().await, Value::Bool(true));
    assert_eq!(show().await, json!([]));
    let words = "user.paused,user.unlocked";
    let trail = server.cli(["audit", "list", "--event", words, "--json"]);
    let trail = trail.await.ok().json();
    assert_eq!(trail[0]["event"], "user.paused", "{trail}");
    assert_eq!(trail[0]["detail"], "3 in a row, 86400 s");
    assert_eq!(trail[1]["event"], "user.unlocked");
    assert_eq!(trail[1]["user_id"], trail[0]["user_id"]);
    assert_eq!(trail.as_array().map(Vec::len), Some(2));
    let right = server.sign_in(&alice.email, &alice.password).await;
    let _ = right.expect(200);
}

async fn one_network_cannot_try_every_account(backend: Backend) {
    let server = behind_a_proxy(backend).await;
    let alice = sign_up_from(&server, "192.0.2.1", "Alice").await.person;
    let spray = (0..150).map(async |who: usize| {
        let email = format!("user{who}@example.com");
        sign_in_from(&server, "192.0.2.1", &email, WRONG).await
    });
    let answers = join_all(spray).await;

    assert_eq!((count(&answers, 401), count(&answers, 429)), (100, 50));
    let refused = answers.iter().find(|answer| answer.status == 429);
    let refused = refused.expect("there are fifty");
    let policy = refused.header("ratelimit-policy");
    assert_eq!(policy, r#""address";q=100;w=3600"#);
    // Everybody there has to wait, whether there is such an account or not.
    let known = sign_in_from(&server, "192.0.2.1", &alice.email, &alice.password).await;
    assert_eq!(known.expect(429).text(), refused.text());
    // And nobody else.
    let elsewhere = sign_in_from(&server, "192.0.2.2", &alice.email, &alice.password).await;
    let _ = elsewhere.expect(200);
}

async fn sign_ups_of_one_network_are_limited(backend: Backend) {
    let home = Home::new(backend)
        .env("LATCHKEY_SERVER__TRUSTED_PROXIES", "127.0.0.1")
        .env("LATCHKEY_RATE_LIMITS__ADDRESS_SIGN_UPS", "3");
    let server = home.start().await;
    for name in ["Alice", "Bobby", "Carol"] {
        sign_up_from(&server, "2001:db8::1", name).await;
    }
    let dave = latchkey_tests::Person::named("David");
    let from = |address: &str| server.sign_up(&dave).header("x-forwarded-for", address);

    let refused = from("2001:db8::2").await.expect(429);
    let policy = refused.header("ratelimit-policy");
    assert_eq!(policy, r#""sign-ups";q=3;w=3600"#);
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=1200).contains(&wait), "{wait}");
    let _ = from("2001:db8:0:1::2").await.expect(201);
    // Whether an address is taken is told no more often than that.
    let taken = from("2001:db8::3").await.expect(429);
    assert_eq!(taken.text(), refused.text());
}

async fn many_people_behind_one_address_are_no_nuisance(backend: Backend) {
    let server = Server::start(backend).await;
    let mut people = Vec::new();
    for who in 0..15 {
        let person = latchkey_tests::Person::named("Somebody");
        let person = person.with_email(&format!("somebody{who}@example.com"));
        people.push(server.account(&person).await.person);
    }
    // Ten sign-ins each, and a mistake now and then: more than the failures of an hour.
    for round in 0..10 {
        let sign_ins = people.iter().map(async |person| {
            if round % 4 == 0 {
                let _ = server.sign_in(&person.email, WRONG).await.expect(401);
            }
            let answer = server.sign_in(&person.email, &person.password).await;
            let _ = Jwt::read(&answer.expect(200).tokens().access);
        });
        join_all(sign_ins).await;
    }
}

/// Nobody knows of the tries that are under way whether they are right: who comes then
/// waits for that, and is not refused.
async fn right_passwords_at_once_are_all_let_in(backend: Backend) {
    let home = Home::new(backend).env("LATCHKEY_RATE_LIMITS__ADDRESS_FAILURES", "15");
    let server = home.start().await;
    let alice = server.account_of("Alice").await.person;
    let right = async || server.sign_in(&alice.email, &alice.password).await;
    let answers = join_all((0..60).map(async |_| right().await)).await;
    assert_eq!(count(&answers, 200), 60, "{:?}", statuses(&answers));

    // With the wrong ones of somebody else among them, none is lost either.
    let answers = join_all((0..40).map(async |index| match index {
        8 | 16 | 24 | 32 => server.sign_in("nobody@example.com", WRONG).await,
        _ => right().await,
    }));
    let answers = answers.await;
    assert_eq!((count(&answers, 200), count(&answers, 401)), (36, 4));
}

async fn what_is_switched_off_limits_nothing(backend: Backend) {
    let home = Home::new(backend).env("LATCHKEY_RATE_LIMITS__ENABLED", "false");
    let server = home.start().await;
    let alice = server.account_of("Alice").await.person;
    let failed = tries(&server, &alice.email, 120).await;
    assert_eq!(count(&failed, 401), 120);
    let _ = server
        .sign_in(&alice.email, &alice.password)
        .await
        .expect(200);
    assert!(server.logs().contains("rate_limits.enabled"));
}
