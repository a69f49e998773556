//! Throttling: how often a password may be tried.
//!
//! Every way to try one asks here first: sign-in, change of the password, deletion of the
//! account. A try is counted *before* the password is hashed, in the database, by an update
//! that carries its own condition: of two hundred tries at once, exactly as many as the
//! limit get through, whatever instance they meet and whenever it was started. What turns
//! out to be right is given back.
//!
//! Two things are counted, and both have to allow a try:
//!
//! - **failures in a row at one account** ([`Backoff`]): a few without a pause, then
//!   pauses that grow, and at 100 (SP 800-63B section 3.2.2) one of a day between tries.
//!   An account is named by its canonical address ([`AccountKey`]), whether it exists or
//!   not, so that an answer never tells.
//! - **failures from one network** ([`Budget`]): a client address, or a /64 in IPv6, may
//!   fail so often in an hour, whoever it tries to be. Successes cost nothing, so that many
//!   people behind one address are no nuisance to each other.
//!
//! Somebody who fails on purpose must not lock the owner out. Where the owner has signed in
//! lately, the account has a count of its own ([`Scope::Known`]): what strangers do
//! elsewhere does not touch it, and it has the same pauses and the same end.
//!
//! A refusal comes before the hash and looks the same for a right and a wrong password, for
//! an account and for none.

mod account;
mod backoff;
mod budget;
mod network;
mod rules;
mod under_way;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Instrument as _;

pub use self::account::AccountKey;
pub use self::backoff::{Backoff, Failures};
pub use self::budget::Budget;
pub use self::network::Network;
pub use self::rules::ThrottleRules;
use self::under_way::{Pending, UnderWay};
use super::audit::{Event, Reason, Word};
use super::context::WriteContext;
use super::error::{Error, Result};
use super::ids::UserId;
use crate::storage::SharedStorage;

/// A try at the password of an account, from somewhere.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The account, which need not exist.
    pub account: AccountKey,
    /// Where it comes from; none when there is no client.
    pub network: Option<Network>,
}

/// Which of an account's counts a try was counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The one of a network from which the user has signed in lately.
    Known,
    /// The one of everywhere else.
    Elsewhere,
}

/// What became of counting a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It may be made.
    Allowed {
        /// The count that it was counted in.
        scope: Scope,
        /// How many failures in a row there are if it is another one.
        failures: u32,
    },
    /// It may not, and was not counted.
    Refused(Refusal),
}

/// How a counted try ended, where that is not the failure that it was counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The password was right.
    Right,
    /// It was not looked at.
    NotMade,
}

/// Why a try is refused, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What has run out.
    pub limit: Limit,
    /// How long to wait.
    pub wait: Duration,
    /// How many there are of it.
    pub quota: u32,
    /// The time in which that many come back; none where pauses grow.
    pub window: Option<Duration>,
}

/// What can run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Failures in a row at one account.
    Account,
    /// Failures from one network.
    Address,
    /// Sign-ups from one network.
    SignUps,
}

impl Limit {
    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Address => "address",
            Self::SignUps => "sign-ups",
        }
    }
}

/// One of an account's counts, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountCount {
    /// Which network it is for; none for everywhere else.
    pub network: Option<Network>,
    /// What has failed.
    pub failures: Failures,
}

/// What counts tries and refuses them. Cheap to clone.
#[derive(Clone)]
pub struct Throttle {
    storage: SharedStorage,
    /// None when nothing is limited.
    rules: Option<Arc<ThrottleRules>>,
    under_way: Arc<UnderWay>,
}

impl Throttle {
    /// Counts in `storage` by `rules`; without rules nothing is counted.
    #[must_use]
    pub fn new(storage: SharedStorage, rules: Option<ThrottleRules>) -> Self {
        Self {
            storage,
            rules: rules.map(Arc::new),
            under_way: Arc::default(),
        }
    }

