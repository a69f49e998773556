//! When which key signs, and until when it is good: pure functions from the stored keys
//! to the keys that are to be stored.
//!
//! ```text
//!  made or imported          due                    expires_at passed
//!       │          rotate     │          retired          │
//!       ▼            │        ▼             │             ▼
//!    standby ────────┴─────▶ active ────────┴─▶ retired ──▶ forgotten
//! ```
//!
//! With key pairs there are always one active and one standby key, both published, so
//! that a rotation can take effect with a key that every verifier knows already. A
//! rotation only writes a time, `activate_at`, on the standby key: signers choose by that
//! time (see [`signs_at`]), so that no instance signs late or early, and housekeeping
//! writes the new states down afterwards.
//!
//! HMAC keys come from the configuration: there is no standby key and nothing to publish.

use std::sync::Arc;
use std::time::Duration;

use latchkey_verifier::Algorithm;

use super::hmac;
use super::maker::KeyMaker;
use super::record::{KeyChange, KeyRecord, KeyState};
use super::settings::KeySettings;
use super::{KeysError, PUBLISH_AHEAD};
use crate::domain::clock::Timestamp;
use crate::domain::entropy::Entropy;

/// The keys that are to be stored, as far as they have been decided.
pub struct Plan {
    settings: Arc<KeySettings>,
    entropy: Arc<dyn Entropy>,
    now: Timestamp,
    keys: Vec<KeyRecord>,
}

impl Plan {
    /// A plan that starts from the stored keys, without those that have expired by `now`.
    #[must_use]
    pub fn new(
        settings: Arc<KeySettings>,
        entropy: Arc<dyn Entropy>,
        now: Timestamp,
        mut keys: Vec<KeyRecord>,
    ) -> Self {
        keys.retain(|key| !is_expired(key, now));
        Self {
            settings,
            entropy,
            now,
            keys,
        }
    }

    /// The keys that are to be stored.
    #[must_use]
    pub fn into_keys(self) -> Vec<KeyRecord> {
        self.keys
    }

    /// Writes down the rotation that is due, if one is.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when the configured key-encryption secret is not that of the keys,
    /// so that none is ever stored beside them under another one or none.
    pub fn settle(&mut self) -> Result<(), KeysError> {
        for key in self
            .keys
            .iter()
            .filter(|key| key.state != KeyState::Retired)
        {
            self.settings.sealer.open(key)?;
        }
        if self.keys.iter().any(|key| is_due(key, self.now)) {
            self.activate_standby()?;
        }
        Ok(())
    }

    /// Brings the keys in line with the configuration: the algorithm, the HMAC secrets,
    /// the key-encryption secret. A new algorithm signs at once.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when the configuration does not fit the keys, or one cannot be made.
    pub fn configure(&mut self) -> Result<(), KeysError> {
        self.seal_anew()?;
        self.settle()?;
        self.forget_unlisted_secrets();
        let algorithm = self.settings.algorithm;
        if algorithm.is_symmetric() {
            return self.sign_with_secret(algorithm);
        }
        if !self.has(KeyState::Active, algorithm) {
            let mut key = self.maker().make(algorithm, self.now)?;
            key.state = KeyState::Active;
            self.retire_active();
            self.keys.push(key);
        }
        self.ensure_standby()
    }

