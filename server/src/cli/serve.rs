//! `latchkey serve`: the service itself.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::background::Background;
use super::{Context, descriptors, output, runtime};
use crate::app::App;
use crate::assets::HAS_VERIFIER_PACKAGE;
use crate::config::{Config, Origin, PublicUrl, Setting, parse_listen};
use crate::domain::accounts::Accounts;
use crate::domain::clients::Clients;
use crate::domain::clock::{Clock, SharedClock, SystemClock, Timestamp, Unhurried};
use crate::domain::entropy::{Entropy, SystemEntropy};
use crate::domain::hasher::Hasher;
use crate::domain::housekeeping::Housekeeping;
use crate::domain::keyring::Keyring;
use crate::domain::keys::KeySettings;
use crate::domain::password_rules::PasswordRules;
use crate::domain::sessions::Sessions;
use crate::domain::throttle::{Throttle, ThrottleRules};
use crate::domain::tokens::TokenRules;
use crate::http::{AppState, Ended, Services, Settings};
use crate::logging::LogFormat;
use crate::storage::{self, OpenOptions, Pending, SharedStorage};

/// The options of `serve`.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(super) struct Serve {
    /// Listen here, on 127.0.0.1:8000 by default; port 0 lets the system choose
    #[arg(long, value_name = "ADDR", value_parser = parse_listen)]
    listen: Option<SocketAddr>,
    /// Refuse to start when migrations are pending, instead of applying them
    #[arg(long)]
    no_migrate: bool,
    /// How log lines look, text by default
    #[arg(long, value_name = "text|json", hide_possible_values = true)]
    log_format: Option<LogFormat>,
}

impl Serve {
    /// These options and, where they say nothing, the others: they may stand before the
    /// word `serve` or after it.
    pub(super) fn or(self, others: &Self) -> Self {
        Self {
            listen: self.listen.or(others.listen),
            no_migrate: self.no_migrate || others.no_migrate,
            log_format: self.log_format.or(others.log_format),
        }
    }

    /// How log lines look.
    pub(super) fn log_format(&self) -> LogFormat {
        self.log_format.unwrap_or_default()
    }

    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let config = cx.load_with(self.settings())?.config;
        for warning in config.check_for_serving()? {
            tracing::warn!("{warning}");
        }
        if !HAS_VERIFIER_PACKAGE {
            tracing::info!(
                "built without the verifier package: pages do not judge passwords as one types; \
                 `cargo xtask run` builds and embeds it"
            );
        }
        runtime::service(serve(config))
    }

    /// What the flags set, above every other layer.
    fn settings(&self) -> Vec<Setting> {
        let listen = self.listen.map(|address| {
            Setting::new(
                "server.listen",
                address.to_string(),
                Origin::flag("--listen"),
            )
        });
        let migrate = self.no_migrate.then(|| {
            Setting::new(
                "database.migrate_on_start",
                false,
                Origin::flag("--no-migrate"),
            )
        });
        listen.into_iter().chain(migrate).collect()
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    descriptors::make_room(&config);
    let app = App::bind(&config).await.with_context(|| {
        format!(
            "cannot listen on {}; choose another address with --listen or server.listen",
            config.server.listen
        )
    })?;
    let address = app.local_addr();
    let storage = open_storage(&config, SystemClock.now()).await?;
    let shared = Arc::new(SharedClock::new(Arc::new(SystemClock)));
    let asked = shared.compare(storage.now()).await;
    asked.context("cannot ask the database for the time")?;
    let clock: Arc<dyn Clock> = Arc::<SharedClock>::clone(&shared);
    let (issuer, public_url) = (config.issuer(address), config.public_url(address));
    let services = services(&config, issuer, &public_url, &storage, &clock).await?;
    let background = in_the_background(&services, shared, config.audit.keep);
    let settings = Settings::new(&config, config.public_url(address), config.issuer(address));
    let state = Arc::new(AppState::new(services, settings));

    let (stop, end) = signals().context("cannot listen for signals")?;
    if output::line(&format!("listening on http://{address}")).is_err() {
        tracing::warn!("nobody reads standard output; listening on http://{address} all the same");
    }
    let mut broken = pin!(storage.broken().fuse());
    let mut problem = None;
    let stop = async {
        tokio::select! {
            () = stop => {}
            said = &mut broken => problem = Some(said),
        }
    };
    let ended = app.run(state, stop, end).await;

    drop(background);
    // It may also have come to that while requests were running.
    if let Some(problem) = problem.or_else(|| broken.now_or_never()) {
        storage.close().await;
        anyhow::bail!(problem);
    }
    match ended {
        Ended::Drained => {
            storage.close().await;
            tracing::info!("stopped; every request was answered");
        }
        // What was answered is on disk already, and whoever sent the second signal has
        // no time.
        Ended::CutShort => tracing::warn!("stopped while requests were running"),
    }
    Ok(())
}

