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
//! time (see [`signs_from`](super::signs_from)), so that no instance signs late or early,
//! and housekeeping writes the new states down afterwards.
//!
//! Another algorithm is a rotation too, to a standby key of that algorithm. Only a start
//! asks for one, so that instances with different configurations do not take turns at it:
//! the one that started last has its way, once its key has been public for long enough.
//!
//! HMAC keys come from the configuration: there is no standby key and nothing to publish.

use std::sync::Arc;

use latchkey_verifier::Algorithm;

use super::hmac;
use super::maker::KeyMaker;
use super::record::{KeyRecord, KeyState};
use super::schedule::{is_due, is_expired};
use super::settings::KeySettings;
use super::{KeysError, PUBLISH_AHEAD};
use crate::domain::clock::{CLOCK_SKEW, Timestamp};
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

    /// The keys that are to be stored. What signs, or is going to, has on record how long
    /// its tokens are good: the configuration may be another one when it stops.
    #[must_use]
    pub fn into_keys(mut self) -> Vec<KeyRecord> {
        let token_life = self.settings.token_life;
        for key in &mut self.keys {
            if key.state != KeyState::Retired {
                key.token_life = key.token_life.max(token_life);
            }
        }
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
    /// the key-encryption secret.
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
            self.sign_with_secret(algorithm)
        } else {
            self.sign_with_pair(algorithm)
        }
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
        let active = self.active().ok_or(KeysError::NoActiveKey)?;
        if active.is_hmac() {
            return Err(KeysError::HmacNotLeft(self.settings.algorithm));
        }
        self.ensure_standby()?;
        self.schedule(immediately)
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
        let (state, scheduled, algorithm) = (key.state, key.activate_at, key.algorithm());
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
                if immediately {
                    self.forget(kid);
                } else {
                    self.drop_standby();
                }
                if let Ok(algorithm) = algorithm {
                    self.stand_by(algorithm)?;
                }
                self.ensure_standby()?;
                self.reschedule(scheduled)
            }
        }
    }

    /// Takes a key of the operator's own in the place of the standby key, or of the active
    /// one while no key pair signs. If it is of another algorithm than the active one, it
    /// signs once it has been public for long enough.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when the key is there already, or tokens are signed with a secret.
    pub fn import(&mut self, mut key: KeyRecord) -> Result<(), KeysError> {
        self.refuse_hmac()?;
        self.settle()?;
        if let Some(known) = self.keys.iter().find(|known| known.kid == key.kid) {
            return Err(KeysError::KnownKey(key.kid, known.state));
        }
        let Some(active) = self.active().filter(|active| !active.is_hmac()) else {
            key.state = KeyState::Active;
            self.retire_active();
            self.keys.push(key);
            return self.ensure_standby();
        };
        let is_another = active.algorithm != key.algorithm;
        let scheduled = self.standby().and_then(|standby| standby.activate_at);
        self.drop_standby();
        self.keys.push(key);
        if is_another {
            return self.schedule(false);
        }
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
        self.drop_standby();
        if self.active().is_some_and(|active| active.kid == kid) {
            return Ok(());
        }
        self.retire_active();
        self.forget(&kid);
        let key = self.maker().hmac(secret, algorithm, self.now);
        self.keys.push(key);
        Ok(())
    }

    /// A change from another algorithm waits like a rotation, while the key of before goes
    /// on signing. After a secret it does not: a secret that the configuration has left
    /// signs no more, and whoever trusts it reads no key set.
    fn sign_with_pair(&mut self, algorithm: Algorithm) -> Result<(), KeysError> {
        let Some(active) = self.active().filter(|active| !active.is_hmac()) else {
            let mut key = self.maker().make(algorithm, self.now)?;
            key.state = KeyState::Active;
            self.retire_active();
            self.keys.push(key);
            return self.stand_by(algorithm);
        };
        let is_change = active.algorithm != algorithm.name();
        self.stand_by(algorithm)?;
        if is_change {
            self.schedule(false)?;
        }
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
        self.retire_where(|key| key.state == KeyState::Active);
    }

    /// Retired keys stay for as long as the tokens that were signed last are good. Another
    /// instance may notice late that it is not to sign with the key any more, or have a
    /// clock that is ahead.
    fn retire_where(&mut self, is_meant: impl Fn(&KeyRecord) -> bool) {
        let (now, token_life) = (self.now, self.settings.token_life);
        for key in self.keys.iter_mut().filter(|key| is_meant(key)) {
            let life = key.token_life.max(token_life);
            key.state = KeyState::Retired;
            key.retired_at = Some(now);
            key.expires_at = Some(now.plus(life).plus(CLOCK_SKEW));
        }
    }

    /// Takes the standby key away. Where its time is near, an instance whose clock is ahead
    /// may have signed with it; otherwise it has signed nothing and nobody will miss it.
    fn drop_standby(&mut self) {
        let soon = self.now.plus(CLOCK_SKEW);
        self.retire_where(|key| is_due(key, soon));
        self.keys.retain(|key| key.state != KeyState::Standby);
    }

    /// Lets a key of `algorithm` stand by.
    fn stand_by(&mut self, algorithm: Algorithm) -> Result<(), KeysError> {
        let standby = self.standby();
        if standby.is_some_and(|standby| standby.algorithm == algorithm.name()) {
            return Ok(());
        }
        self.drop_standby();
        self.keys.push(self.maker().make(algorithm, self.now)?);
        Ok(())
    }

    /// Some key stands by: if none does, one of the algorithm of the active one.
    fn ensure_standby(&mut self) -> Result<(), KeysError> {
        let algorithm = match self.active() {
            Some(key) => key.algorithm()?,
            None => self.settings.algorithm,
        };
        if algorithm.is_symmetric() || self.standby().is_some() {
            return Ok(());
        }
        self.stand_by(algorithm)
    }

    /// The standby key signs once it has been public for long enough, or at once when
    /// `immediately`.
    fn schedule(&mut self, immediately: bool) -> Result<(), KeysError> {
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

    /// A rotation that was asked for goes on with the new standby key, after that has been
    /// public for long enough.
    fn reschedule(&mut self, scheduled: Option<Timestamp>) -> Result<(), KeysError> {
        match scheduled {
            Some(_) => self.schedule(false),
            None => Ok(()),
        }
    }

    fn refuse_hmac(&self) -> Result<(), KeysError> {
        if self.settings.algorithm.is_symmetric() {
            return Err(KeysError::HmacInUse(self.settings.algorithm));
        }
        Ok(())
    }

    fn active(&self) -> Option<&KeyRecord> {
        self.keys.iter().find(|key| key.state == KeyState::Active)
    }

    fn standby(&self) -> Option<&KeyRecord> {
        self.keys.iter().find(|key| key.state == KeyState::Standby)
    }

    fn standby_mut(&mut self) -> Option<&mut KeyRecord> {
        self.keys
            .iter_mut()
            .find(|key| key.state == KeyState::Standby)
    }
}

#[cfg(test)]
mod tests;
