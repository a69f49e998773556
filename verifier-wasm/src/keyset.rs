//! The keys that a verifier may use, and how a token finds its key.
//!
//! A key set is read once and kept parsed. A key that cannot be used stays in
//! the set with the reason, so that a token which names it is told `bad_key`
//! and the other keys go on working.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{
    Algorithm, ErrorKind, Jwk, KeyError, KeySetError, PublicKey, VerifierError, encoding, json,
    jwk::{self, KeyMaterial},
    signature::SignatureKey,
};

/// How many keys a token without a `kid` is tried with. More would let one
/// token cause unbounded work.
const MAX_TRIES: usize = 8;

/// How many keys a set may have. Each takes memory and some arithmetic when the set
/// is read, also one that cannot be used.
const MAX_KEYS: usize = 1000;

/// A set of keys to verify with.
///
/// # Which key a token is checked with
///
/// 1. A token with a `kid` is checked with the keys of that name. Names are
///    compared byte for byte and go nowhere else. If there is none, the keys
///    that were added for any name stand in ([`KeySet::add_secret`] without a
///    name); if there is none of those either, the key is unknown.
/// 2. A token without a `kid` may have been signed with any key of the set.
/// 3. Of these, the ones made for the token's `alg` remain. With a `kid`, there
///    must be exactly one: RFC 7517 section 4.5 lets keys of different types
///    share a name, but two keys that both fit make the name useless, so the
///    key is bad. (The same key given twice counts once.) Without a `kid`, each
///    is tried in the order of the set; if there are more than eight, the token
///    must name its own.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<Key>,
    named: BTreeMap<String, Vec<usize>>,
}

struct Key {
    name: Name,
    state: Result<UsableKey, KeyError>,
}

enum Name {
    /// Answers to this `kid`, and to tokens without one.
    Kid(String),
    /// Answers to tokens without a `kid`.
    Unnamed,
    /// Answers to every `kid` that no other key has.
    Any,
}

struct UsableKey {
    /// Equal for two keys that are the same one: the thumbprint of a public
    /// key or the digest of a secret, and the algorithms.
    identity: (String, Vec<Algorithm>),
    signature: SignatureKey,
}

impl KeySet {
    /// A set without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a JWK Set (RFC 7517 section 5). Keys that cannot be used are kept
    /// as such; see [`KeySet::unusable`].
    ///
    /// A secret (`kty` `oct`) is used only in a set of nothing but secrets:
    /// beside public keys it has been published and is one no longer.
    ///
    /// # Errors
    /// When the text is not a JSON object whose one `keys` is an array, of at most a
    /// thousand keys.
    pub fn from_jwks(text: &str) -> Result<Self, KeySetError> {
        let keys = read_document(text)?;
        // What cannot be read may be a public key.
        let is_secret = |key: &Option<_>| key.as_ref().is_some_and(jwk::is_secret);
        let only_secrets = keys.iter().all(is_secret);
        Ok(Self::from_members(&keys, only_secrets))
    }

    /// Reads a JWK Set that came over a network, where every secret in it is
    /// known to others and therefore unusable.
    ///
    /// # Errors
    /// As [`KeySet::from_jwks`].
    pub fn from_published_jwks(text: &str) -> Result<Self, KeySetError> {
        Ok(Self::from_members(&read_document(text)?, false))
    }

    fn from_members(keys: &[Option<Map<String, Value>>], secrets_are_secret: bool) -> Self {
        let mut set = Self::new();
        for members in keys {
            let (name, state) = match members {
                Some(members) => read_key(members, secrets_are_secret),
                None => (
                    Name::Unnamed,
                    Err(KeyError::new("not a JSON object with distinct members")),
                ),
            };
            set.push(name, state);
        }
        set
    }

    /// Adds a public key under its name and algorithm.
    pub fn add(&mut self, jwk: &Jwk) {
        let state = UsableKey::public(jwk.key(), &[jwk.algorithm()]);
        self.push(Name::Kid(jwk.kid().to_owned()), state);
    }

    /// Adds a shared secret for these HMAC algorithms. Without a `kid` it
    /// answers to every `kid` that no other key has. Its length is not judged.
    ///
    /// # Errors
    /// When the secret is empty or one of `algorithms` is not an HMAC.
    pub fn add_secret(
        &mut self,
        kid: Option<&str>,
        secret: &[u8],
        algorithms: &[Algorithm],
    ) -> Result<(), KeyError> {
        if algorithms.iter().any(|algorithm| !algorithm.is_symmetric()) {
            return Err(KeyError::new("a secret fits HMAC algorithms only"));
        }
        let key = UsableKey::secret(secret, algorithms)?;
        self.push(
            kid.map_or(Name::Any, |kid| Name::Kid(kid.to_owned())),
            Ok(key),
        );
        Ok(())
    }

    /// How many keys there are, the unusable ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no keys at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that cannot be used, with their `kid` and the reason.
    pub fn unusable(&self) -> impl Iterator<Item = (Option<&str>, &KeyError)> {
        self.keys
            .iter()
            .filter_map(|key| Some((key.kid(), key.state.as_ref().err()?)))
    }

