//! What the operator reads.

use latchkey_tests::{Backend, Home, Server, on_each_backend};
use serde_json::Value;

on_each_backend![
    item_79_a_line_of_json_is_an_event,
    a_request_is_one_line_with_its_id_beside_its_record,
    item_79_nobody_writes_lines_of_their_own,
    nothing_is_coloured_in_a_file,
    a_log_that_cannot_be_written_costs_no_answer,
];

/// The lines, which are JSON each.
fn events(server: &Server) -> Vec<Value> {
    let logs = server.logs();
    logs.lines()
        .map(|line| {
            let event: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let time = event["timestamp"].as_str().expect("a time");
            assert!(time.ends_with('Z') && time.contains('T'), "UTC: {line}");
            assert!(event["level"].is_string(), "{line}");
            event
        })
        .collect()
}

async fn item_79_a_line_of_json_is_an_event(backend: Backend) {
    let server = Home::new(backend)
        .arg("--log-format")
        .arg("json")
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let _ = server.log_out(&alice.tokens.access).await.expect(200);
    assert!(!events(&server).is_empty());
}

async fn a_request_is_one_line_with_its_id_beside_its_record(backend: Backend) {
    let server = Home::new(backend)
        .arg("--log-format")
        .arg("json")
        .start()
        .await;
    let answer = server
        .sign_in("nobody@example.com", "wrong")
        .await
        .expect(401);
    let id = answer.header("x-request-id");

    let events = events(&server);

    let lines: Vec<_> = events
        .iter()
        .filter(|event| event.to_string().contains(id))
        .collect();
    let (audited, answered): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .partition(|event| event["target"] == "latchkey::audit");
    assert_eq!(
        (audited.len(), answered.len()),
        (1, 1),
        "{audited:#?} {answered:#?}"
    );
    let line = answered[0].to_string();
    for part in ["/api/v1/users/signin", "POST", "401", "127.0.0.1"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

async fn item_79_nobody_writes_lines_of_their_own(backend: Backend) {
    for format in ["json", "text"] {
        let server = Home::new(backend)
            .arg("--log-format")
            .arg(format)
            .env("LATCHKEY_SERVER__TRUSTED_PROXIES", "127.0.0.1")
            .start()
            .await;
        let started = server.logs().lines().count();
        let mut raw = server.raw().await;
        for request in [
            "GET /%0d%0aforged HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            "GET /?x=%0aforged HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: a\tforged\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: \u{85}\u{2028}forged\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\u{85}forged\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\tforged\r\n\r\n".to_owned(),
        ] {
            raw.send(&request).await;
            let answer = raw.answer().await.expect("an answer");
            assert!(answer.status < 500, "{request}");
        }
        let person = latchkey_tests::Person::named("Alice");
        let mut form = person.form();
        form["email"] = "alice@example.com\nforged".into();
        let answer = server.post("/api/v1/users/signup").json(&form).await;
        let _ = answer.expect(422);

        let logs = server.logs();
        assert!(logs.lines().count() > started);
        for line in logs.lines() {
            let whole = match format {
                "json" => serde_json::from_str::<Value>(line).is_ok(),
                _ => line.starts_with("20"),
            };
            assert!(whole, "{line:?} of {logs}");
        }
    }
}

async fn nothing_is_coloured_in_a_file(backend: Backend) {
    let server = Server::start(backend).await;
    let _ = server.account_of("Alice").await;
    assert!(!server.logs().contains('\u{1b}'), "{}", server.logs());
}

async fn a_log_that_cannot_be_written_costs_no_answer(backend: Backend) {
    // Every write to this device fails as on a full disk.
    let server = Home::new(backend)
        .under(&["sh", "-c", "exec \"$0\" \"$@\" 2> /dev/full"])
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let _ = server.me(&alice.tokens.access).await.expect(200);
    let _ = server
        .sign_in("nobody@example.com", "wrong")
        .await
        .expect(401);
    assert_eq!(server.logs(), "");
}
