//! The published key set.

use std::cmp::Ordering;

use super::record::{KeyRecord, KeyState};

/// The JWK Set (RFC 7517 section 5) of the public keys among `keys`, in the order of
/// [`by_rank`]. HMAC secrets have no public half and are never in it.
#[must_use]
pub fn jwks<'a>(keys: impl IntoIterator<Item = &'a KeyRecord>) -> String {
    let mut keys: Vec<&KeyRecord> = keys.into_iter().collect();
    keys.sort_by(|one, other| by_rank(one, other));
    let public: Vec<&str> = keys
        .iter()
        .filter_map(|key| key.public_jwk.as_deref())
        .collect();
    format!("{{\"keys\":[{}]}}", public.join(","))
}

/// What signs first, then what comes next, then what has been; the older first.
#[must_use]
pub fn by_rank(one: &KeyRecord, other: &KeyRecord) -> Ordering {
    rank(one).cmp(&rank(other))
}

fn rank(key: &KeyRecord) -> (u8, i64, &str) {
    let state = match key.state {
        KeyState::Active => 0,
        KeyState::Standby => 1,
        KeyState::Retired => 2,
    };
    (state, key.created_at.as_millis(), &key.kid)
}
