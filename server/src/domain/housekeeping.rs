//! Housekeeping: forgetting what nobody can need any more, and writing down what became
//! due.
//!
//! Each run is idempotent and safe beside others, so that every instance may do it. The
//! pauses are uneven, so that instances which started together do not stay together.

use std::sync::Arc;
use std::time::Duration;

use super::clock::{Clock, Timestamp};
use super::context::WriteContext;
use super::entropy::{Entropy, random_bytes};
use super::keyring::Keyring;
use super::tokens::TokenRules;
use crate::storage::{Housekept, Limits, SharedStorage};

/// How often the server keeps house: sealed successors live for little longer than their
/// grace.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// How long the row of a session that is over outlives its last access token. Clocks
/// differ, and an operator may look.
const LEEWAY: Duration = Duration::from_secs(60);

/// What keeps house.
pub struct Housekeeping {
    storage: SharedStorage,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    access_ttl: Duration,
    refresh_grace: Duration,
}

impl Housekeeping {
    /// Keeps house in `storage`, with the periods of `rules`.
    #[must_use]
    pub fn new(
        storage: SharedStorage,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        rules: &TokenRules,
    ) -> Self {
        Self {
            storage,
            keyring,
            clock,
            entropy,
            access_ttl: rules.access_ttl,
            refresh_grace: rules.refresh_grace,
        }
    }

    /// Keeps house about every `interval` for as long as it is polled. A run that fails is
    /// logged, and the next one makes up for it.
    pub async fn run(&self, interval: Duration) {
        loop {
            tokio::time::sleep(self.uneven(interval)).await;
            self.once(self.clock.now()).await;
        }
    }

    /// One run. The two parts have nothing to do with each other: one may fail alone.
    pub async fn once(&self, now: Timestamp) {
        if let Err(error) = self.keyring.settle(now).await {
            tracing::warn!(%error, "the signing keys cannot be brought up to date");
        }
        let cx = WriteContext::service(now);
        match self.storage.housekeep(&cx, self.limits(now)).await {
            Ok(kept) if kept == Housekept::default() => {}
            Ok(kept) => tracing::debug!(
                sessions = kept.sessions,
                successors = kept.successors,
                "forgot what is over"
            ),
            Err(error) => tracing::warn!(%error, "housekeeping failed"),
        }
    }

    fn limits(&self, now: Timestamp) -> Limits {
        Limits {
            sessions_over_before: now.minus(self.access_ttl + LEEWAY),
            rotated_before: now.minus(self.refresh_grace),
        }
    }

    /// Between three quarters and five quarters of `interval`.
    fn uneven(&self, interval: Duration) -> Duration {
        let [byte] = random_bytes::<1>(&*self.entropy);
        interval * 3 / 4 + interval / 2 * u32::from(byte) / 255
    }
}
