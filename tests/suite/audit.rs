//! The audit trail: who did what, when, from where, and what came of it.

use std::process::Stdio;

use latchkey_tests::{Account, Answer, Backend, Call, Home, Person, Server, on_each_backend};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

on_each_backend![
    item_79_what_a_user_does_is_on_record_once,
    item_79_what_an_operator_does_is_on_record,
    item_79_keys_and_their_changes_are_on_record,
    the_log_says_what_the_database_says,
    nothing_is_on_record_that_did_not_happen,
    a_dry_run_is_neither_on_record_nor_in_the_log,
    item_81_what_cannot_be_recorded_does_not_happen,
    item_22_a_header_of_a_stranger_does_not_change_the_address,
    item_79_nobody_breaks_a_line_or_steers_a_terminal,
    item_16_an_unknown_address_is_not_kept,
    the_trail_outlives_the_user,
    the_list_is_filtered,
    who_follows_sees_what_happens,
    who_follows_can_stop,
    old_records_are_forgotten,
];

const AGENT: &str = "Tests/1.0";

/// What `audit list --json` prints with these options.
async fn list<const N: usize>(server: &Server, options: [&str; N]) -> Vec<Value> {
    let arguments = ["audit", "list", "--json"].into_iter().chain(options);
    match server.cli(arguments).await.json() {
        Value::Array(records) => records,
        other => panic!("{other}"),
    }
}

/// The same, without what the server does by itself.
async fn of_people(server: &Server) -> Vec<Value> {
    let mut records = list(server, []).await;
    records.retain(|record| record["actor"] != "service");
    records
}

/// The events in their order.
fn words(records: &[Value]) -> Vec<&str> {
    records
        .iter()
        .map(|record| record["event"].as_str().expect("a word"))
        .collect()
}

/// The answer to a request, which has to have this status.
async fn answered(call: Call, status: u16) -> Answer {
    call.header("user-agent", AGENT).await.expect(status)
}

/// The record of what a request came to, but for its identifier and time.
fn expected(
    event: &str,
    reason: Option<&str>,
    actor: Option<&str>,
    user: Option<&str>,
    answer: &Answer,
) -> Value {
    let failed = event.ends_with("_failed") || event == "session.refresh_reused";
    json!({
        "event": event,
        "outcome": if failed { "failure" } else { "success" },
        "reason": reason,
        "actor": if actor.is_some() { "user" } else { "anonymous" },
        "actor_id": actor,
        "user_id": user,
        "ip": "127.0.0.1",
        "user_agent": AGENT,
        "request_id": answer.header("x-request-id"),
    })
}

