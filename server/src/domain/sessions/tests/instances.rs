//! Sessions that several instances serve.

use super::*;

#[tokio::test]
async fn instances_whose_clocks_differ_take_each_others_tokens() {
    // Good for less than the clocks differ.
    let mut world = World::new(|config| config.access_ttl = CLOCK_SKEW / 2).await;
    let behind = world.cx();
    world.clock.advance(CLOCK_SKEW);
    world.sessions = world.another_server().await;
    let ahead = world.cx();
    let (_, tokens) = world.sign_up("ada@example.com").await;

    let server = world.another_server().await;
    let seen = server.authenticate(&tokens.access_token, behind.now).await;
    assert!(seen.is_ok());
    // Two tabs, at both instances at once.
    let first = server.refresh(&behind, &tokens.refresh_token).await;
    let first = first.expect("refreshed");
    let again = world.sessions.refresh(&behind, &tokens.refresh_token).await;
    let again = again.expect("within the grace");
    assert_eq!(again.refresh_token, first.refresh_token);
    let next = world.sessions.refresh(&ahead, &first.refresh_token).await;
    let next = next.expect("refreshed");
    server
        .logout(&behind, &next.access_token)
        .await
        .expect("logged out");
    assert_ended(world.authenticate(&next).await);
}

#[tokio::test]
async fn keys_last_for_as_long_as_the_tokens_of_any_instance() {
    let mut world = World::new(|_| {}).await;
    let short = Arc::clone(&world.sessions);
    world.config.refresh_ttl = 7 * DAY;
    world.sessions = world.another_server().await;
    let (_, tokens) = world.sign_up("ada@example.com").await;
    // Twice, so that the one that was made by the instance with the short life signs.
    for _ in 0..2 {
        rotate(&short, &world.cx()).await;
        let keyring = world.sessions.keyring();
        assert!(keyring.keep_up(world.now()).await.expect("reads"));
    }
    let (_, later) = world.sign_up("bob@example.com").await;
    rotate(&short, &world.cx()).await;

    world.clock.advance(6 * DAY);
    world.keep_house().await;
    world.sessions = world.another_server().await;
    for tokens in [tokens, later] {
        world
            .refresh(&tokens.refresh_token)
            .await
            .expect("good for seven days");
    }
}

#[tokio::test]
async fn of_two_instances_one_keeps_house_and_a_dead_one_is_replaced() {
    let world = World::new(|config| config.refresh_grace = Duration::from_secs(1)).await;
    let (_, tokens) = world.sign_up("ada@example.com").await;
    let (one, other) = (world.housekeeping(), world.housekeeping());
    // Takes the turn and does nothing with it, like an instance that dies.
    let (cx, turn) = (world.cx(), Duration::from_millis(3750));
    let died = world.storage.take_turn(&cx, Chore::Housekeeping, turn);
    assert!(died.await.expect("the turn"));
    world
        .refresh(&tokens.refresh_token)
        .await
        .expect("refreshed");

    world.clock.advance(turn - Duration::from_millis(1));
    for housekeeping in [&one, &other] {
        assert!(!housekeeping.in_turn(world.now()).await.expect("asked"));
    }
    world.clock.advance(Duration::from_millis(1));
    assert!(other.in_turn(world.now()).await.expect("asked"));
    assert!(!one.in_turn(world.now()).await.expect("asked"));
    let forgets = Limits {
        sessions_over_before: START,
        rotated_before: world.now(),
        audited_before: Timestamp::from_millis(0),
    };
    let left = world.storage.housekeep(&world.cx(), forgets).await;
    assert_eq!(left.expect("housekeeping"), Housekept::default(), "done");

    world.clock.advance(turn);
    let (first, second) = tokio::join!(one.in_turn(world.now()), other.in_turn(world.now()));
    assert_ne!(first.expect("asked"), second.expect("asked"));
}

#[tokio::test]
async fn two_first_starts_at_once_agree_on_the_keys() {
    let world = World::new(|_| {}).await;
    let storage: SharedStorage = Arc::new(SqliteStorage::in_memory(START).expect("a database"));
    let (one, two) = tokio::join!(
        server(&storage, &world.config, START),
        server(&storage, &world.config, START)
    );
    one.keyring().refresh(START).await.expect("refreshes");
    assert_eq!(storage.keys().await.expect("keys").keys.len(), 2);
    let published = [one, two].map(|server| server.keyring().view().published().clone());
    assert_eq!(published[0], published[1]);
}