    /// Lets the standby key sign once it has been public for `PUBLISH_AHEAD`, or at once
    /// when `immediately`. Asking again changes nothing, or hastens it.
    ///
    /// # Errors
    ///
    /// [`KeysError::HmacInUse`] while tokens are signed with a configured secret,
    /// [`KeysError::HmacNotLeft`] between a change from that and the start that makes it
    /// so, [`KeysError::NoActiveKey`] before the first start, and as [`Plan::settle`].
    pub fn rotate(&mut self, immediately: bool) -> Result<(), KeysError> {
        self.refuse_hmac()?;
        self.settle()?;
        let active = self.keys.iter().find(|key| key.state == KeyState::Active);
        let active = active.ok_or(KeysError::NoActiveKey)?;
        if active.is_hmac() {
            return Err(KeysError::HmacNotLeft(self.settings.algorithm));
        }
        self.ensure_standby()?;
        let now = self.now;
        if let Some(standby) = self.standby_mut() {
            let due = now.max(standby.published_at.plus(PUBLISH_AHEAD));
            let due = standby.activate_at.map_or(due, |asked| asked.min(due));
            standby.activate_at = Some(if immediately { now } else { due });
        }
        if self.keys.iter().any(|key| is_due(key, now)) {
            self.activate_standby()?;
        }
        Ok(())
    }

    /// Takes a key out of use: the active one as [`Plan::rotate`] does, the standby one by
    /// putting another in its place.
    ///
    /// With `immediately`, for a stolen key: it is forgotten, its tokens are refused from
    /// now on, and if it was signing the standby key signs in its place. That works without
    /// the key-encryption secret too, so that a key can be given up whose secret is lost.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when there is no such key, when it is retired already, or when it is
    /// a secret that the configuration would bring back.
    pub fn retire(&mut self, kid: &str, immediately: bool) -> Result<(), KeysError> {
        if !immediately {
            self.settle()?;
        }
        let key = self.keys.iter().find(|key| key.kid == kid);
        let key = key.ok_or_else(|| KeysError::NoSuchKey(kid.to_owned()))?;
        if self
            .settings
            .hmac_kids()
            .any(|configured| configured == kid)
        {
            return Err(KeysError::SecretConfigured(kid.to_owned()));
        }
        let (state, scheduled) = (key.state, key.activate_at);
        match (state, immediately) {
            (KeyState::Retired, false) => Err(KeysError::RetiredAlready(kid.to_owned())),
            (KeyState::Active, false) => self.rotate(false),
            (KeyState::Retired, true) => {
                self.forget(kid);
                Ok(())
            }
            (KeyState::Active, true) => {
                self.forget(kid);
                self.ensure_standby()?;
                self.activate_standby()
            }
            (KeyState::Standby, _) => {
                self.forget(kid);
                self.ensure_standby()?;
                self.reschedule(scheduled)
            }
        }
    }

    /// Takes a key of the operator's own in the place of the standby key, or of the active
    /// one while there is none.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when the key is there already or is not of the configured algorithm.
    pub fn import(&mut self, mut key: KeyRecord) -> Result<(), KeysError> {
        self.refuse_hmac()?;
        self.settle()?;
        if let Some(known) = self.keys.iter().find(|known| known.kid == key.kid) {
            return Err(KeysError::KnownKey(key.kid, known.state));
        }
        if !self.has(KeyState::Active, self.settings.algorithm) {
            key.state = KeyState::Active;
            self.retire_active();
            self.keys.push(key);
            return self.ensure_standby();
        }
        let scheduled = self.standby_mut().and_then(|standby| standby.activate_at);
        self.keys.retain(|key| key.state != KeyState::Standby);
        self.keys.push(key);
        self.reschedule(scheduled)
    }

    /// Every stored private key under the current key-encryption secret. All are opened
    /// before any is changed: with a wrong secret nothing is.
    fn seal_anew(&mut self) -> Result<(), KeysError> {
        let sealer = &self.settings.sealer;
        let mut sealed = Vec::new();
        for key in self.keys.iter().filter(|key| !sealer.is_current(key)) {
            sealed.push(self.maker().seal(&key.kid, &sealer.open(key)?));
        }
        let stale = self.keys.iter_mut().filter(|key| !sealer.is_current(key));
        for (key, sealed) in stale.zip(sealed) {
            key.private_key = sealed.bytes;
            key.sealed_under = sealed.sealed_under;
        }
        Ok(())
    }

