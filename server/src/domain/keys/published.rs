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

#[cfg(test)]
mod tests {
    use latchkey_verifier::{Algorithm, KeySet};
    use serde_json::Value;

    use super::*;
    use crate::config::Secret;
    use crate::domain::clock::Timestamp;
    use crate::domain::entropy::SystemEntropy;
    use crate::domain::keys::{KeyMaker, Sealer};

    #[test]
    fn every_published_key_says_what_it_is_for_and_nothing_private() {
        let sealer = Sealer::new(None, &[]);
        let maker = KeyMaker::new(&sealer, &SystemEntropy);
        let now = Timestamp::from_seconds(1_800_000_000);
        let secret = Secret::new("a secret").expect("not empty");
        let mut keys = vec![maker.hmac(&secret, Algorithm::Hs256, now)];
        for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
            keys.push(maker.make(algorithm, now).expect("a key"));
        }
        let text = jwks(&keys);
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let published = document["keys"].as_array().expect("keys");
        assert_eq!(published.len(), 3, "the HMAC secret is not among them");
        for key in published {
            let mut names: Vec<&str> = key
                .as_object()
                .map(|members| members.keys().map(String::as_str).collect())
                .expect("an object");
            names.retain(|name| !["kid", "alg", "use", "kty"].contains(name));
            let public: &[&str] = match key["kty"].as_str() {
                Some("RSA") => &["e", "n"],
                Some("EC") => &["crv", "x", "y"],
                _ => &["crv", "x"],
            };
            names.sort_unstable();
            assert_eq!(names, public);
            assert_eq!(key["use"], "sig");
            assert!(key["kid"].is_string() && key["alg"].is_string());
        }
        let set = KeySet::from_jwks(&text).expect("a key set");
        assert_eq!((set.len(), set.unusable().count()), (3, 0));
    }

    #[test]
    fn without_key_pairs_the_set_is_empty() {
        assert_eq!(jwks([]), r#"{"keys":[]}"#);
    }
}
