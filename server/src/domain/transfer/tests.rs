use std::sync::Arc;

use super::line::{self, Defaults};
use super::*;
use crate::domain::context::{OperatorName, WriteContext};
use crate::domain::entropy::SystemEntropy;
use crate::domain::hasher::Argon2Cost;
use crate::domain::user::User;
use crate::storage::{self, SharedStorage};

const ID: &str = "01932f6e-7a5b-7cde-8f01-23456789abcd";
const OTHER: &str = "01932f6e-7a5b-7cde-8f01-23456789abce";
const HASH: &str = "$2b$04$5pAD7ltDyGgdT78q7NOHiOgfh60S/97GIK8dooRppc1Tpf7B3ndP2";

fn defaults() -> Defaults {
    Defaults {
        id: OTHER.parse().expect("an id"),
        now: Timestamp::from_millis(1_767_225_600_007),
    }
}

fn read(line: &str) -> Result<ImportedUser, String> {
    line::read(line, defaults(), Argon2Cost::default()).map_err(|error| error.to_string())
}

fn problem(line: &str) -> String {
    read(line).expect_err(line)
}

fn stored() -> Credentials {
    Credentials {
        user: User {
            id: ID.parse().expect("an id"),
            name: "Ada \"Countess\" Lovelace \u{1F980}".to_owned(),
            email: "Ada@Bücher.example".to_owned(),
            age: Some(36),
            created_at: Timestamp::from_millis(1),
            updated_at: Timestamp::from_millis(-1),
            disabled_at: Some(Timestamp::from_millis(1_767_225_600_007)),
        },
        password: PasswordHash::new(HASH),
    }
}

#[test]
fn what_is_written_is_read_again_exactly() {
    let mut plain = stored();
    plain.user.age = None;
    plain.user.disabled_at = None;
    plain.password = PasswordHash::none();
    for stored in [stored(), plain] {
        let line = line::write(&stored);
        assert!(!line.contains('\n'), "{line}");
        let user = read(&line).expect("a line");
        assert_eq!(
            user.outcome(std::slice::from_ref(&stored)),
            ImportOutcome::Unchanged
        );
        let given = Given {
            id: true,
            created_at: true,
            updated_at: true,
        };
        assert_eq!((user.id, user.given), (stored.user.id, given));
    }
    assert_eq!(
        line::write(&stored()),
        format!(
            r#"{{"user_id":"{ID}","name":"Ada \"Countess\" Lovelace 🦀","email":"Ada@Bücher.example","age":36,"created_at":"1970-01-01T00:00:00.001Z","updated_at":"1969-12-31T23:59:59.999Z","disabled_at":"2026-01-01T00:00:00.007Z","password_hash":"{HASH}"}}"#
        )
    );
}

