mod algorithm;
mod sealing;
mod secrets;

use std::time::Duration;

use super::*;
use crate::config::{Secret, Tokens};
use crate::domain::entropy::SystemEntropy;
use crate::domain::keys::{KeyChange, PrivateKey, changes, next_change, signs_from};

/// The default of `tokens.refresh_ttl`.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long a key is kept that signs no more.
const KEPT: Duration = LIFE.saturating_add(CLOCK_SKEW);

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

    fn import(&mut self, key: &PrivateKey) -> Result<String, KeysError> {
        let settings = KeySettings::new(&self.config);
        let record = KeyMaker::new(&settings.sealer, &SystemEntropy).record(key, self.now)?;
        let kid = record.kid.clone();
        self.decide(|plan| plan.import(record))?;
        Ok(kid)
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

    world.later(Duration::from_millis(129_999));
    assert_eq!(world.kid(KeyState::Active), active);
    world.later(Duration::from_millis(1));
    assert_eq!(world.now, due);
    assert_eq!(world.kid(KeyState::Active), standby);
    assert_eq!(world.one(KeyState::Active).activate_at, None);
    let retired = world.one(KeyState::Retired);
    assert_eq!(retired.kid, active);
    assert_eq!(retired.retired_at, Some(due));
    assert_eq!(retired.expires_at, Some(due.plus(KEPT)));
    let next = world.one(KeyState::Standby);
    assert_ne!(next.kid, standby);
    assert_eq!((next.published_at, next.activate_at), (due, None));
}

#[test]
fn a_rotation_is_immediate_when_asked_for_or_when_the_key_is_known_to_all() {
    for (age, immediately) in [(0, true), (330, false)] {
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
    assert_eq!(next_change(&world.keys), Some(START.plus(KEPT)));
    world.later(KEPT - Duration::from_millis(1));
    assert!(world.keys.iter().any(|key| key.state == KeyState::Retired));
    world.later(Duration::from_millis(1));
    assert_eq!(world.summary(), ["active EdDSA", "standby EdDSA"]);
    assert_eq!(next_change(&world.keys), None);
}

#[test]
fn a_retired_key_outlives_the_longest_tokens_that_were_signed_with_it() {
    let mut world = World::started(|config| config.refresh_ttl = 30 * LIFE);
    assert!(world.keys.iter().all(|key| key.token_life == 30 * LIFE));
    world.restart(|config| config.refresh_ttl = LIFE);
    world.decide(|plan| plan.rotate(true)).expect("rotates");
    assert_eq!(
        world.one(KeyState::Retired).expires_at,
        Some(START.plus(30 * LIFE + CLOCK_SKEW))
    );
    // What was made since knows nothing of the longer life, until an instance that has it
    // says so.
    assert_eq!(world.one(KeyState::Standby).token_life, LIFE);
    world.config.refresh_ttl = 7 * LIFE;
    world.decide(|_| Ok(())).expect("noted");
    assert_eq!(world.one(KeyState::Standby).token_life, 7 * LIFE);
    assert_eq!(world.one(KeyState::Active).token_life, 30 * LIFE);
    assert_eq!(world.one(KeyState::Retired).token_life, 30 * LIFE);
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
fn before_the_first_start_there_is_nothing_to_rotate() {
    let refused = World::empty(|_| {}).decide(|plan| plan.rotate(true));
    assert!(
        matches!(refused, Err(KeysError::NoActiveKey)),
        "{refused:?}"
    );
}

#[test]
fn an_imported_key_stands_by_and_signs_when_there_is_no_other() {
    let [first, second] = [1, 2].map(|_| PrivateKey::generate(Algorithm::EdDsa).expect("a key"));
    let mut world = World::empty(|_| {});
    let kid = world.import(&first).expect("imports");
    assert_eq!(world.kid(KeyState::Active), kid);
    let made = world.kid(KeyState::Standby);

    let again = world.import(&first);
    assert!(
        matches!(again, Err(KeysError::KnownKey(_, KeyState::Active))),
        "{again:?}"
    );

    let kid = world.import(&second).expect("imports");
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
