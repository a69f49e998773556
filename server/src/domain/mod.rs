//! The rules and the use cases: who may do what, and what it leaves behind.
//!
//! Nothing here knows of HTTP or SQL. Time and randomness come in through [`clock`] and
//! [`entropy`], so that every corner can be tested.

pub mod accounts;
pub mod administration;
mod aead;
pub mod audit;
pub mod clients;
pub mod clock;
pub mod context;
pub mod email;
mod encoding;
pub mod entropy;
pub mod error;
pub mod hasher;
pub mod housekeeping;
pub mod ids;
pub mod keyring;
pub mod keys;
pub mod password;
pub mod password_hash;
pub mod password_rules;
pub mod session;
pub mod sessions;
pub(crate) mod sha256;
pub mod signer;
pub mod status;
mod successor;
pub mod throttle;
pub mod tokens;
pub mod transfer;
pub mod user;
