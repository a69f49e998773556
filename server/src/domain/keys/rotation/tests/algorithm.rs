//! Changes of `tokens.algorithm`, also while instances disagree about it.

use latchkey_verifier::KeySet;

use super::*;
use crate::config::AlgorithmChoice;
use crate::domain::keys::jwks;

fn use_es256(config: &mut Tokens) {
    config.algorithm = AlgorithmChoice::Fixed(Algorithm::Es256);
}

fn use_eddsa(config: &mut Tokens) {
    config.algorithm = AlgorithmChoice::Auto;
}

#[test]
fn another_algorithm_is_published_first_and_signs_later() {
    let mut world = World::started(|_| {});
    let old = world.kid(KeyState::Active);
    world.restart(use_es256);
    assert_eq!(world.summary(), ["active EdDSA", "standby ES256"]);
    let due = START.plus(PUBLISH_AHEAD);
    let standby = world.one(KeyState::Standby).clone();
    assert_eq!(standby.activate_at, Some(due));
    let published = KeySet::from_jwks(&jwks(&world.keys)).expect("a key set");
    assert_eq!(published.len(), 2);

    world.later(Duration::from_secs(100));
    let before = world.keys.clone();
    world.restart(|_| {});
    assert_eq!(world.keys, before, "a restart does not begin to wait anew");

    world.later(PUBLISH_AHEAD);
    assert_eq!(
        world.summary(),
        ["active ES256", "retired EdDSA", "standby ES256"]
    );
    assert_eq!(world.kid(KeyState::Active), standby.kid);
    assert_eq!(world.kid(KeyState::Retired), old);
}

#[test]
fn now_hastens_a_change_of_algorithm() {
    let mut world = World::started(|_| {});
    world.restart(use_es256);
    world.decide(|plan| plan.rotate(true)).expect("rotates");
    assert_eq!(
        world.summary(),
        ["active ES256", "retired EdDSA", "standby ES256"]
    );
}

#[test]
fn a_change_that_is_taken_back_in_time_changes_nothing() {
    let mut world = World::started(|_| {});
    let old = world.kid(KeyState::Active);
    world.restart(use_es256);
    world.restart(use_eddsa);
    assert_eq!(world.summary(), ["active EdDSA", "standby EdDSA"]);
    assert_eq!(world.one(KeyState::Standby).activate_at, None);
    assert_eq!(world.kid(KeyState::Active), old);
}

/// Instances of both configurations run side by side: whatever they do but start leaves
/// alone what was decided, and at no time does a key sign that was not public before.
#[test]
fn instances_that_disagree_do_not_take_turns() {
    let mut world = World::started(|_| {});
    let old = world.kid(KeyState::Active);
    world.restart(use_es256);
    let chosen = world.kid(KeyState::Standby);

    use_eddsa(&mut world.config);
    world.later(Duration::from_secs(10));
    world.decide(|plan| plan.rotate(false)).expect("rotates");
    assert_eq!(world.kid(KeyState::Standby), chosen);
    world.later(PUBLISH_AHEAD);
    assert_eq!(world.kid(KeyState::Active), chosen);
    assert_eq!(
        world.summary(),
        ["active ES256", "retired EdDSA", "standby ES256"],
        "whoever writes it down"
    );

    // One that still has the old configuration starts again, and then the last one of the
    // new configuration does.
    world.restart(|_| {});
    assert_eq!(world.kid(KeyState::Active), chosen);
    world.later(Duration::from_secs(60));
    world.restart(use_es256);
    world.later(2 * PUBLISH_AHEAD);
    assert_eq!(world.kid(KeyState::Active), chosen);
    assert_eq!(world.kid(KeyState::Retired), old);
}

#[test]
fn a_replaced_standby_key_is_kept_where_a_clock_that_is_ahead_may_have_used_it() {
    for (before_due, is_kept) in [(CLOCK_SKEW, true), (2 * CLOCK_SKEW, false)] {
        let mut world = World::started(|_| {});
        world.restart(use_es256);
        let standby = world.kid(KeyState::Standby);
        world.now = START.plus(PUBLISH_AHEAD - before_due);
        world.restart(use_eddsa);
        assert_eq!(world.one(KeyState::Standby).algorithm, "EdDSA");
        let kept = world.keys.iter().find(|key| key.kid == standby);
        assert_eq!(kept.is_some(), is_kept);
        if let Some(kept) = kept {
            assert_eq!(kept.state, KeyState::Retired);
            assert_eq!(kept.expires_at, Some(world.now.plus(KEPT)));
        }
    }
}

#[test]
fn an_imported_key_of_another_algorithm_waits_too() {
    let mut world = World::started(|_| {});
    use_es256(&mut world.config);
    let key = PrivateKey::generate(Algorithm::Es256).expect("a key");
    let kid = world.import(&key).expect("imports");
    assert_eq!(world.summary(), ["active EdDSA", "standby ES256"]);
    let due = Some(START.plus(PUBLISH_AHEAD));
    assert_eq!(world.one(KeyState::Standby).activate_at, due);
    world.restart(|_| {});
    assert_eq!(world.kid(KeyState::Standby), kid);
    assert_eq!(world.one(KeyState::Standby).activate_at, due);
}

#[test]
fn another_standby_key_of_the_new_algorithm_takes_the_place_of_one() {
    for immediately in [false, true] {
        let mut world = World::started(|_| {});
        world.restart(use_es256);
        let standby = world.kid(KeyState::Standby);
        world.later(Duration::from_secs(100));
        world
            .decide(|plan| plan.retire(&standby, immediately))
            .expect("retires");
        assert_eq!(world.summary(), ["active EdDSA", "standby ES256"]);
        assert_eq!(
            world.one(KeyState::Standby).activate_at,
            Some(world.now.plus(PUBLISH_AHEAD))
        );
    }
}
