//! What handlers work with.

use std::sync::Arc;
use std::time::Duration;

use super::client_addr::TrustedProxies;
use super::database_health::DatabaseHealth;
use crate::config::{Config, CorsPolicy, PublicUrl};
use crate::domain::accounts::Accounts;
use crate::domain::clients::Clients;
use crate::domain::clock::{Clock, Timestamp, Unhurried};
use crate::domain::entropy::Entropy;
use crate::domain::sessions::Sessions;
use crate::domain::status::StatusLists;
use crate::storage::SharedStorage;

/// Everything that handlers work with, made once.
pub struct AppState {
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) clients: Clients,
    pub(crate) status_lists: StatusLists,
    pub(crate) health: DatabaseHealth,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: Settings,
}

/// The state as handlers hold it.
pub(crate) type Shared = Arc<AppState>;

/// The use cases, and what they rest upon.
pub struct Services {
    /// The use cases of accounts.
    pub accounts: Accounts,
    /// The use cases of sessions.
    pub sessions: Arc<Sessions>,
    /// The use cases of clients.
    pub clients: Clients,
    /// The database, to ask whether it is there.
    pub storage: SharedStorage,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The time by which things are forgotten.
    pub unhurried: Arc<Unhurried>,
    /// Randomness, for request ids.
    pub entropy: Arc<dyn Entropy>,
}

/// What the HTTP side takes from the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) public_url: PublicUrl,
    pub(crate) issuer: String,
    pub(crate) cors: CorsPolicy,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) request_timeout: Duration,
    /// The largest request body in bytes.
    pub(crate) max_body: u64,
    /// Whether `/docs` and `/openapi.json` are there.
    pub(crate) docs: bool,
}

impl Settings {
    /// The settings of a service that is reached under `public_url` and signs as
    /// `issuer`.
    #[must_use]
    pub fn new(config: &Config, public_url: PublicUrl, issuer: String) -> Self {
        Self {
            cors: CorsPolicy::new(config.server.cors_origins.as_deref(), &public_url),
            trusted_proxies: TrustedProxies::new(config.server.trusted_proxies.clone()),
            request_timeout: config.server.request_timeout,
            max_body: config.server.max_body.bytes(),
            docs: config.server.docs,
            public_url,
            issuer,
        }
    }
}

impl AppState {
    /// The state for these services.
    #[must_use]
    pub fn new(services: Services, settings: Settings) -> Self {
        let status_lists = StatusLists::new(
            Arc::clone(&services.storage),
            Arc::clone(&services.sessions),
            services.unhurried,
        );
        Self {
            status_lists,
            accounts: services.accounts,
            sessions: services.sessions,
            clients: services.clients,
            health: DatabaseHealth::new(services.storage),
            clock: services.clock,
            entropy: services.entropy,
            settings,
        }
    }

    /// The current instant.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
