//! `latchkey user import` and `latchkey user export`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use latchkey_tests::{
    Backend, Home, Output, Server, eventually, on_each_backend, on_postgres, on_sqlite,
};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

on_each_backend![
    every_kind_of_hash_signs_in_and_is_replaced,
    the_way_back_stays_open_if_asked_for,
    bad_lines_are_named_and_stop_nobody,
    a_dry_run_changes_nothing_and_says_the_same,
    an_import_can_be_run_again,
    nobody_is_overwritten,
    what_is_exported_is_imported_exactly,
    a_killed_import_is_taken_up_again,
    ten_thousand_users_come_and_go,
    a_hostile_hash_is_no_import,
    who_cannot_be_exported_is_named,
];

on_sqlite![
    an_import_makes_the_database_and_a_dry_run_does_not,
    an_export_is_private_and_overwrites_nothing,
];

on_postgres![
    users_move_to_postgres_and_back,
    adopted_users_are_exported_as_they_are_shown,
];

const PASSWORD: &str = "correct horse battery staple";

/// A hash of [`PASSWORD`] of each kind, made by other implementations.
fn hashes() -> Vec<String> {
    let files = [
        include_str!("../../server/tests/vectors/password_hashes.json"),
        include_str!("../../server/tests/vectors/foreign_hashes.json"),
    ];
    let vectors: Vec<Value> = files
        .iter()
        .flat_map(|file| serde_json::from_str::<Vec<Value>>(file).expect("vectors"))
        .filter(|vector| vector["password"] == PASSWORD && vector["verify"] == true)
        .collect();
    [
        "argon2id",
        "argon2i",
        "argon2d",
        "bcrypt $2y$",
        "passlib pbkdf2-sha256",
        "PHC pbkdf2-sha256",
        "passlib scrypt",
        "PHC scrypt",
    ]
    .into_iter()
    .map(|kind| {
        let of_kind = vectors.iter().find(|vector| vector["format"] == kind);
        let hash = of_kind.unwrap_or_else(|| panic!("no vector of {kind}"));
        hash["hash"].as_str().expect("a hash").to_owned()
    })
    .collect()
}

/// A cheap hash of [`PASSWORD`], by passlib 1.7.4.
fn cheap_hash() -> String {
    let of_pbkdf2 = |hash: &String| hash.starts_with("$pbkdf2-sha256$1000$");
    hashes().into_iter().find(of_pbkdf2).expect("a cheap hash")
}

fn person(number: usize, hash: &str) -> Value {
    json!({
        "name": format!("Person {number}"),
        "email": format!("person{number}@example.com"),
        "password_hash": hash,
    })
}

fn people(count: usize) -> String {
    let hash = cheap_hash();
    (0..count)
        .map(|number| format!("{}\n", person(number, &hash)))
        .collect()
}

/// An empty database with its schema.
async fn empty(backend: Backend) -> Home {
    let home = Home::new(backend);
    let _ = home.cli(["migrate", "up"]).await.ok();
    home
}

async fn import(home: &Home, lines: &str, options: &[&str]) -> Output {
    fs::write(home.path("users.jsonl"), lines).expect("a file");
    let arguments = ["user", "import", "users.jsonl", "--json"];
    home.cli(arguments.iter().chain(options)).await
}

/// Imported, unchanged and bad.
fn tally(output: &Output) -> [u64; 3] {
    let summary: Value = serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("not JSON ({error}): {output:#?}"));
    ["imported", "unchanged", "bad"].map(|count| summary[count].as_u64().expect("a count"))
}

async fn export(home: &Home) -> String {
    home.cli(["user", "export"]).await.ok().stdout
}

