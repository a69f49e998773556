//! What ends a session ends also those that begin in the same moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use latchkey_tests::{Account, Backend, Home, Server, Tokens, eventually, on_each_backend};
use tokio::task::JoinSet;

on_each_backend![
    a_password_change_ends_what_the_old_password_began,
    item_46_disabling_ends_what_began_before,
    item_46_deleting_ends_what_began_before,
    item_47_ending_all_sessions_ends_what_is_being_refreshed,
];

/// Two instances, so that what happens at one meets what happens at the other in the
/// database alone.
async fn two(backend: Backend) -> [Server; 2] {
    // Dozens of sign-ins to one account at once are what these tests are about.
    let home = Home::new(backend)
        .with_public_url()
        .env("LATCHKEY_RATE_LIMITS__ENABLED", "false");
    let other = home.instance();
    tokio::join!(home.start(), other.start()).into()
}

/// Sign-ins that are under way.
struct SignIns {
    tries: JoinSet<Option<Tokens>>,
    /// How many of them have been let in.
    let_in: Arc<AtomicUsize>,
}

/// Many sign-ins with one password, at both.
fn sign_ins(servers: &[Server; 2], account: &Account, count: usize) -> SignIns {
    let mut tries = JoinSet::new();
    let let_in = Arc::new(AtomicUsize::new(0));
    for index in 0..count {
        let server = &servers[index % 2];
        let call = server.sign_in(&account.person.email, &account.person.password);
        let let_in = Arc::clone(&let_in);
        tries.spawn(async move {
            let answer = call.await;
            match answer.status {
                200 => {
                    let_in.fetch_add(1, Ordering::SeqCst);
                    Some(answer.tokens())
                }
                _ => {
                    assert!([401, 403].contains(&answer.status), "{}", answer.shown());
                    None
                }
            }
        });
    }
    SignIns { tries, let_in }
}

/// Some are in, so that there is something to end, and others are on their way.
async fn some_are_in(sign_ins: &SignIns) {
    eventually("somebody to be let in", async || {
        (sign_ins.let_in.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
}

async fn all_are_dead(server: &Server, sign_ins: SignIns) {
    for tokens in sign_ins.tries.join_all().await.into_iter().flatten() {
        let _ = server.me(&tokens.access).await.expect(401);
        let _ = server.refresh(&tokens.refresh).await.expect(401);
    }
}

async fn a_password_change_ends_what_the_old_password_began(backend: Backend) {
    let servers = two(backend).await;
    let [server, _] = &servers;
    let alice = server.account_of("Alice").await;
    let before = sign_ins(&servers, &alice, 10);
    some_are_in(&before).await;
    let change = server.change_password(
        &alice.tokens.access,
        &alice.person.password,
        "Heron-under-38-bridges",
    );
    let change = tokio::spawn(change.into_future());
    let meanwhile = sign_ins(&servers, &alice, 20);

    let new = change.await.expect("an answer").expect(200).tokens();

    all_are_dead(server, before).await;
    all_are_dead(server, meanwhile).await;
    let _ = server.me(&new.access).await.expect(200);
}

async fn item_46_disabling_ends_what_began_before(backend: Backend) {
    let servers = two(backend).await;
    let [server, _] = &servers;
    let alice = server.account_of("Alice").await;
    let tries = sign_ins(&servers, &alice, 60);
    some_are_in(&tries).await;
    let _ = server
        .cli(["user", "disable", &alice.person.email])
        .await
        .ok();
    all_are_dead(server, tries).await;
}

async fn item_46_deleting_ends_what_began_before(backend: Backend) {
    let servers = two(backend).await;
    let [server, _] = &servers;
    let alice = server.account_of("Alice").await;
    let before = sign_ins(&servers, &alice, 10);
    some_are_in(&before).await;
    let deletion = server.delete_me(&alice.tokens.access, &alice.person.password);
    let deletion = tokio::spawn(deletion.into_future());
    let meanwhile = sign_ins(&servers, &alice, 20);

    let _ = deletion.await.expect("an answer").expect(204);

    all_are_dead(server, before).await;
    all_are_dead(server, meanwhile).await;
    assert_eq!(
        server.database().rows("select count(*) from users"),
        [["0"]]
    );
}

async fn item_47_ending_all_sessions_ends_what_is_being_refreshed(backend: Backend) {
    let servers = two(backend).await;
    let [server, _] = &servers;
    let alice = server.account_of("Alice").await;
    let person = &alice.person;
    let mut tokens = Vec::new();
    for _ in 0..10 {
        let answer = server.sign_in(&person.email, &person.password).await;
        tokens.push(answer.expect(200).tokens().refresh);
    }
    let mut refreshes = JoinSet::new();
    for (index, token) in tokens.iter().enumerate() {
        refreshes.spawn(servers[index % 2].refresh(token).into_future());
    }
    // One is refreshed before, so that there is always a token to end.
    let first = refreshes.join_next().await.expect("a refresh");
    let first = first.expect("an answer").expect(200);
    let _ = server.end_sessions(&alice.tokens.access).await.expect(204);
    for answer in refreshes.join_all().await.into_iter().chain([first]) {
        if answer.status == 200 {
            let tokens = answer.tokens();
            let _ = server.me(&tokens.access).await.expect(401);
            let _ = server.refresh(&tokens.refresh).await.expect(401);
        }
    }
}