async fn item_79_what_a_user_does_is_on_record_once(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__REFRESH_GRACE", "0s")
        .start()
        .await;
    let alice = Person::named("Alice");
    let mut told: Vec<Value> = Vec::new();

    let answer = answered(server.sign_up(&alice), 201).await;
    let id = answer.member("/user/user_id");
    let me = Some(id.as_str());
    let first = answer.tokens();
    told.push(expected("user.signed_up", None, me, me, &answer));

    let wrong = server.sign_in(&alice.email, "Wrong-wren-in-10-hedges");
    let answer = answered(wrong, 401).await;
    let reason = Some("wrong_password");
    told.push(expected("user.sign_in_failed", reason, None, me, &answer));
    let nobody = server.sign_in("nobody@example.com", &alice.password);
    let answer = answered(nobody, 401).await;
    let reason = Some("unknown_email");
    told.push(expected("user.sign_in_failed", reason, None, None, &answer));
    let again = Person::named("Alina").with_email(&alice.email.to_uppercase());
    let answer = answered(server.sign_up(&again), 400).await;
    let reason = Some("email_taken");
    told.push(expected("user.sign_up_failed", reason, None, me, &answer));
    let answer = answered(server.sign_in(&alice.email, &alice.password), 200).await;
    told.push(expected("user.signed_in", None, me, me, &answer));
    let second = answer.tokens();

    // A refresh is not on record; using its token again is.
    let refreshed = answered(server.refresh(&second.refresh), 200)
        .await
        .tokens();
    let answer = answered(server.refresh(&second.refresh), 401).await;
    told.push(expected("session.refresh_reused", None, me, me, &answer));
    let _ = answered(server.refresh(&refreshed.refresh), 401).await;

    let change = json!({ "age": 40 });
    let answer = answered(server.update_me(&first.access, &change), 200).await;
    told.push(expected("user.profile_changed", None, me, me, &answer));
    let new = "Heron-under-38-bridges";
    let wrong = server.change_password(&first.access, "Wrong-wren-in-10-hedges", new);
    let answer = answered(wrong, 403).await;
    let reason = Some("wrong_password");
    told.push(expected(
        "user.password_change_failed",
        reason,
        me,
        me,
        &answer,
    ));
    let right = server.change_password(&first.access, &alice.password, new);
    let answer = answered(right, 200).await;
    told.push(expected("user.password_changed", None, me, me, &answer));
    let third = answer.tokens();

    let answer = answered(server.sign_in(&alice.email, new), 200).await;
    told.push(expected("user.signed_in", None, me, me, &answer));
    let fourth = answer.tokens();
    let session = latchkey_tests::Jwt::read(&fourth.access).claims["sid"].clone();
    let session = session.as_str().expect("a session");
    let answer = answered(server.end_session(&third.access, session), 204).await;
    told.push(expected("session.ended", None, me, me, &answer));
    let answer = answered(server.end_sessions(&third.access), 204).await;
    told.push(expected("session.all_ended", None, me, me, &answer));
    let answer = answered(server.sign_in(&alice.email, new), 200).await;
    told.push(expected("user.signed_in", None, me, me, &answer));
    let answer = answered(server.log_out(&answer.tokens().refresh), 200).await;
    told.push(expected("user.signed_out", None, me, me, &answer));

    let answer = answered(server.sign_in(&alice.email, new), 200).await;
    told.push(expected("user.signed_in", None, me, me, &answer));
    let last = answer.tokens();
    let wrong = server.delete_me(&last.access, "Wrong-wren-in-10-hedges");
    let answer = answered(wrong, 403).await;
    let reason = Some("wrong_password");
    told.push(expected("user.deletion_failed", reason, me, me, &answer));
    let answer = answered(server.delete_me(&last.access, new), 204).await;
    told.push(expected("user.deleted", None, me, me, &answer));

    let mut records = of_people(&server).await;
    let ended = records
        .iter()
        .find(|record| record["event"] == "session.ended")
        .expect("a record");
    assert_eq!(ended["session_id"], session);
    let mut before = String::new();
    for record in &mut records {
        let record = record.as_object_mut().expect("an object");
        let at = record.remove("at").expect("a time");
        let at = at.as_str().expect("text");
        assert!(at.ends_with('Z') && at.len() == 24, "{at}");
        assert!(*at >= *before, "{before} and then {at}");
        at.clone_into(&mut before);
        for other in ["event_id", "session_id", "detail"] {
            assert!(record.remove(other).is_some(), "{other}");
        }
    }
    assert_eq!(records.len(), told.len(), "{records:#?}");
    for (record, told) in records.iter().zip(&told) {
        assert_eq!(record, told);
    }
}

