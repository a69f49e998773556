//! The corners of a model.

use super::*;

const PASSWORD: &str = "one";

fn token(session: &str, jti: &str) -> Token {
    Token {
        session: session.to_owned(),
        digest: jti.to_owned(),
        text: jti.into(),
    }
}

fn refresh(token: &Token) -> Act {
    Act::Refresh {
        token: token.clone(),
        oauth: false,
    }
}

fn tokens(status: u16, session: &str, jti: &str) -> Seen {
    Seen::Answered(Box::new(Facts {
        status,
        profile: Some(("Alice".to_owned(), None)),
        refresh: Some(token(session, jti)),
        ..Facts::default()
    }))
}

fn problem(status: u16, code: &str) -> Seen {
    Seen::Answered(Box::new(Facts {
        status,
        code: code.to_owned(),
        ..Facts::default()
    }))
}

fn sign_up() -> Act {
    Act::SignUp {
        name: "Alice".to_owned(),
        age: None,
        password: PASSWORD.to_owned(),
    }
}

fn sign_in(password: &str) -> Act {
    Act::SignIn {
        password: password.to_owned(),
    }
}

fn me(session: &str) -> Act {
    Act::Me {
        access: token(session, "access"),
    }
}

/// Somebody with the session `s` and its refresh token `a`.
fn alice() -> Model {
    let mut model = Model::new();
    model.see(&sign_up(), &tokens(201, "s", "a")).unwrap();
    model
}

fn change(new: &str) -> Act {
    Act::ChangePassword {
        access: token("s", "access"),
        current: PASSWORD.to_owned(),
        new: new.to_owned(),
    }
}

/// What the database has in the only state of `model`.
fn rows(model: &Model) -> Rows {
    let state = model.certain().unwrap();
    let User::There {
        name,
        age,
        disabled,
        ..
    } = state.user.clone()
    else {
        panic!("nobody");
    };
    let sessions = state.sessions.iter();
    let records = state.records.iter();
    Rows {
        user: Some(UserRow {
            name,
            age,
            disabled,
        }),
        sessions: sessions
            .map(|(id, session)| (id.clone(), session.current.clone().unwrap()))
            .collect(),
        records: records.map(|(word, n)| ((*word).to_owned(), *n)).collect(),
    }
}

fn look(model: &mut Model, rows: Rows) -> Result<(), String> {
    let facts = Facts {
        rows: Some(rows),
        ..Facts::default()
    };
    model.see(&Act::Look, &Seen::Answered(Box::new(facts)))
}

#[test]
fn a_lost_refresh_and_the_same_token_again_leave_one_successor() {
    let mut model = alice();
    let a = token("s", "a");
    model.see(&refresh(&a), &Seen::Lost).unwrap();
    assert_eq!(model.states().len(), 2);
    // It was done and this is its successor again, or it is done now: the same.
    model.see(&refresh(&a), &tokens(200, "s", "b")).unwrap();
    assert_eq!(model.states().len(), 1);
    assert_eq!(model.settled(), [("refresh", None)]);
    // A second live successor is impossible.
    let another = model.see(&refresh(&a), &tokens(200, "s", "c"));
    assert!(another.unwrap_err().contains("the same successor"));
    model.see(&refresh(&a), &tokens(200, "s", "b")).unwrap();
}

#[test]
fn the_database_tells_whether_a_lost_refresh_was_done() {
    for (found, was_done) in [("a", false), ("b", true)] {
        let mut model = alice();
        let mut rows = rows(&model);
        model.see(&refresh(&token("s", "a")), &Seen::Lost).unwrap();
        rows.sessions.insert("s".to_owned(), found.to_owned());
        look(&mut model, rows).unwrap();
        assert_eq!(model.settled(), [("refresh", Some(was_done))]);
    }
}

#[test]
fn an_old_token_ends_the_session_and_is_on_record_once() {
    let mut model = alice();
    let (a, b) = (token("s", "a"), token("s", "b"));
    model.see(&refresh(&a), &tokens(200, "s", "b")).unwrap();
    model.see(&refresh(&b), &tokens(200, "s", "c")).unwrap();
    let refused = problem(401, "invalid_refresh_token");
    model.see(&refresh(&a), &refused).unwrap();
    model.see(&refresh(&a), &refused).unwrap();
    let state = model.certain().unwrap();
    assert!(state.sessions.is_empty());
    assert_eq!(state.records["session.refresh_reused"], 1);
    let alive = model.see(&me("s"), &tokens(200, "s", "c"));
    assert_eq!(alive.unwrap_err(), "expected: 401 invalid_token");
}

#[test]
fn an_old_token_that_is_answered_with_tokens_is_impossible() {
    let mut model = alice();
    let (a, b) = (token("s", "a"), token("s", "b"));
    model.see(&refresh(&a), &tokens(200, "s", "b")).unwrap();
    model.see(&refresh(&b), &tokens(200, "s", "c")).unwrap();
    assert!(model.see(&refresh(&a), &tokens(200, "s", "d")).is_err());
}