async fn every_kind_of_hash_signs_in_and_is_replaced(backend: Backend) {
    let server = Server::start(backend).await;
    let hashes = hashes();
    let lines: String = (0..)
        .zip(&hashes)
        .map(|(number, hash)| format!("{}\n", person(number, hash)))
        .collect();
    let output = import(server.home(), &lines, &[]).await.ok();
    assert_eq!(tally(&output), [8, 0, 0]);

    for (number, hash) in hashes.iter().enumerate() {
        let email = format!("person{number}@example.com");
        let wrong = server
            .sign_in(&email, "correct horse battery stapler")
            .await;
        let _ = wrong.expect(401);
        for _ in ["with the imported hash", "with ours"] {
            let answer = server.sign_in(&email, PASSWORD).await.expect(200);
            assert_eq!(answer.member("/user/name"), format!("Person {number}"));
            let stored = stored_hash(&server, &email);
            let ours = "$argon2id$v=19$m=8,t=1,p=1$";
            assert!(stored.starts_with(ours), "{hash} became {stored}");
        }
    }
}

async fn the_way_back_stays_open_if_asked_for(backend: Backend) {
    let home = Home::new(backend).env("LATCHKEY_PASSWORDS__UPGRADE_FOREIGN", "false");
    let server = home.start().await;
    let hash = cheap_hash();
    let output = import(server.home(), &person(1, &hash).to_string(), &[]).await;
    assert_eq!(tally(&output.ok()), [1, 0, 0]);
    let _ = server
        .sign_in("person1@example.com", PASSWORD)
        .await
        .expect(200);
    assert_eq!(stored_hash(&server, "person1@example.com"), hash);
}

fn stored_hash(server: &Server, email: &str) -> String {
    let sql = format!("SELECT password FROM users WHERE email_canonical = '{email}'");
    server.home().database().rows(&sql)[0][0].clone()
}

/// Lines of which the second, fourth, sixth and so on are bad.
fn half_bad() -> (String, Vec<&'static str>) {
    let hash = cheap_hash();
    let with = |member: &str, value: Value| {
        let mut line = person(99, &hash);
        line[member] = value;
        line.to_string()
    };
    let bad = [
        (
            "nonsense".to_owned(),
            "line 2: is not a JSON object: expected ident",
        ),
        ("[]".to_owned(), "line 4: is not a JSON object"),
        (with("emial", json!("x")), "did you mean email?"),
        (
            with("email", json!("nobody")),
            "line 8: email: must have one @",
        ),
        (with("user_id", json!("17")), "line 10: user_id: not a UUID"),
        (
            with("age", json!(151)),
            "line 12: age: must be between 1 and 150",
        ),
        (
            with("created_at", json!("2024-01-01")),
            "line 14: created_at: not an RFC 3339 time",
        ),
        (
            with("password_hash", json!("hunter2")),
            "line 16: password_hash: is of no kind",
        ),
        (
            with("name", json!("x".repeat(101))),
            "line 18: name: must have at most 100",
        ),
        (
            with("email", json!("PERSON0@example.com")),
            "line 20: email: is there already",
        ),
        ("x".repeat(20_000), "line 22: is longer than 16 KiB"),
        (
            format!("{{\"name\":\"x\",\"name\":\"{}\"}}", "y"),
            "line 24: name: comes twice",
        ),
    ];
    let mut lines = String::from("\u{feff}");
    let mut reasons = Vec::new();
    for (number, (line, reason)) in bad.into_iter().enumerate() {
        lines.push_str(&format!("{}\r\n{line}\n", person(number, &hash)));
        reasons.push(reason);
    }
    lines.push_str("\n   \n");
    lines.push_str(&person(12, &hash).to_string());
    (lines, reasons)
}