    /// Asks for a try at an account's password, before the password is looked at.
    ///
    /// Where only tries that are under way stand in its way, it waits for those, for a few
    /// seconds at most. `failed` is what goes on record if nobody waits for the end of the
    /// try, which counts all the same.
    ///
    /// # Errors
    ///
    /// [`Error::Throttled`] when it may not be made; [`Error::Storage`] when it cannot be
    /// counted, because what is not counted is not tried.
    pub async fn attempt(
        &self,
        cx: &WriteContext,
        account: AccountKey,
        failed: Event,
    ) -> Result<Permit> {
        let network = cx.network();
        let attempt = Attempt { account, network };
        let Some(rules) = &self.rules else {
            return Ok(Permit(None));
        };
        let (began, deadline) = (Instant::now(), UnderWay::patience());
        loop {
            let pending = self.under_way.begin(&attempt);
            let cx = WriteContext {
                now: cx.now.plus(began.elapsed()),
                ..cx.clone()
            };
            let asking = Asking {
                storage: Arc::clone(&self.storage),
                rules: Arc::clone(rules),
                cx,
                attempt: attempt.clone(),
                failed: failed.clone(),
                pending,
            };
            match asking.count().await? {
                Ok(permit) => return Ok(permit),
                Err((refusal, pending)) => {
                    if !pending.refused(refusal.limit, deadline).await {
                        return Err(refused(refusal));
                    }
                }
            }
        }
    }

    /// Asks for a sign-up. Each counts, because each costs a hash and tells whether there
    /// is an account.
    ///
    /// # Errors
    ///
    /// As [`Throttle::attempt`].
    pub async fn sign_up(&self, cx: &WriteContext) -> Result<()> {
        let (Some(rules), Some(network)) = (self.rules.as_deref(), cx.network()) else {
            return Ok(());
        };
        let budget = &rules.sign_ups;
        let spent = self.storage.count_sign_up(cx, &network, budget).await?;
        let Some(wait) = spent else { return Ok(()) };
        Err(refused(budget.refusal(Limit::SignUps, wait)))
    }

    /// Remembers that the owner of the account is at the client's address.
    ///
    /// A failure is logged: what has been done stands without it.
    pub async fn is_home(&self, cx: &WriteContext, account: AccountKey) {
        let (Some(rules), Some(network)) = (self.rules.as_deref(), cx.network()) else {
            return;
        };
        let until = cx.now.plus(rules.known_memory);
        let remembered = self.storage.know_network(cx, &account, &network, until);
        if let Err(error) = remembered.await {
            tracing::warn!(%error, "the address of a sign-up is not remembered");
        }
    }

    /// Forgets everything about the account, which is gone.
    ///
    /// A failure is logged: housekeeping comes to it in time.
    pub async fn forget(&self, cx: &WriteContext, account: AccountKey) {
        if let Err(error) = self.storage.forget_account(cx, &account).await {
            tracing::warn!(%error, "the counts of a deleted account stay for now");
        }
    }
}

/// Logs what has run out. Where the request came from stands beside it; which account was
/// meant does not, because what somebody typed who was not let in may be anything.
fn refused(refusal: Refusal) -> Error {
    tracing::warn!(
        limit = refusal.limit.as_str(),
        wait_seconds = refusal.seconds(),
        "too many tries"
    );
    Error::Throttled(refusal)
}

impl Refusal {
    /// How long to wait in whole seconds, rounded up.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        u64::try_from(self.wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

/// A try that is about to be counted.
struct Asking {
    storage: SharedStorage,
    rules: Arc<ThrottleRules>,
    cx: WriteContext,
    attempt: Attempt,
    failed: Event,
    pending: Pending,
}

/// The leave, or why there is none.
type Leave = Result<Permit, (Refusal, Pending)>;

impl Asking {
    /// Counts it, whether or not anybody waits for that. A request that ends while the
    /// database is at it would otherwise leave a count that nobody knows of: so the permit
    /// is made beside the request, and what becomes of it is the permit's to say even when
    /// nobody takes it.
    async fn count(self) -> Result<Leave> {
        let (caller, answer) = oneshot::channel();
        tokio::spawn(async move {
            // Dropped where nobody takes it.
            let _ = caller.send(self.counted().await);
        });
        answer
            .await
            .unwrap_or_else(|_| Err(Error::internal("a try was not counted")))
    }