async fn open_storage(config: &Config, now: Timestamp) -> anyhow::Result<SharedStorage> {
    let database = &config.database;
    let options = OpenOptions {
        pool: database.pool,
        pending: if database.migrate_on_start {
            Pending::Apply
        } else {
            Pending::Refuse
        },
        now,
    };
    storage::open(&database.url, options)
        .await
        .with_context(|| format!("cannot open the database {}", database.url))
}

/// The use cases upon `storage`, with the keys and threads that they need.
async fn services(
    config: &Config,
    issuer: String,
    public_url: &PublicUrl,
    storage: &SharedStorage,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Services> {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let keyring = Keyring::open(
        Arc::clone(storage),
        Arc::new(KeySettings::new(&config.tokens)),
        Arc::clone(&entropy),
        clock.now(),
    )
    .await
    .context("cannot use the signing keys")?;
    let sessions = Arc::new(Sessions::new(
        Arc::clone(storage),
        Arc::new(keyring),
        TokenRules::new(issuer, public_url.as_str(), &config.tokens),
        Arc::clone(&entropy),
    ));
    let hasher = Hasher::start(&config.passwords.hasher_options()?, Arc::clone(&entropy))
        .context("cannot start the threads that hash passwords")?;
    let accounts = Accounts::new(
        Arc::clone(storage),
        Arc::clone(&sessions),
        hasher,
        PasswordRules::new(config.passwords.policy.policy()),
        Throttle::new(Arc::clone(storage), ThrottleRules::of(&config.rate_limits)),
        config.passwords.upgrade_foreign,
        Arc::clone(&entropy),
    );
    Ok(Services {
        accounts,
        sessions,
        clients: Clients::new(Arc::clone(storage), Arc::clone(&entropy)),
        storage: Arc::clone(storage),
        clock: Arc::clone(clock),
        unhurried: Arc::new(Unhurried::new(clock.now())),
        entropy,
    })
}

/// Keeps the keys fresh, the house in order and the clock right until it is dropped.
fn in_the_background(
    services: &Services,
    shared: Arc<SharedClock>,
    keep_audit: Duration,
) -> Background {
    let storage = Arc::clone(&services.storage);
    let keyring = Arc::clone(services.sessions.keyring());
    let clock = Arc::clone(&services.clock);
    let housekeeping = Arc::new(Housekeeping::new(
        Arc::clone(&services.storage),
        &services.sessions,
        Arc::clone(&clock),
        Arc::clone(&services.unhurried),
        Arc::clone(&services.entropy),
        keep_audit,
    ));
    let mut background = Background::default();
    background.keep("reading the signing keys", move || {
        let (keyring, clock) = (Arc::clone(&keyring), Arc::clone(&clock));
        async move { keyring.watch(&*clock).await }
    });
    background.keep("housekeeping", move || {
        let housekeeping = Arc::clone(&housekeeping);
        async move { housekeeping.run().await }
    });
    background.keep("comparing the clocks", move || {
        let (shared, storage) = (Arc::clone(&shared), Arc::clone(&storage));
        async move { shared.watch(|| storage.now()).await }
    });
    background
}

/// Two futures: the first signal asks for an orderly end, the second for one at once.
fn signals() -> io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopped) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    tokio::spawn(async move {
        for (notify, says) in [
            (stop, "stopping; a second signal ends at once"),
            (end, "ending at once"),
        ] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("{says}");
            // Nobody listens any more when everything has stopped already.
            let _ = notify.send(());
        }
    });
    let when = |told: oneshot::Receiver<()>| async {
        // Its sender only goes away with the runtime.
        let _ = told.await;
    };
    Ok((when(stopped), when(ended)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn options_stand_above_the_configuration() {
        let options = Serve {
            listen: Some("127.0.0.1:0".parse().expect("an address")),
            no_migrate: true,
            log_format: None,
        };
        let sources = Sources {
            directory: "/nonexistent".into(),
            variables: vec![("LATCHKEY_SERVER__LISTEN".into(), "127.0.0.1:1".into())],
            flags: options.settings(),
            ..Sources::default()
        };
        let loaded = load(&sources).expect("loads");
        assert_eq!(loaded.config.server.listen.port(), 0);
        assert_eq!(loaded.origin("server.listen"), Some("flag --listen"));
        assert!(!loaded.config.database.migrate_on_start);
        assert!(Serve::default().settings().is_empty());
    }
}
