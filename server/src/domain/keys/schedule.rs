//! What time alone does to a key.

use super::record::{KeyRecord, KeyState};
use crate::domain::clock::Timestamp;

/// From when on a key signs, if it does: the key that signs is the one whose time came
/// last.
#[must_use]
pub fn signs_from(key: &KeyRecord) -> Option<Timestamp> {
    match key.state {
        KeyState::Active => Some(Timestamp::from_millis(i64::MIN)),
        KeyState::Standby => key.activate_at,
        KeyState::Retired => None,
    }
}

/// When time alone will change a key next.
#[must_use]
pub fn next_change(keys: &[KeyRecord]) -> Option<Timestamp> {
    keys.iter()
        .filter_map(|key| match key.state {
            KeyState::Active => None,
            KeyState::Standby => key.activate_at,
            KeyState::Retired => key.expires_at,
        })
        .min()
}

/// Whether a retired key's last token has expired.
#[must_use]
pub fn is_expired(key: &KeyRecord, now: Timestamp) -> bool {
    key.state == KeyState::Retired && key.expires_at.is_some_and(|expires_at| expires_at <= now)
}

/// Whether a standby key signs already, and only its state says otherwise.
#[must_use]
pub(super) fn is_due(key: &KeyRecord, now: Timestamp) -> bool {
    key.state == KeyState::Standby && key.activate_at.is_some_and(|due| due <= now)
}
