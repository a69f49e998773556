//! A process that is short of what the system gives it: file descriptors, memory.

use std::fs;

use futures_util::future::join_all;
use latchkey_tests::{Backend, Home, Person, Raw, Server, eventually, on_each_backend};
use serde_json::{Value, json};

on_each_backend![
    item_81_without_descriptors_open_requests_are_answered_and_others_wait,
    item_81_without_descriptors_the_database_is_503_where_it_needs_one,
    the_limit_of_open_files_is_raised_as_far_as_needed,
    item_80_near_the_limit_of_memory_everybody_is_answered,
    a_hash_for_which_there_is_no_memory_is_503,
];

fn open_files(server: &Server) -> usize {
    let descriptors =
        fs::read_dir(format!("/proc/{}/fd", server.process_id())).expect("a process of ours");
    descriptors.count()
}

/// The soft limit of open files.
fn limit_of_open_files(server: &Server) -> u64 {
    let limit = server.soft_limit("Max open files").parse();
    limit.expect("a number")
}

/// The process may have so many KiB more than it has.
fn leave(server: &Server, kib: usize) {
    let bytes = server.memory("VmSize") + kib * 1024;
    server.set_soft_limit("as", &bytes.to_string());
}

async fn get(connection: &mut Raw, path: &str, access_token: &str) -> u16 {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {access_token}\r\n\r\n");
    let answer = connection.send(request).await.answer().await;
    answer.expect("an answer").status
}

async fn post(connection: &mut Raw, path: &str, body: &Value) -> u16 {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = connection.send(request).await.answer().await;
    answer.expect("an answer").status
}

