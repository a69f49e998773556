//! Applying a decision about keys to the stored ones.

use std::sync::Arc;

use super::record::{KeyChange, KeyRecord, KeyState};
use super::rotation::Plan;
use super::settings::KeySettings;
use super::{Entropy, KeysError};
use crate::domain::audit::{Event, Word};
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
        if changes.is_empty() {
            return Ok(wanted);
        }
        let events = events(&stored.keys, &wanted);
        if storage
            .change_keys(cx, stored.generation, changes, events)
            .await?
        {
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

/// What has happened to whoever had the keys `before` and has the keys `after`.
fn events(before: &[KeyRecord], after: &[KeyRecord]) -> Vec<Event> {
    let about = |word, key: &KeyRecord| Event::new(word).about(&*key.kid);
    let find = |keys: &'_ [KeyRecord], kid: &str| keys.iter().position(|key| key.kid == kid);
    let mut events: Vec<Event> = before
        .iter()
        .filter(|key| find(after, &key.kid).is_none())
        .map(|key| about(Word::KeyRemoved, key))
        .collect();
    for key in after {
        let was = find(before, &key.kid).map(|at| &before[at]);
        if was.is_none() {
            events.push(about(Word::KeyAdded, key));
        }
        let state = was.map_or(KeyState::Standby, |was| was.state);
        match key.state {
            KeyState::Active if state != KeyState::Active => {
                events.push(about(Word::KeyActivated, key));
            }
            KeyState::Retired if state != KeyState::Retired => {
                events.push(about(Word::KeyRetired, key));
            }
            KeyState::Standby if key.activate_at != was.and_then(|was| was.activate_at) => {
                events.push(about(Word::KeyScheduled, key));
            }
            _ => {}
        }
        if was.is_some_and(|was| was.sealed_under != key.sealed_under) {
            events.push(about(Word::KeyResealed, key));
        }
    }
    events
}
