//! Computing Argon2, by the faster of two implementations that give the same bytes.
//!
//! The `argon2` crate is the definition. `argon2-rust` computes the same in half the time
//! where the processor has vector instructions that it knows (ADR 0012): it picks them when
//! it runs, keeps its memory on huge pages where the kernel gives any, and wipes it. It has
//! not been audited, so it is believed only after it has agreed with the definition, in
//! the tests over thousands of parameters and on the machine at hand before its first hash.

use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use argon2_rust as vector;

use super::HashError;
use super::argon::Argon2Cost;
use crate::domain::password::Password;

/// All that a tag depends on but password and salt.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) params: Params,
}

impl Recipe {
    fn definition(&self) -> Argon2<'static> {
        Argon2::new(self.algorithm, self.version, self.params.clone())
    }

    fn vector(&self, tag_bytes: usize) -> Result<vector::Argon2, vector::Error> {
        let algorithm = match self.algorithm {
            Algorithm::Argon2d => vector::Algorithm::Argon2d,
            Algorithm::Argon2i => vector::Algorithm::Argon2i,
            Algorithm::Argon2id => vector::Algorithm::Argon2id,
        };
        let version = match self.version {
            Version::V0x10 => vector::Version::V0x10,
            Version::V0x13 => vector::Version::V0x13,
        };
        let params = vector::Params::builder()
            .memory(vector::params::Memory::kib(self.params.m_cost().into()))
            .passes(self.params.t_cost())
            .lanes(self.params.p_cost())
            .threads(1)
            .tag_len(vector::params::TagLen::bytes(tag_bytes as u64))
            .build()?;
        Ok(vector::Argon2::new(algorithm, version, params))
    }
}

/// The memory of one hashing thread, kept from hash to hash and wiped after
/// each: what Argon2 leaves behind lets a guess be tested for far less than
/// the cost of a hash.
pub(super) struct Memory {
    /// In blocks of 1 KiB. A hash that takes more gets memory of its own, which is given
    /// back after it.
    kept: usize,
    engine: Engine,
}

enum Engine {
    Vector(vector::Hasher),
    Definition(Vec<Block>),
}

impl Memory {
    /// The memory for hashes of this cost. It is asked for now, so that there is no lack of
    /// it later, and taken with the first hash. What cannot be had is asked for again then.
    pub(super) fn for_cost(cost: Argon2Cost) -> Self {
        if *VECTOR {
            Self::vector(cost)
        } else {
            Self::definition(cost)
        }
    }

    fn vector(cost: Argon2Cost) -> Self {
        let mut hasher = vector::Argon2::new(
            vector::Algorithm::Argon2id,
            vector::Version::V0x13,
            vector::Params::default(),
        )
        .hasher();
        let recipe = cost.recipe();
        if let Some(argon2) = recipe
            .ok()
            .and_then(|recipe| recipe.vector(super::argon::TAG_BYTES).ok())
        {
            hasher.set_argon2(argon2);
        }
        Self::reserved(cost, hasher.reserve().is_ok(), Engine::Vector(hasher))
    }

    fn definition(cost: Argon2Cost) -> Self {
        let mut blocks = Vec::new();
        let got = reserve(&mut blocks, block_count(cost)).is_ok();
        Self::reserved(cost, got, Engine::Definition(blocks))
    }

    fn reserved(cost: Argon2Cost, got: bool, engine: Engine) -> Self {
        if !got {
            tracing::warn!(%cost, "there is no memory for hashing as yet");
        }
        Self {
            kept: block_count(cost),
            engine,
        }
    }