    /// While there are secrets in the configuration, they are all that count: whoever
    /// replaces one without listing it as a previous one wants its tokens refused.
    fn forget_unlisted_secrets(&mut self) {
        let listed: Vec<String> = self.settings.hmac_kids().collect();
        if !listed.is_empty() {
            self.keys
                .retain(|key| !key.is_hmac() || listed.contains(&key.kid));
        }
    }

    fn sign_with_secret(&mut self, algorithm: Algorithm) -> Result<(), KeysError> {
        let settings = Arc::clone(&self.settings);
        let secret = settings.secret.as_ref();
        let secret = secret.ok_or(KeysError::SecretMissing(algorithm))?;
        let kid = hmac::kid(secret, algorithm);
        // A standby key has signed nothing: nobody will miss it.
        self.keys.retain(|key| key.state != KeyState::Standby);
        if self
            .keys
            .iter()
            .any(|key| key.kid == kid && key.state == KeyState::Active)
        {
            return Ok(());
        }
        self.retire_active();
        self.forget(&kid);
        let key = self.maker().hmac(secret, algorithm, self.now);
        self.keys.push(key);
        Ok(())
    }

    fn maker(&self) -> KeyMaker<'_> {
        KeyMaker::new(&self.settings.sealer, &*self.entropy)
    }

    fn forget(&mut self, kid: &str) {
        self.keys.retain(|key| key.kid != kid);
    }

    /// The standby key signs from now on, and another one stands by.
    fn activate_standby(&mut self) -> Result<(), KeysError> {
        self.retire_active();
        if let Some(standby) = self.standby_mut() {
            standby.state = KeyState::Active;
            standby.activate_at = None;
        }
        self.ensure_standby()
    }

    fn retire_active(&mut self) {
        let (now, expires_at) = (self.now, self.now.plus(self.settings.token_life));
        for key in self
            .keys
            .iter_mut()
            .filter(|key| key.state == KeyState::Active)
        {
            key.state = KeyState::Retired;
            key.retired_at = Some(now);
            key.expires_at = Some(expires_at);
        }
    }

    /// Exactly one standby key, of the algorithm of the active one.
    fn ensure_standby(&mut self) -> Result<(), KeysError> {
        let active = self.keys.iter().find(|key| key.state == KeyState::Active);
        let algorithm = match active {
            Some(key) => key.algorithm()?,
            None => self.settings.algorithm,
        };
        if algorithm.is_symmetric() || self.has(KeyState::Standby, algorithm) {
            return Ok(());
        }
        self.keys.retain(|key| key.state != KeyState::Standby);
        self.keys.push(self.maker().make(algorithm, self.now)?);
        Ok(())
    }

    /// A rotation that was asked for goes on with the new standby key, after that has been
    /// public for long enough.
    fn reschedule(&mut self, scheduled: Option<Timestamp>) -> Result<(), KeysError> {
        match scheduled {
            Some(_) => self.rotate(false),
            None => Ok(()),
        }
    }

    fn refuse_hmac(&self) -> Result<(), KeysError> {
        if self.settings.algorithm.is_symmetric() {
            return Err(KeysError::HmacInUse(self.settings.algorithm));
        }
        Ok(())
    }

    fn has(&self, state: KeyState, algorithm: Algorithm) -> bool {
        self.keys
            .iter()
            .any(|key| key.state == state && key.algorithm == algorithm.name())
    }

    fn standby_mut(&mut self) -> Option<&mut KeyRecord> {
        self.keys
            .iter_mut()
            .find(|key| key.state == KeyState::Standby)
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

fn is_due(key: &KeyRecord, now: Timestamp) -> bool {
    key.state == KeyState::Standby && key.activate_at.is_some_and(|due| due <= now)
}

/// How long tokens under a key that stops signing may still be good: refresh tokens are
/// signed too.
#[must_use]
pub(super) fn token_life(access_ttl: Duration, refresh_ttl: Duration) -> Duration {
    access_ttl.max(refresh_ttl)
}

#[cfg(test)]
mod tests;
