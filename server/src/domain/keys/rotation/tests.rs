use super::*;
use crate::config::{AlgorithmChoice, Secret, Tokens};
use crate::domain::entropy::SystemEntropy;
use crate::domain::keys::{PrivateKey, SealError};

const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// The stored keys, the configuration, and the time.
struct World {
    config: Tokens,
    keys: Vec<KeyRecord>,
    now: Timestamp,
}

impl World {
    /// Before the first start.
    fn empty(configure: impl FnOnce(&mut Tokens)) -> Self {
        let mut config = Tokens::default();
        configure(&mut config);
        Self {
            config,
            keys: Vec::new(),
            now: START,
        }
    }

    /// After the first start.
    fn started(configure: impl FnOnce(&mut Tokens)) -> Self {
        let mut world = Self::empty(configure);
        world.restart(|_| {});
        world
    }

    fn restart(&mut self, reconfigure: impl FnOnce(&mut Tokens)) {
        reconfigure(&mut self.config);
        self.decide(Plan::configure).expect("starts");
    }

    fn decide(
        &mut self,
        decide: impl FnOnce(&mut Plan) -> Result<(), KeysError>,
    ) -> Result<(), KeysError> {
        let settings = Arc::new(KeySettings::new(&self.config));
        let mut plan = Plan::new(
            settings,
            Arc::new(SystemEntropy),
            self.now,
            self.keys.clone(),
        );
        decide(&mut plan)?;
        self.keys = plan.into_keys();
        Ok(())
    }

    fn later(&mut self, duration: Duration) {
        self.now = self.now.plus(duration);
        self.decide(Plan::settle).expect("nothing can fail");
    }

    /// The states and algorithms, in the order of the states.
    fn summary(&self) -> Vec<String> {
        let mut summary: Vec<String> = self
            .keys
            .iter()
            .map(|key| format!("{} {}", key.state.as_str(), key.algorithm))
            .collect();
        summary.sort_unstable();
        summary
    }

    fn one(&self, state: KeyState) -> &KeyRecord {
        let mut keys = self.keys.iter().filter(|key| key.state == state);
        let key = keys
            .next()
            .unwrap_or_else(|| panic!("no {} key", state.as_str()));
        assert!(keys.next().is_none(), "two {} keys", state.as_str());
        key
    }

    fn kid(&self, state: KeyState) -> String {
        self.one(state).kid.clone()
    }
}

fn secret(text: &str) -> Option<Secret> {
    Secret::new(text)
}

#[test]
fn the_first_start_makes_an_active_and_a_standby_key() {
    let mut world = World::started(|_| {});
    assert_eq!(world.summary(), ["active EdDSA", "standby EdDSA"]);
    let before = world.keys.clone();
    world.restart(|_| {});
    assert_eq!(world.keys, before, "a second start changes nothing");
    assert!(changes(&before, &world.keys).is_empty());
}

#[test]
fn a_rotation_waits_until_the_standby_key_has_been_public_for_long_enough() {
    let mut world = World::started(|_| {});
    let (active, standby) = (world.kid(KeyState::Active), world.kid(KeyState::Standby));
    world.later(Duration::from_secs(100));
    world.decide(|plan| plan.rotate(false)).expect("rotates");
    let due = START.plus(PUBLISH_AHEAD);
    assert_eq!(world.one(KeyState::Standby).activate_at, Some(due));
    assert_eq!(world.kid(KeyState::Active), active);

    // Asked again later, it does not begin to wait anew.
    world.later(Duration::from_secs(100));
    world.decide(|plan| plan.rotate(false)).expect("rotates");
    assert_eq!(world.one(KeyState::Standby).activate_at, Some(due));

    world.later(Duration::from_millis(99_999));
    assert_eq!(world.kid(KeyState::Active), active);
    world.later(Duration::from_millis(1));
    assert_eq!(world.now, due);
    assert_eq!(world.kid(KeyState::Active), standby);
    assert_eq!(world.one(KeyState::Active).activate_at, None);
    let retired = world.one(KeyState::Retired);
    assert_eq!(retired.kid, active);
    assert_eq!(retired.retired_at, Some(due));
    assert_eq!(retired.expires_at, Some(due.plus(LIFE)));
    let next = world.one(KeyState::Standby);
    assert_ne!(next.kid, standby);
    assert_eq!((next.published_at, next.activate_at), (due, None));
}