#[test]
fn what_is_left_out_is_made_up() {
    let line =
        format!(r#" {{"password_hash":"{HASH}","email":" ada@example.com ","name":"Ada"}} "#);
    let user = read(&line).expect("a line");
    assert_eq!(user.id, defaults().id);
    assert_eq!(user.email.as_str(), "ada@example.com");
    assert_eq!(user.created_at, defaults().now);
    assert_eq!(user.updated_at, defaults().now);
    assert_eq!((user.age, user.disabled_at), (None, None));
    let given = Given {
        id: false,
        created_at: false,
        updated_at: false,
    };
    assert_eq!(user.given, given);
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let line = r#"{"user_id":"1","nmae":"x","email":"ada","age":0,"created_at":"yesterday","password_hash":"hunter2"}"#;
    assert_eq!(
        problem(line),
        "unknown member \"nmae\", did you mean name?; \
         user_id: not a UUID such as 019a0000-0000-7000-8000-000000000000; \
         name: is missing; \
         email: must have one @ between a name and a domain, as in name@example.com; \
         age: must be between 1 and 150; \
         created_at: not an RFC 3339 time such as 2026-01-31T09:30:00Z; \
         password_hash: is of no kind that we verify"
    );
}

#[test]
fn what_is_wrong_is_named() {
    let with = |members: &str| format!(r#"{{"name":"Ada","email":"a@example.com",{members}}}"#);
    let hash = |text: &str| with(&format!(r#""password_hash":"{text}""#));
    for (line, expected) in [
        ("", "is not a JSON object: EOF while parsing a value"),
        (
            "[]",
            "is not a JSON object: invalid type: sequence, expected an object",
        ),
        (
            "{\"name\":\"Ada\"",
            "is not a JSON object: EOF while parsing an object at column 13",
        ),
        (
            "{} {}",
            "is not a JSON object: trailing characters at column 4",
        ),
        (
            "{}",
            "name: is missing; email: is missing; password_hash: is missing",
        ),
        (
            &with(r#""password_hash":7"#),
            "password_hash: must be a string",
        ),
        (&hash(""), "password_hash: is of no kind that we verify"),
        (
            &hash(&"x".repeat(256)),
            "password_hash: must be at most 255 bytes long",
        ),
        (
            &hash("$scrypt$ln=20,r=8,p=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            "password_hash: asks for more scrypt memory or work than we give",
        ),
        (
            &with(r#""password_hash":null,"name":"Bob""#),
            "name: comes twice",
        ),
        (
            &with(r#""password_hash":null,"age":1.5"#),
            "age: must be a whole number",
        ),
        (
            &with(r#""password_hash":null,"zzz":[1]"#),
            "unknown member \"zzz\"",
        ),
        (
            &with(r#""password_hash":null,"user_id":7"#),
            "user_id: must be a string",
        ),
        (
            r#"{"name":"A\u0000da","email":"a@example.com","password_hash":null}"#,
            "name: must not contain control characters",
        ),
    ] {
        assert_eq!(problem(line), expected, "{line}");
    }
    let nobody = read(&with(r#""password_hash":null,"age":null"#)).expect("a line");
    assert!(nobody.password.is_none());
}

#[test]
fn who_is_there_already_is_compared() {
    let outcome = |line: &str| read(line).expect("a line").outcome(&[stored()]);
    let same = line::write(&stored());
    assert_eq!(outcome(&same), ImportOutcome::Unchanged);
    assert_eq!(
        read(&same).expect("a line").outcome(&[]),
        ImportOutcome::Imported
    );

    let differs = same
        .replace("Countess", "Duchess")
        .replace(HASH, &HASH.replace('P', "Q"));
    assert_eq!(
        outcome(&differs),
        ImportOutcome::Differs(vec!["name", "password_hash"])
    );
    let elsewhere = same.replace("Ada@Bücher.example", "ada@example.com");
    assert_eq!(outcome(&elsewhere), ImportOutcome::Differs(vec!["email"]));
    let somebody_else = same.replace(ID, OTHER);
    assert_eq!(
        outcome(&somebody_else),
        ImportOutcome::EmailTaken(Some(stored().user.id))
    );

    // What is left out is not compared.
    let without_id = same.replace(&format!(r#""user_id":"{ID}","#), "");
    assert_eq!(outcome(&without_id), ImportOutcome::Unchanged);
    let without_times = without_id.replace(r#""created_at":"1970-01-01T00:00:00.001Z","#, "");
    assert_eq!(outcome(&without_times), ImportOutcome::Unchanged);
    let younger = without_times.replace("36", "35");
    assert_eq!(outcome(&younger), ImportOutcome::Differs(vec!["age"]));
}

#[test]
fn of_two_in_the_way_the_one_with_the_identifier_is_compared() {
    let mut other = stored();
    other.user.id = OTHER.parse().expect("an id");
    let user = read(&line::write(&stored())).expect("a line");
    assert_eq!(user.outcome(&[other, stored()]), ImportOutcome::Unchanged);
}

async fn empty() -> SharedStorage {
    storage::open_scratch(defaults().now).await.expect("opens")
}

/// Imports the lines and gives back the numbers of the bad ones with their reasons.
async fn import(
    storage: &SharedStorage,
    rehearsal: Option<SharedStorage>,
    lines: &[String],
) -> (Tally, Vec<(u64, String)>) {
    let cx = WriteContext::operator(defaults().now, OperatorName::new("root"));
    let cost = Argon2Cost::default();
    let mut importer = Importer::new(
        Arc::clone(storage),
        rehearsal,
        cost,
        Arc::new(SystemEntropy),
    );
    let mut bad = Vec::new();
    for (number, line) in (1..).zip(lines) {
        let settled = importer.take(&cx, number, Ok(line)).await;
        bad.extend(settled.expect("storage works"));
    }
    bad.extend(importer.settle(&cx).await.expect("storage works"));
    let bad = bad.into_iter().map(|line| (line.number, line.reason));
    (importer.tally(), bad.collect())
}

async fn export(storage: &SharedStorage) -> Vec<String> {
    let mut exporter = Exporter::new(Arc::clone(storage), Argon2Cost::default());
    let mut lines = Vec::new();
    while let Some(page) = exporter.page().await.expect("storage works") {
        lines.extend(page.into_iter().map(|line| line.expect("a line")));
    }
    lines
}

fn somebody(number: u32) -> String {
    format!(
        r#"{{"name":"Name {number}","email":"n{number}@example.com","password_hash":"{HASH}"}}"#
    )
}

#[tokio::test]
async fn a_dry_run_says_what_the_import_then_does() {
    let there = empty().await;
    let _ = import(&there, None, &[somebody(1), somebody(2)]).await;
    let before = export(&there).await;

    let mut lines: Vec<String> = (0..1200).map(somebody).collect();
    // Twice in one batch, the same and another; twice in two batches; in the way of
    // somebody who is there; nonsense.
    lines.insert(5, somebody(4));
    lines.insert(6, somebody(4).replace("Name", "Nobody"));
    lines.insert(7, somebody(2).replace("Name", "Nobody"));
    lines.insert(8, "nonsense".to_owned());
    lines.push(somebody(3));
    lines.push(somebody(3).replace("Name", "Nobody"));

    let rehearsed = import(&there, Some(empty().await), &lines).await;
    assert_eq!(export(&there).await, before);
    let done = import(&there, None, &lines).await;
    assert_eq!(rehearsed, done);

    let (tally, bad) = done;
    assert_eq!((tally.imported, tally.unchanged, tally.bad), (1198, 4, 4));
    let numbers: Vec<_> = bad.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [7, 8, 9, 1206]);
    assert_eq!(bad[0].1, "email: is there already, with another name");
    assert_eq!(export(&there).await.len(), 1200);
}

#[tokio::test]
async fn what_is_exported_makes_the_same_users_elsewhere() {
    let there = empty().await;
    let lines: Vec<String> = (0..1000).map(somebody).collect();
    let _ = import(&there, None, &lines).await;
    let exported = export(&there).await;
    let elsewhere = empty().await;
    let (tally, bad) = import(&elsewhere, None, &exported).await;
    assert_eq!((tally.imported, bad), (1000, Vec::new()));
    assert_eq!(export(&elsewhere).await, exported);
    let (again, _) = import(&elsewhere, None, &exported).await;
    assert_eq!((again.imported, again.unchanged), (0, 1000));
}

#[tokio::test]
async fn who_cannot_be_written_is_named() {
    let there = empty().await;
    let cx = WriteContext::operator(defaults().now, OperatorName::new("root"));
    let mut user = read(&line::write(&stored())).expect("a line");
    user.password = PasswordHash::new("$6$salt$hash");
    let made = there.import_users(&cx, vec![user.clone()], false).await;
    assert_eq!(made.expect("storage works"), [ImportOutcome::Imported]);
    let mut exporter = Exporter::new(there, Argon2Cost::default());
    let page = exporter
        .page()
        .await
        .expect("storage works")
        .expect("a page");
    let left_out = LeftOut {
        id: user.id,
        reason: "password_hash: is of no kind that we verify".to_owned(),
    };
    assert_eq!(page, [Err(left_out)]);
    assert_eq!(exporter.page().await.expect("storage works"), None);
}