/// A connection on which a request has begun, and the rest of it.
async fn begun(server: &Server, path: &str, body: &Value) -> (Raw, String) {
    let body = body.to_string();
    let mut connection = server.raw().await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{{",
        body.len()
    );
    connection.send(head).await;
    (connection, body[1..].to_owned())
}

async fn item_81_without_descriptors_open_requests_are_answered_and_others_wait(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.person;
    let (bob, carol) = (Person::named("Bobby"), Person::named("Carol"));
    let sign_up = "/api/v1/users/signup";
    let (mut one, rest_of_one) = begun(&server, sign_up, &bob.form()).await;
    let before = limit_of_open_files(&server);
    let open = open_files(&server);
    server.set_soft_limit("nofile", &(open + 20).to_string());
    let (mut two, rest_of_two) = begun(&server, sign_up, &carol.form()).await;

    // Somebody takes all that there are, and their time.
    let mut others = Vec::new();
    eventually("no descriptor", async || {
        let sign_in = json!({ "email": alice.email, "password": alice.password });
        others.push(begun(&server, "/api/v1/users/signin", &sign_in).await);
        let says = server.logs().contains("cannot accept connections");
        says.then_some(())
    })
    .await;
    let mut waiting = server.raw().await;
    waiting
        .send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    for (connection, rest) in [(&mut one, rest_of_one), (&mut two, rest_of_two)] {
        let answer = connection.send(rest).await.answer().await;
        assert_eq!(answer.expect("an answer").status, 201);
    }

    server.set_soft_limit("nofile", &before.to_string());
    let answer = waiting.answer().await.expect("an answer");
    assert_eq!(answer.status, 200);
    for (mut connection, rest) in others {
        let answer = connection.send(rest).await.answer().await;
        // More than ten at once from one place are too many.
        let status = answer.expect("an answer").status;
        assert!([200, 429].contains(&status), "{status}");
    }
    for person in [&alice, &bob, &carol] {
        let sign_in = server.sign_in(&person.email, &person.password);
        let _ = sign_in.await.expect(200);
    }
    let told = server.logs().matches("cannot accept connections").count();
    assert!(told <= 3, "{told} lines");
}

/// A limit that is below what is open lets nothing more be opened.
async fn item_81_without_descriptors_the_database_is_503_where_it_needs_one(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let mut kept = server.raw().await;
    assert_eq!(get(&mut kept, "/health", &tokens.access).await, 200);
    let before = limit_of_open_files(&server);
    server.set_soft_limit("nofile", "3");

    let bob = Person::named("Bobby");
    match backend {
        // It goes on with the connections that are open.
        Backend::Sqlite => {
            assert_eq!(
                get(&mut kept, "/api/v1/users/me", &tokens.access).await,
                200
            );
            let signed_up = post(&mut kept, "/api/v1/users/signup", &bob.form()).await;
            assert_eq!(signed_up, 201);
        }
        Backend::Postgres => {
            server.database().postgres().terminate_backends();
            eventually("no connection", async || {
                let me = get(&mut kept, "/api/v1/users/me", &tokens.access).await;
                (me == 503).then_some(())
            })
            .await;
            let signed_up = post(&mut kept, "/api/v1/users/signup", &bob.form()).await;
            assert_eq!(signed_up, 503);
            assert_eq!(get(&mut kept, "/health/live", &tokens.access).await, 200);
        }
    }

    server.set_soft_limit("nofile", &before.to_string());
    server.health_becomes(200).await;
    let _ = server.me(&tokens.access).await.expect(200);
    let users = server.database().rows("select count(*) from users");
    let signed_up = match backend {
        Backend::Sqlite => "2",
        Backend::Postgres => "1",
    };
    assert_eq!(users, [[signed_up]]);
    let _ = server.account_of("Carol").await;
}

async fn the_limit_of_open_files_is_raised_as_far_as_needed(backend: Backend) {
    let home = Home::new(backend).env("LATCHKEY_SERVER__MAX_CONNECTIONS", "1000");
    for (limits, soft, is_enough) in [("256:4096", 1064, true), ("256:512", 512, false)] {
        let instance = home
            .instance()
            .under(&["prlimit", &format!("--nofile={limits}")]);
        let server = instance.start().await;
        let found = limit_of_open_files(&server);
        assert!(found >= soft && found <= soft + 20, "{limits}: {found}");
        let warned = server.logs().contains("not enough open files are allowed");
        assert_eq!(warned, !is_enough, "{}", server.logs());
        let _ = server.get("/health").await.expect(200);
    }
}

/// The memory of the hashing threads is theirs before anybody signs in, and what else is
/// needed at once is little.
async fn item_80_near_the_limit_of_memory_everybody_is_answered(backend: Backend) {
    let home = Home::new(backend)
        .with_default_hashing()
        .env("LATCHKEY_PASSWORDS__HASHING_SLOTS", "2")
        .env("LATCHKEY_PASSWORDS__HASHING_QUEUE", "30");
    let mut server = home.start().await;
    // The answers are held against it; it is made when it is asked for.
    let _ = server.get("/openapi.json").await.expect(200);
    leave(&server, 4 * 1024);

    let people: Vec<Person> = (0..20)
        .map(|number| Person::named(&format!("Person-{number}")))
        .collect();
    let sign_ups = people
        .iter()
        .map(|person| server.sign_up(person).into_future());
    for answer in join_all(sign_ups).await {
        let _ = answer.expect(201);
    }
    // As large as a body may be.
    let large = |number: usize| {
        let body = json!({ "email": format!("{number}@example.com"), "password": "wrong" });
        let mut body = body.to_string().into_bytes();
        body.resize(64 * 1024, b' ');
        server
            .post("/api/v1/users/signin")
            .body("application/json", body)
            .into_future()
    };
    for answer in join_all((0..200).map(large)).await {
        assert!(
            [401, 429, 503].contains(&answer.status),
            "{}",
            answer.shown()
        );
    }
    let _ = server.get("/health").await.expect(200);
    assert!(server.is_running());
    let users = server.database().rows("select count(*) from users");
    assert_eq!(users, [["20"]]);
}

/// A stored hash may cost more than a new one, and more than there is.
async fn a_hash_for_which_there_is_no_memory_is_503(backend: Backend) {
    let home = Home::new(backend);
    let _ = home.cli(["migrate", "up"]).await.ok();
    let alice = Person::named("Alice");
    let costly = home
        .instance()
        .env("LATCHKEY_PASSWORDS__ARGON2__M", "131072");
    let add = ["user", "add", &alice.email, "--name", &alice.name];
    let _ = costly.cli_with_input(&alice.password, add).await.ok();
    let mut server = home.instance().start().await;
    let bob = server.account_of("Bobby").await.person;
    leave(&server, 64 * 1024);

    let sign_in = async |person: &Person| {
        let call = server.sign_in(&person.email, &person.password);
        call.await
    };
    for _ in 0..3 {
        assert_eq!(sign_in(&alice).await.expect(503).code(), "overloaded");
        let _ = sign_in(&bob).await.expect(200);
    }
    assert!(server.logs().contains("no memory for hashing"));

    server.set_soft_limit("as", "unlimited");
    // And none of it was a wrong password.
    for _ in 0..2 {
        let _ = sign_in(&alice).await.expect(200);
    }
    assert!(server.is_running());
}