    async fn counted(self) -> Result<Leave> {
        let Self {
            storage,
            rules,
            cx,
            attempt,
            failed,
            pending,
        } = self;
        Ok(match storage.count_try(&cx, &attempt, &rules).await? {
            Counted::Allowed { scope, failures } => Ok(Permit(Some(Counting {
                storage,
                rules,
                cx,
                attempt,
                scope,
                failures,
                pending,
                failed,
                user: OnceLock::new(),
                is_wrong: AtomicBool::new(false),
            }))),
            Counted::Refused(refusal) => Err((refusal, pending)),
        })
    }
}

/// The leave to try a password once. Counted as a failure until it is said to be none: who
/// goes away in between has tried.
#[must_use = "a try that succeeds has to be given back"]
pub struct Permit(Option<Counting>);

struct Counting {
    storage: SharedStorage,
    rules: Arc<ThrottleRules>,
    cx: WriteContext,
    attempt: Attempt,
    scope: Scope,
    failures: u32,
    pending: Pending,
    failed: Event,
    user: OnceLock<UserId>,
    is_wrong: AtomicBool,
}

impl Permit {
    /// It is this user's password that is tried.
    pub fn concerns(&self, user: UserId) {
        if let Some(counting) = &self.0 {
            counting.user.get_or_init(|| user);
        }
    }

    /// The password was wrong: what there is to record beside that, if a pause begins.
    #[must_use]
    pub fn wrong(&self, failed: &Event) -> Option<Event> {
        let counting = self.0.as_ref()?;
        counting.is_wrong.store(true, Ordering::Relaxed);
        counting.pause(failed)
    }

    /// The password was right: the failures of before are forgotten, and the place where it
    /// was given is remembered.
    pub async fn right(mut self) {
        if let Some(counting) = self.0.take() {
            counting.end(Outcome::Right).await;
        }
    }

    /// It came to nothing. Unless the password was found [wrong](Self::wrong) it was not
    /// looked at, and it is as if nobody had asked.
    pub async fn failed(mut self) {
        if let Some(counting) = self.0.take()
            && !counting.is_wrong.load(Ordering::Relaxed)
        {
            counting.end(Outcome::NotMade).await;
        }
    }
}

/// The request has ended before the try has: the client has hung up, or its time was over.
impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(counting) = self.0.take()
            && !counting.is_wrong.load(Ordering::Relaxed)
        {
            counting.record_abandoned();
        }
    }
}

impl Counting {
    /// The pause that begins if this is another failure.
    fn pause(&self, failed: &Event) -> Option<Event> {
        let pause = self.rules.backoff.pause(self.failures);
        if pause.is_zero() {
            return None;
        }
        let detail = format!("{} in a row, {} s", self.failures, pause.as_secs());
        Some(Event {
            word: Word::UserPaused,
            detail: Some(detail),
            ..failed.clone()
        })
    }

    /// Puts on record what was counted and has no end of its own, beside the request, which
    /// is gone.
    fn record_abandoned(self) {
        let failed = Event {
            user: self.user.get().copied().or(self.failed.user),
            ..self.failed.clone().because(Reason::HungUp)
        };
        let pause = self.pause(&failed);
        let (storage, cx) = (self.storage, self.cx);
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            for event in [Some(failed), pause].into_iter().flatten() {
                if let Err(error) = storage.record(&cx, event).await {
                    tracing::warn!(%error, "a try that nobody waited for is not on record");
                }
            }
        });
    }

    /// Ends it, whether or not anybody waits for that: it would be a failure that is not on
    /// record otherwise.
    async fn end(self, outcome: Outcome) {
        // It does not panic, and when the service ends nobody waits.
        let _ = tokio::spawn(self.settle(outcome).in_current_span()).await;
    }

    /// A failure is logged: the count is too high then, which errs on the safe side.
    async fn settle(self, outcome: Outcome) {
        let Counting {
            storage,
            rules,
            cx,
            attempt,
            scope,
            pending,
            ..
        } = self;
        let settled = storage.settle_try(&cx, &attempt, scope, outcome, &rules);
        match settled.await {
            Ok(()) => pending.give_back(),
            Err(error) => {
                tracing::warn!(%error, "a try that was no failure stays counted as one");
            }
        }
    }
}

#[cfg(test)]
mod tests;