async fn item_79_what_an_operator_does_is_on_record(backend: Backend) {
    let server = Server::start(backend).await;
    let home = server.home();
    let add = [
        "user",
        "add",
        "bobby@example.com",
        "--name",
        "Bobby Example",
    ];
    let password = "Kestrel-over-27-moors";
    let _ = home.cli_with_input(password, add).await.ok();
    let set = ["user", "set-password", "bobby@example.com"];
    let _ = home
        .cli_with_input("Heron-under-38-bridges", set)
        .await
        .ok();
    for arguments in [
        &["user", "set-email", "bobby@example.com", "bob@example.com"][..],
        &["user", "disable", "bob@example.com"],
        // There is nothing to do, and nothing on record.
        &["user", "disable", "bob@example.com"],
        &["user", "enable", "bob@example.com"],
        &["user", "sign-out", "bob@example.com"],
        &["user", "export"],
    ] {
        let _ = server.cli(arguments).await.ok();
    }
    let line = json!({ "email": "eve@example.com", "name": "Eve Example", "password_hash": null });
    let _ = home
        .cli_with_input(&line.to_string(), ["user", "import"])
        .await
        .ok();
    for arguments in [
        &["user", "delete", "bob@example.com"][..],
        &["client", "add", "gateway"],
        &["client", "remove", "gateway"],
    ] {
        let _ = server.cli(arguments).await.ok();
    }

    let records = of_people(&server).await;
    assert_eq!(
        words(&records),
        [
            "user.added",
            "user.password_changed",
            "user.email_changed",
            "user.disabled",
            "user.enabled",
            "session.all_ended",
            "user.exported",
            "user.imported",
            "user.deleted",
            "client.added",
            "client.removed",
        ]
    );
    let name = std::process::Command::new("id")
        .arg("-un")
        .output()
        .expect("id runs");
    let name = String::from_utf8(name.stdout).expect("a name");
    for record in &records {
        assert_eq!(record["actor"], "operator");
        assert_eq!(record["actor_id"], name.trim());
        assert_eq!(record["ip"], json!(null));
    }
    let details: Vec<&Value> = records.iter().map(|record| &record["detail"]).collect();
    assert_eq!(
        (details[5], details[7], details[9]),
        (&json!("0"), &json!("1"), &json!("gateway"))
    );
}

async fn item_79_keys_and_their_changes_are_on_record(backend: Backend) {
    let server = Server::start(backend).await;
    let made = list(&server, []).await;
    assert_eq!(words(&made), ["key.added", "key.activated", "key.added"]);
    assert!(
        made.iter().all(|record| record["actor"] == "service"),
        "{made:#?}"
    );
    let active = crate::keys::in_state(&server, "active").await;
    let standby = crate::keys::in_state(&server, "standby").await;
    assert_eq!(made[0]["detail"], active);

    let _ = server.cli(["key", "rotate", "--now"]).await.ok();
    let rotated = of_people(&server).await;
    let about = |word: &str| {
        let record = rotated.iter().find(|record| record["event"] == word);
        record.unwrap_or_else(|| panic!("{word}: {rotated:#?}"))["detail"].clone()
    };
    assert_eq!(about("key.retired"), active);
    assert_eq!(about("key.activated"), standby);
    assert_eq!(
        about("key.added"),
        crate::keys::in_state(&server, "standby").await
    );
    assert_eq!(rotated.len(), 3);

    let _ = server.cli(["key", "retire", &active, "--now"]).await.ok();
    let retired = of_people(&server).await;
    assert_eq!(retired[3]["event"], "key.removed");
    assert_eq!(retired[3]["detail"], active);
    assert!(retired.iter().all(|record| record["actor"] == "operator"));
}

async fn the_log_says_what_the_database_says(backend: Backend) {
    let server = Home::new(backend)
        .arg("--log-format")
        .arg("json")
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let wrong = server.sign_in(&alice.person.email, "wrong");
    let _ = answered(wrong, 401).await;
    let _ = server.log_out(&alice.tokens.access).await.expect(200);
    let records = list(&server, []).await;

    let logs = server.logs();
    let mut logged: Vec<Value> = logs
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|line: &Value| line["target"] == "latchkey::audit")
        .collect();
    logged.sort_by_key(|line| line["event_id"].to_string());
    assert_eq!(logged.len(), records.len(), "{logs}");
    for (line, record) in logged.iter().zip(&records) {
        assert_eq!(line["message"], "audit");
        for (field, value) in record.as_object().expect("an object") {
            assert_eq!(
                line.get(field).unwrap_or(&json!(null)),
                value,
                "{field}: {line}"
            );
        }
    }
}

async fn nothing_is_on_record_that_did_not_happen(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let unfit = Person::named("Bobby").with_password("short");
    let _ = server.sign_up(&unfit).await.expect(422);
    let taken = ["user", "add", "ALICE@example.com", "--name", "Alice Two"];
    let password = "Kestrel-over-27-moors";
    let _ = server
        .home()
        .cli_with_input(password, taken)
        .await
        .failed(1);
    let _ = server.me("no token").await.expect(401);
    let same = server.change_password(&alice.tokens.access, &alice.person.password, "short");
    let _ = same.await.expect(422);
    assert_eq!(words(&of_people(&server).await), ["user.signed_up"]);
}

