//! HMAC secrets beside and instead of key pairs.

use super::*;
use crate::config::AlgorithmChoice;

#[test]
fn a_secret_signs_with_hmac_and_is_never_published() {
    let mut world = World::started(|config| config.secret_key = secret("one"));
    assert_eq!(world.summary(), ["active HS256"]);
    assert!(world.one(KeyState::Active).public_jwk.is_none());
    let before = world.keys.clone();
    world.restart(|_| {});
    assert_eq!(world.keys, before);
    let rotated = world.decide(|plan| plan.rotate(true));
    assert!(
        matches!(rotated, Err(KeysError::HmacInUse(_))),
        "{rotated:?}"
    );
}

#[test]
fn leaving_hmac_and_coming_back_keeps_tokens_good() {
    let mut world = World::started(|config| config.secret_key = secret("one"));
    let hmac = world.kid(KeyState::Active);
    world.restart(|config| config.secret_key = None);
    assert_eq!(
        world.summary(),
        ["active EdDSA", "retired HS256", "standby EdDSA"]
    );
    let retired = world.one(KeyState::Retired);
    assert_eq!(retired.kid, hmac);
    assert_eq!(retired.expires_at, Some(START.plus(KEPT)));
    assert_eq!(retired.private_key, b"one");

    world.restart(|config| config.secret_key = secret("one"));
    assert_eq!(world.summary(), ["active HS256", "retired EdDSA"]);
    let active = world.one(KeyState::Active);
    assert_eq!((active.retired_at, active.expires_at), (None, None));

    world.restart(|config| config.secret_key = None);
    world.later(KEPT);
    assert_eq!(world.summary(), ["active EdDSA", "standby EdDSA"]);
}

#[test]
fn before_the_start_that_leaves_hmac_there_is_nothing_to_rotate() {
    let mut world = World::started(|config| config.secret_key = secret("one"));
    world.config.secret_key = None;
    let refused = world.decide(|plan| plan.rotate(true));
    assert!(
        matches!(refused, Err(KeysError::HmacNotLeft(_))),
        "{refused:?}"
    );
}

#[test]
fn a_secret_that_stays_configured_beside_key_pairs_only_verifies() {
    let mut world = World::started(|config| config.secret_key = secret("one"));
    let hmac = world.kid(KeyState::Active);
    world.restart(|config| config.algorithm = AlgorithmChoice::Fixed(Algorithm::Es256));
    assert_eq!(
        world.summary(),
        ["active ES256", "retired HS256", "standby ES256"]
    );
    assert_eq!(world.kid(KeyState::Retired), hmac);
    world.later(KEPT);
    let before = world.keys.clone();
    world.restart(|_| {});
    assert_eq!(world.keys, before, "it is not stored again");
}

#[test]
fn a_replaced_secret_is_dead_unless_it_is_listed() {
    for listed in [false, true] {
        let mut world = World::started(|config| config.secret_key = secret("one"));
        let old = world.kid(KeyState::Active);
        world.restart(|config| {
            config.secret_key = secret("two");
            config.previous_secret_keys = listed
                .then(|| secret("one"))
                .flatten()
                .into_iter()
                .collect();
        });
        assert_ne!(world.kid(KeyState::Active), old);
        assert_eq!(world.keys.iter().any(|key| key.kid == old), listed);
        if listed {
            assert_eq!(world.kid(KeyState::Retired), old);
        }
    }
}

#[test]
fn a_configured_secret_cannot_be_retired_and_a_stored_one_can() {
    let mut world = World::started(|config| config.secret_key = secret("one"));
    let kid = world.kid(KeyState::Active);
    let refused = world.decide(|plan| plan.retire(&kid, true));
    assert!(
        matches!(refused, Err(KeysError::SecretConfigured(_))),
        "{refused:?}"
    );
    world.restart(|config| config.secret_key = None);
    world
        .decide(|plan| plan.retire(&kid, true))
        .expect("retires");
    assert_eq!(world.summary(), ["active EdDSA", "standby EdDSA"]);
}

#[test]
fn an_hmac_without_a_secret_is_an_error() {
    let mut world = World::empty(|config| {
        config.algorithm = AlgorithmChoice::Fixed(Algorithm::Hs512);
    });
    let refused = world.decide(Plan::configure);
    assert!(
        matches!(refused, Err(KeysError::SecretMissing(Algorithm::Hs512))),
        "{refused:?}"
    );
}
