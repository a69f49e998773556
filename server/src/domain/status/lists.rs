//! The signed lists as they are given out: Status List Tokens (section 5 of the draft).
//!
//! Each question asks the database which places are revoked, by an index that has nothing
//! else in it; so a list is as new as the answer, whichever instance ended the session. The
//! costly part, compressing and signing, is done again only when the answer has changed,
//! the key has, or the token is half its `ttl` old.
//!
//! Under an HMAC the list is signed with the secret too: whoever can verify the tokens can
//! verify it, and its `typ` keeps it from being taken for one of them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::Mutex;

use super::{LEEWAY, LIFE, TTL, bits};
use crate::domain::clock::{Timestamp, Unhurried};
use crate::domain::error::{Error, Result};
use crate::domain::keyring::KeyView;
use crate::domain::sessions::Sessions;
use crate::domain::signer::TokenType;
use crate::storage::SharedStorage;

/// Gives out the lists.
pub struct StatusLists {
    storage: SharedStorage,
    sessions: Arc<Sessions>,
    unhurried: Arc<Unhurried>,
    /// What was given out last.
    signed: Mutex<HashMap<u32, Arc<SignedList>>>,
}

/// A list in the form in which it is given out.
#[derive(Debug)]
pub struct SignedList {
    /// The JWT.
    pub token: Bytes,
    kid: String,
    revoked: Vec<u32>,
    issued_at: Timestamp,
}

/// The claims (section 5.1).
#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    iat: i64,
    exp: i64,
    ttl: u64,
    status_list: List,
}

#[derive(Serialize)]
struct List {
    bits: u8,
    lst: String,
}

impl StatusLists {
    /// The lists of the sessions in `storage`.
    #[must_use]
    pub fn new(storage: SharedStorage, sessions: Arc<Sessions>, unhurried: Arc<Unhurried>) -> Self {
        Self {
            storage,
            sessions,
            unhurried,
            signed: Mutex::default(),
        }
    }

    /// A list as it is now; `None` when there is no such list.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`], and [`Error::Internal`] when signing fails.
    pub async fn get(&self, list: u32, now: Timestamp) -> Result<Option<Arc<SignedList>>> {
        let rules = self.sessions.rules();
        // Whose last access token has expired is refused without a list; by the clocks of
        // those who ask, which are right where ours has leapt.
        let unhurried = self.unhurried.time(now);
        let since = unhurried.minus(rules.access_ttl + LEEWAY);
        let Some(mut revoked) = self.storage.revoked_places(list, since).await? else {
            return Ok(None);
        };
        revoked.sort_unstable();
        let keys = self.sessions.keyring().view();
        let mut signed = self.signed.lock().await;
        if let Some(last) = signed.get(&list)
            && last.is_good_for(&revoked, keys.signer(now).kid(), now)
        {
            return Ok(Some(Arc::clone(last)));
        }
        let uri = rules.status_list_uri(list);
        let signing = tokio::task::spawn_blocking(move || sign(&uri, revoked, &keys, now));
        let new = Arc::new(signing.await.map_err(Error::internal)??);
        signed.insert(list, Arc::clone(&new));
        Ok(Some(new))
    }
}

/// Compresses and signs, which takes a millisecond or some.
fn sign(uri: &str, revoked: Vec<u32>, keys: &KeyView, now: Timestamp) -> Result<SignedList> {
    let claims = Claims {
        sub: uri,
        iat: now.as_seconds(),
        exp: now.plus(LIFE).as_seconds(),
        ttl: TTL.as_secs(),
        status_list: List {
            bits: 1,
            lst: bits::encode(&revoked),
        },
    };
    let signer = keys.signer(now);
    let token = signer
        .sign(TokenType::StatusList, &claims)
        .map_err(Error::internal)?;
    Ok(SignedList {
        token: token.into(),
        kid: signer.kid().to_owned(),
        revoked,
        issued_at: now,
    })
}

impl SignedList {
    /// Whether it can be given out again.
    fn is_good_for(&self, revoked: &[u32], kid: &str, now: Timestamp) -> bool {
        // A clock that was set back makes it a list of the future.
        let age = now.since(self.issued_at).max(self.issued_at.since(now));
        self.revoked == revoked && self.kid == kid && age < TTL / 2
    }
}
