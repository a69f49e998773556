use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::*;
use crate::config;
use crate::domain::audit::{AuditFilter, AuditPage};
use crate::domain::clock::Timestamp;
use crate::domain::entropy::SystemEntropy;
use crate::domain::hasher::{Argon2Cost, HasherOptions};
use crate::domain::keyring::Keyring;
use crate::domain::keys::KeySettings;
use crate::domain::throttle::ThrottleRules;
use crate::domain::tokens::TokenRules;
use crate::storage::sqlite::SqliteStorage;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const PASSWORD: &str = "Analytical-Engine-1";
/// `passlib.hash.bcrypt.using(rounds=4)` of [`PASSWORD`].
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu.PBTIkOX0T.9JIzgGzgqZF9kRW0Z88u";

/// A service with a database of its own, whose hashes cost next to nothing.
struct World {
    storage: SharedStorage,
    sessions: Arc<Sessions>,
}

impl World {
    async fn new() -> Self {
        let storage: SharedStorage = Arc::new(SqliteStorage::in_memory(NOW).expect("a database"));
        let config = config::Tokens::default();
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let keyring = Keyring::open(
            Arc::clone(&storage),
            Arc::new(KeySettings::new(&config)),
            Arc::clone(&entropy),
            NOW,
        )
        .await
        .expect("keys");
        let sessions = Arc::new(Sessions::new(
            Arc::clone(&storage),
            Arc::new(keyring),
            TokenRules::new(
                "https://auth.example".to_owned(),
                "https://auth.example",
                &config,
            ),
            entropy,
        ));
        Self { storage, sessions }
    }

    fn accounts(&self, passes: u32, upgrade_foreign: bool) -> Accounts {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let options = HasherOptions {
            cost: Argon2Cost::new(8, passes, 1).expect("a cost"),
            slots: NonZeroUsize::MIN,
            queue: 8,
            ..HasherOptions::default()
        };
        Accounts::new(
            Arc::clone(&self.storage),
            Arc::clone(&self.sessions),
            Hasher::start(&options, Arc::clone(&entropy)).expect("threads"),
            rules(),
            Throttle::new(Arc::clone(&self.storage), Some(ThrottleRules::default())),
            upgrade_foreign,
            entropy,
        )
    }

    async fn stored(&self) -> Credentials {
        self.storage
            .credentials_by_email(&email())
            .await
            .expect("storage works")
            .expect("a user")
    }

    /// How many failed tries are counted, and how many are on record.
    async fn failures(&self) -> (u32, usize) {
        let counts = self.storage.account_counts(&AccountKey::of(&email())).await;
        let counts = counts.expect("storage works").into_iter();
        let filter = AuditFilter {
            words: vec![Word::SignInFailed],
            ..AuditFilter::default()
        };
        let records = self.storage.audit(&filter, AuditPage::Latest, 10).await;
        let failures = counts.map(|count| count.failures.count).sum();
        (failures, records.expect("storage works").len())
    }

    /// Puts another service's hash in the place of the stored one.
    async fn replace_hash(&self, hash: &str) {
        let id = self.stored().await.user.id;
        self.storage
            .change_password(&cx(), id, None, PasswordHash::new(hash), None)
            .await
            .expect("storage works");
    }
}

fn rules() -> PasswordRules {
    PasswordRules::new(Default::default())
}

fn cx() -> WriteContext {
    WriteContext::service(NOW)
}

fn email() -> Email {
    Email::parse("ada@example.com").expect("an address")
}

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

fn sign_up() -> SignUp {
    let password = rules().accept("password", password(PASSWORD), None, None, NOW);
    SignUp {
        name: UserName::parse("Ada Lovelace").expect("a name"),
        email: email(),
        age: Some(Age::new(36).expect("an age")),
        password: password.expect("the policy accepts it"),
    }
}

async fn sign_in(accounts: &Accounts, text: &str) -> Result<SignedIn> {
    accounts.sign_in(&cx(), &email(), password(text)).await
}

#[tokio::test]
async fn who_signs_up_is_signed_in() {
    let world = World::new().await;
    let accounts = world.accounts(1, true);
    let signed_in = accounts.sign_up(&cx(), sign_up()).await.expect("signs up");
    let (session, user) = world
        .sessions
        .authenticate(&signed_in.tokens.access_token, NOW)
        .await
        .expect("a session");
    assert_eq!(user, signed_in.user);
    assert_eq!(session.created_at, NOW);
    assert_eq!(user.age, Some(36));
    assert!(matches!(
        accounts.sign_up(&cx(), sign_up()).await,
        Err(Error::EmailTaken)
    ));
}

