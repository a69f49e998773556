//! The keys in use: what signs now, what verifies, and what is published.
//!
//! The stored keys are read when their generation changes and kept parsed as one
//! immutable view. Whoever signs or verifies takes the view as it is, without a lock; a
//! newer one is swapped in whole. So `latchkey key rotate` takes effect while servers run.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use latchkey_verifier::KeySet;
use tokio::sync::Mutex;

use super::clock::{Clock, Timestamp};
use super::context::WriteContext;
use super::entropy::Entropy;
use super::keys::{
    Decision, KeyRecord, KeySettings, KeySnapshot, KeyState, KeysError, MaterialError, Plan,
    change, is_expired, jwks, next_change, signs_from,
};
use super::signer::Signer;
use crate::storage::SharedStorage;

/// How often a running server asks whether the stored keys have changed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long an unknown `kid` causes no further look after one did.
const UNKNOWN_KEY_COOL_DOWN: Duration = Duration::from_millis(250);

/// The keys in use.
pub struct Keyring {
    storage: SharedStorage,
    settings: Arc<KeySettings>,
    entropy: Arc<dyn Entropy>,
    view: ArcSwap<KeyView>,
    /// Held by whoever reads the stored keys. Knows when an unknown `kid` last was the
    /// cause.
    reloading: Mutex<Option<Timestamp>>,
}

impl Keyring {
    /// Brings the stored keys in line with the configuration, making them on the first
    /// start, and reads them.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when the keys cannot be opened or do not fit the configuration;
    /// nothing has been changed then.
    pub async fn open(
        storage: SharedStorage,
        settings: Arc<KeySettings>,
        entropy: Arc<dyn Entropy>,
        now: Timestamp,
    ) -> Result<Self, KeysError> {
        let cx = WriteContext::service(now);
        change(&*storage, &cx, &settings, &entropy, Plan::configure).await?;
        let view = KeyView::new(&storage.keys().await?, &settings, now)?;
        if let Some((from, signer)) = view.next_signer(now) {
            tracing::info!(
                kid = signer.kid(),
                algorithm = %signer.algorithm(),
                %from,
                "another signing key is published and signs later"
            );
        }
        Ok(Self {
            storage,
            settings,
            entropy,
            view: ArcSwap::from_pointee(view),
            reloading: Mutex::new(None),
        })
    }

    /// The keys as they were read last.
    #[must_use]
    pub fn view(&self) -> Arc<KeyView> {
        self.view.load_full()
    }

    /// Reads the stored keys if they have changed; says whether they had.
    ///
    /// # Errors
    ///
    /// [`KeysError`]; the keys as they were read last stay in use.
    pub async fn refresh(&self, now: Timestamp) -> Result<bool, KeysError> {
        let _one_at_a_time = self.reloading.lock().await;
        self.reload(now).await
    }

    async fn reload(&self, now: Timestamp) -> Result<bool, KeysError> {
        if self.storage.key_generation().await? == self.view.load().generation {
            return Ok(false);
        }
        let view = KeyView::new(&self.storage.keys().await?, &self.settings, now)?;
        self.view.store(Arc::new(view));
        Ok(true)
    }

    /// Looks for a key that a token names and `view` does not know: another instance may
    /// have made it a moment ago. Says whether it is worth another try. Tokens that name
    /// keys at random cause one look for each cool-down.
    pub async fn refresh_for_unknown_key(&self, view: &KeyView, now: Timestamp) -> bool {
        // Whoever comes while another one looks waits for what is found.
        let mut looked_at = self.reloading.lock().await;
        if self.view.load().generation != view.generation {
            return true;
        }
        let is_due =
            looked_at.is_none_or(|at| now.since(at).max(at.since(now)) >= UNKNOWN_KEY_COOL_DOWN);
        if !is_due {
            return false;
        }
        *looked_at = Some(now);
        self.reload(now).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the signing keys cannot be read");
            false
        })
    }

    /// Writes down what time alone has changed: a rotation that is due, a retired key
    /// whose last token has expired. Costs nothing while nothing is due.
    ///
    /// # Errors
    ///
    /// [`KeysError`]; what is due stays due.
    pub async fn settle(&self, now: Timestamp) -> Result<(), KeysError> {
        if self.view.load().next_change.is_none_or(|next| next > now) {
            return Ok(());
        }
        self.change(&WriteContext::service(now), Plan::settle)
            .await?;
        Ok(())
    }

    /// Changes the stored keys and reads them again.
    ///
    /// # Errors
    ///
    /// What `decide` answers, or another [`KeysError`].
    pub async fn change(
        &self,
        cx: &WriteContext,
        decide: impl Decision,
    ) -> Result<Vec<KeyRecord>, KeysError> {
        let keys = change(&*self.storage, cx, &self.settings, &self.entropy, decide).await?;
        self.refresh(cx.now).await?;
        Ok(keys)
    }

    /// Reads the stored keys if they have changed, and puts on record how long the tokens of
    /// this instance are good where that is missing: another instance, with another
    /// configuration, may have made the key. Says whether the keys had changed.
    ///
    /// # Errors
    ///
    /// [`KeysError`], as [`Keyring::refresh`].
    pub async fn keep_up(&self, now: Timestamp) -> Result<bool, KeysError> {
        let changed = self.refresh(now).await?;
        if !self.view.load().is_token_life_noted {
            // Every decision notes it, also one that decides nothing else.
            self.change(&WriteContext::service(now), |_| Ok(())).await?;
        }
        Ok(changed)
    }

    /// Keeps the view fresh for as long as it is polled.
    pub async fn watch(&self, clock: &dyn Clock) {
        let mut failing = false;
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            match self.keep_up(clock.now()).await {
                Ok(changed) => {
                    if failing || changed {
                        let signer = self.view.load().signer(clock.now()).kid().to_owned();
                        tracing::info!(kid = signer, "the signing keys were read");
                    }
                    failing = false;
                }
                // Once, and not every second for as long as the database is away.
                Err(error) if !failing => {
                    tracing::warn!(%error, "the signing keys cannot be read; the last ones stay");
                    failing = true;
                }
                Err(_) => {}
            }
        }
    }
}

