//! From the URL to a connection.
//!
//! Connections of the pool carry limits that the server enforces; they are sent with the
//! connection's start, where the URL's own `options` come later and win. The connection
//! that migrates has no such limits.
//!
//! Every connection works in the schema where the tables are, whatever the role is called.

use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::refused::Refused;
use super::tls::{Tls, TlsError};
use crate::config::{PostgresUrl, SslMode};

/// For how long an address is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For how long all addresses together are tried, and the server's answers waited for.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// For how long a connection is silent before it is asked whether it still is there, and
/// for how long what was sent may stay unacknowledged.
const SILENCE: Duration = Duration::from_secs(30);

/// What the server ends by itself, so that nothing of ours holds a lock for longer even
/// when nobody here is left to let go of it.
///
/// The isolation is the one for which the locks of the units of work are chosen, whatever
/// the database or the role has been set to.
const LIMITS: &str = "-c statement_timeout=10s -c lock_timeout=5s \
     -c idle_in_transaction_session_timeout=30s \
     -c default_transaction_isolation=read\\ committed";

/// An answer of 2xx means that it is on disk, also where the database or the role has been
/// set to answer before. Any other setting is the server's business.
const DURABLE: &str = "SELECT pg_catalog.set_config('synchronous_commit', 'on', false) \
     WHERE pg_catalog.current_setting('synchronous_commit') = 'off'";

/// Puts the schema first that has the tables, where another one of the search path is in
/// front of it.
///
/// With the default path, `"$user", public`, the first schema depends on the role: one of
/// that name may have been made beside the predecessor's `public`, and the role that
/// migrates may be another than the one that serves.
const AT_HOME: &str = "SELECT pg_catalog.set_config('search_path', \
         pg_catalog.quote_ident(n.nspname) || ', ' || pg_catalog.current_setting('search_path'), false) \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.oid = coalesce(pg_catalog.to_regclass('latchkey_migrations'), pg_catalog.to_regclass('users')) \
     AND n.nspname <> pg_catalog.current_schema() AND n.nspname !~ '^pg_'";

/// What connects to the server of a URL.
#[derive(Clone)]
pub(in crate::storage) struct Connector {
    config: Config,
    tls: Tls,
}

impl Connector {
    /// Reads what the URL names: certificates.
    pub(in crate::storage) fn new(url: &PostgresUrl) -> Result<Self, TlsError> {
        warn_of_weak_tls(url);
        Ok(Self {
            config: completed(url.server()),
            tls: Tls::new(url.tls())?,
        })
    }

    /// A connection outside of the pool, without limits.
    pub(in crate::storage) async fn connect(&self) -> Result<Client, Refused> {
        let connecting = async {
            let (client, _) = open(&self.config, &self.tls).await?;
            client.batch_execute(AT_HOME).await?;
            Ok(client)
        };
        match timeout(OPEN_TIMEOUT, connecting).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(Refused::new(&self.config, error)),
            Err(_) => Err(Refused::timed_out(&self.config)),
        }
    }

    /// The configuration of the connections in the pool.
    pub(super) fn limited(&self) -> Config {
        let mut config = self.config.clone();
        let options = match config.get_options() {
            Some(own) => format!("{LIMITS} {own}"),
            None => LIMITS.to_owned(),
        };
        config.options(options);
        config
    }
}

/// How the pool connects.
impl Connect for Connector {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let config = config.clone();
        Box::pin(async move {
            let (client, task) = open(&config, &self.tls).await?;
            client
                .batch_execute(&format!("{DURABLE}; {AT_HOME}"))
                .await?;
            Ok((client, task))
        })
    }
}

async fn open(config: &Config, tls: &Tls) -> Result<(Client, JoinHandle<()>), Error> {
    match tls {
        Tls::Off => {
            let (client, connection) = config.connect(NoTls).await?;
            Ok((client, tokio::spawn(drive(connection))))
        }
        Tls::On(tls) => {
            let (client, connection) = config.connect(tls.clone()).await?;
            Ok((client, tokio::spawn(drive(connection))))
        }
    }
}

/// Moves the bytes until the client is dropped or the server is gone.
async fn drive(connection: impl Future<Output = Result<(), Error>> + Send) {
    if let Err(error) = connection.await {
        let error = super::error::Shown(error);
        tracing::warn!(%error, "a connection to PostgreSQL was lost");
    }
}

/// What the URL leaves open.
fn completed(config: &Config) -> Config {
    let mut config = config.clone();
    if config.get_application_name().is_none() {
        config.application_name("latchkey");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    // The driver's defaults are those of the system, where a dead peer is noticed after
    // two hours.
    if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        config.keepalives_idle(SILENCE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(Duration::from_secs(5));
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(3);
    }
    config
}

fn warn_of_weak_tls(url: &PostgresUrl) {
    if url.is_local() {
        return;
    }
    match url.tls().mode {
        SslMode::Disable | SslMode::Prefer => tracing::warn!(
            "the connection to PostgreSQL at another machine may be read and changed on the \
             way: sslmode={} in database.url",
            url.tls().mode.as_str()
        ),
        SslMode::Require => tracing::warn!(
            "the connection to PostgreSQL is encrypted, but to whomever answers: \
             sslmode=require in database.url; verify-full checks who it is"
        ),
        SslMode::VerifyCa | SslMode::VerifyFull => {}
    }
}

/// Where the server is, for a person.
pub(super) fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = config.get_hosts().iter().map(shown).collect();
    let addresses = config.get_hostaddrs().iter().map(ToString::to_string);
    let names = if hosts.is_empty() {
        addresses.collect()
    } else {
        hosts
    };
    let places: Vec<String> = names
        .into_iter()
        .enumerate()
        .map(|(at, name)| {
            let port = ports.get(at).or_else(|| ports.first()).unwrap_or(&5432);
            format!("{name}:{port}")
        })
        .collect();
    places.join(", ")
}

fn shown(host: &Host) -> String {
    match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]"),
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    }
}
