//! What `latchkey user` works with.

use std::sync::Arc;

use anyhow::Context as _;

use crate::cli::open::{self, Missing};
use crate::cli::{Context, operator};
use crate::domain::administration::Administration;
use crate::domain::clock::{Clock as _, SystemClock, Timestamp};
use crate::domain::context::WriteContext;
use crate::domain::entropy::SystemEntropy;
use crate::domain::error::Error;
use crate::domain::hasher::Hasher;
use crate::domain::password::Password;
use crate::domain::password_rules::{NewPassword, PasswordRules};
use crate::domain::throttle::ThrottleRules;
use crate::storage::SharedStorage;

/// The use cases of operators, over the configured database.
pub(super) struct Service {
    pub(super) administration: Administration,
    /// How often passwords may be tried; none when that is not limited.
    pub(super) throttle: Option<ThrottleRules>,
    rules: PasswordRules,
    storage: SharedStorage,
}

impl Service {
    /// Opens the configured database.
    ///
    /// # Errors
    /// When the configuration or the database is not good.
    pub(super) async fn open(cx: &Context, missing: Missing) -> anyhow::Result<Self> {
        let opened = open::storage(cx, missing).await?;
        let entropy = Arc::new(SystemEntropy);
        let passwords = &opened.config.passwords;
        let options = passwords.hasher_options().context("passwords.argon2")?;
        let hasher = Hasher::start(&options, entropy.clone()).context("cannot start hashing")?;
        let storage = opened.storage;
        Ok(Self {
            administration: Administration::new(Arc::clone(&storage), hasher, entropy),
            throttle: ThrottleRules::of(&opened.config.rate_limits),
            rules: PasswordRules::new(passwords.policy.policy()),
            storage,
        })
    }

    /// The context of what is done now.
    pub(super) fn operator(&self) -> WriteContext {
        WriteContext::operator(now(), operator::name())
    }

    /// Judges a password that is to be set, for the owner of `email` and `name`.
    ///
    /// # Errors
    /// Every rule that it breaks.
    pub(super) fn accept(
        &self,
        password: Password,
        email: &str,
        name: &str,
    ) -> anyhow::Result<NewPassword> {
        self.rules
            .accept("password", password, Some(email), Some(name), now())
            .map_err(|violations| Error::Invalid(violations).into())
    }

    /// Closes the database.
    pub(super) async fn close(self) {
        self.storage.close().await;
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}
