use std::time::Duration;

use super::*;
use crate::config;
use crate::domain::clock::{CLOCK_SKEW, Clock as _, ManualClock};
use crate::domain::email::Email;
use crate::domain::entropy::SystemEntropy;
use crate::domain::housekeeping::Housekeeping;
use crate::domain::keys::{KeySettings, KeyState, Plan};
use crate::domain::password_hash::PasswordHash;
use crate::domain::session::TokenHash;
use crate::domain::user::{NewUser, UserName};
use crate::storage::sqlite::SqliteStorage;
use crate::storage::{Chore, Housekept, Limits};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_250);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A server with a database of its own and a clock that stands still.
struct World {
    storage: SharedStorage,
    sessions: Arc<Sessions>,
    clock: Arc<ManualClock>,
    config: config::Tokens,
}

impl World {
    async fn new(configure: impl FnOnce(&mut config::Tokens)) -> Self {
        let mut config = config::Tokens::default();
        configure(&mut config);
        let storage: SharedStorage = Arc::new(SqliteStorage::in_memory(START).expect("a database"));
        let clock = Arc::new(ManualClock::at(START));
        let sessions = server(&storage, &config, START).await;
        Self {
            storage,
            sessions,
            clock,
            config,
        }
    }

    /// Another server on the same database.
    async fn another_server(&self) -> Arc<Sessions> {
        server(&self.storage, &self.config, self.now()).await
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn cx(&self) -> WriteContext {
        WriteContext::service(self.now())
    }

    /// A new user and the first session.
    async fn sign_up(&self, email: &str) -> (User, TokenPair) {
        let id = UserId::new(self.now(), &SystemEntropy);
        let (session, tokens) = self.sessions.prepare(id, self.now()).expect("tokens");
        let user = NewUser {
            id,
            name: UserName::parse("Ada Lovelace").expect("a name"),
            email: Email::parse(email).expect("an address"),
            age: None,
            password: PasswordHash::new("$argon2id$none"),
        };
        let user = self
            .storage
            .create_user(&self.cx(), user, Some(session))
            .await;
        (user.expect("a user"), tokens.release())
    }

    async fn refresh(&self, token: &str) -> Result<TokenPair> {
        self.sessions.refresh(&self.cx(), token).await
    }

    async fn authenticate(&self, tokens: &TokenPair) -> Result<(Session, User)> {
        self.sessions
            .authenticate(&tokens.access_token, self.now())
            .await
    }

    /// What keeps house at one of the instances.
    fn housekeeping(&self) -> Housekeeping {
        let rules = TokenRules::new(String::new(), &self.config);
        Housekeeping::new(
            Arc::clone(&self.storage),
            Arc::clone(self.sessions.keyring()),
            Arc::<ManualClock>::clone(&self.clock),
            Arc::new(SystemEntropy),
            &rules,
        )
    }

    async fn keep_house(&self) {
        self.housekeeping().once(self.now()).await;
    }
}

async fn server(storage: &SharedStorage, config: &config::Tokens, now: Timestamp) -> Arc<Sessions> {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let settings = Arc::new(KeySettings::new(config));
    let keyring = Keyring::open(Arc::clone(storage), settings, Arc::clone(&entropy), now).await;
    Arc::new(Sessions::new(
        Arc::clone(storage),
        Arc::new(keyring.expect("keys")),
        TokenRules::new("https://auth.example".to_owned(), config),
        entropy,
    ))
}

async fn rotate(server: &Sessions, cx: &WriteContext) {
    let rotated = server
        .keyring()
        .change(cx, |plan: &mut Plan| plan.rotate(true))
        .await;
    assert!(rotated.expect("rotates").len() >= 3);
}

fn assert_ended<T: fmt::Debug>(result: Result<T>) {
    match result {
        Err(Error::InvalidAccessToken | Error::InvalidRefreshToken) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_access_token_stands_for_its_session_and_user() {
    let world = World::new(|_| {}).await;
    let (user, tokens) = world.sign_up("ada@example.com").await;
    assert_eq!(tokens.expires_in, 1800);
    let (session, found) = world.authenticate(&tokens).await.expect("signed in");
    assert_eq!(found, user);
    assert_eq!(session.user, user.id);
    assert_eq!(session.created_at, START);
    assert_eq!(
        session.expires_at,
        Timestamp::from_seconds(START.as_seconds()).plus(DAY)
    );

    assert_ended(
        world
            .sessions
            .authenticate(&tokens.refresh_token, world.now())
            .await,
    );
    assert_ended(world.sessions.authenticate("", world.now()).await);
    world.clock.advance(30 * MINUTE);
    assert_ended(world.authenticate(&tokens).await);
}

#[tokio::test]
async fn a_refresh_gives_new_tokens_of_the_same_session() {
    let world = World::new(|_| {}).await;
    let (user, first) = world.sign_up("ada@example.com").await;
    world.clock.advance(MINUTE);
    let second = world
        .refresh(&first.refresh_token)
        .await
        .expect("refreshed");
    assert_ne!(second.refresh_token, first.refresh_token);
    let (session, _) = world.authenticate(&second).await.expect("signed in");
    assert_eq!(session.last_used_at, world.now());
    assert_eq!(
        world.authenticate(&first).await.expect("still good").0.id,
        session.id
    );
    let sessions = world
        .sessions
        .list(user.id, world.now())
        .await
        .expect("sessions");
    assert_eq!(sessions, [session]);
    assert_ended(world.refresh(&second.access_token).await);
}

#[tokio::test]
async fn parallel_refreshes_yield_one_successor() {
    let world = World::new(|_| {}).await;
    let (_, tokens) = world.sign_up("ada@example.com").await;
    let tries = (0..20).map(|_| {
        let (sessions, cx) = (Arc::clone(&world.sessions), world.cx());
        let token = tokens.refresh_token.clone();
        tokio::spawn(async move { sessions.refresh(&cx, &token).await })
    });
    let mut successors = Vec::new();
    for task in tries.collect::<Vec<_>>() {
        successors.push(
            task.await
                .expect("no panic")
                .expect("refreshed")
                .refresh_token,
        );
    }
    assert_eq!(successors.len(), 20);
    successors.dedup();
    assert_eq!(successors.len(), 1);
    world
        .refresh(&successors[0])
        .await
        .expect("the successor is good");
}

#[tokio::test]
async fn the_grace_is_over_when_the_successor_is_used_or_time_is_up() {
    for (used, waited) in [(true, 0), (false, 10_000)] {
        let world = World::new(|_| {}).await;
        let (_, first) = world.sign_up("ada@example.com").await;
        let second = world
            .refresh(&first.refresh_token)
            .await
            .expect("refreshed");
        world
            .clock
            .advance(Duration::from_millis(9_999).min(Duration::from_millis(waited)));
        let again = world
            .refresh(&first.refresh_token)
            .await
            .expect("within the grace");
        assert_eq!(again.refresh_token, second.refresh_token);
        let mut latest = second;
        if used {
            latest = world
                .refresh(&latest.refresh_token)
                .await
                .expect("refreshed");
        } else {
            world.clock.advance(Duration::from_millis(1));
        }
        assert_ended(world.refresh(&first.refresh_token).await);
        assert_ended(world.refresh(&latest.refresh_token).await);
        assert_ended(world.authenticate(&latest).await);
    }
}

#[tokio::test]
async fn without_a_grace_a_second_use_ends_the_session() {
    let world = World::new(|config| config.refresh_grace = Duration::ZERO).await;
    let (_, first) = world.sign_up("ada@example.com").await;
    let second = world
        .refresh(&first.refresh_token)
        .await
        .expect("refreshed");
    assert_ended(world.refresh(&first.refresh_token).await);
    assert_ended(world.authenticate(&second).await);
}

#[tokio::test]
async fn housekeeping_forgets_the_successor_after_the_grace() {
    let world = World::new(|_| {}).await;
    let (_, first) = world.sign_up("ada@example.com").await;
    world
        .refresh(&first.refresh_token)
        .await
        .expect("refreshed");
    world.keep_house().await;
    world
        .refresh(&first.refresh_token)
        .await
        .expect("within the grace");
    world.clock.advance(Duration::from_secs(11));
    world.keep_house().await;
    let limits = Limits {
        sessions_over_before: START,
        rotated_before: world.now(),
    };
    let left = world
        .storage
        .housekeep(&world.cx(), limits)
        .await
        .expect("housekeeping");
    assert_eq!(left, Housekept::default());
}

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
async fn a_session_ends_at_its_greatest_age_whatever_happens() {
    let world = World::new(|config| config.session_max_age = Some(2 * DAY)).await;
    let (user, mut tokens) = world.sign_up("ada@example.com").await;
    for _ in 0..3 {
        world.clock.advance(DAY * 5 / 8);
        tokens = world
            .refresh(&tokens.refresh_token)
            .await
            .expect("refreshed");
    }
    let sessions = world
        .sessions
        .list(user.id, world.now())
        .await
        .expect("sessions");
    let end = Timestamp::from_seconds(START.plus(2 * DAY).as_seconds());
    assert_eq!(sessions[0].expires_at, end);
    // Ten minutes before the end an access token is good for ten minutes.
    world.clock.advance(end.since(world.now()) - 10 * MINUTE);
    tokens = world
        .refresh(&tokens.refresh_token)
        .await
        .expect("refreshed");
    assert_eq!(tokens.expires_in, 600);
    world.clock.advance(10 * MINUTE);
    assert_ended(world.refresh(&tokens.refresh_token).await);
    assert_ended(world.authenticate(&tokens).await);
}

#[tokio::test]
async fn logout_takes_either_token_and_ends_the_session_once() {
    let world = World::new(|_| {}).await;
    for pick in [
        |tokens: &TokenPair| tokens.access_token.clone(),
        |tokens: &TokenPair| tokens.refresh_token.clone(),
    ] {
        let email = format!("{}@example.com", SessionId::new(START, &SystemEntropy));
        let (_, tokens) = world.sign_up(&email).await;
        let latest = world
            .refresh(&tokens.refresh_token)
            .await
            .expect("refreshed");
        world
            .sessions
            .logout(&world.cx(), &pick(&tokens))
            .await
            .expect("logs out");
        assert_ended(world.authenticate(&latest).await);
        assert_ended(world.refresh(&latest.refresh_token).await);
        assert_ended(world.sessions.logout(&world.cx(), &pick(&tokens)).await);
    }
    assert_ended(world.sessions.logout(&world.cx(), "no token").await);
}

#[tokio::test]
async fn one_session_or_all_are_ended_by_their_user_only() {
    let world = World::new(|_| {}).await;
    let (ada, tokens) = world.sign_up("ada@example.com").await;
    let (eve, _) = world.sign_up("eve@example.com").await;
    let (session, _) = world.authenticate(&tokens).await.expect("signed in");

    let by_another = world.sessions.end(&world.cx(), eve.id, session.id).await;
    assert!(
        matches!(by_another, Err(Error::SessionNotFound)),
        "{by_another:?}"
    );
    world.authenticate(&tokens).await.expect("still signed in");
    world
        .sessions
        .end(&world.cx(), ada.id, session.id)
        .await
        .expect("ends");
    assert_ended(world.authenticate(&tokens).await);
    let again = world.sessions.end(&world.cx(), ada.id, session.id).await;
    assert!(matches!(again, Err(Error::SessionNotFound)), "{again:?}");

    world
        .sessions
        .end_all(&world.cx(), eve.id)
        .await
        .expect("ends");
    let sessions = world
        .sessions
        .list(eve.id, world.now())
        .await
        .expect("sessions");
    assert!(sessions.is_empty());
}

#[tokio::test]
async fn a_token_of_one_user_with_the_session_of_another_is_refused() {
    let world = World::new(|_| {}).await;
    let (_, tokens) = world.sign_up("ada@example.com").await;
    let (session, _) = world.authenticate(&tokens).await.expect("signed in");
    let subject = Subject {
        user: UserId::new(START, &SystemEntropy),
        session: session.id,
    };
    let keys = world.sessions.keyring().view();
    let until = START.plus(MINUTE);
    let sessions = &world.sessions;
    let forged =
        sessions
            .tokens
            .issue_access(keys.signer(START), subject, START, until, &SystemEntropy);
    assert_ended(sessions.authenticate(&forged.expect("signs"), START).await);
}

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
        let signed =
            other
                .tokens
                .issue_access(keys.signer(START), subject, START, until, &SystemEntropy);
        signed.expect("signs")
    };
    let known = world
        .sessions
        .read_access(&sign(), START)
        .await
        .expect("looked for");
    assert_eq!(known, subject);

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
    assert!(!String::from_utf8_lossy(&view.published().json).contains(&kid));
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
        world.sessions.keyring().view().published().json,
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
        String::from_utf8_lossy(&published.json)
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
    let etags = [one, two].map(|server| server.keyring().view().published().etag.clone());
    assert_eq!(etags[0], etags[1]);
}

#[tokio::test]
async fn no_token_is_stored_or_shown() {
    let world = World::new(|_| {}).await;
    let id = UserId::new(START, &SystemEntropy);
    let (session, tokens) = world.sessions.prepare(id, START).expect("tokens");
    let shown = format!("{tokens:?}");
    let pair = tokens.release();
    for token in [&pair.access_token, &pair.refresh_token] {
        assert!(!shown.contains(token) && !format!("{pair:?}").contains(token));
    }
    let TokenHash(hash) = session.refresh;
    assert_ne!(hash, [0; 32]);
}