async fn a_dry_run_is_neither_on_record_nor_in_the_log(backend: Backend) {
    let server = Server::start(backend).await;
    let line = json!({ "email": "eve@example.com", "name": "Eve Example", "password_hash": null });
    let loud = server.home().instance().env("LATCHKEY_LOG", "info");
    for (arguments, records) in [
        (&["user", "import", "--dry-run"][..], 0),
        (&["user", "import"], 1),
    ] {
        let output = loud.cli_with_input(&line.to_string(), arguments).await.ok();
        let logged = output.stderr.matches("user.imported").count();
        assert_eq!(logged, records, "{arguments:?}: {}", output.stderr);
        assert_eq!(of_people(&server).await.len(), records, "{arguments:?}");
    }
}

/// A database that takes no records takes no changes, and nobody learns whether a password
/// was right.
async fn item_81_what_cannot_be_recorded_does_not_happen(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let (email, password) = (&alice.person.email, &alice.person.password);
    let database = server.database();
    let before = counts(&server);
    database.execute("alter table audit_events rename to aside");

    let right = server.sign_in(email, password).await;
    assert!(right.status >= 500, "{}", right.shown());
    for wrong in [
        server.sign_in(email, "wrong").await,
        server.sign_in("nobody@example.com", password).await,
    ] {
        assert_eq!(wrong.shown(), right.shown());
    }
    let access = &alice.tokens.access;
    for call in [
        server.sign_up(&Person::named("Bobby")),
        server.change_password(access, password, "Heron-under-38-bridges"),
        server.change_password(access, "wrong", "Heron-under-38-bridges"),
        server.update_me(access, &json!({ "age": 40 })),
        server.log_out(access),
        server.end_sessions(access),
        server.delete_me(access, password),
    ] {
        let answer = call.await;
        assert!(answer.status >= 500, "{}", answer.shown());
    }
    let logs = server.logs();
    let unrecorded = logs
        .lines()
        .filter(|line| line.contains("not recorded") && line.contains("_failed"));
    assert_eq!(unrecorded.count(), 3, "{logs}");

    database.execute("alter table aside rename to audit_events");
    assert_eq!(counts(&server), before);
    assert_eq!(words(&of_people(&server).await), ["user.signed_up"]);
    let _ = server.me(access).await.expect(200);
    let _ = server.sign_in(email, password).await.expect(200);
}

fn counts(server: &Server) -> Vec<Vec<String>> {
    let alive = "select count(*), (select count(*) from sessions where ended_at is null), \
         max(age) from users";
    server.database().rows(alive)
}

async fn item_22_a_header_of_a_stranger_does_not_change_the_address(backend: Backend) {
    let server = Server::start(backend).await;
    let forged = |call: Call| {
        call.header("x-forwarded-for", "203.0.113.7")
            .header("forwarded", "for=203.0.113.7")
            .header("x-real-ip", "203.0.113.7")
            .header("x-request-id", "forged")
    };
    let _ = forged(server.sign_up(&Person::named("Alice")))
        .await
        .expect(201);
    let _ = forged(server.sign_in("alice@example.com", "wrong"))
        .await
        .expect(401);
    let records = of_people(&server).await;
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!(record["ip"], "127.0.0.1");
        assert_ne!(record["request_id"], "forged");
    }
}

