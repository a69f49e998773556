//! The configuration: what an operator can set, and what holds if they do not.
//!
//! Layers, each over the one before: defaults, `config.toml`, `.env`, the
//! environment, flags. [`load`] reads them all; of each value it knows the
//! place, which errors and `latchkey config show` name. An unknown key is an
//! error that names the nearest known one ([`keys`]).
//!
//! One file per section; newtypes hold what a plain string or number could get
//! wrong, so that nothing is checked again further in.

mod algorithm;
mod audit;
mod cors;
mod database;
#[cfg(test)]
mod documented;
mod dotenv;
pub mod duration;
mod effective;
mod error;
mod file;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod keys;
mod load;
mod passwords;
mod postgres_url;
mod predecessor;
mod public_url;
mod rate_limits;
mod secret;
mod secret_files;
mod server;
mod setting;
mod size;
#[cfg(test)]
mod tests;
mod tokens;
mod validate;
mod variables;
mod weak_secrets;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

pub use self::{
    algorithm::{Algorithm, AlgorithmChoice},
    audit::Audit,
    cors::{CorsOrigin, CorsPolicy},
    database::{Database, DatabaseUrl},
    effective::{Effective, effective},
    error::ConfigError,
    load::{Loaded, Sources, load},
    passwords::{Argon2Cost, Passwords, PolicyChoice},
    postgres_url::{ClientCertificate, PostgresUrl, SslMode, TlsSettings},
    public_url::PublicUrl,
    rate_limits::RateLimits,
    secret::{REDACTED, Secret},
    server::{Server, parse_listen},
    setting::{Origin, Setting},
    size::ByteSize,
    tokens::Tokens,
};

/// `config.toml` of the repository: every key with its default, what it does,
/// and the variable that sets it.
pub const DOCUMENTED_DEFAULT: &str = include_str!("../../../config.toml");

/// Everything that can be configured, with its defaults filled in.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The listener and what surrounds a request.
    pub server: Server,
    /// Where the users are.
    pub database: Database,
    /// What is signed, with what, and for how long.
    pub tokens: Tokens,
    /// Which passwords are taken, and what hashing one costs.
    pub passwords: Passwords,
    /// How often something may be tried.
    pub rate_limits: RateLimits,
    /// What is kept of who did what.
    pub audit: Audit,
}

impl Config {
    /// The origin under which clients reach the service: `server.public_url`,
    /// or `http://` and the address that is really listened on.
    #[must_use]
    pub fn public_url(&self, local_address: SocketAddr) -> PublicUrl {
        self.server
            .public_url
            .clone()
            .unwrap_or_else(|| PublicUrl::of_listener(local_address))
    }

    /// The `iss` claim: `tokens.issuer`, or the public URL.
    #[must_use]
    pub fn issuer(&self, local_address: SocketAddr) -> String {
        self.tokens
            .issuer
            .clone()
            .unwrap_or_else(|| self.public_url(local_address).as_str().to_owned())
    }
}
