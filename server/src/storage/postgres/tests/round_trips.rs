//! How often each unit of work waits for the server, counted on the wire.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::domain::audit::Word;
use crate::domain::status::StatusIndex;
use crate::domain::throttle::{
    AccountKey, Attempt, Budget, Network, Outcome, Scope, ThrottleRules,
};

/// Counts how often something goes to the server after it has answered.
#[derive(Default)]
struct Wire {
    /// Whether the last that was carried came from the server.
    is_answered: AtomicBool,
    round_trips: AtomicU32,
}

impl Wire {
    /// Carries whatever goes to and from the server at `port`. On the runtime of the caller:
    /// with one thread, what a unit sends at once has been sent when it is looked at.
    async fn to(port: u16) -> (Arc<Self>, String) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let wire = Arc::new(Self::default());
        let carrier = wire.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
                tokio::spawn(carrier.clone().carry(near, far.expect("the server")));
            }
        });
        (wire, address)
    }

    async fn carry(self: Arc<Self>, mut near: TcpStream, mut far: TcpStream) {
        let (mut asked, mut answered) = ([0; 65536], [0; 65536]);
        loop {
            tokio::select! {
                Ok(count @ 1..) = near.read(&mut asked) => {
                    if self.is_answered.swap(false, Ordering::Relaxed) {
                        self.round_trips.fetch_add(1, Ordering::Relaxed);
                    }
                    far.write_all(&asked[..count]).await.expect("the server");
                }
                Ok(count @ 1..) = far.read(&mut answered) => {
                    self.is_answered.store(true, Ordering::Relaxed);
                    near.write_all(&answered[..count]).await.expect("the client");
                }
                else => return,
            }
        }
    }

    fn so_far(&self) -> u32 {
        self.round_trips.load(Ordering::Relaxed)
    }
}

/// A storage with one connection for requests, and what counts on it.
struct Watched {
    storage: PostgresStorage,
    wire: Arc<Wire>,
    _database: Database,
}

impl Watched {
    async fn new() -> Self {
        let database = migrated().await;
        let (wire, address) = Wire::to(database.port()).await;
        Self {
            storage: open(&database.url_at(&address), 1).await,
            wire,
            _database: database,
        }
    }

    /// How many round trips a unit takes whose statements are prepared: so it is done twice.
    async fn of<T, F>(&self, mut unit: impl FnMut() -> F) -> u32
    where
        F: Future<Output = Result<T>>,
    {
        unit().await.expect("prepares");
        let before = self.wire.so_far();
        unit().await.expect("answered");
        self.wire.so_far() - before
    }

    async fn session(&self, user: UserId) -> SessionId {
        let session = new_session();
        let id = session.id;
        let started = self
            .storage
            .start_session(&cx(), user, &hash("first"), None, session)
            .await;
        assert!(matches!(started, Ok(Guarded::Done(_))), "{started:?}");
        id
    }
}

fn rotation(session: SessionId, presented: u8, grace: Duration) -> Rotation {
    Rotation {
        session,
        presented: TokenHash([presented; 32]),
        successor: TokenHash([presented + 1; 32]),
        sealed_successor: vec![2; 40],
        expires_at: NOW.plus(Duration::from_secs(900)),
        grace,
        status: None,
    }
}

#[tokio::test]
async fn what_only_reads_is_one_round_trip() {
    let watched = Watched::new().await;
    let storage = &watched.storage;
    let (user, session) = signed_in(storage).await;
    let id = user.id;
    let email = Email::parse("ada@example.com").expect("an address");
    let account = AccountKey::of(&email);
    let filter = AuditFilter::default();
    let places = [StatusIndex::new(0, 7)];
    assert_eq!(watched.of(|| storage.user(id)).await, 1);
    assert_eq!(watched.of(|| storage.credentials(id)).await, 1);
    assert_eq!(watched.of(|| storage.credentials_by_email(&email)).await, 1);
    assert_eq!(watched.of(|| storage.users(Some(id), 10)).await, 1);
    assert_eq!(watched.of(|| storage.session(session, NOW)).await, 1);
    assert_eq!(watched.of(|| storage.refresh_tokens(session, NOW)).await, 1);
    assert_eq!(watched.of(|| storage.sessions(id, NOW)).await, 1);
    assert_eq!(watched.of(|| storage.revoked_places(0, NOW)).await, 1);
    assert_eq!(watched.of(|| storage.taken_places(&places)).await, 1);
    assert_eq!(watched.of(|| storage.account_counts(&account)).await, 1);
    let page = || storage.audit(&filter, AuditPage::Latest, 10);
    assert_eq!(watched.of(page).await, 1);
    assert_eq!(watched.of(|| storage.keys()).await, 1);
    assert_eq!(watched.of(|| storage.ping()).await, 1);
}

