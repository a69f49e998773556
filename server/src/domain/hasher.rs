//! Hashing passwords and checking them, away from the async threads.
//!
//! A hash takes tens of milliseconds and megabytes on purpose. So it runs on
//! threads of its own, a fixed number of them ([`HasherOptions::slots`]), each
//! with its memory kept; what waits for them is bounded
//! ([`HasherOptions::queue`]), takes turns by the network that it comes from, and waits
//! no longer than [`HasherOptions::wait`]: beyond, the answer is
//! [`HashError::Overloaded`], at once where that can be foreseen. Memory is therefore
//! about slots × cost however many people sign in. A job whose caller has gone (its
//! future was dropped) is never computed.
//!
//! New hashes are Argon2id (RFC 9106) as PHC strings. Older ones, those of the
//! predecessor and those that an import brings are verified and reported as
//! outdated, see [`Verdict`].
//!
//! ```text
//! Hasher          what the use cases call; salts
//!   pool          threads, panics, shutdown; knows nothing of hashes
//!     queue       who waits, whose turn it is, who is sent away
//!     batch       when answers go out
//!     pulse       other threads get a core in time, also on slow virtual machines
//!   stored        the kinds of stored hash: parsing, bounds, verifying
//!     argon       Argon2: costs and strings
//!       engine    computing it, and the memory for that
//!     bcrypt      the predecessor's hashes
//!     pbkdf2      hashes of other services
//!     scrypt      the same
//!     foreign     what these two have in common
//! ```

mod argon;
mod bcrypt;
mod engine;
mod foreign;
mod pbkdf2;
mod pool;
mod scrypt;
mod stored;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

pub use argon::{Argon2Cost, CostError};

use self::argon::SALT_BYTES;
use self::engine::Memory;
use self::pool::Pool;
use super::entropy::Entropy;
use super::password::Password;
use super::password_hash::PasswordHash;
use super::throttle::Network;

/// How a [`Hasher`] is built.
#[derive(Debug, Clone)]
pub struct HasherOptions {
    /// What a new hash costs. A stored hash of any other cost is outdated.
    pub cost: Argon2Cost,
    /// Threads that hash at the same time.
    pub slots: NonZeroUsize,
    /// Jobs that may wait for a thread.
    pub queue: usize,
    /// How long a job may wait for a thread.
    pub wait: Duration,
}

impl Default for HasherOptions {
    /// The default cost, a thread per core, 64 waiting jobs for each, and five seconds.
    fn default() -> Self {
        let slots = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            cost: Argon2Cost::default(),
            slots,
            queue: 64 * slots.get(),
            wait: Duration::from_secs(5),
        }
    }
}

/// The handle of the hashing threads; cheap to clone. When the last clone is
/// dropped, the threads finish the hash that they are at and end.
#[derive(Clone)]
pub struct Hasher {
    cost: Argon2Cost,
    entropy: Arc<dyn Entropy>,
    pool: Arc<Pool<Memory>>,
}

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(options: &HasherOptions, entropy: Arc<dyn Entropy>) -> std::io::Result<Self> {
        let cost = options.cost;
        let pool = Pool::start(options.slots, options.queue, options.wait, move || {
            Memory::for_cost(cost)
        })?;
        Ok(Self {
            cost,
            entropy,
            pool: Arc::new(pool),
        })
    }

    /// Hashes a new password under a salt of its own, for somebody in the network `from`;
    /// none is an operator.
    ///
    /// # Errors
    /// [`HashError::Overloaded`], [`HashError::NoMemory`] or [`HashError::Failed`].
    pub async fn hash(
        &self,
        from: Option<&Network>,
        password: Password,
    ) -> Result<PasswordHash, HashError> {
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt);
        let cost = self.cost;
        self.pool
            .run(from, move |memory| {
                argon::hash(&password, salt, cost, memory)
            })
            .await?
    }

    /// Compares a password with a stored hash, for somebody in the network `from`.
    ///
    /// Without one (nobody has that e-mail address, or only somebody who has
    /// no password) the answer is [`Verdict::Mismatch`] and costs what a wrong
    /// password costs: a hash of the configured cost is computed and compared
    /// all the same. A stored hash of another kind or cost takes the time that
    /// it takes, until the next sign-in replaces it.
    ///
    /// # Errors
    /// [`HashError::Unreadable`] when the stored string is none that we can
    /// verify; it costs as much as a hash, too, and is the caller's to log.
    /// [`HashError::Overloaded`], [`HashError::NoMemory`] or [`HashError::Failed`].
    pub async fn verify(
        &self,
        from: Option<&Network>,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let cost = self.cost;
        self.pool
            .run(from, move |memory| {
                stored::verify(&password, stored.as_ref(), cost, memory)
            })
            .await?
    }

    /// What a new hash costs.
    #[must_use]
    pub fn cost(&self) -> Argon2Cost {
        self.cost
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("cost", &self.cost)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

/// Judges a stored hash without a password: its kind, if it is one that
/// [`Hasher::verify`] reads. `configured` is what a new hash costs; a stored one may cost
/// as much whatever the bounds for others are.
///
/// # Errors
/// [`HashError::Unreadable`] when it is of another kind, malformed, or beyond the bounds
/// of memory and work.
pub fn inspect(stored: &PasswordHash, configured: Argon2Cost) -> Result<HashKind, HashError> {
    stored::inspect(stored, configured)
}

/// The kinds of stored hash that are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashKind {
    /// Argon2id, Argon2i or Argon2d in the PHC string format.
    Argon2,
    /// bcrypt, `$2a$`, `$2b$` or `$2y$`.
    Bcrypt,
    /// PBKDF2 with HMAC-SHA-256, as passlib or in the PHC string format.
    Pbkdf2Sha256,
    /// scrypt in the PHC string format.
    Scrypt,
}

/// What the comparison of a password with a stored hash found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Match {
        /// The stored hash is not what [`Hasher::hash`] would make today
        /// (another algorithm, version or cost): replace it.
        outdated: bool,
    },
    /// It is not, or there was nothing to compare with.
    Mismatch,
}

/// Why there is no hash and no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many wait, or it would take too long. Another try a second later may succeed.
    #[error("too many passwords are waiting to be hashed")]
    Overloaded,
    /// The stored string is no hash that we verify. Says what is wrong with
    /// it and never what it holds.
    #[error("the stored password hash {0}")]
    Unreadable(&'static str),
    /// The system has no memory left for it. Another try may succeed.
    #[error("there is no memory for hashing")]
    NoMemory,
    /// The computation ended without a result: a bug that has been logged.
    #[error("hashing failed")]
    Failed,
}

#[cfg(test)]
mod tests;