/// The keys of one generation.
#[derive(Debug)]
pub struct KeyView {
    generation: u64,
    /// With the time that each signs from, in its order; never empty.
    signers: Vec<(Timestamp, Signer)>,
    verifying: Arc<KeySet>,
    published: Bytes,
    next_change: Option<Timestamp>,
    /// Whether every key that signs, or is going to, is known to be needed for as long as
    /// the tokens of this instance are good.
    is_token_life_noted: bool,
}

impl KeyView {
    pub(super) fn new(
        stored: &KeySnapshot,
        settings: &KeySettings,
        now: Timestamp,
    ) -> Result<Self, KeysError> {
        let keys: Vec<&KeyRecord> = stored
            .keys
            .iter()
            .filter(|key| !is_expired(key, now))
            .collect();
        let mut signers = Vec::new();
        for key in &keys {
            if let Some(from) = signs_from(key) {
                signers.push((
                    from,
                    Signer::new(&key.kid, key.private_key(&settings.sealer)?),
                ));
            }
        }
        signers.sort_by_key(|(from, _)| *from);
        // The first must sign already: a scheduled key alone does not sign yet.
        if !keys.iter().any(|key| key.state == KeyState::Active) {
            return Err(KeysError::NoActiveKey);
        }
        Ok(Self {
            generation: stored.generation,
            signers,
            verifying: Arc::new(verifying_keys(&keys, settings)?),
            published: Bytes::from(jwks(keys.iter().copied())),
            next_change: next_change(&stored.keys),
            is_token_life_noted: keys
                .iter()
                .filter(|key| key.state != KeyState::Retired)
                .all(|key| key.token_life >= settings.token_life),
        })
    }

    /// The key that signs at `now`: of those whose time has come, the latest.
    #[must_use]
    pub fn signer(&self, now: Timestamp) -> &Signer {
        let later = self.signers.partition_point(|(from, _)| *from <= now);
        &self.signers[later.saturating_sub(1)].1
    }

    /// The key that will sign after that of `now`, and from when on, if that is decided.
    fn next_signer(&self, now: Timestamp) -> Option<(Timestamp, &Signer)> {
        let later = self.signers.partition_point(|(from, _)| *from <= now);
        let (from, signer) = self.signers.get(later)?;
        Some((*from, signer))
    }

    /// The keys that tokens are verified with: all public ones, and every HMAC secret.
    #[must_use]
    pub const fn verifying(&self) -> &Arc<KeySet> {
        &self.verifying
    }

    /// The published key set, ready to be sent: a JWK Set (RFC 7517 section 5). Public keys
    /// only.
    #[must_use]
    pub const fn published(&self) -> &Bytes {
        &self.published
    }
}

/// What verifies the tokens of `keys`: every public key, and every HMAC secret, the stored
/// and the configured ones.
///
/// # Errors
///
/// [`KeysError`] when a stored secret cannot be opened.
pub fn verifying_keys(keys: &[&KeyRecord], settings: &KeySettings) -> Result<KeySet, KeysError> {
    let rejected = |error: latchkey_verifier::KeyError| MaterialError::Rejected(error.to_string());
    let document = jwks(keys.iter().copied());
    let mut set =
        KeySet::from_jwks(&document).map_err(|error| MaterialError::Rejected(error.to_string()))?;
    for key in keys.iter().filter(|key| key.is_hmac()) {
        let secret = settings.sealer.open(key)?;
        set.add_secret(Some(&key.kid), &secret, &[key.algorithm()?])
            .map_err(rejected)?;
    }
    for (kid, secret, algorithm) in settings.hmac_keys() {
        set.add_secret(Some(&kid), secret.expose_bytes(), &[algorithm])
            .map_err(rejected)?;
    }
    Ok(set)
}