    /// Computes the tag of a password under a salt. What was written for it is wiped,
    /// whatever comes of it.
    pub(super) fn compute(
        &mut self,
        recipe: &Recipe,
        password: &Password,
        salt: &[u8],
        tag: &mut [u8],
    ) -> Result<(), HashError> {
        let password = password.as_str().as_bytes();
        let is_kept = recipe.params.block_count() <= self.kept;
        match &mut self.engine {
            Engine::Vector(hasher) => {
                let argon2 = recipe.vector(tag.len()).map_err(failure)?;
                let data = recipe.params.data();
                if is_kept {
                    hasher.set_argon2(argon2);
                    hasher.hash_into_with_ad(password, salt, &[], data, tag)
                } else {
                    argon2.hash_into_with_ad(password, salt, &[], data, tag)
                }
                .map_err(failure)
            }
            Engine::Definition(blocks) if is_kept => define(recipe, blocks, password, salt, tag),
            Engine::Definition(_) => define(recipe, &mut Vec::new(), password, salt, tag),
        }
    }

    /// How many blocks are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        match &self.engine {
            Engine::Vector(hasher) => hasher.reserved_blocks(),
            Engine::Definition(blocks) => blocks.capacity(),
        }
    }
}

/// Computes by the definition.
fn define(
    recipe: &Recipe,
    blocks: &mut Vec<Block>,
    password: &[u8],
    salt: &[u8],
    tag: &mut [u8],
) -> Result<(), HashError> {
    let needed = recipe.params.block_count();
    if blocks.len() < needed {
        reserve(blocks, needed)?;
        blocks.resize(needed, Block::new());
    }
    let blocks = blocks.get_mut(..needed).ok_or(HashError::Failed)?;
    let result = recipe
        .definition()
        .hash_password_into_with_memory(password, salt, tag, &mut *blocks)
        .map_err(|_| HashError::Failed);
    blocks.fill(Block::new());
    std::hint::black_box(&blocks);
    result
}

fn reserve(blocks: &mut Vec<Block>, needed: usize) -> Result<(), HashError> {
    let missing = needed.saturating_sub(blocks.len());
    blocks
        .try_reserve_exact(missing)
        .map_err(|_| HashError::NoMemory)
}

fn block_count(cost: Argon2Cost) -> usize {
    cost.params().map_or(0, |params| params.block_count())
}

fn failure(error: vector::Error) -> HashError {
    match error {
        vector::Error::MemoryAllocationError => HashError::NoMemory,
        _ => HashError::Failed,
    }
}

/// Whether `argon2-rust` computes: it has instructions for this processor, and agrees with
/// the definition on it.
static VECTOR: LazyLock<bool> = LazyLock::new(|| {
    if vector::detected_backend() == vector::Backend::Scalar {
        return false;
    }
    let agrees = agrees();
    if !agrees {
        tracing::error!(
            instructions = %vector::detected_backend(),
            "the fast Argon2 is wrong on this processor: the slow one computes; please report it"
        );
    }
    agrees
});

/// Tries both with every kind of Argon2 on a little memory: a millisecond in all.
fn agrees() -> bool {
    let one = |algorithm, version, lanes| {
        // Two passes in four slices reach every branch of the computation.
        let params = Params::new(64 * lanes, 2, lanes, Some(32)).ok()?;
        let recipe = Recipe {
            algorithm,
            version,
            params,
        };
        let (password, salt) = (b"an ordinary password", b"an ordinary salt");
        let (mut expected, mut tag) = ([0; 32], [0; 32]);
        define(&recipe, &mut Vec::new(), password, salt, &mut expected).ok()?;
        recipe
            .vector(tag.len())
            .ok()?
            .hash_into(password, salt, &mut tag)
            .ok()?;
        Some(tag == expected)
    };
    [Algorithm::Argon2id, Algorithm::Argon2i, Algorithm::Argon2d]
        .into_iter()
        .flat_map(|algorithm| [Version::V0x13, Version::V0x10].map(|version| (algorithm, version)))
        .flat_map(|(algorithm, version)| [1, 2].map(|lanes| (algorithm, version, lanes)))
        .all(|(algorithm, version, lanes)| one(algorithm, version, lanes) == Some(true))
}

#[cfg(test)]
mod tests;
