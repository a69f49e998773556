//! Argon2: making new hashes and computing those of stored strings.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::HashError;
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

    fn params(self) -> Result<Params, HashError> {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(TAG_BYTES))
            .map_err(|_| HashError::Failed)
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
    algorithm: Algorithm,
    version: Version,
    params: Params,
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

        let parsed = Self {
            algorithm,
            version,
            params,
            salt,
            tag,
        };
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
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        memory.compute(&argon2, password, &self.salt, tag)?;
        let tag = phc::Output::new(tag).map_err(|_| HashError::Failed)?;
        Ok(tag == self.tag)
    }

    /// Whether [`hash`] would make another kind of string today.
    pub(super) fn is_outdated(&self, configured: Argon2Cost) -> bool {
        self.algorithm != Algorithm::Argon2id
            || self.version != Version::V0x13
            || self.cost() != configured
            || self.salt.len() < SALT_BYTES
            || self.tag.len() != TAG_BYTES
            || !self.params.data().is_empty()
    }

    fn cost(&self) -> Argon2Cost {
        Argon2Cost {
            memory_kib: self.params.m_cost(),
            passes: self.params.t_cost(),
            lanes: self.params.p_cost(),
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
    let params = cost.params()?;
    let mut tag = [0; TAG_BYTES];
    memory.compute(&Argon2::from(&params), password, &salt, &mut tag)?;

    let string = phc::PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: phc::ParamsString::try_from(&params).map_err(|_| HashError::Failed)?,
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
    memory.compute(
        &Argon2::from(&cost.params()?),
        password,
        &[0; SALT_BYTES],
        &mut tag,
    )?;
    // Keeps the optimiser from finding out that nobody reads the result.
    std::hint::black_box(tag);
    Ok(())
}

/// The memory of one hashing thread, kept from hash to hash and wiped after
/// each: what Argon2 leaves behind lets a guess be tested for far less than
/// the cost of a hash.
pub(super) struct Memory {
    /// In blocks of 1 KiB, kept between hashes; more is given back.
    kept: usize,
    blocks: Vec<Block>,
}

/// Kept in any case, in KiB, however little new hashes cost: 32 MiB. Pieces up to that size
/// glibc does not return to the system but holds on to, several for each thread that asks
/// for one again and again. What is larger is a mapping of its own, and gone when it is
/// given back.
const ALWAYS_KEPT: usize = 32 << 10;

impl Memory {
    /// The memory for hashes of this cost. It is asked for now, so that there is no lack of
    /// it later, and taken with the first hash. What cannot be had is asked for again then.
    pub(super) fn for_cost(cost: Argon2Cost) -> Self {
        let needed = cost.params().map_or(0, |params| params.block_count());
        let mut memory = Self {
            kept: needed.max(ALWAYS_KEPT),
            blocks: Vec::new(),
        };
        if memory.reserve(needed).is_err() {
            tracing::warn!(%cost, "there is no memory for hashing as yet");
        }
        memory
    }

    /// Where it is, and how much it is.
    #[cfg(test)]
    pub(super) fn place(&self) -> (*const Block, usize) {
        (self.blocks.as_ptr(), self.blocks.capacity())
    }

    fn reserve(&mut self, blocks: usize) -> Result<(), HashError> {
        let missing = blocks.saturating_sub(self.blocks.len());
        self.blocks
            .try_reserve_exact(missing)
            .map_err(|_| HashError::NoMemory)
    }

    fn compute(
        &mut self,
        argon2: &Argon2<'_>,
        password: &Password,
        salt: &[u8],
        tag: &mut [u8],
    ) -> Result<(), HashError> {
        let needed = argon2.params().block_count();
        if self.blocks.len() < needed {
            self.reserve(needed)?;
            self.blocks.resize(needed, Block::new());
        }
        let blocks = self.blocks.get_mut(..needed).ok_or(HashError::Failed)?;
        let result = argon2
            .hash_password_into_with_memory(password.as_str().as_bytes(), salt, tag, &mut *blocks)
            .map_err(|_| HashError::Failed);
        blocks.fill(Block::new());
        std::hint::black_box(&blocks);
        if needed > self.kept {
            self.blocks.truncate(self.kept);
            self.blocks.shrink_to_fit();
        }
        result
    }
}