#[test]
fn two_tabs_get_one_successor() {
    let a = token("s", "a");
    let act = refresh(&a);
    let (b, c) = (tokens(200, "s", "b"), tokens(200, "s", "c"));
    alice().see_both((&act, &b), (&act, &b)).unwrap();
    assert!(alice().see_both((&act, &b), (&act, &c)).is_err());
    let mut model = alice();
    model.see_both((&act, &Seen::Lost), (&act, &b)).unwrap();
    assert_eq!(model.states().len(), 1);
}

#[test]
fn a_lost_change_of_the_password_is_done_whole_or_not_at_all() {
    let refused = problem(401, "invalid_credentials");
    let mut model = alice();
    model.see(&change("two"), &Seen::Lost).unwrap();
    model.see(&sign_in("two"), &refused).unwrap();
    assert_eq!(model.settled(), [("change password", Some(false))]);
    model.see(&me("s"), &tokens(200, "s", "a")).unwrap();

    let mut model = alice();
    model.see(&change("two"), &Seen::Lost).unwrap();
    model.see(&sign_in(PASSWORD), &refused).unwrap();
    assert_eq!(model.settled(), [("change password", Some(true))]);
    let old = model.see(&me("s"), &tokens(200, "s", "a"));
    assert_eq!(old.unwrap_err(), "expected: 401 invalid_token");
}

#[test]
fn a_change_without_its_record_is_impossible() {
    let mut model = alice();
    let before = rows(&model);
    let patch = Act::Patch {
        access: token("s", "access"),
        name: "Alice II".to_owned(),
        age: Some(7),
    };
    model.see(&patch, &Seen::Lost).unwrap();
    let mut half = before.clone();
    half.user.as_mut().unwrap().name = "Alice II".to_owned();
    half.user.as_mut().unwrap().age = Some(7);
    assert!(look(&mut model.clone(), half.clone()).is_err());
    half.records.insert("user.profile_changed".to_owned(), 1);
    look(&mut model.clone(), half).unwrap();
    let mut twice = before.clone();
    twice.records.insert("user.profile_changed".to_owned(), 1);
    assert!(look(&mut model.clone(), twice).is_err());
    look(&mut model, before).unwrap();
}

#[test]
fn a_sign_in_that_was_lost_is_a_stranger_until_it_is_seen() {
    let mut model = alice();
    let mut found = rows(&model);
    model.see(&sign_in(PASSWORD), &Seen::Lost).unwrap();
    found.records.insert("user.signed_in".to_owned(), 1);
    // On record, and no session.
    assert!(look(&mut model.clone(), found.clone()).is_err());
    found.sessions.insert("t".to_owned(), "x".to_owned());
    look(&mut model, found.clone()).unwrap();
    // It is one of the known from then on.
    look(&mut model, found.clone()).unwrap();
    found.sessions.insert("u".to_owned(), "y".to_owned());
    assert!(look(&mut model, found).is_err());
}

#[test]
fn a_lost_sign_up_has_happened_if_the_address_is_taken() {
    let mut model = Model::new();
    model.see(&sign_up(), &Seen::Lost).unwrap();
    model.see(&sign_up(), &problem(400, "email_taken")).unwrap();
    assert_eq!(model.settled(), [("sign up", Some(true))]);
    let state = model.certain().unwrap();
    assert_eq!(state.strangers, 1);
    // Its owner learns that somebody has found out.
    assert_eq!(state.records["user.sign_up_failed"], 1);
}

#[test]
fn a_session_that_was_answered_as_ended_is_over() {
    let mut model = alice();
    let before = rows(&model);
    let log_out = Act::LogOut {
        token: token("s", "a"),
    };
    model.see(&log_out, &problem(200, "")).unwrap();
    assert!(look(&mut model, before).is_err());
    let again = problem(401, "invalid_refresh_token");
    model.see(&refresh(&token("s", "a")), &again).unwrap();
}

#[test]
fn a_lost_read_makes_no_difference() {
    let mut model = alice();
    model.see(&me("s"), &Seen::Lost).unwrap();
    assert!(model.certain().is_some());
    assert!(model.settled().is_empty());
}

#[test]
fn failures_that_may_be_on_record_are_settled_by_counting() {
    let mut model = alice();
    let mut found = rows(&model);
    for _ in 0..3 {
        model.see(&sign_in("wrong"), &Seen::Lost).unwrap();
    }
    // None, one, two or three.
    assert_eq!(model.states().len(), 4);
    found.records.insert("user.sign_in_failed".to_owned(), 2);
    look(&mut model, found).unwrap();
    assert_eq!(model.certain().unwrap().records["user.sign_in_failed"], 2);
}

#[test]
fn what_an_operator_does_is_done_once() {
    let mut model = alice();
    let done = problem(0, "");
    model.see(&Act::Disable, &done).unwrap();
    model.see(&Act::Disable, &done).unwrap();
    model
        .see(&sign_in(PASSWORD), &problem(403, "user_disabled"))
        .unwrap();
    model.see(&Act::Enable, &done).unwrap();
    let state = model.certain().unwrap();
    assert_eq!(state.records["user.disabled"], 1);
    assert!(state.sessions.is_empty());
}