#[tokio::test]
async fn a_change_is_one_round_trip_and_two_where_it_locks_first() {
    let watched = Watched::new().await;
    let storage = &watched.storage;
    let cx = &cx();
    let (user, _) = signed_in(storage).await;
    let id = user.id;
    let mut others = 0;
    let sign_up = || {
        others += 1;
        let user = new_user(&format!("{others}@example.com"));
        storage.create_user(cx, user, Some(new_session()))
    };
    assert_eq!(watched.of(sign_up).await, 1);
    let rename = || {
        let age = Some(None);
        storage.update_profile(cx, id, ProfileChange { name: None, age })
    };
    assert_eq!(watched.of(rename).await, 1);
    let move_away = || {
        let email = Email::parse("ada@example.org").expect("an address");
        storage.change_email(cx, id, email)
    };
    assert_eq!(watched.of(move_away).await, 1);
    let first = hash("first");
    let sign_in = || storage.start_session(cx, id, &first, None, new_session());
    assert_eq!(watched.of(sign_in).await, 1);
    let upgrade = || storage.start_session(cx, id, &first, Some(hash("first")), new_session());
    assert_eq!(watched.of(upgrade).await, 2);
    let change = || storage.change_password(cx, id, None, hash("next"), Some(new_session()));
    assert_eq!(watched.of(change).await, 2);
    let mut disabled = false;
    let disable = || {
        disabled = !disabled;
        storage.set_disabled(cx, id, disabled)
    };
    assert_eq!(watched.of(disable).await, 2);
    let end_all = || storage.end_sessions(cx, id, EndReason::Logout);
    assert_eq!(watched.of(end_all).await, 1);
    let event = || storage.record(cx, Event::of(Word::SignInFailed, id));
    assert_eq!(watched.of(event).await, 1);
    let mut every = Duration::from_secs(60);
    let turn = || {
        every += Duration::from_secs(1);
        storage.take_turn(cx, Chore::Housekeeping, every)
    };
    assert_eq!(watched.of(turn).await, 1);

    let mut users = Vec::new();
    for number in 0..2 {
        let user = new_user(&format!("gone{number}@example.com"));
        users.push(storage.create_user(cx, user, None).await.expect("made").id);
    }
    let delete = || storage.delete_user(cx, users.pop().expect("two"), None);
    assert_eq!(watched.of(delete).await, 2);
}

#[tokio::test]
async fn a_refresh_is_one_round_trip() {
    let watched = Watched::new().await;
    let storage = &watched.storage;
    let cx = &cx();
    let (user, session) = signed_in(storage).await;
    let grace = Duration::from_secs(60);
    let mut presented = 0;
    let refresh = || {
        presented += 1;
        storage.rotate_refresh(cx, rotation(session, presented, grace))
    };
    assert_eq!(watched.of(refresh).await, 1);

    // The predecessor: it is asked how that stands.
    let again = || storage.rotate_refresh(cx, rotation(session, 2, grace));
    assert_eq!(watched.of(again).await, 2);
    // An older one: the session ends.
    let mut sessions = [session, watched.session(user.id).await].into_iter();
    let reuse = || storage.rotate_refresh(cx, rotation(sessions.next().expect("two"), 9, grace));
    assert_eq!(watched.of(reuse).await, 3);
    let ended = || storage.rotate_refresh(cx, rotation(session, 3, grace));
    assert_eq!(watched.of(ended).await, 2);
    let mut sessions = [
        watched.session(user.id).await,
        watched.session(user.id).await,
    ]
    .into_iter();
    let log_out = || {
        let session = sessions.next().expect("two");
        storage.end_session(cx, user.id, session, EndReason::Logout)
    };
    assert_eq!(watched.of(log_out).await, 1);
}

#[tokio::test]
async fn a_try_at_a_password_is_counted_in_one_round_trip() {
    let watched = Watched::new().await;
    let storage = &watched.storage;
    let cx = &cx();
    let rules = ThrottleRules::default();
    let network = Network::of("203.0.113.1".parse().expect("an address"));
    let account = AccountKey::of(&Email::parse("ada@example.com").expect("an address"));
    let attempt = Attempt {
        account,
        network: Some(network.clone()),
    };
    let count = || storage.count_try(cx, &attempt, &rules);
    assert_eq!(watched.of(count).await, 1);
    let right = || storage.settle_try(cx, &attempt, Scope::Elsewhere, Outcome::Right, &rules);
    assert_eq!(watched.of(right).await, 1);
    let not_made = || storage.settle_try(cx, &attempt, Scope::Known, Outcome::NotMade, &rules);
    assert_eq!(watched.of(not_made).await, 1);
    let sign_up = || storage.count_sign_up(cx, &network, &rules.failures);
    assert_eq!(watched.of(sign_up).await, 1);
    let until = NOW.plus(Duration::from_secs(900));
    let know = || storage.know_network(cx, &account, &network, until);
    assert_eq!(watched.of(know).await, 1);
    let forget = || storage.forget_account(cx, &account);
    assert_eq!(watched.of(forget).await, 1);

    // Nothing is left: it is asked for how long.
    let none = ThrottleRules {
        failures: Budget {
            quota: 1,
            window: Duration::from_secs(3600),
        },
        ..rules
    };
    let refused = || storage.count_try(cx, &attempt, &none);
    refused().await.expect("allowed");
    assert_eq!(watched.of(refused).await, 2);
}