#[test]
fn a_rotation_is_immediate_when_asked_for_or_when_the_key_is_known_to_all() {
    for (age, immediately) in [(0, true), (300, false)] {
        let mut world = World::started(|_| {});
        let standby = world.kid(KeyState::Standby);
        world.later(Duration::from_secs(age));
        world
            .decide(|plan| plan.rotate(immediately))
            .expect("rotates");
        assert_eq!(world.kid(KeyState::Active), standby);
        assert_eq!(
            world.summary(),
            ["active EdDSA", "retired EdDSA", "standby EdDSA"]
        );
    }
}

#[test]
fn now_hastens_a_rotation_that_waits() {
    let mut world = World::started(|_| {});
    let standby = world.kid(KeyState::Standby);
    world.decide(|plan| plan.rotate(false)).expect("rotates");
    assert_eq!(world.kid(KeyState::Standby), standby);
    world.decide(|plan| plan.rotate(true)).expect("rotates");
    assert_eq!(world.kid(KeyState::Active), standby);
}

#[test]
fn the_standby_key_signs_from_its_time_on_even_before_that_is_written_down() {
    let mut world = World::started(|_| {});
    world.decide(|plan| plan.rotate(false)).expect("rotates");
    let due = START.plus(PUBLISH_AHEAD);
    assert_eq!(signs_from(world.one(KeyState::Standby)), Some(due));
    assert_eq!(next_change(&world.keys), Some(due));
    let active = signs_from(world.one(KeyState::Active));
    assert_eq!(active, Some(Timestamp::from_millis(i64::MIN)));
}

#[test]
fn a_retired_key_is_forgotten_when_its_last_token_has_expired() {
    let mut world = World::started(|_| {});
    world.decide(|plan| plan.rotate(true)).expect("rotates");
    assert_eq!(next_change(&world.keys), Some(START.plus(LIFE)));
    world.later(LIFE - Duration::from_millis(1));
    assert!(world.keys.iter().any(|key| key.state == KeyState::Retired));
    world.later(Duration::from_millis(1));
    assert_eq!(world.summary(), ["active EdDSA", "standby EdDSA"]);
    assert_eq!(next_change(&world.keys), None);
}

#[test]
fn retiring_the_active_key_is_a_rotation_and_the_standby_one_is_replaced() {
    let mut world = World::started(|_| {});
    let (active, standby) = (world.kid(KeyState::Active), world.kid(KeyState::Standby));
    world
        .decide(|plan| plan.retire(&active, false))
        .expect("retires");
    assert_eq!(
        world.kid(KeyState::Active),
        active,
        "in good order, not at once"
    );
    assert_eq!(
        world.one(KeyState::Standby).activate_at,
        Some(START.plus(PUBLISH_AHEAD))
    );

    // The rotation goes on with the replacement, which must be public first.
    world.now = START.plus(Duration::from_secs(200));
    world
        .decide(|plan| plan.retire(&standby, false))
        .expect("retires");
    assert_ne!(world.kid(KeyState::Standby), standby);
    assert_eq!(
        world.one(KeyState::Standby).activate_at,
        Some(world.now.plus(PUBLISH_AHEAD))
    );
    assert_eq!(world.summary(), ["active EdDSA", "standby EdDSA"]);
}

#[test]
fn a_stolen_key_is_gone_at_once() {
    for state in [KeyState::Active, KeyState::Standby, KeyState::Retired] {
        let mut world = World::started(|_| {});
        world.decide(|plan| plan.rotate(true)).expect("rotates");
        let (stolen, standby) = (world.kid(state), world.kid(KeyState::Standby));
        world
            .decide(|plan| plan.retire(&stolen, true))
            .expect("retires");
        assert!(world.keys.iter().all(|key| key.kid != stolen));
        world.one(KeyState::Active);
        world.one(KeyState::Standby);
        if state == KeyState::Active {
            assert_eq!(
                world.kid(KeyState::Active),
                standby,
                "it is known to verifiers already"
            );
        }
    }
}

