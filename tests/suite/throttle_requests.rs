//! Tries by clients that take their time, or do not wait for the answer.

use latchkey_tests::{Backend, Home, Raw, Server, eventually, on_each_backend};
use serde_json::{Value, json};

on_each_backend![
    item_21_a_try_happens_when_its_body_is_there,
    item_79_a_try_that_nobody_waits_for_is_on_record,
];

const WRONG: &str = "Not-the-password-1";

fn sign_in(email: &str, headers: &str) -> (String, String) {
    let body = json!({ "email": email, "password": WRONG }).to_string();
    let head = format!(
        "POST /api/v1/users/signin HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    (head, body)
}

/// The failed sign-ins and the pauses that are on record.
async fn failures(server: &Server) -> Vec<Value> {
    let events = "user.sign_in_failed,user.paused";
    let arguments = ["audit", "list", "--json", "--event", events];
    match server.cli(arguments).await.json() {
        Value::Array(records) => records,
        other => panic!("{other}"),
    }
}

/// Pauses and budgets go by the time of a try. Were that the client's choice, somebody who
/// sends slowly would try in the past, where no pause had begun.
async fn item_21_a_try_happens_when_its_body_is_there(backend: Backend) {
    let server = Server::start(backend).await;
    let (head, body) = sign_in("slow@example.com", "Expect: 100-continue\r\n");
    let mut slow: Raw = server.raw().await;
    slow.send(head).await;
    // The body is waited for.
    assert!(slow.head().await.starts_with("HTTP/1.1 100"));
    let quick = server.sign_in("quick@example.com", WRONG).await.expect(401);
    slow.send(body).await;
    let answer = slow.answer().await.expect("an answer");
    assert_eq!(answer.status, 401);

    let records = failures(&server).await;
    let ids: Vec<&Value> = records.iter().map(|record| &record["request_id"]).collect();
    let slow = answer.header("x-request-id").expect("an id");
    assert_eq!(ids, [quick.header("x-request-id"), slow]);
    let at = |index: usize| records[index]["at"].as_str().expect("a time").to_owned();
    assert!(at(0) < at(1), "{records:#?}");
}

/// Each counts, and so each is on record, with the pause that they lead to.
async fn item_79_a_try_that_nobody_waits_for_is_on_record(backend: Backend) {
    let server = Home::new(backend)
        .with_default_hashing()
        .env("LATCHKEY_PASSWORDS__HASHING_SLOTS", "1")
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let (head, body) = sign_in(&alice.person.email, "");
    let mut tries = Vec::new();
    for _ in 0..10 {
        let mut raw = server.raw().await;
        raw.send(format!("{head}{body}")).await;
        tries.push(raw);
    }
    let count = "select coalesce(sum(failures), 0) from account_failures";
    eventually("all of them to be counted", async || {
        (server.database().rows(count) == [["10"]]).then_some(())
    })
    .await;
    drop(tries);

    let records = eventually("all of them to be on record", async || {
        let records = failures(&server).await;
        (records.len() == 11).then_some(records)
    })
    .await;
    let of = |word: &str| {
        let records = records.iter();
        records.filter(|record| record["event"] == word).count()
    };
    assert_eq!((of("user.sign_in_failed"), of("user.paused")), (10, 1));
    // Some were hashed in time to be found wrong.
    let reasons = ["hung_up", "wrong_password"].map(|reason| json!(reason));
    for record in &records {
        assert!(reasons.contains(&record["reason"]), "{record}");
        assert_eq!(record["ip"], "127.0.0.1");
    }
    assert!(records.iter().any(|record| record["reason"] == "hung_up"));
    let right = server.sign_in(&alice.person.email, &alice.person.password);
    let _ = right.await.expect(429);
}