async fn bad_lines_are_named_and_stop_nobody(backend: Backend) {
    let home = empty(backend).await;
    let (lines, reasons) = half_bad();
    let output = import(&home, &lines, &[]).await;
    assert_eq!(tally(&output), [13, 0, 12]);
    let told = output.failed(1);
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told.len(), reasons.len() + 1, "{told:#?}");
    for (line, reason) in told.iter().zip(&reasons) {
        assert!(
            line.starts_with("error: line ") && line.contains(reason),
            "{line}: {reason}"
        );
        assert!(!line.contains("hunter2"), "{line}");
    }
    assert!(told[12].starts_with("error: 12 lines are bad"), "{told:#?}");
    assert_eq!(export(&home).await.lines().count(), 13);

    // Not even UTF-8.
    fs::write(home.path("users.jsonl"), b"\xff\xfe\n{}\n").expect("a file");
    let told = home.cli(["user", "import", "users.jsonl"]).await.failed(1);
    assert!(
        told.contains("line 1: is UTF-16") && told.contains("line 2: name:"),
        "{told}"
    );
}

async fn a_dry_run_changes_nothing_and_says_the_same(backend: Backend) {
    let home = empty(backend).await;
    let _ = import(&home, &people(2), &[]).await.ok();
    let before = export(&home).await;

    let (lines, _) = half_bad();
    let rehearsed = import(&home, &lines, &["--dry-run"]).await;
    assert_eq!(export(&home).await, before);
    let done = import(&home, &lines, &[]).await;
    assert_eq!(tally(&rehearsed), [11, 2, 12]);
    assert_eq!(tally(&done), tally(&rehearsed));
    assert_eq!(
        (done.code, &done.stderr),
        (rehearsed.code, &rehearsed.stderr)
    );
    assert_eq!(export(&home).await.lines().count(), 13);
}

async fn an_import_can_be_run_again(backend: Backend) {
    let home = empty(backend).await;
    let lines = people(1200);
    let (first_half, _) = lines.split_at(lines.len() / 2);
    // Cut off in the middle of a line.
    let output = import(&home, first_half, &[]).await;
    let [imported, _, bad] = tally(&output);
    assert_eq!(bad, 1, "{}", output.stderr);
    let output = import(&home, &lines, &[]).await.ok();
    assert_eq!(tally(&output), [1200 - imported, imported, 0]);
    let before = export(&home).await;
    let output = import(&home, &lines, &[]).await.ok();
    assert_eq!(tally(&output), [0, 1200, 0]);
    assert_eq!(export(&home).await, before);
    // Its own export is the same people.
    let output = import(&home, &before, &[]).await.ok();
    assert_eq!(tally(&output), [0, 1200, 0]);
}

async fn nobody_is_overwritten(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let mut line = person(1, &cheap_hash());
    line["email"] = json!("ALICE@example.com");
    let with_her_address = line.to_string();
    line["user_id"] = json!(alice.user_id);
    let with_her_id = line.to_string();
    line["user_id"] = json!("01932f6e-7a5b-7cde-8f01-23456789abcd");
    let of_somebody_else = line.to_string();
    let lines = [with_her_address, with_her_id, of_somebody_else].join("\n");
    let output = import(server.home(), &lines, &[]).await;
    assert_eq!(tally(&output), [0, 0, 3]);
    let told = output.failed(1);
    let differing = "is there already, with another name, email, password_hash";
    assert!(
        told.contains(&format!("line 1: email: {differing}")),
        "{told}"
    );
    assert!(
        told.contains(&format!("line 2: user_id: {differing}")),
        "{told}"
    );
    assert!(
        told.contains(&format!(
            "line 3: email: ALICE@example.com is the address of the user {}",
            alice.user_id
        )),
        "{told}"
    );

    let _ = server.me(&alice.tokens.access).await.expect(200);
    let answer = server
        .sign_in(&alice.person.email, &alice.person.password)
        .await;
    assert_eq!(answer.expect(200).member("/user/name"), alice.person.name);
}