#[test]
fn what_cannot_be_retired_is_told() {
    let mut world = World::started(|_| {});
    world.decide(|plan| plan.rotate(true)).expect("rotates");
    let retired = world.kid(KeyState::Retired);
    let again = world.decide(|plan| plan.retire(&retired, false));
    assert!(
        matches!(again, Err(KeysError::RetiredAlready(_))),
        "{again:?}"
    );
    let unknown = world.decide(|plan| plan.retire("nobody", true));
    assert!(
        matches!(unknown, Err(KeysError::NoSuchKey(_))),
        "{unknown:?}"
    );
}

#[test]
fn another_algorithm_signs_at_once_and_the_old_key_verifies_on() {
    let mut world = World::started(|_| {});
    let old = world.kid(KeyState::Active);
    world.restart(|config| config.algorithm = AlgorithmChoice::Fixed(Algorithm::Es256));
    assert_eq!(
        world.summary(),
        ["active ES256", "retired EdDSA", "standby ES256"]
    );
    assert_eq!(world.kid(KeyState::Retired), old);
    world.restart(|config| config.algorithm = AlgorithmChoice::Auto);
    assert_eq!(
        world.summary(),
        [
            "active EdDSA",
            "retired ES256",
            "retired EdDSA",
            "standby EdDSA"
        ]
    );
}

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
    assert_eq!(retired.expires_at, Some(START.plus(LIFE)));
    assert_eq!(retired.private_key, b"one");

    world.restart(|config| config.secret_key = secret("one"));
    assert_eq!(world.summary(), ["active HS256", "retired EdDSA"]);
    let active = world.one(KeyState::Active);
    assert_eq!((active.retired_at, active.expires_at), (None, None));

    world.restart(|config| config.secret_key = None);
    world.later(LIFE);
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
    world.later(LIFE);
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
fn before_the_first_start_there_is_nothing_to_rotate() {
    let refused = World::empty(|_| {}).decide(|plan| plan.rotate(true));
    assert!(
        matches!(refused, Err(KeysError::NoActiveKey)),
        "{refused:?}"
    );
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

#[test]
fn an_imported_key_stands_by_and_signs_when_there_is_no_other() {
    fn import(world: &mut World, key: &PrivateKey) -> Result<String, KeysError> {
        let settings = KeySettings::new(&world.config);
        let record = KeyMaker::new(&settings.sealer, &SystemEntropy).record(key, world.now)?;
        let kid = record.kid.clone();
        world.decide(|plan| plan.import(record))?;
        Ok(kid)
    }
    let [first, second] = [1, 2].map(|_| PrivateKey::generate(Algorithm::EdDsa).expect("a key"));
    let mut world = World::empty(|_| {});
    let kid = import(&mut world, &first).expect("imports");
    assert_eq!(world.kid(KeyState::Active), kid);
    let made = world.kid(KeyState::Standby);

    let again = import(&mut world, &first);
    assert!(
        matches!(again, Err(KeysError::KnownKey(_, KeyState::Active))),
        "{again:?}"
    );

    let kid = import(&mut world, &second).expect("imports");
    assert_eq!(world.kid(KeyState::Standby), kid);
    assert!(world.keys.iter().all(|key| key.kid != made));
    world.decide(|plan| plan.rotate(true)).expect("rotates");
    assert_eq!(world.kid(KeyState::Active), kid);
}

#[test]
fn changes_name_only_what_differs() {
    let mut world = World::started(|_| {});
    let before = world.keys.clone();
    world.decide(|plan| plan.rotate(false)).expect("rotates");
    let changed = changes(&before, &world.keys);
    assert!(
        matches!(&changed[..], [KeyChange::Put(key)] if key.state == KeyState::Standby),
        "{changed:?}"
    );
    let removed = changes(&world.keys, &[]);
    assert_eq!(removed.len(), 2);
    assert!(
        removed
            .iter()
            .all(|change| matches!(change, KeyChange::Remove(_)))
    );
}
