//! Argon2: making new hashes and judging those of stored strings. What a string means is
//! what the `argon2` crate says; `engine` computes.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Params, Version};

use super::HashError;
use super::engine::{Memory, Recipe};
use crate::domain::password::Password;
use crate::domain::password_hash::PasswordHash;

/// Random bytes in the salt of a new hash (RFC 9106 section 3.1).
pub(super) const SALT_BYTES: usize = 16;

/// Bytes in a new hash.
pub(super) const TAG_BYTES: usize = 32;

/// What one Argon2id hash costs.
///
/// The default is the first of the equally strong choices of the OWASP
/// Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Argon2Cost {
    /// A cost of `memory_kib` KiB (`m`), `passes` passes over it (`t`) in
    /// `lanes` lanes (`p`).
    ///
    /// # Errors
    /// When Argon2 does not define it, or it is beyond 4 GiB, 1024 passes or
    /// 64 lanes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CostError> {
        if !(1..=MAX_LANES).contains(&lanes) {
            return Err(CostError::Lanes);
        }
        if !(8 * lanes..=MAX_CONFIGURED_MEMORY_KIB).contains(&memory_kib) {
            return Err(CostError::Memory { least: 8 * lanes });
        }
        if !(1..=MAX_CONFIGURED_PASSES).contains(&passes) {
            return Err(CostError::Passes);
        }
        Ok(Self {
            memory_kib,
            passes,
            lanes,
        })
    }

    /// Memory of one hash in KiB, `m`.
    #[must_use]
    pub fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory, `t`.
    #[must_use]
    pub fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes, `p`. We compute them one after the other.
    #[must_use]
    pub fn lanes(self) -> u32 {
        self.lanes
    }

    pub(super) fn params(self) -> Result<Params, HashError> {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(TAG_BYTES))
            .map_err(|_| HashError::Failed)
    }

    /// What computes a new hash of this cost.
    pub(super) fn recipe(self) -> Result<Recipe, HashError> {
        Ok(Recipe {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: self.params()?,
        })
    }
}

impl Default for Argon2Cost {
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            passes: 2,
            lanes: 1,
        }
    }
}

impl fmt::Display for Argon2Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            memory_kib,
            passes,
            lanes,
        } = self;
        write!(f, "m={memory_kib},t={passes},p={lanes}")
    }
}

/// Most lanes of a configured or a stored hash.
const MAX_LANES: u32 = 64;
/// Most memory of a configured hash: 4 GiB.
const MAX_CONFIGURED_MEMORY_KIB: u32 = 4 << 20;
/// Most passes of a configured hash.
const MAX_CONFIGURED_PASSES: u32 = 1024;

/// Why a cost cannot be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// `p` is out of range.
    #[error("the Argon2 lanes must be 1 to {MAX_LANES}")]
    Lanes,
    /// `m` is out of range.
    #[error("the Argon2 memory must be {least} to {MAX_CONFIGURED_MEMORY_KIB} KiB")]
    Memory {
        /// The least for the given lanes: 8 KiB each.
        least: u32,
    },
    /// `t` is out of range.
    #[error("the Argon2 passes must be 1 to {MAX_CONFIGURED_PASSES}")]
    Passes,
}

/// A stored Argon2 string, parsed and found affordable.
pub(super) struct StoredArgon2 {
    recipe: Recipe,
    salt: phc::Salt,
    tag: phc::Output,
}

/// Most memory of a stored hash whose cost is not the configured one: 256 MiB,
/// which is what libsodium calls moderate.
const MAX_STORED_MEMORY_KIB: u64 = 256 << 10;
/// Most work of such a hash: 1 GiB written, one to two seconds of a core.
const MAX_STORED_WORK_KIB: u64 = 1 << 20;

