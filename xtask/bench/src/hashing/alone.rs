//! Hashes without a service around them.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use anyhow::{Result, ensure};
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use latchkey::domain::entropy::SystemEntropy;
use latchkey::domain::hasher::{Argon2Cost, Hasher, HasherOptions, Verdict};
use latchkey::domain::password::Password;
use latchkey::domain::password_hash::PasswordHash;

use super::{CLIENTS, POOL, SPAWN_BLOCKING};
use crate::load::{Contestant, InProcess, Work};
use crate::servers::PASSWORD;

/// What an Argon2id hash costs, with one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) memory_kib: u32,
    passes: u32,
}

impl Cost {
    /// The default, and two that RFC 9106 and OWASP name.
    pub(super) const ALL: [Self; 3] = [Self::of(19456, 2), Self::of(47104, 1), Self::of(65536, 3)];

    const fn of(memory_kib: u32, passes: u32) -> Self {
        Self { memory_kib, passes }
    }

    /// The variables that tell a service.
    pub(super) fn settings(self) -> [(&'static str, String); 2] {
        [
            ("LATCHKEY_PASSWORDS__ARGON2__M", self.memory_kib.to_string()),
            ("LATCHKEY_PASSWORDS__ARGON2__T", self.passes.to_string()),
        ]
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} t={}", self.memory_kib, self.passes)
    }
}

/// The service's own threads.
pub(super) struct Pool {
    hasher: Hasher,
    stored: PasswordHash,
}

impl Pool {
    /// With as many threads as the service has.
    pub(super) fn start(cost: Cost) -> Result<Self> {
        let slots = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let options = HasherOptions {
            cost: Argon2Cost::new(cost.memory_kib, cost.passes, 1)?,
            slots,
            queue: 64 * slots.get(),
            ..HasherOptions::default()
        };
        let hasher = Hasher::start(&options, Arc::new(SystemEntropy))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let stored = runtime.block_on(hasher.hash(None, Password::new(PASSWORD.to_owned())))?;
        Ok(Self { hasher, stored })
    }

    pub(super) fn contestant(&self) -> Box<dyn Contestant + '_> {
        Box::new(InProcess {
            name: POOL,
            clients: CLIENTS,
            work: |_| -> Work {
                let (hasher, stored) = (self.hasher.clone(), self.stored.clone());
                Box::pin(async move {
                    let password = Password::new(PASSWORD.to_owned());
                    let verdict = hasher.verify(None, password, Some(stored)).await?;
                    ensure!(matches!(verdict, Verdict::Match { .. }), "a wrong verdict");
                    Ok(())
                })
            },
        })
    }
}

/// What most services in Rust do.
pub(super) struct SpawnBlocking {
    argon2: Argon2<'static>,
    stored: Arc<str>,
}

impl SpawnBlocking {
    pub(super) fn new(cost: Cost) -> Result<Self> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None);
        let params = params.map_err(|error| anyhow::anyhow!("{error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let stored = argon2.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]);
        let stored = stored.map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Self {
            argon2,
            stored: stored.to_string().into(),
        })
    }

    pub(super) fn contestant(&self) -> Box<dyn Contestant + '_> {
        Box::new(InProcess {
            name: SPAWN_BLOCKING,
            clients: CLIENTS,
            work: |_| -> Work {
                let (argon2, stored) = (self.argon2.clone(), Arc::clone(&self.stored));
                let done = tokio::task::spawn_blocking(move || {
                    let verdict = argon2.verify_password(PASSWORD.as_bytes(), &*stored);
                    ensure!(verdict.is_ok(), "a wrong verdict");
                    Ok(())
                });
                Box::pin(async move { done.await? })
            },
        })
    }
}
