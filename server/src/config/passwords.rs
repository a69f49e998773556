//! `[passwords]`: which are taken, and what hashing one costs.

use std::{num::NonZeroUsize, thread, time::Duration};

use latchkey_verifier::policy::PasswordPolicy;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use super::duration;
use crate::domain::hasher::{self, HasherOptions};

/// The `[passwords]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Passwords {
    /// Which passwords are taken.
    pub policy: PolicyChoice,
    /// Whether a hash of another kind than Argon2id (the predecessor's bcrypt)
    /// is replaced at the next sign-in. `false` keeps the way back open.
    pub upgrade_foreign: bool,
    /// What one hash costs.
    pub argon2: Argon2Cost,
    /// How many hashes are computed at once. Use [`Passwords::slots`].
    pub hashing_slots: Option<NonZeroUsize>,
    /// How many more may wait; beyond that the answer is 503.
    pub hashing_queue: usize,
    /// How long one may wait; beyond that the answer is 503, too.
    #[serde(with = "duration")]
    pub hashing_wait: Duration,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            policy: PolicyChoice::default(),
            upgrade_foreign: true,
            argon2: Argon2Cost::default(),
            hashing_slots: None,
            hashing_queue: 128,
            hashing_wait: Duration::from_secs(5),
        }
    }
}

impl Passwords {
    /// How many hashes are computed at once: one per core unless it is set.
    #[must_use]
    pub fn slots(&self) -> NonZeroUsize {
        self.hashing_slots
            .or_else(|| thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN)
    }

    /// How the hasher is to be built.
    ///
    /// # Errors
    /// None after [`load`](super::load), which checks the cost.
    pub fn hasher_options(&self) -> Result<HasherOptions, hasher::CostError> {
        let Argon2Cost { m, t, p } = self.argon2;
        Ok(HasherOptions {
            cost: hasher::Argon2Cost::new(m, t, p)?,
            slots: self.slots(),
            queue: self.hashing_queue,
            wait: self.hashing_wait,
        })
    }
}

/// Argon2id's cost (RFC 9106 section 3.1), with the letters that PHC strings
/// use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Argon2Cost {
    /// Memory in KiB.
    pub m: u32,
    /// Passes over it.
    pub t: u32,
    /// Lanes.
    pub p: u32,
}

impl Default for Argon2Cost {
    fn default() -> Self {
        Self {
            m: 19_456,
            t: 2,
            p: 1,
        }
    }
}

impl Argon2Cost {
    /// Whether it is cheaper than every set of costs that OWASP's password
    /// storage guide calls equally strong.
    #[must_use]
    pub fn is_below_recommendation(self) -> bool {
        const EQUALLY_STRONG: [(u32, u32); 5] = [
            (47_104, 1),
            (19_456, 2),
            (12_288, 3),
            (9_216, 4),
            (7_168, 5),
        ];
        !EQUALLY_STRONG
            .iter()
            .any(|(m, t)| self.m >= *m && self.t >= *t)
    }
}

/// What `passwords.policy` says.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum PolicyChoice {
    /// `"default"`: the predecessor's rule, and no common passwords.
    #[default]
    Default,
    /// `"nist"`: SP 800-63B-4.
    Nist,
    /// A policy of one's own; what it leaves out is as in the default.
    Own(PasswordPolicy),
}

impl PolicyChoice {
    /// The policy that it means.
    #[must_use]
    pub fn policy(&self) -> PasswordPolicy {
        match self {
            Self::Default => PasswordPolicy::default(),
            Self::Nist => PasswordPolicy::nist(),
            Self::Own(policy) => policy.clone(),
        }
    }
}

impl Serialize for PolicyChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Default => serializer.serialize_str("default"),
            Self::Nist => serializer.serialize_str("nist"),
            Self::Own(policy) => policy.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PolicyChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) if name == "default" => Ok(Self::Default),
            Value::String(name) if name == "nist" => Ok(Self::Nist),
            // Unknown members are found with all other unknown keys.
            table @ Value::Object(_) => serde_json::from_value(table)
                .map(Self::Own)
                .map_err(D::Error::custom),
            other => Err(D::Error::custom(format!(
                "{other} is not \"default\", \"nist\" or a table of rules"
            ))),
        }
    }
}
