mod clock_jumps;
mod instances;
mod keys;
mod places;

use std::time::Duration;

use super::*;
use crate::config;
use crate::domain::clock::{CLOCK_SKEW, Clock as _, ManualClock, Unhurried};
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
        self.housekeeping_by(Unhurried::new(self.now()))
    }

    /// The same, for which these are the last times that it has seen.
    fn housekeeping_by(&self, unhurried: Unhurried) -> Housekeeping {
        Housekeeping::new(
            Arc::clone(&self.storage),
            &self.sessions,
            Arc::<ManualClock>::clone(&self.clock),
            Arc::new(unhurried),
            Arc::new(SystemEntropy),
            Duration::from_secs(86_400),
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
        TokenRules::new(
            "https://auth.example".to_owned(),
            "https://auth.example",
            config,
        ),
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
async fn a_refresh_token_is_recognised_without_being_used_up() {
    let world = World::new(|_| {}).await;
    let (user, first) = world.sign_up("ada@example.com").await;
    assert_eq!(first.refresh_expires_in, DAY.as_secs());
    let recognise = async |token: &str| world.sessions.recognise(token, world.now()).await;
    for _ in 0..3 {
        let (session, found) = recognise(&first.refresh_token).await.expect("good");
        assert_eq!((found, session.last_used_at), (user.clone(), START));
    }
    assert_ended(recognise(&first.access_token).await);

    let second = world.refresh(&first.refresh_token).await.expect("unused");
    for token in [&first.refresh_token, &second.refresh_token] {
        recognise(token).await.expect("within the grace");
    }
    world.clock.advance(Duration::from_secs(10));
    assert_ended(recognise(&first.refresh_token).await);
    // Showing an old one to a page is not using it: that would end the session.
    let third = world.refresh(&second.refresh_token).await.expect("unused");
    assert_ended(recognise(&first.refresh_token).await);
    let last = recognise(&third.refresh_token).await.expect("good").0;
    world
        .sessions
        .end(&world.cx(), user.id, last.id)
        .await
        .expect("ended");
    assert_ended(recognise(&third.refresh_token).await);
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
        audited_before: Timestamp::from_millis(0),
    };
    let left = world
        .storage
        .housekeep(&world.cx(), limits)
        .await
        .expect("housekeeping");
    assert_eq!(left, Housekept::default());
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
    let forged = sessions.tokens.issue_access(
        keys.signer(START),
        subject,
        START,
        until,
        None,
        &SystemEntropy,
    );
    assert_ended(sessions.authenticate(&forged.expect("signs"), START).await);
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