#[tokio::test]
async fn unknown_address_and_wrong_password_are_one_error() {
    let world = World::new().await;
    let accounts = world.accounts(1, true);
    assert!(matches!(
        sign_in(&accounts, PASSWORD).await,
        Err(Error::InvalidCredentials)
    ));
    accounts.sign_up(&cx(), sign_up()).await.expect("signs up");
    assert!(matches!(
        sign_in(&accounts, "Analytical-Engine-2").await,
        Err(Error::InvalidCredentials)
    ));
    assert!(sign_in(&accounts, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_disabled_account_shows_only_after_its_right_password() {
    let world = World::new().await;
    let accounts = world.accounts(1, true);
    let user = accounts.sign_up(&cx(), sign_up()).await.expect("signs up");
    let id = user.user.id;
    world
        .storage
        .set_disabled(&cx(), id, true)
        .await
        .expect("storage works");
    assert!(matches!(
        sign_in(&accounts, "Analytical-Engine-2").await,
        Err(Error::InvalidCredentials)
    ));
    assert!(matches!(
        sign_in(&accounts, PASSWORD).await,
        Err(Error::UserDisabled)
    ));
    assert!(matches!(
        world
            .sessions
            .authenticate(&user.tokens.access_token, NOW)
            .await,
        Err(Error::InvalidAccessToken)
    ));
}

#[tokio::test]
async fn a_hash_of_another_cost_is_replaced_once() {
    let world = World::new().await;
    let cheap = world.accounts(1, true);
    cheap.sign_up(&cx(), sign_up()).await.expect("signs up");
    let before = world.stored().await.password;

    let dear = world.accounts(2, true);
    sign_in(&dear, PASSWORD).await.expect("signs in");
    let after = world.stored().await.password;
    assert!(after.as_str().contains("t=2"), "{}", after.as_str());
    assert_ne!(before, after);

    sign_in(&dear, PASSWORD).await.expect("signs in again");
    assert_eq!(world.stored().await.password, after);
}

#[tokio::test]
async fn a_foreign_hash_is_replaced_unless_one_may_go_back() {
    let world = World::new().await;
    let keeping = world.accounts(1, false);
    keeping.sign_up(&cx(), sign_up()).await.expect("signs up");
    world.replace_hash(BCRYPT).await;

    sign_in(&keeping, PASSWORD).await.expect("signs in");
    assert_eq!(world.stored().await.password.as_str(), BCRYPT);

    let replacing = world.accounts(1, true);
    sign_in(&replacing, PASSWORD).await.expect("signs in");
    let stored = world.stored().await.password;
    assert!(!stored.is_foreign(), "{}", stored.as_str());
    sign_in(&replacing, PASSWORD).await.expect("signs in again");
}

#[tokio::test]
async fn nobody_signs_in_to_an_unreadable_hash() {
    let world = World::new().await;
    let accounts = world.accounts(1, true);
    accounts.sign_up(&cx(), sign_up()).await.expect("signs up");
    for hash in ["", "plain", "$argon2id$", "$2b$99$short"] {
        world.replace_hash(hash).await;
        assert!(
            matches!(
                sign_in(&accounts, PASSWORD).await,
                Err(Error::InvalidCredentials)
            ),
            "{hash:?}"
        );
    }
}

#[tokio::test]
async fn sign_ins_that_replace_the_hash_at_once_all_succeed() {
    let world = World::new().await;
    let accounts = Arc::new(world.accounts(1, true));
    accounts.sign_up(&cx(), sign_up()).await.expect("signs up");
    world.replace_hash(BCRYPT).await;
    let tries: Vec<_> = (0..4)
        .map(|_| {
            let accounts = Arc::clone(&accounts);
            tokio::spawn(async move { sign_in(&accounts, PASSWORD).await })
        })
        .collect();
    for one in tries {
        one.await.expect("no panic").expect("signs in");
    }
}

/// Lets `work` go on until it waits after as many waits as `before`; none if it does, and
/// what it comes to otherwise.
async fn up_to_wait<T>(
    mut before: usize,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if before == 0 => Poll::Ready(None),
        Poll::Pending => {
            before -= 1;
            Poll::Pending
        }
    })
    .await
}

/// Tries a password and hangs up in each of the waits, in a world of its own for each: in
/// the end so many failures are counted and so many on record as is `wanted`.
async fn hangs_up_in_each_wait(text: &str, wanted: &[(u32, usize)]) {
    let mut hung_up = 0;
    // The count, a look, a verdict, the record or the session, and the end of the try; some
    // times each, for what it waits for may be quicker.
    for wait in (0..6).cycle().take(48) {
        let world = World::new().await;
        let accounts = world.accounts(1, true);
        accounts.sign_up(&cx(), sign_up()).await.expect("signs up");
        let done = {
            let trying = pin!(sign_in(&accounts, text));
            up_to_wait(wait, trying).await
        };
        if done.is_some() {
            continue;
        }
        hung_up += 1;
        let mut failures = (0, 0);
        for _ in 0..500 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            failures = world.failures().await;
            if wanted.contains(&failures) {
                break;
            }
        }
        assert!(wanted.contains(&failures), "wait {wait}: {failures:?}");
    }
    assert!(hung_up > 0, "it never waited");
}

