//! Opening the configured database for a subcommand.

use std::sync::Arc;

use anyhow::Context as _;

use super::{Context, operator};
use crate::config::{Config, DatabaseUrl};
use crate::domain::clock::{Clock as _, SharedClock, SystemClock, Timestamp};
use crate::domain::context::WriteContext;
use crate::storage::{self, OpenOptions, Pending, SharedStorage};

/// The configured database, and the time at which it was opened.
pub(super) struct Opened {
    pub(super) config: Config,
    pub(super) storage: SharedStorage,
    pub(super) now: Timestamp,
}

impl Opened {
    /// The cause of a change that is made now.
    pub(super) fn operator(&self) -> WriteContext {
        WriteContext::operator(self.now, operator::name())
    }
}

/// What to do when there is no SQLite file at the configured place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Make it: the command brings something that a first start may need.
    Create,
    /// Say so: the command is about what is there, and the place is likely mistyped.
    Refuse,
}

/// Opens the configured database.
///
/// Only the service's start and `latchkey migrate` change the schema of a database that is
/// there: a command that was run beside an older server would take it from under that.
///
/// # Errors
///
/// When the configuration or the database is not good, or migrations are pending.
pub(super) async fn storage(cx: &Context, missing: Missing) -> anyhow::Result<Opened> {
    let config = cx.load()?.config;
    let is_new = match &config.database.url {
        DatabaseUrl::SqliteFile(file) => !file.exists(),
        DatabaseUrl::SqliteMemory => true,
        DatabaseUrl::Postgres(_) => false,
    };
    if let Some(file) = config.database.url.sqlite_file()
        && missing == Missing::Refuse
        && is_new
    {
        anyhow::bail!(
            "there is no database {}: name it with --database or database.url, or make it with `latchkey migrate up`",
            file.display()
        );
    }
    let pending = if is_new {
        Pending::Apply
    } else {
        Pending::Refuse
    };
    let options = OpenOptions {
        pool: 1,
        pending,
        now: SystemClock.now(),
    };
    let url = &config.database.url;
    let storage = storage::open(url, options).await;
    let storage = storage.with_context(|| format!("cannot open the database {url}"))?;
    // As at the servers: what they compare is written down by one clock.
    let clock = SharedClock::new(Arc::new(SystemClock));
    let asked = clock.compare(storage.now()).await;
    asked.context("cannot ask the database for the time")?;
    Ok(Opened {
        now: clock.now(),
        config,
        storage,
    })
}
