//! Sessions while the keys change.

use super::*;

#[tokio::test]
async fn a_rotation_takes_effect_in_a_running_server_and_signs_nobody_out() {
    let world = World::new(|_| {}).await;
    let (_, old) = world.sign_up("ada@example.com").await;
    let other = world.another_server().await;
    let before = world
        .sessions
        .keyring()
        .view()
        .signer(START)
        .kid()
        .to_owned();
    rotate(&other, &world.cx()).await;

    assert!(
        world
            .sessions
            .keyring()
            .refresh(world.now())
            .await
            .expect("refreshes")
    );
    assert!(
        !world
            .sessions
            .keyring()
            .refresh(world.now())
            .await
            .expect("refreshes")
    );
    let view = world.sessions.keyring().view();
    assert_ne!(view.signer(START).kid(), before);
    world
        .authenticate(&old)
        .await
        .expect("the old key still verifies");
    let new = world.refresh(&old.refresh_token).await.expect("refreshed");
    world.authenticate(&new).await.expect("signed in");
}

#[tokio::test]
async fn a_key_of_another_server_is_looked_for_when_a_token_names_it() {
    let world = World::new(|_| {}).await;
    let (user, _) = world.sign_up("ada@example.com").await;
    let other = world.another_server().await;
    // Two rotations: the first server has never heard of the key that signs then.
    for _ in 0..2 {
        rotate(&other, &world.cx()).await;
    }
    let keys = other.keyring().view();
    let subject = Subject {
        user: user.id,
        session: SessionId::new(START, &SystemEntropy),
    };
    let until = START.plus(MINUTE);
    let sign = || {
        let signed = other.tokens.issue_access(
            keys.signer(START),
            subject,
            START,
            until,
            None,
            &SystemEntropy,
        );
        signed.expect("signs")
    };
    let known = world
        .sessions
        .read_access(&sign(), START)
        .await
        .expect("looked for");
    assert_eq!(known.subject, subject);

    // Within the cool-down nothing is looked for again.
    rotate(&other, &world.cx()).await;
    rotate(&other, &world.cx()).await;
    let keyring = world.sessions.keyring();
    let view = keyring.view();
    let later = START.plus(MINUTE);
    assert!(!keyring.refresh_for_unknown_key(&view, START).await);
    assert!(keyring.refresh_for_unknown_key(&view, later).await);
    // Whoever saw the old keys learns what others have found meanwhile.
    assert!(keyring.refresh_for_unknown_key(&view, later).await);
    let newer = keyring.view();
    assert!(!keyring.refresh_for_unknown_key(&newer, later).await);
}

#[tokio::test]
async fn a_stolen_key_is_refused_at_once() {
    let world = World::new(|_| {}).await;
    let (_, tokens) = world.sign_up("ada@example.com").await;
    let keyring = world.sessions.keyring();
    let kid = keyring.view().signer(START).kid().to_owned();
    let stolen = kid.clone();
    let retired = keyring
        .change(&world.cx(), move |plan: &mut Plan| {
            plan.retire(&stolen, true)
        })
        .await;
    assert!(retired.expect("retires").iter().all(|key| key.kid != kid));
    let view = keyring.view();
    assert!(!String::from_utf8_lossy(view.published()).contains(&kid));
    assert_ended(world.authenticate(&tokens).await);
    assert_ended(world.refresh(&tokens.refresh_token).await);
}

#[tokio::test]
async fn leaving_hmac_signs_nobody_out() {
    let mut world = World::new(|config| {
        config.secret_key = config::Secret::new("a secret of more than thirty-two bytes");
    })
    .await;
    let (_, tokens) = world.sign_up("ada@example.com").await;
    assert_eq!(
        world.sessions.keyring().view().published(),
        r#"{"keys":[]}"#
    );
    world.config.secret_key = None;
    world.sessions = world.another_server().await;
    world.authenticate(&tokens).await.expect("signed in");
    let tokens = world
        .refresh(&tokens.refresh_token)
        .await
        .expect("refreshed");
    world.authenticate(&tokens).await.expect("signed in");
    let published = world.sessions.keyring().view().published().clone();
    assert_eq!(
        String::from_utf8_lossy(&published)
            .matches("\"kid\"")
            .count(),
        2
    );
}

#[tokio::test]
async fn a_replaced_secret_that_is_listed_signs_nobody_out() {
    for listed in [true, false] {
        let old = || config::Secret::new("a secret of more than thirty-two bytes");
        let mut world = World::new(|config| config.secret_key = old()).await;
        let (_, tokens) = world.sign_up("ada@example.com").await;
        world.config.secret_key = config::Secret::new("another secret, just as long as that");
        if listed {
            world.config.previous_secret_keys = old().into_iter().collect();
        }
        world.sessions = world.another_server().await;
        assert_eq!(world.authenticate(&tokens).await.is_ok(), listed);
        assert_eq!(world.refresh(&tokens.refresh_token).await.is_ok(), listed);
    }
}

#[tokio::test]
async fn housekeeping_promotes_and_forgets_keys_when_they_are_due() {
    let world = World::new(|_| {}).await;
    let keyring = world.sessions.keyring();
    let rotated = keyring
        .change(&world.cx(), |plan: &mut Plan| plan.rotate(false))
        .await;
    let keys = rotated.expect("rotates");
    let standby = keys
        .iter()
        .find(|key| key.state == KeyState::Standby)
        .expect("a standby key");
    let due = standby.activate_at.expect("a time");
    let before = due.minus(Duration::from_millis(1));
    assert_ne!(keyring.view().signer(before).kid(), standby.kid);
    assert_eq!(
        keyring.view().signer(due).kid(),
        standby.kid,
        "before housekeeping"
    );

    world.clock.advance(due.since(world.now()));
    world.keep_house().await;
    let stored = world.storage.keys().await.expect("keys").keys;
    assert_eq!(stored.len(), 3);
    assert!(
        stored
            .iter()
            .any(|key| key.kid == standby.kid && key.state == KeyState::Active)
    );
    world.clock.advance(DAY + CLOCK_SKEW);
    world.keep_house().await;
    assert_eq!(world.storage.keys().await.expect("keys").keys.len(), 2);
}