#[tokio::test]
async fn whoever_hangs_up_has_tried_and_that_is_on_record() {
    hangs_up_in_each_wait("Not-the-password-1", &[(1, 1)]).await;
}

#[tokio::test]
async fn no_failure_is_left_without_a_record_by_the_right_password() {
    hangs_up_in_each_wait(PASSWORD, &[(0, 0), (1, 1)]).await;
}

/// Runs `work` on a new account and lets another instance replace the hash, by one of the
/// same password, while `work` waits: in its first wait, in another account in its second,
/// and so on.
async fn with_the_hash_replaced_in_each_wait<T>(work: impl AsyncFn(&Accounts, &User) -> Result<T>) {
    let mut replaced = 0;
    // A look, a verdict, perhaps a hash, a change.
    for wait in 0..4 {
        let world = World::new().await;
        let accounts = world.accounts(1, true);
        let user = accounts.sign_up(&cx(), sign_up()).await.expect("signs up");
        let mut work = pin!(work(&accounts, &user.user));
        let done = match up_to_wait(wait, work.as_mut()).await {
            Some(done) => done,
            None => {
                let (id, hash) = (user.user.id, PasswordHash::new(BCRYPT));
                let change = world
                    .storage
                    .change_password(&cx(), id, None, hash, None)
                    .await;
                change.expect("storage works");
                replaced += 1;
                work.await
            }
        };
        assert!(done.is_ok(), "wait {wait}: {:?}", done.err());
    }
    assert!(replaced > 0, "it never waited");
}

#[tokio::test]
async fn the_right_password_is_right_while_its_hash_is_replaced() {
    let (old, new) = (PASSWORD, "Difference-Engine-2");
    with_the_hash_replaced_in_each_wait(async |accounts, _| sign_in(accounts, old).await).await;
    with_the_hash_replaced_in_each_wait(async |accounts, user| {
        let cx = cx();
        let changed = accounts.change_password(&cx, user, password(old), password(new));
        changed.await
    })
    .await;
    with_the_hash_replaced_in_each_wait(async |accounts, user| {
        accounts.delete(&cx(), user, password(old)).await
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_every_older_session() {
    let world = World::new().await;
    let accounts = world.accounts(1, true);
    let first = accounts.sign_up(&cx(), sign_up()).await.expect("signs up");
    let change = |current: &'static str, new: &'static str| {
        let (accounts, user) = (&accounts, &first.user);
        async move {
            accounts
                .change_password(&cx(), user, password(current), password(new))
                .await
        }
    };

    assert!(matches!(
        change(PASSWORD, "short").await,
        Err(Error::Invalid(_))
    ));
    assert!(matches!(
        change("Analytical-Engine-2", "Difference-Engine-2").await,
        Err(Error::WrongPassword)
    ));
    let tokens = change(PASSWORD, "Difference-Engine-2")
        .await
        .expect("changes");

    let old = &first.tokens.access_token;
    assert!(world.sessions.authenticate(old, NOW).await.is_err());
    let new = &tokens.access_token;
    assert!(world.sessions.authenticate(new, NOW).await.is_ok());
    assert!(sign_in(&accounts, PASSWORD).await.is_err());
    assert!(sign_in(&accounts, "Difference-Engine-2").await.is_ok());
}

/// The token was looked at before: its session has ended since.
#[tokio::test]
async fn a_disabled_account_changes_nothing() {
    let world = World::new().await;
    let accounts = world.accounts(1, true);
    let user = accounts.sign_up(&cx(), sign_up()).await.expect("signs up");
    let user = user.user;
    let disabled = world.storage.set_disabled(&cx(), user.id, true).await;
    disabled.expect("storage works");
    let new = password("Difference-Engine-2");
    assert!(matches!(
        accounts
            .change_password(&cx(), &user, password(PASSWORD), new)
            .await,
        Err(Error::InvalidAccessToken)
    ));
    assert!(matches!(
        accounts.delete(&cx(), &user, password(PASSWORD)).await,
        Err(Error::InvalidAccessToken)
    ));
}

#[tokio::test]
async fn deleting_takes_the_password() {
    let world = World::new().await;
    let accounts = world.accounts(1, true);
    let user = accounts
        .sign_up(&self::cx(), sign_up())
        .await
        .expect("signs up");
    let cx = cx();
    let delete = |text| accounts.delete(&cx, &user.user, password(text));

    assert!(matches!(
        delete("Analytical-Engine-2").await,
        Err(Error::WrongPassword)
    ));
    delete(PASSWORD).await.expect("deletes");
    assert!(matches!(
        delete(PASSWORD).await,
        Err(Error::InvalidAccessToken)
    ));
    let later = NOW.plus(Duration::from_secs(1));
    let token = &user.tokens.access_token;
    assert!(world.sessions.authenticate(token, later).await.is_err());
    accounts
        .sign_up(&cx, sign_up())
        .await
        .expect("the address is free again");
}