    /// Checks a signature as the module documentation says.
    pub(crate) fn verify(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> Result<(), VerifierError> {
        let candidates = self.candidates(kid)?;
        let usable: Vec<&UsableKey> = candidates
            .iter()
            .filter_map(|key| key.state.as_ref().ok())
            .collect();
        if usable.is_empty() {
            return Err(VerifierError::new(
                ErrorKind::BadKey,
                "the key of the token cannot be used",
            ));
        }
        let mut fitting = usable;
        fitting.retain(|key| key.signature.fits(algorithm));
        if fitting.is_empty() {
            return Err(VerifierError::new(
                ErrorKind::AlgorithmMismatch,
                "the token's `alg` does not fit the key",
            ));
        }
        if kid.is_some() && fitting.len() > 1 && candidates.iter().any(|key| key.kid() == kid) {
            return Err(VerifierError::new(
                ErrorKind::BadKey,
                "two keys of the set have the token's `kid`",
            ));
        }
        if fitting.len() > MAX_TRIES {
            return Err(VerifierError::new(
                ErrorKind::UnknownKey,
                "the token names no key and too many keys fit",
            ));
        }
        if !fitting
            .iter()
            .any(|key| key.signature.verify(algorithm, message, signature))
        {
            return Err(VerifierError::new(
                ErrorKind::BadSignature,
                "the signature is wrong",
            ));
        }
        Ok(())
    }

    fn candidates(&self, kid: Option<&str>) -> Result<Vec<&Key>, VerifierError> {
        let candidates: Vec<&Key> = match kid {
            None => self.keys.iter().collect(),
            Some(kid) => match self.named.get(kid) {
                Some(indexes) => indexes.iter().map(|index| &self.keys[*index]).collect(),
                None => self
                    .keys
                    .iter()
                    .filter(|key| matches!(key.name, Name::Any))
                    .collect(),
            },
        };
        if candidates.is_empty() {
            return Err(VerifierError::new(
                ErrorKind::UnknownKey,
                "no key of the set is the token's",
            ));
        }
        Ok(candidates)
    }

    fn push(&mut self, name: Name, state: Result<UsableKey, KeyError>) {
        if let Name::Kid(kid) = &name {
            let indexes = self.named.entry(kid.clone()).or_default();
            let is_copy = state.as_ref().is_ok_and(|new| {
                indexes.iter().any(|index| {
                    self.keys[*index]
                        .state
                        .as_ref()
                        .is_ok_and(|old| old.identity == new.identity)
                })
            });
            if is_copy {
                return;
            }
            indexes.push(self.keys.len());
        }
        self.keys.push(Key { name, state });
    }
}

impl fmt::Debug for KeySet {
    /// Names and states only: a set may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.keys.iter().map(|key| {
                (
                    key.kid().unwrap_or("-"),
                    key.state
                        .as_ref()
                        .map_or_else(KeyError::to_string, |_| "usable".to_owned()),
                )
            }))
            .finish()
    }
}

/// The members of each key, `None` for one that is not an object with distinct
/// members.
fn read_document(text: &str) -> Result<Vec<Option<Map<String, Value>>>, KeySetError> {
    let keys = json::array_in_object(text.as_bytes(), "keys").ok_or(KeySetError(
        "the key set is not a JSON object with an array `keys`",
    ))?;
    if keys.len() > MAX_KEYS {
        return Err(KeySetError("the key set has more than a thousand keys"));
    }
    Ok(keys
        .iter()
        .map(|key| json::parse_object(key.get().as_bytes()))
        .collect())
}

/// Reads one JWK. The `kid` comes first, so that an unusable key keeps its name.
fn read_key(
    members: &Map<String, Value>,
    secrets_are_secret: bool,
) -> (Name, Result<UsableKey, KeyError>) {
    let name = match jwk::key_id(members) {
        Ok(Some(kid)) => Name::Kid(kid.to_owned()),
        Ok(None) => Name::Unnamed,
        Err(error) => return (Name::Unnamed, Err(error)),
    };
    let state = jwk::parse(members).and_then(|key| match key.material {
        KeyMaterial::Public(public) => UsableKey::public(&public, &key.algorithms),
        KeyMaterial::Secret(secret) if secrets_are_secret => {
            UsableKey::secret(&secret, &key.algorithms)
        }
        KeyMaterial::Secret(_) => Err(KeyError::new("a secret has been published")),
    });
    (name, state)
}

impl UsableKey {
    fn public(key: &PublicKey, algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        Ok(Self {
            identity: (key.thumbprint(), algorithms.to_vec()),
            signature: key.signature_key(algorithms)?,
        })
    }

    fn secret(secret: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        Ok(Self {
            identity: (
                encoding::encode(&Sha256::digest(secret)),
                algorithms.to_vec(),
            ),
            signature: SignatureKey::hmac(secret, algorithms)?,
        })
    }
}

impl Key {
    fn kid(&self) -> Option<&str> {
        match &self.name {
            Name::Kid(kid) => Some(kid),
            Name::Unnamed | Name::Any => None,
        }
    }
}

#[cfg(test)]
mod tests;
