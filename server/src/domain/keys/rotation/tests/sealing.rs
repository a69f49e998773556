//! Private keys under a key-encryption secret.

use super::*;
use crate::domain::keys::SealError;

#[test]
fn keys_are_sealed_anew_under_a_new_secret() {
    let mut world = World::started(|_| {});
    assert!(world.keys.iter().all(|key| key.sealed_under.is_none()));
    let plain = world.one(KeyState::Active).private_key.clone();

    world.restart(|config| config.key_encryption_secret = secret("first"));
    let first = world.one(KeyState::Active).clone();
    assert!(first.sealed_under.is_some());
    assert_ne!(first.private_key, plain);

    world.restart(|config| {
        config.key_encryption_secret = secret("second");
        config.previous_key_encryption_secrets = secret("first").into_iter().collect();
    });
    let second = world.one(KeyState::Active).clone();
    assert_ne!(second.sealed_under, first.sealed_under);
    let versions: Vec<_> = world.keys.iter().map(|key| &key.sealed_under).collect();
    assert!(
        versions
            .iter()
            .all(|version| **version == second.sealed_under)
    );
    let settings = KeySettings::new(&world.config);
    assert_eq!(**settings.sealer.open(&second).expect("opens"), *plain);
}

#[test]
fn a_lost_or_wrong_key_encryption_secret_changes_nothing() {
    for wrong in [None, secret("wrong")] {
        let mut world = World::started(|config| config.key_encryption_secret = secret("right"));
        let before = world.keys.clone();
        world.config.key_encryption_secret.clone_from(&wrong);
        let refused = world.decide(Plan::configure);
        let error = refused.expect_err("refused").to_string();
        assert!(error.contains("tokens.key_encryption_secret"), "{error}");
        assert_eq!(world.keys, before);

        // The way out when it is lost for good: give the keys up, one after the other.
        world.config.key_encryption_secret = wrong;
        for key in before {
            world
                .decide(|plan| plan.retire(&key.kid, true))
                .expect("gives it up");
        }
        world.decide(Plan::configure).expect("starts");
        assert_eq!(world.summary(), ["active EdDSA", "standby EdDSA"]);
    }
}

#[test]
fn no_key_is_stored_beside_sealed_ones_without_their_secret() {
    let mut world = World::started(|config| config.key_encryption_secret = secret("right"));
    world.config.key_encryption_secret = None;
    let before = world.keys.clone();
    for immediately in [false, true] {
        let refused = world.decide(|plan| plan.rotate(immediately));
        assert!(matches!(refused, Err(KeysError::Seal(_))), "{refused:?}");
    }
    assert_eq!(world.keys, before);
}

#[test]
fn listed_as_a_previous_one_only_the_secret_turns_encryption_off() {
    let mut world = World::started(|config| config.key_encryption_secret = secret("right"));
    world.restart(|config| {
        config.previous_key_encryption_secrets =
            config.key_encryption_secret.take().into_iter().collect();
    });
    assert!(world.keys.iter().all(|key| key.sealed_under.is_none()));
    world.restart(|config| config.previous_key_encryption_secrets.clear());
}

#[test]
fn a_damaged_key_is_told_as_such() {
    let mut world = World::started(|config| config.key_encryption_secret = secret("right"));
    for key in &mut world.keys {
        key.private_key.reverse();
    }
    let refused = world.decide(Plan::configure);
    assert!(
        matches!(refused, Err(KeysError::Seal(SealError::Damaged(_)))),
        "{refused:?}"
    );
}