async fn item_79_nobody_breaks_a_line_or_steers_a_terminal(backend: Backend) {
    let server = Server::start(backend).await;
    let mut raw = server.raw().await;
    // What HTTP lets through: a tab, and in UTF-8 a next line, a line separator, the
    // control sequence introducer and a mark that turns the direction of writing around.
    let agent = "a\tb\u{85}c\u{2028}d\u{9b}2Je\u{202e}forged";
    let mut person = Person::named("Alice").form();
    person["name"] = "Alice\r\nforged".into();
    for (path, body) in [
        ("signup", person),
        ("signup", Person::named("Bobby").form()),
        (
            "signin",
            json!({ "email": "a@example.com\r\nforged", "password": "x" }),
        ),
        (
            "signin",
            json!({ "email": "eve@example.com", "password": "\r\nforged" }),
        ),
    ] {
        let body = body.to_string();
        let head = format!(
            "POST /api/v1/users/{path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        raw.send(head + &body).await;
        assert!(raw.answer().await.expect("an answer").status < 500);
    }
    let records = of_people(&server).await;
    let agents: Vec<&Value> = records.iter().map(|record| &record["user_agent"]).collect();
    let escaped = r"a\tb\u{85}c\u{2028}d\u{9b}2Je\u{202e}forged";
    assert_eq!(agents, vec![escaped; records.len()]);
    assert!(records.len() >= 2, "{records:#?}");

    let printed = server.cli(["audit", "list"]).await.ok().stdout;
    let everything = list(&server, []).await;
    assert_eq!(printed.lines().count(), everything.len() + 1);
    for text in [printed, server.logs()] {
        let strange =
            |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}' | '\u{202e}');
        assert!(!text.contains(strange), "{text:?}");
    }
}

async fn item_16_an_unknown_address_is_not_kept(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_LOG", "trace")
        .start()
        .await;
    // A password that could be an address, in the wrong field.
    let typed = "Correct-horse@battery.staple";
    let _ = server.sign_in(typed, "x").await.expect(401);
    assert_eq!(words(&of_people(&server).await), ["user.sign_in_failed"]);
    let database = server.database().bytes();
    for typed in [typed, "correct-horse@battery.staple"] {
        assert!(!server.logs().contains(typed));
        let found = database
            .windows(typed.len())
            .any(|part| part == typed.as_bytes());
        assert!(!found, "in the database");
    }
}

async fn the_trail_outlives_the_user(backend: Backend) {
    let server = Server::start(backend).await;
    let Account {
        person,
        user_id,
        tokens,
    } = server.account_of("Alice").await;
    let _ = server
        .delete_me(&tokens.access, &person.password)
        .await
        .expect(204);
    let records = list(&server, ["--user", &user_id]).await;
    assert_eq!(words(&records), ["user.signed_up", "user.deleted"]);
    let gone = server.cli(["audit", "list", "--user", &person.email]).await;
    assert!(gone.failed(1).contains("there is no user with the e-mail"));
}

async fn the_list_is_filtered(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let bobby = server.account_of("Bobby").await;
    let _ = server
        .sign_in(&alice.person.email, "wrong")
        .await
        .expect(401);
    let _ = server.log_out(&bobby.tokens.access).await.expect(200);

    let of_alice = ["user.signed_up", "user.sign_in_failed"];
    for user in [
        alice.person.email.as_str(),
        "ALICE@example.com",
        &alice.user_id,
    ] {
        assert_eq!(
            words(&list(&server, ["--user", user]).await),
            of_alice,
            "{user}"
        );
    }
    let picked = list(&server, ["--event", "user.signed_out,user.signed_up"]).await;
    let expected = ["user.signed_up", "user.signed_up", "user.signed_out"];
    assert_eq!(words(&picked), expected);
    let both = list(
        &server,
        ["--user", &bobby.user_id, "--event", "user.signed_out"],
    )
    .await;
    assert_eq!(words(&both), ["user.signed_out"]);

    let everything = list(&server, []).await;
    assert_eq!(list(&server, ["--since", "1h"]).await, everything);
    assert_eq!(list(&server, ["--until", "1h"]).await, [json!(null); 0]);
    let at = picked[1]["at"].as_str().expect("a time");
    let since = list(&server, ["--since", at]).await;
    assert_eq!(words(&since)[0], "user.signed_up");
    assert!(since.iter().all(|record| record["at"].as_str() >= Some(at)));
    let last = list(&server, ["--limit", "2"]).await;
    assert_eq!(last, everything[everything.len() - 2..]);

    let table = server
        .cli(["audit", "list", "--user", &alice.user_id])
        .await;
    let table = table.ok().stdout;
    let lines: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], ["TIME", "EVENT", "USER", "BY", "IP", "DETAIL"]);
    assert_eq!(
        lines[1][1..],
        ["user.signed_up", &alice.user_id, "user", "127.0.0.1"]
    );
    assert_eq!(
        lines[2][1..],
        [
            "user.sign_in_failed",
            &alice.user_id,
            "anonymous",
            "127.0.0.1",
            "wrong_password"
        ]
    );

    for (arguments, hint) in [
        (["--event", "user.signedin"], "user.signed_in"),
        (["--since", "yesterday"], "2h"),
        (["--user", "nobody"], "--user"),
    ] {
        let arguments = ["audit", "list"].into_iter().chain(arguments);
        let refused = server.cli(arguments).await.failed(2);
        assert!(refused.contains(hint), "{refused}");
        assert_eq!(refused.trim_end().lines().count(), 1, "{refused}");
    }
}

