//! `/health`, and a database that does not do what it should.

use futures_util::future::join_all;
use insta::assert_snapshot;
use latchkey_tests::{Backend, Home, Person, SAFETY_NET, Server, on_each_backend, on_sqlite};
use rusqlite::Connection;

on_each_backend![
    is_healthy,
    item_81_is_503_while_the_database_does_not_answer,
    item_80_is_answered_while_passwords_are_hashed,
    item_80_200_parallel_sign_ins_take_the_memory_of_the_slots,
    item_80_hashes_that_cost_more_than_new_ones_take_no_more,
    item_80_nobody_stands_behind_the_crowd_of_another_network,
    item_80_nobody_waits_longer_than_is_allowed,
];
on_sqlite![
    item_81_a_locked_database_is_503_and_recovers,
    item_81_a_full_disk_is_503_and_recovers,
];

async fn is_healthy(backend: Backend) {
    let server = Server::start(backend).await;
    assert_snapshot!(server.get("/health").await.shown(), @r#"
    200
    content-type: application/json
    cache-control: no-store

    {
      "database": "connected",
      "status": "healthy"
    }
    "#);
    let _ = server.get("/health/live").await.expect(200);
    let _ = server.get("/health/ready").await.expect(200);
}

async fn item_81_is_503_while_the_database_does_not_answer(backend: Backend) {
    let server = Server::start(backend).await;
    server
        .database()
        .execute("alter table signing_key_generation rename to lost");
    assert_snapshot!(server.get("/health").await.shown(), @r#"
    503
    content-type: application/json
    retry-after: 1
    cache-control: no-store

    {
      "database": "disconnected",
      "status": "unhealthy"
    }
    "#);
    let _ = server.get("/health/ready").await.expect(503);
    // The process is well, and restarting it would help nobody.
    let _ = server.get("/health/live").await.expect(200);
    server
        .database()
        .execute("alter table lost rename to signing_key_generation");
    let _ = server.get("/health").await.expect(200);
    let _ = server.get("/health/ready").await.expect(200);
}

/// All hashing slots and the whole queue are taken: beyond that is 503, and everything
/// else goes on as if nothing was.
async fn item_80_is_answered_while_passwords_are_hashed(backend: Backend) {
    let server = Home::new(backend)
        .with_default_hashing()
        .env("LATCHKEY_PASSWORDS__HASHING_SLOTS", "1")
        .env("LATCHKEY_PASSWORDS__HASHING_QUEUE", "4")
        .start()
        .await;
    let access = server.account_of("Alice").await.tokens.access;

    let load: Vec<_> = (0..60)
        .map(|index| {
            let person = Person::named(&format!("Person{index}"));
            tokio::spawn(server.sign_up(&person).into_future())
        })
        .collect();
    for _ in 0..5 {
        let _ = server.get("/health").await.expect(200);
        let _ = server.me(&access).await.expect(200);
    }

    let (mut created, mut refused) = (0, 0);
    for answer in load {
        let answer = answer.await.expect("an answer");
        match answer.status {
            201 => created += 1,
            _ => {
                assert_eq!(answer.expect(503).code(), "overloaded");
                refused += 1;
            }
        }
    }
    assert!(created >= 5, "slot and queue were served: {created}");
    assert!(refused >= 1, "the rest was refused at once: {refused}");
    let users = server.database().rows("select count(*) from users");
    assert_eq!(users, [[(created + 1).to_string()]]);
}

/// Each hash takes 19 MiB: all of them at once would take 3.7 GiB.
async fn item_80_200_parallel_sign_ins_take_the_memory_of_the_slots(backend: Backend) {
    const SLOTS: usize = 2;
    let server = Home::new(backend)
        .with_default_hashing()
        .env("LATCHKEY_PASSWORDS__HASHING_SLOTS", SLOTS.to_string())
        .env("LATCHKEY_PASSWORDS__HASHING_QUEUE", "32")
        .env("LATCHKEY_PASSWORDS__HASHING_WAIT", "10m")
        .env("LATCHKEY_RATE_LIMITS__ADDRESS_FAILURES", "1000")
        .start()
        .await;
    let at_rest = server.memory("VmRSS");
    let sign_ins: Vec<_> = (0..200)
        .map(|who| server.sign_in(&format!("nobody-{who}@example.com"), "A-password-1"))
        .map(|sign_in| tokio::spawn(sign_in.into_future()))
        .collect();
    let mut asked = 0;
    while asked < 20 || sign_ins.iter().any(|sign_in| !sign_in.is_finished()) {
        let _ = server.get("/health").await.expect(200);
        asked += 1;
        if asked == 20 {
            let waiting = sign_ins.iter().any(|sign_in| !sign_in.is_finished());
            assert!(waiting, "health was only known when all was over");
        }
    }
    let (mut tried, mut refused) = (0, 0);
    for sign_in in sign_ins {
        let answer = sign_in.await.expect("an answer");
        match answer.status {
            401 => tried += 1,
            _ => {
                let answer = answer.expect(503);
                assert_eq!(answer.code(), "overloaded");
                assert!(!answer.header("retry-after").is_empty());
                refused += 1;
            }
        }
    }
    // The slots and the queue were served, and nobody waited behind those.
    assert!(tried >= 32 && refused >= 1, "{tried} and {refused}");
    let peak = server.memory("VmHWM");
    let room = (SLOTS * 19 + 32) * 1024 * 1024;
    assert!(peak < at_rest + room, "{at_rest} and then {peak}");
}

/// The cost was lowered, or the hashes are another service's.
async fn item_80_hashes_that_cost_more_than_new_ones_take_no_more(backend: Backend) {
    const SLOTS: usize = 2;
    let home = Home::new(backend).env("LATCHKEY_PASSWORDS__HASHING_SLOTS", SLOTS.to_string());
    let server = home.instance().with_default_hashing().start().await;
    let people: Vec<Person> = (0..40)
        .map(|number| Person::named(&format!("Person-{number}")))
        .collect();
    for some in people.chunks(20) {
        join_all(some.iter().map(|person| server.account(person))).await;
    }
    let _ = server.terminate().await;

    let server = home.start().await;
    let at_rest = server.memory("VmRSS");
    for some in people.chunks(20) {
        let sign_ins = some
            .iter()
            .map(async |person| server.sign_in(&person.email, &person.password).await);
        for answer in join_all(sign_ins).await {
            let _ = answer.expect(200);
        }
    }
    let peak = server.memory("VmHWM");
    let room = (SLOTS * 19 + 32) * 1024 * 1024;
    assert!(peak < at_rest + room, "{at_rest} and then {peak}");
}

/// One network has more passwords to try than there are places; whoever comes from
/// elsewhere gets one, and soon.
async fn item_80_nobody_stands_behind_the_crowd_of_another_network(backend: Backend) {
    const PLACES: usize = 8;
    const ELSEWHERE: usize = 5;
    let server = Home::new(backend)
        .with_default_hashing()
        .env("LATCHKEY_SERVER__TRUSTED_PROXIES", "127.0.0.1")
        .env("LATCHKEY_PASSWORDS__HASHING_SLOTS", "1")
        .env("LATCHKEY_PASSWORDS__HASHING_QUEUE", PLACES.to_string())
        .env("LATCHKEY_PASSWORDS__HASHING_WAIT", "10m")
        .env("LATCHKEY_RATE_LIMITS__ENABLED", "false")
        .start()
        .await;
    let alice = Person::named("Alice");
    let _ = server.account(&alice).await;
    let crowd: Vec<_> = (0..60)
        .map(|who| server.sign_in(&format!("nobody-{who}@example.com"), "A-password-1"))
        .map(|sign_in| sign_in.header("x-forwarded-for", "198.51.100.1"))
        .map(|sign_in| tokio::spawn(sign_in.into_future()))
        .collect();
    for _ in 0..ELSEWHERE {
        let sign_in = server.sign_in(&alice.email, &alice.password);
        let _ = sign_in
            .header("x-forwarded-for", "203.0.113.7")
            .await
            .expect(200);
    }
    let (mut tried, mut refused) = (0, 0);
    for sign_in in crowd {
        match sign_in.await.expect("an answer") {
            answer if answer.status == 401 => tried += 1,
            answer => {
                assert_eq!(answer.expect(503).code(), "overloaded");
                refused += 1;
            }
        }
    }
    // Each of the others may have taken the place of one who had it already.
    let least = PLACES - ELSEWHERE;
    assert!(tried >= least && refused >= 1, "{tried} and {refused}");
}

/// There is room for all of them, and no time.
async fn item_80_nobody_waits_longer_than_is_allowed(backend: Backend) {
    let server = Home::new(backend)
        .with_default_hashing()
        .env("LATCHKEY_PASSWORDS__HASHING_SLOTS", "1")
        .env("LATCHKEY_PASSWORDS__HASHING_QUEUE", "100000")
        .env("LATCHKEY_PASSWORDS__HASHING_WAIT", "50ms")
        .env("LATCHKEY_RATE_LIMITS__ENABLED", "false")
        .start()
        .await;
    let sign_ins = (0..100).map(|who| {
        let email = format!("nobody-{who}@example.com");
        tokio::spawn(server.sign_in(&email, "A-password-1").into_future())
    });
    let mut refused = 0;
    for answer in join_all(sign_ins).await {
        let answer = answer.expect("an answer");
        if answer.status != 401 {
            assert_eq!(answer.expect(503).code(), "overloaded");
            refused += 1;
        }
    }
    assert!(refused >= 1, "a hundred hashes take longer than that");
    // What was sent away has left nothing behind.
    let _ = server
        .sign_in("nobody@example.com", "A-password-1")
        .await
        .expect(401);
}

async fn item_81_a_locked_database_is_503_and_recovers(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let other = Connection::open(server.database().file()).expect("the database");
    other
        .busy_timeout(SAFETY_NET)
        .and_then(|()| other.execute_batch("begin immediate"))
        .expect("the lock");

    let refused = server.sign_up(&Person::named("Bobby")).await;
    assert_snapshot!(refused.shown(), @r#"
    503
    content-type: application/problem+json
    retry-after: 1
    cache-control: no-store

    {
      "code": "database_unavailable",
      "detail": "The database is not available, try again shortly",
      "msg": "The database is not available, try again shortly",
      "status": 503,
      "title": "The database is not available, try again shortly",
      "type": "/problems/database_unavailable"
    }
    "#);
    // Never a wrong 401, and reading goes on.
    let _ = server.me(&alice.tokens.access).await.expect(200);
    let sign_in = server.sign_in(&alice.person.email, &alice.person.password);
    let _ = sign_in.await.expect(503);
    let _ = server.refresh(&alice.tokens.refresh).await.expect(503);

    other
        .execute_batch("rollback")
        .expect("the end of the lock");
    let _ = server.account_of("Bobby").await;
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
    assert!(server.logs().contains("locked"), "{}", server.logs());
}

async fn item_81_a_full_disk_is_503_and_recovers(backend: Backend) {
    // A limit on the size of files does to the server what a full disk does.
    let server = Home::new(backend)
        .under(&["env", "--ignore-signal=XFSZ"])
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    server.set_soft_limit("fsize", "1024");

    let refused = server.sign_up(&Person::named("Bobby")).await.expect(503);
    assert_eq!(refused.code(), "database_unavailable");
    let _ = server.me(&alice.tokens.access).await.expect(200);
    let _ = server.refresh(&alice.tokens.refresh).await.expect(503);

    server.set_soft_limit("fsize", "unlimited");
    let _ = server.account_of("Bobby").await;
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
    let check = server.database().rows("pragma integrity_check");
    assert_eq!(check, [["ok"]]);
}
