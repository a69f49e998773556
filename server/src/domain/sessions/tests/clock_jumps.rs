//! A clock that is set forward or back by an hour, and set right again.

use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn a_refresh_token_of_the_future_is_good_and_an_access_token_is_not() {
    let world = World::new(|_| {}).await;
    world.clock.advance(HOUR);
    let (_, ahead) = world.sign_up("ada@example.com").await;
    let set_right = WriteContext::service(START);
    let seen = world.sessions.authenticate(&ahead.access_token, START);
    assert_ended(seen.await);
    let refreshed = world.sessions.refresh(&set_right, &ahead.refresh_token);
    let tokens = refreshed.await.expect("refreshed");
    let seen = world.sessions.authenticate(&tokens.access_token, START);
    seen.await.expect("signed in");
    // And what was used is used, whenever that was.
    let next = world.sessions.refresh(&set_right, &tokens.refresh_token);
    next.await.expect("refreshed");
    assert_ended(
        world
            .sessions
            .refresh(&set_right, &ahead.refresh_token)
            .await,
    );
}

#[tokio::test]
async fn what_is_over_by_a_clock_that_leapt_is_there_when_it_is_set_right() {
    let world = World::new(|config| {
        config.access_ttl = MINUTE;
        config.refresh_ttl = 5 * MINUTE;
    })
    .await;
    let (user, tokens) = world.sign_up("ada@example.com").await;
    let stored = async || {
        world
            .storage
            .sessions(user.id, Timestamp::from_millis(0))
            .await
    };
    let housekeeping = world.housekeeping_by(Unhurried::new(START));
    let ahead = START.plus(HOUR);
    let cx = WriteContext::service(ahead);
    let late = world.sessions.refresh(&cx, &tokens.refresh_token);
    assert_ended(late.await);
    housekeeping.once(ahead).await;
    world
        .refresh(&tokens.refresh_token)
        .await
        .expect("set right");

    assert_eq!(stored().await.expect("sessions").len(), 1);

    // A clock that is believed takes it away.
    world.clock.advance(HOUR);
    world.keep_house().await;
    assert_eq!(stored().await.expect("sessions"), []);
}

#[tokio::test]
async fn a_rotation_that_was_scheduled_is_not_brought_forward_for_good() {
    let world = World::new(|_| {}).await;
    let keyring = world.sessions.keyring();
    let cx = world.cx();
    let asked = keyring.change(&cx, |plan: &mut Plan| plan.rotate(false));
    asked.await.expect("scheduled");
    let signs = |now| keyring.view().signer(now).kid().to_owned();
    let before = signs(START);
    let housekeeping = world.housekeeping_by(Unhurried::new(START));

    housekeeping.once(START.plus(HOUR)).await;
    assert_ne!(
        signs(START.plus(HOUR)),
        before,
        "its time has come, as far as one knows"
    );
    assert_eq!(signs(START), before, "and it has not, after all");
}