/// A follower, and the records that it has printed so far, as they come.
fn following(
    server: &Server,
) -> (
    Child,
    tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
) {
    let arguments = ["audit", "list", "--follow", "--json", "--event"];
    let words = "user.signed_up,user.sign_in_failed";
    let mut follower = server
        .home()
        .begin_cli(arguments.into_iter().chain([words]));
    let stdout = follower.stdout.take().expect("a piped stdout");
    (follower, BufReader::new(stdout).lines())
}

async fn next(lines: &mut tokio::io::Lines<BufReader<tokio::process::ChildStdout>>) -> Value {
    let line = tokio::time::timeout(latchkey_tests::SAFETY_NET, lines.next_line());
    let line = line.await.expect("a line").expect("text").expect("no end");
    serde_json::from_str(&line).expect("JSON on one line")
}

async fn who_follows_sees_what_happens(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let (_follower, mut lines) = following(&server);
    assert_eq!(next(&mut lines).await["event"], "user.signed_up");
    for nobody in ["one@example.com", "two@example.com", &alice.person.email] {
        let answer = server.sign_in(nobody, "wrong").await.expect(401);
        let _ = server.log_out(&alice.tokens.access).await;
        let record = next(&mut lines).await;
        assert_eq!(record["event"], "user.sign_in_failed");
        assert_eq!(record["request_id"], answer.header("x-request-id"));
    }
}

async fn who_follows_can_stop(backend: Backend) {
    let server = Server::start(backend).await;
    let _ = server.account_of("Alice").await;

    let (mut follower, mut lines) = following(&server);
    let _ = next(&mut lines).await;
    let id = follower.id().expect("a process").to_string();
    let interrupted = std::process::Command::new("kill")
        .args(["-INT", &id])
        .stdin(Stdio::null())
        .status();
    assert!(interrupted.expect("kill runs").success());
    let ended = tokio::time::timeout(latchkey_tests::SAFETY_NET, follower.wait());
    let ended = ended.await.expect("an end").expect("a status");
    assert_eq!(ended.code(), Some(0), "after Ctrl-C");

    // Nothing more happens that could be written to who reads no more.
    let (mut follower, mut lines) = following(&server);
    let _ = next(&mut lines).await;
    drop(lines);
    let ended = tokio::time::timeout(latchkey_tests::SAFETY_NET, follower.wait());
    let ended = ended.await.expect("an end").expect("a status");
    assert_eq!(ended.code(), Some(0), "nobody reads");
}

async fn old_records_are_forgotten(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_AUDIT__KEEP", "1d")
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    // As if it were of long ago: its identifier is in the order of time.
    let (id, at) = match backend {
        Backend::Sqlite => ("x'00000000000070008000000000000000'", "0"),
        Backend::Postgres => ("'00000000-0000-7000-8000-000000000000'", "to_timestamp(0)"),
    };
    server.database().execute(&format!(
        "update audit_events set event_id = {id}, at = {at} where event = 'user.signed_up'"
    ));
    latchkey_tests::eventually("housekeeping", async || {
        let left = list(&server, ["--user", &alice.user_id]).await;
        left.is_empty().then_some(())
    })
    .await;
    // Those of today stay.
    assert!(!list(&server, []).await.is_empty());
}