async fn what_is_exported_is_imported_exactly(backend: Backend) {
    let server = Server::start(backend).await;
    let _ = server.account_of("Alice").await;
    let disabled = server.account_of("Bobby").await.person.email;
    let _ = server.cli(["user", "disable", &disabled]).await.ok();
    let mut strange = person(1, &cheap_hash());
    strange["name"] = json!("\u{e9}\"\\\u{1f980}");
    strange["email"] = json!("Zo\u{eb}@B\u{fc}cher.example");
    strange["age"] = json!(150);
    strange["created_at"] = json!("1969-07-20T22:17:40.123456+02:00");
    let mut nobody = person(2, "");
    nobody["password_hash"] = json!(null);
    let lines = format!("{strange}\n{nobody}\n");
    let told = import(server.home(), &lines, &[]).await.ok().stderr;
    assert!(told.contains("characters of a new one: 1"), "{told}");
    assert!(told.contains("`latchkey user set-password`: 1"), "{told}");

    let exported = export(server.home()).await;
    assert!(
        exported.contains(r#""created_at":"1969-07-20T20:17:40.123Z""#),
        "{exported}"
    );
    assert!(exported.contains(r#""password_hash":null"#), "{exported}");
    let elsewhere = empty(backend).await;
    let output = import(&elsewhere, &exported, &[]).await.ok();
    assert_eq!(tally(&output), [4, 0, 0]);
    assert_eq!(export(&elsewhere).await, exported);
    let of = |home: &Home| home.database().rows("SELECT * FROM users ORDER BY user_id");
    assert_eq!(of(&elsewhere), of(server.home()));

    // A short name is no reason to be refused.
    let email = "zo\u{eb}@xn--bcher-kva.example";
    let _ = server.sign_in(email, PASSWORD).await.expect(200);
    // Nobody signs in without a password.
    for password in ["", "null", PASSWORD] {
        let answer = server.sign_in("person2@example.com", password).await;
        assert!([401, 422].contains(&answer.status), "{}", answer.shown());
    }
}

async fn a_killed_import_is_taken_up_again(backend: Backend) {
    let home = empty(backend).await;
    let lines = people(3000);
    let mut running = home.begin_cli(["user", "import", "-"]);
    let mut stdin = running.stdin.take().expect("a piped stdin");
    // All but the end, so that it is killed while it waits for more.
    stdin
        .write_all(&lines.as_bytes()[..lines.len() - 10])
        .await
        .expect("it reads");
    let count = || home.database().rows("SELECT count(*) FROM users")[0][0].clone();
    eventually("some users", async || (count() != "0").then_some(())).await;
    running.kill().await.expect("killed");

    let there: u64 = count().parse().expect("a number");
    assert!(
        there > 0 && there < 3000 && there.is_multiple_of(500),
        "whole batches: {there}"
    );
    let output = import(&home, &lines, &[]).await.ok();
    assert_eq!(tally(&output), [3000 - there, there, 0]);
    assert_eq!(count(), "3000");
}

async fn ten_thousand_users_come_and_go(backend: Backend) {
    let server = Server::start(backend).await;
    let lines = people(10_000);
    let output = import(server.home(), &lines, &["--dry-run"]).await.ok();
    assert_eq!(tally(&output), [10_000, 0, 0]);
    let output = import(server.home(), &lines, &[]).await.ok();
    assert_eq!(tally(&output), [10_000, 0, 0]);
    let _ = server
        .sign_in("person9999@example.com", PASSWORD)
        .await
        .expect(200);

    let exported = export(server.home()).await;
    assert_eq!(exported.lines().count(), 10_000);
    let elsewhere = empty(backend).await;
    let output = elsewhere
        .cli_with_input(&exported, ["user", "import"])
        .await
        .ok();
    assert_eq!(output.stdout, "imported 10000, unchanged 0, bad 0\n");
    assert_eq!(export(&elsewhere).await, exported);
}

async fn a_hostile_hash_is_no_import(backend: Backend) {
    let home = empty(backend).await;
    let tail = "$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let hashes = [
        format!("$argon2id$v=19$m=4194304,t=1,p=1{tail}"),
        format!("$argon2id$v=19$m=8,t=4294967295,p=1{tail}"),
        "$2b$31$5pAD7ltDyGgdT78q7NOHiOgfh60S/97GIK8dooRppc1Tpf7B3ndP2".to_owned(),
        format!("$pbkdf2-sha256$4294967295{tail}"),
        format!("$pbkdf2-sha256$i=4294967295{tail}"),
        format!("$scrypt$ln=31,r=8,p=1{tail}"),
        format!("$scrypt$ln=1,r=4294967295,p=4294967295{tail}"),
    ];
    let lines: String = (0..)
        .zip(&hashes)
        .map(|(number, hash)| format!("{}\n", person(number, hash)))
        .collect();
    let output = import(&home, &lines, &[]).await;
    assert_eq!(tally(&output), [0, 0, 7]);
    let told = output.failed(1);
    assert_eq!(told.matches("than we give").count(), 7, "{told}");
}

async fn who_cannot_be_exported_is_named(backend: Backend) {
    let home = empty(backend).await;
    let _ = import(&home, &people(3), &[]).await.ok();
    home.database().execute(
        "UPDATE users SET email = 'nobody' WHERE email = 'person1@example.com'; \
         UPDATE users SET password = 'plain text' WHERE email = 'person2@example.com'",
    );
    let output = home.cli(["user", "export", "out.jsonl", "--json"]).await;
    let summary: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(
        (&summary["users"], &summary["left_out"]),
        (&json!(1), &json!(2))
    );
    let told = output.failed(1);
    assert!(
        told.contains("was left out: email: must have one @"),
        "{told}"
    );
    assert!(
        told.contains("was left out: password_hash: is of no kind"),
        "{told}"
    );
    assert!(!told.contains("plain text"), "{told}");
    let exported = fs::read_to_string(home.path("out.jsonl")).expect("the others");
    assert_eq!(exported.lines().count(), 1);
}

async fn an_import_makes_the_database_and_a_dry_run_does_not(backend: Backend) {
    let home = Home::new(backend);
    let output = import(&home, &people(3), &["--dry-run"]).await.ok();
    assert_eq!(tally(&output), [3, 0, 0]);
    assert!(!home.database().file().exists());
    let output = import(&home, &people(3), &[]).await.ok();
    assert_eq!(tally(&output), [3, 0, 0]);
    assert_eq!(export(&home).await.lines().count(), 3);
}

async fn an_export_is_private_and_overwrites_nothing(backend: Backend) {
    let home = empty(backend).await;
    let _ = import(&home, &people(3), &[]).await.ok();
    let arguments = ["user", "export", "out.jsonl"];
    let output = home.cli(arguments).await.ok();
    assert_eq!(output.stdout, "out.jsonl: 3 users\n");
    assert!(
        output.stderr.contains("holds the hash of every password"),
        "{output:#?}"
    );
    let file = home.path("out.jsonl");
    let mode = fs::metadata(&file)
        .expect("the export")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        fs::read_to_string(&file).expect("the export"),
        export(&home).await
    );

    fs::write(&file, "mine").expect("written");
    assert!(home.cli(arguments).await.failed(1).contains("--overwrite"));
    assert_eq!(fs::read_to_string(&file).expect("the file"), "mine");
    let _ = home
        .cli(["user", "export", "out.jsonl", "--force"])
        .await
        .ok();
    assert_eq!(
        fs::read_to_string(&file).expect("the export"),
        export(&home).await
    );

    // Without a database there is nothing to export, and no file.
    let elsewhere = Home::new(backend);
    let _ = elsewhere.cli(arguments).await.failed(1);
    assert!(!elsewhere.path("out.jsonl").exists());
    assert!(!elsewhere.path("out.jsonl.partial").exists());
}

async fn users_move_to_postgres_and_back(postgres: Backend) {
    let first = Server::start(Backend::Sqlite).await;
    let alice = first.account_of("Alice").await;
    let mut bobby = first.account_of("Bobby").await.person;
    let _ = first.cli(["user", "disable", &bobby.email]).await.ok();
    let _ = import(first.home(), &people(2000), &[]).await.ok();
    let exported = export(first.home()).await;
    drop(first);

    let between = Home::new(postgres).start().await;
    let output = import(between.home(), &exported, &["--dry-run"]).await.ok();
    assert_eq!(tally(&output), [2002, 0, 0]);
    let output = import(between.home(), &exported, &[]).await.ok();
    assert_eq!(tally(&output), [2002, 0, 0]);
    assert_eq!(export(between.home()).await, exported);
    let _ = between
        .sign_in("person7@example.com", PASSWORD)
        .await
        .expect(200);
    let refused = between.sign_in(&bobby.email, &bobby.password).await;
    assert_eq!(refused.expect(403).code(), "user_disabled");
    let _ = between.cli(["user", "enable", &bobby.email]).await.ok();
    let exported = export(between.home()).await;
    drop(between);

    let back = Server::start(Backend::Sqlite).await;
    let output = import(back.home(), &exported, &[]).await.ok();
    assert_eq!(tally(&output), [2002, 0, 0]);
    assert_eq!(export(back.home()).await, exported);
    bobby.email = bobby.email.to_uppercase();
    for (email, password) in [
        (alice.person.email.as_str(), alice.person.password.as_str()),
        (bobby.email.as_str(), bobby.password.as_str()),
        ("person7@example.com", PASSWORD),
        ("person8@example.com", PASSWORD),
    ] {
        let _ = back.sign_in(email, password).await.expect(200);
    }
    let answer = back
        .sign_in(&alice.person.email, &alice.person.password)
        .await;
    assert_eq!(answer.expect(200).member("/user/user_id"), alice.user_id);
}

async fn adopted_users_are_exported_as_they_are_shown(postgres: Backend) {
    let home = Home::new(postgres);
    home.database().execute(
        "CREATE TABLE users (user_id uuid PRIMARY KEY, name varchar(100), \
             email varchar(100) UNIQUE, password varchar(255), age integer, \
             created_at timestamp, updated_at timestamp); \
         INSERT INTO users VALUES \
             ('00000000-0000-4000-8000-000000000001', NULL, 'a@example.com', NULL, 0, \
              '2020-01-02 03:04:05.678901', '2020-01-02 03:04:05.999999'), \
             ('00000000-0000-4000-8000-000000000002', 'Zo', 'not an address', NULL, 7, \
              '2020-01-02', '2020-01-02')",
    );
    let _ = home.cli(["migrate", "up"]).await.ok();
    let output = home.cli(["user", "export"]).await;
    assert_eq!(
        output.stdout,
        concat!(
            r#"{"user_id":"00000000-0000-4000-8000-000000000001","name":"","#,
            r#""email":"a@example.com","age":null,"created_at":"2020-01-02T03:04:05.678Z","#,
            r#""updated_at":"2020-01-02T03:04:05.999Z","disabled_at":null,"#,
            r#""password_hash":null}"#,
            "\n"
        )
    );
    let exported = output.stdout.clone();
    let told = output.failed(1);
    let left_out = "user 00000000-0000-4000-8000-000000000002 was left out: email: must have";
    assert!(told.contains(left_out), "{told}");

    let elsewhere = empty(Backend::Sqlite).await;
    let output = import(&elsewhere, &exported, &[]).await.ok();
    assert_eq!(tally(&output), [1, 0, 0]);
    assert_eq!(export(&elsewhere).await, exported);
    // There it is unchanged, and so is an address that another row has as it stands.
    let taken = exported.replace("-000000000001", "-000000000003");
    let output = import(&home, &format!("{exported}{taken}"), &[]).await;
    assert_eq!(tally(&output), [0, 1, 1]);
}
