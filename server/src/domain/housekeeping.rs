//! Housekeeping: forgetting what nobody can need any more, and writing down what became
//! due.
//!
//! However many instances there are, one of them does it: whoever asks first after the time
//! of a turn. Nobody is in charge, so that nobody has to be replaced: an instance that dies
//! in its turn delays the rest by one turn. Each run is idempotent and safe beside others
//! all the same, for the one that takes longer than its turn.
//!
//! The pauses are uneven, so that instances which started together do not go on to ask at
//! the same instant.

use std::sync::Arc;
use std::time::Duration;

use super::clock::{Clock, Timestamp, Unhurried};
use super::context::WriteContext;
use super::entropy::{Entropy, random_bytes};
use super::keyring::Keyring;
use super::sessions::Sessions;
use super::status::{self, Places};
use crate::storage::{Chore, Housekept, Limits, Result, SharedStorage};

/// How often an instance asks for its turn, about: sealed successors live for little
/// longer than their grace.
const INTERVAL: Duration = Duration::from_secs(5);

/// For how long a turn keeps the others away. No longer than the shortest pause, so that an
/// instance that is alone gets every turn.
const TURN: Duration = Duration::from_millis(3750);

/// How long the row of a session that is over outlives its last access token: until nobody
/// holds a status list any more that says so, since its place then goes to another session.
const OUTLIVES: Duration = status::LEEWAY.saturating_add(status::LIFE);

/// What keeps house.
pub struct Housekeeping {
    storage: SharedStorage,
    keyring: Arc<Keyring>,
    places: Arc<Places>,
    clock: Arc<dyn Clock>,
    unhurried: Arc<Unhurried>,
    entropy: Arc<dyn Entropy>,
    access_ttl: Duration,
    refresh_grace: Duration,
    keep_audit: Duration,
}

impl Housekeeping {
    /// Keeps house in `storage`, with the keys and the periods of `sessions`, and keeps the
    /// audit trail for as long as `keep_audit`.
    #[must_use]
    pub fn new(
        storage: SharedStorage,
        sessions: &Sessions,
        clock: Arc<dyn Clock>,
        unhurried: Arc<Unhurried>,
        entropy: Arc<dyn Entropy>,
        keep_audit: Duration,
    ) -> Self {
        let rules = sessions.rules();
        Self {
            storage,
            keyring: Arc::clone(sessions.keyring()),
            places: Arc::clone(sessions.places()),
            clock,
            unhurried,
            entropy,
            access_ttl: rules.access_ttl,
            refresh_grace: rules.refresh_grace,
            keep_audit,
        }
    }

    /// Keeps house in its turns for as long as it is polled. A run that fails is logged,
    /// and the next one makes up for it.
    pub async fn run(&self) {
        loop {
            tokio::time::sleep(self.pause()).await;
            if let Err(error) = self.places.refresh().await {
                tracing::debug!(%error, "the number of status lists is not known");
            }
            if let Err(error) = self.in_turn(self.clock.now()).await {
                tracing::warn!(%error, "housekeeping failed");
            }
        }
    }

    /// One run, if it is this instance's turn; says whether it was.
    ///
    /// # Errors
    ///
    /// [`StorageError`](crate::storage::StorageError) when the turn cannot be taken.
    pub async fn in_turn(&self, now: Timestamp) -> Result<bool> {
        let cx = WriteContext::service(now);
        let is_ours = self
            .storage
            .take_turn(&cx, Chore::Housekeeping, TURN)
            .await?;
        if is_ours {
            self.once(now).await;
        }
        Ok(is_ours)
    }

    /// One run. The parts have nothing to do with each other: one may fail alone.
    pub async fn once(&self, now: Timestamp) {
        // What is written down here stays when a clock that was ahead is set right: only
        // what nobody asks for after the grace goes by the clock itself.
        let unhurried = self.unhurried.time(now);
        if let Err(error) = self.keyring.settle(unhurried).await {
            tracing::warn!(%error, "the signing keys cannot be brought up to date");
        }
        match self.places.make_room(now).await {
            Ok(false) => {}
            Ok(true) => tracing::info!("opened another status list"),
            Err(error) => tracing::warn!(%error, "the status lists cannot be looked at"),
        }
        let cx = WriteContext::service(unhurried);
        match self
            .storage
            .housekeep(&cx, self.limits(now, unhurried))
            .await
        {
            Ok(kept) if kept == Housekept::default() => {}
            Ok(kept) => tracing::debug!(
                sessions = kept.sessions,
                successors = kept.successors,
                audit_events = kept.audit_events,
                counts = kept.counts,
                "forgot what is over"
            ),
            Err(error) => tracing::warn!(%error, "housekeeping failed"),
        }
    }

    fn limits(&self, now: Timestamp, unhurried: Timestamp) -> Limits {
        Limits {
            sessions_over_before: unhurried.minus(self.access_ttl + OUTLIVES),
            rotated_before: now.minus(self.refresh_grace),
            audited_before: unhurried.minus(self.keep_audit),
        }
    }

    /// Between three quarters and five quarters of [`INTERVAL`].
    fn pause(&self) -> Duration {
        let [byte] = random_bytes::<1>(&*self.entropy);
        TURN + INTERVAL / 2 * u32::from(byte) / 255
    }
}
