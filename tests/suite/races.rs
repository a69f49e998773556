//! What ends a session ends also those that begin in the same moment.

use latchkey_tests::{Account, Backend, Home, Server, Tokens, on_each_backend};
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

/// Many sign-ins with one password, at both, and what they answered in the end.
async fn sign_ins(
    servers: &[Server; 2],
    account: &Account,
    count: usize,
) -> JoinSet<Option<Tokens>> {
    let mut tries = JoinSet::new();
    for index in 0..count {
        let server = &servers[index % 2];
        let call = server.sign_in(&account.person.email, &account.person.password);
        tries.spawn(async move {
            let answer = call.await;
            match answer.status {
                200 => Some(answer.tokens()),
                _ => {
                    assert!([401, 403].contains(&answer.status), "{}", answer.shown());
                    None
                }
            }
        });
    }
    // Let them get going.
    tokio::task::yield_now().await;
    tries
}

async fn all_are_dead(server: &Server, tries: JoinSet<Option<Tokens>>) {
    for tokens in tries.join_all().await.into_iter().flatten() {
        let _ = server.me(&tokens.access).await.expect(401);
        let _ = server.refresh(&tokens.refresh).await.expect(401);
    }
}

async fn a_password_change_ends_what_the_old_password_began(backend: Backend) {
    let servers = two(backend).await;
    let [server, _] = &servers;
    let alice = server.account_of("Alice").await;
    let before = sign_ins(&servers, &alice, 10).await;
    let change = server.change_password(
        &alice.tokens.access,
        &alice.person.password,
        "Heron-under-38-bridges",
    );
    let change = tokio::spawn(change.into_future());
    let meanwhile = sign_ins(&servers, &alice, 20).await;

    let new = change.await.expect("an answer").expect(200).tokens();

    all_are_dead(server, before).await;
    all_are_dead(server, meanwhile).await;
    let _ = server.me(&new.access).await.expect(200);
}

async fn item_46_disabling_ends_what_began_before(backend: Backend) {
    let servers = two(backend).await;
    let [server, _] = &servers;
    let alice = server.account_of("Alice").await;
    let tries = sign_ins(&servers, &alice, 60).await;
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
    let before = sign_ins(&servers, &alice, 10).await;
    let deletion = server.delete_me(&alice.tokens.access, &alice.person.password);
    let deletion = tokio::spawn(deletion.into_future());
    let meanwhile = sign_ins(&servers, &alice, 20).await;

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
    let _ = server.end_sessions(&alice.tokens.access).await.expect(204);
    for answer in refreshes.join_all().await {
        if answer.status == 200 {
            let tokens = answer.tokens();
            let _ = server.me(&tokens.access).await.expect(401);
            let _ = server.refresh(&tokens.refresh).await.expect(401);
        }
    }
}