impl StoredArgon2 {
    /// Parses a PHC string. Parameters must be complete, in order and once
    /// each. A string without a version is of version 16, as in the reference
    /// implementation. Costs beyond the bounds above are refused unless they
    /// are the `configured` ones, so that one edited row cannot take the
    /// memory or a thread away from everybody else.
    pub(super) fn parse(stored: &str, configured: Argon2Cost) -> Result<Self, HashError> {
        const MALFORMED: HashError = HashError::Unreadable("is a malformed Argon2 string");

        let hash = phc::PasswordHash::new(stored).map_err(|_| MALFORMED)?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| MALFORMED)?;
        let version = Version::try_from(hash.version.unwrap_or(Version::V0x10.into()))
            .map_err(|_| MALFORMED)?;
        let params = Params::try_from(&hash).map_err(|_| MALFORMED)?;
        // The parser fills in defaults and lets the last of two win.
        if phc::ParamsString::try_from(&params).ok() != Some(hash.params) {
            return Err(MALFORMED);
        }
        let (Some(salt), Some(tag)) = (hash.salt, hash.hash) else {
            return Err(MALFORMED);
        };

        let recipe = Recipe {
            algorithm,
            version,
            params,
        };
        let parsed = Self { recipe, salt, tag };
        if parsed.cost() != configured && !parsed.is_affordable() {
            return Err(HashError::Unreadable(
                "asks for more memory or work than we give",
            ));
        }
        Ok(parsed)
    }

    /// Whether the password has this hash. Compares in constant time.
    pub(super) fn matches(
        &self,
        password: &Password,
        memory: &mut Memory,
    ) -> Result<bool, HashError> {
        let mut tag = [0; phc::Output::MAX_LENGTH];
        let tag = tag.get_mut(..self.tag.len()).ok_or(HashError::Failed)?;
        memory.compute(&self.recipe, password, &self.salt, tag)?;
        let tag = phc::Output::new(tag).map_err(|_| HashError::Failed)?;
        Ok(tag == self.tag)
    }

    /// Whether [`hash`] would make another kind of string today.
    pub(super) fn is_outdated(&self, configured: Argon2Cost) -> bool {
        self.recipe.algorithm != Algorithm::Argon2id
            || self.recipe.version != Version::V0x13
            || self.cost() != configured
            || self.salt.len() < SALT_BYTES
            || self.tag.len() != TAG_BYTES
            || !self.recipe.params.data().is_empty()
    }

    fn cost(&self) -> Argon2Cost {
        let params = &self.recipe.params;
        Argon2Cost {
            memory_kib: params.m_cost(),
            passes: params.t_cost(),
            lanes: params.p_cost(),
        }
    }

    fn is_affordable(&self) -> bool {
        let cost = self.cost();
        let memory = u64::from(cost.memory_kib);
        memory <= MAX_STORED_MEMORY_KIB
            && memory * u64::from(cost.passes) <= MAX_STORED_WORK_KIB
            && cost.lanes <= MAX_LANES
    }
}

/// Makes a new hash.
pub(super) fn hash(
    password: &Password,
    salt: [u8; SALT_BYTES],
    cost: Argon2Cost,
    memory: &mut Memory,
) -> Result<PasswordHash, HashError> {
    let recipe = cost.recipe()?;
    let mut tag = [0; TAG_BYTES];
    memory.compute(&recipe, password, &salt, &mut tag)?;

    let string = phc::PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: phc::ParamsString::try_from(&recipe.params).map_err(|_| HashError::Failed)?,
        salt: Some(phc::Salt::new(&salt).map_err(|_| HashError::Failed)?),
        hash: Some(phc::Output::new(&tag).map_err(|_| HashError::Failed)?),
    };
    Ok(PasswordHash::new(string.to_string()))
}

/// Computes a hash of the configured cost that no password has.
pub(super) fn waste_a_hash(
    password: &Password,
    cost: Argon2Cost,
    memory: &mut Memory,
) -> Result<(), HashError> {
    let mut tag = [0; TAG_BYTES];
    memory.compute(&cost.recipe()?, password, &[0; SALT_BYTES], &mut tag)?;
    // Keeps the optimiser from finding out that nobody reads the result.
    std::hint::black_box(tag);
    Ok(())
}
