//! Tries that are being made in this process, and those that wait for how they end.
//!
//! A try counts as a failure from the moment in which it begins, so that of two hundred
//! wrong passwords at once exactly as many are hashed as the limit allows. Of two hundred
//! *right* ones at once, as many would be refused: nobody knows yet that they are right.
//! Therefore what is refused while other tries at the same account, or from the same
//! network, are under way here waits for those. When one of them is given back there may be
//! room, and who waits asks again; when all have failed, the refusal stands, and costs the
//! database nothing more.
//!
//! This softens a refusal and allows nothing: whether a try may be made, the database says
//! alone. An instance does not know of the tries of others, and waits for none of theirs.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, OccupiedEntry};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{AccountKey, Attempt, Limit, Network};

/// How long a refusal is put off at most. Ten hashes take less than a second; a hundred, of
/// a crowd behind one address, a few.
const PATIENCE: Duration = Duration::from_secs(5);

/// What tries are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Account(AccountKey),
    Network(Network),
}

/// The tries of this process.
#[derive(Debug, Default)]
pub(super) struct UnderWay(Mutex<HashMap<Subject, Place>>);

/// What is known of one subject.
#[derive(Debug, Default)]
struct Place {
    /// Tries that may yet be given back: those that are being made, and those that ask.
    pending: usize,
    /// How many others wait to hear how these end.
    waiting: usize,
    /// How many have been given back since the place is there.
    given_back: u64,
    changed: Arc<Notify>,
}

impl UnderWay {
    /// Announces a try that asks for leave.
    pub(super) fn begin(self: &Arc<Self>, attempt: &Attempt) -> Pending {
        let mut places = self.lock();
        let mut enter = |subject: Subject| {
            let place = places.entry(subject.clone()).or_default();
            place.pending += 1;
            Entered {
                subject,
                given_back: place.given_back,
            }
        };
        let account = enter(Subject::Account(attempt.account));
        let network = attempt.network.clone();
        let network = network.map(|network| enter(Subject::Network(network)));
        drop(places);
        Pending {
            all: Arc::clone(self),
            account,
            network,
        }
    }

    /// Until when somebody who is refused now may wait.
    pub(super) fn patience() -> Instant {
        Instant::now() + PATIENCE
    }

    /// Whether nobody tries and nobody waits.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Nothing panics under the lock half-way through a change.
    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A try that asks or is being made. It has failed, and is not pending any more, when this
/// is dropped.
pub(super) struct Pending {
    all: Arc<UnderWay>,
    account: Entered,
    network: Option<Entered>,
}

/// A place as it was when a try began to ask.
#[derive(Clone)]
struct Entered {
    subject: Subject,
    /// How many had been given back there.
    given_back: u64,
}

impl Pending {
    /// It was none: there is room for another one.
    pub(super) fn give_back(self) {
        let mut places = self.all.lock();
        for entered in self.entered() {
            if let Some(place) = places.get_mut(&entered.subject) {
                place.given_back += 1;
                place.changed.notify_one();
            }
        }
    }

    /// It was refused because of `limit`. Waits until asking again is worth it and says
    /// whether it is: not when nobody is left whose try could be given back, nor after
    /// `deadline`.
    pub(super) async fn refused(self, limit: Limit, deadline: Instant) -> bool {
        let entered = match limit {
            Limit::Account => Some(&self.account),
            Limit::Address => self.network.as_ref(),
            // No try of a password runs into that.
            Limit::SignUps => None,
        };
        let Some(entered) = entered.cloned() else {
            return false;
        };
        let waiting = Waiting::start(Arc::clone(&self.all), entered);
        drop(self);
        let mut woken = false;
        loop {
            // Listens from here on, so that nothing is missed between looking and waiting.
            let mut changed = pin!(Arc::clone(&waiting.changed).notified_owned());
            changed.as_mut().enable();
            if let Some(worth_it) = waiting.worth_it(woken) {
                return worth_it;
            }
            if timeout_at(deadline, changed).await.is_err() {
                return false;
            }
            woken = true;
        }
    }

    fn entered(&self) -> impl Iterator<Item = &Entered> {
        [&self.account].into_iter().chain(&self.network)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut places = self.all.lock();
        for entered in self.entered() {
            let Entry::Occupied(mut place) = places.entry(entered.subject.clone()) else {
                continue;
            };
            place.get_mut().pending -= 1;
            if place.get().pending == 0 {
                // Nobody is left to wait for.
                place.get().changed.notify_waiters();
            }
            remove_if_unused(place);
        }
    }
}

/// Somebody who waits.
struct Waiting {
    all: Arc<UnderWay>,
    entered: Entered,
    changed: Arc<Notify>,
}

impl Waiting {
    fn start(all: Arc<UnderWay>, entered: Entered) -> Self {
        let mut places = all.lock();
        let place = places.entry(entered.subject.clone()).or_default();
        place.waiting += 1;
        let changed = Arc::clone(&place.changed);
        drop(places);
        Self {
            all,
            entered,
            changed,
        }
    }

    /// Whether there may be room now; none while that is open.
    ///
    /// Each try that is given back wakes one of those who wait. The others go on waiting
    /// while somebody is pending, so that not all of them ask at every turn.
    fn worth_it(&self, woken: bool) -> Option<bool> {
        let places = self.all.lock();
        let place = places.get(&self.entered.subject)?;
        let given_back = place.given_back != self.entered.given_back;
        (place.pending == 0 || woken && given_back).then_some(given_back)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut places = self.all.lock();
        if let Entry::Occupied(mut place) = places.entry(self.entered.subject.clone()) {
            place.get_mut().waiting -= 1;
            remove_if_unused(place);
        }
    }
}

fn remove_if_unused(place: OccupiedEntry<'_, Subject, Place>) {
    if place.get().pending == 0 && place.get().waiting == 0 {
        place.remove();
    }
}
