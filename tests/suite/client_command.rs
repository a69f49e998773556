//! `latchkey client`: the programs that may ask about tokens.

use latchkey_tests::{Backend, Home, Server, on_each_backend};

on_each_backend![
    adds_lists_and_removes_clients,
    item_16_shows_a_secret_once_and_keeps_none,
    a_name_is_given_once,
    names_what_to_change,
];

async fn adds_lists_and_removes_clients(backend: Backend) {
    let server = Server::start(backend).await;
    let added = server
        .cli(["client", "add", "API gateway", "--json"])
        .await
        .json();
    let listed = server.cli(["client", "list", "--json"]).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed[0]["client_id"], added["client_id"]);
    assert_eq!(listed[0]["name"], "API gateway");
    assert!(listed[0]["created_at"].is_string());
    let table = server.cli(["client", "list"]).await.ok().stdout;
    assert!(table.contains("API gateway"), "{table}");

    let removed = server.cli(["client", "remove", "API gateway"]).await.ok();
    assert_eq!(removed.stdout, "removed API gateway\n");
    let listed = server.cli(["client", "list", "--json"]).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(0), "{listed}");
}

async fn item_16_shows_a_secret_once_and_keeps_none(backend: Backend) {
    let server = Server::start(backend).await;
    let added = server
        .cli(["client", "add", "gateway", "--json"])
        .await
        .json();
    let secret = added["client_secret"]
        .as_str()
        .expect("a secret")
        .to_owned();
    // 256 bits in base64url.
    assert_eq!(secret.len(), 43, "{secret}");
    let listed = server.cli(["client", "list", "--json"]).await.ok().stdout;
    assert!(!listed.contains("secret"), "{listed}");
    let home = server.terminate().await;
    let bytes = home.database().bytes();
    let found = bytes
        .windows(secret.len())
        .any(|part| part == secret.as_bytes());
    assert!(!found, "the secret lies in the database");
    assert!(!home.logs().contains(&secret));
}

async fn a_name_is_given_once(backend: Backend) {
    let home = Home::new(backend);
    // The database need not be there yet on SQLite; on PostgreSQL it has to be migrated.
    let _ = home.cli(["migrate", "up"]).await.ok();
    let first = home
        .cli(["client", "add", "gateway", "--json"])
        .await
        .json();
    let error = home.cli(["client", "add", " gateway "]).await.failed(1);
    assert!(error.contains("client gateway already"), "{error}");
    let other = home
        .cli(["client", "add", "Gateway", "--json"])
        .await
        .json();
    assert_ne!(first["client_id"], other["client_id"]);
    assert_ne!(first["client_secret"], other["client_secret"]);
    // The name is free again once it is.
    let _ = home.cli(["client", "remove", "gateway"]).await.ok();
    let _ = home.cli(["client", "add", "gateway"]).await.ok();
}

async fn names_what_to_change(backend: Backend) {
    let home = Home::new(backend);
    let _ = home.cli(["migrate", "up"]).await.ok();
    let error = home.cli(["client", "remove", "nobody"]).await.failed(1);
    assert!(error.contains("latchkey client list"), "{error}");
    let error = home.cli(["client", "add", ""]).await.failed(2);
    assert!(error.contains("1 to 100 characters"), "{error}");
}
