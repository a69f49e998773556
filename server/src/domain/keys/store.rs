//! Applying a decision about keys to the stored ones.

use std::sync::Arc;

use super::record::{KeyChange, KeyRecord};
use super::rotation::Plan;
use super::settings::KeySettings;
use super::{Entropy, KeysError};
use crate::domain::clock::Timestamp;
use crate::domain::context::WriteContext;
use crate::storage::Storage;

/// How often a decision is made anew because the keys changed in between. Whoever wins a
/// race was somebody else who got on, so a few times are plenty.
const TRIES: u32 = 8;

/// What changes the stored keys by [`change`].
pub trait Decision: Fn(&mut Plan) -> Result<(), KeysError> + Clone + Send + 'static {}

impl<F: Fn(&mut Plan) -> Result<(), KeysError> + Clone + Send + 'static> Decision for F {}

/// Changes the stored keys as `decide` says, and tells the keys that are stored then.
///
/// Nothing is written when nothing changes. `decide` may run several times.
///
/// # Errors
///
/// What `decide` answers, [`KeysError::Storage`], and [`KeysError::Contended`] when the
/// keys kept changing.
pub async fn change(
    storage: &dyn Storage,
    cx: &WriteContext,
    settings: &Arc<KeySettings>,
    entropy: &Arc<dyn Entropy>,
    decide: impl Decision,
) -> Result<Vec<KeyRecord>, KeysError> {
    for _ in 0..TRIES {
        let stored = storage.keys().await?;
        let wanted = wanted_keys(
            settings,
            entropy,
            cx.now,
            stored.keys.clone(),
            decide.clone(),
        )
        .await?;
        let changes = changes(&stored.keys, &wanted);
        if changes.is_empty() || storage.change_keys(cx, stored.generation, changes).await? {
            return Ok(wanted);
        }
    }
    Err(KeysError::Contended)
}

/// Decides on a thread that may block: making an RSA key takes a good part of a second.
async fn wanted_keys(
    settings: &Arc<KeySettings>,
    entropy: &Arc<dyn Entropy>,
    now: Timestamp,
    stored: Vec<KeyRecord>,
    decide: impl Decision,
) -> Result<Vec<KeyRecord>, KeysError> {
    let (settings, entropy) = (Arc::clone(settings), Arc::clone(entropy));
    let deciding = tokio::task::spawn_blocking(move || {
        let mut plan = Plan::new(settings, entropy, now, stored);
        decide(&mut plan)?;
        Ok(plan.into_keys())
    });
    match deciding.await {
        Ok(wanted) => wanted,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(KeysError::Interrupted),
        },
    }
}

/// The changes that turn the keys `before` into the keys `after`.
#[must_use]
pub fn changes(before: &[KeyRecord], after: &[KeyRecord]) -> Vec<KeyChange> {
    let is_gone = |key: &&KeyRecord| !after.iter().any(|kept| kept.kid == key.kid);
    let removed = before
        .iter()
        .filter(is_gone)
        .map(|key| KeyChange::Remove(key.kid.clone()));
    let put = after
        .iter()
        .filter(|key| !before.contains(key))
        .cloned()
        .map(KeyChange::Put);
    removed.chain(put).collect()
}
