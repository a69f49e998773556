//! The steps of the schema, and what it takes to walk them up and down.
//!
//! The steps are folders under `migrations/`, embedded in the binary; `migrations/README.md`
//! says how to add one. What was applied is on record in the table `HISTORY`, written in
//! the transaction of the step itself. Before anything changes, that record is compared
//! with what is embedded: a database that a newer binary has migrated, or whose steps had
//! another text, is left alone.
//!
//! [`Migrator`] is what the command line sees; each back end has one.

mod embedded;
mod history;
mod lock;
mod postgres;
mod schema;
mod sqlite;
mod trail;

use async_trait::async_trait;
use serde::Serialize;

pub(in crate::storage) use self::postgres::open as open_postgres;
pub use self::postgres::{AdoptionError, PostgresMigrator};
pub use self::sqlite::SqliteMigrator;
pub(in crate::storage) use self::sqlite::{apply_pending, open, require_current, schema_version};
use crate::domain::clock::Timestamp;

/// The table of the applied steps, the same on every back end.
const HISTORY: &str = "latchkey_migrations";

/// A step of the schema.
#[derive(Clone, Debug)]
struct Migration {
    /// Its number; they count from 1 without a gap.
    version: u32,
    /// The name of its folder, without the number.
    name: &'static str,
    /// The SQL that makes the step.
    up: &'static str,
    /// The SQL that takes it back.
    down: &'static str,
    /// What is lost when it is taken back, for a person; `None` when that is nothing.
    loses: Option<&'static str>,
    /// What it does instead where the table `users` is the predecessor's; `None` when that
    /// is the same.
    predecessor: Option<OnPredecessor>,
}

/// What a step does where the table `users` is the predecessor's.
#[derive(Clone, Copy, Debug)]
struct OnPredecessor {
    /// The SQL in place of `up`, which adds to the table what it lacks.
    adopt: &'static str,
    /// The SQL in place of `down`, which takes back what was added and nothing else.
    hand_back: &'static str,
}

impl Migration {
    /// The name of the folder.
    fn label(&self) -> String {
        format!("{:04}_{}", self.version, self.name)
    }

    /// What is put on record of the text that makes the step, whichever of its texts that is.
    fn checksum(&self) -> String {
        match &self.predecessor {
            Some(other) => history::checksum(&format!("{}{}", self.up, other.adopt)),
            None => history::checksum(self.up),
        }
    }
}

/// Walks the schema of one database.
#[async_trait]
pub trait Migrator: Send + Sync {
    /// Applies every pending step, all of them or none; says which.
    async fn up(&self, now: Timestamp) -> Result<Vec<Step>, MigrationError>;

    /// Takes back the last `count` steps, all of them or none; says which.
    async fn down(&self, count: u32) -> Result<Vec<Step>, MigrationError>;

    /// What taking back the last `count` steps would lose, for a person; empty when nothing.
    async fn down_loses(&self, count: u32) -> Result<Vec<String>, MigrationError>;

    /// Every known step, and whether it is applied.
    async fn status(&self) -> Result<Vec<Step>, MigrationError>;

    /// Compares the checksums of the applied steps and the live schema with what this
    /// binary expects. Each difference is a line for a person; none means all is well.
    async fn verify(&self) -> Result<Vec<String>, MigrationError>;
}

/// A step, and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The number.
    pub version: u32,
    /// The name of the folder, without the number.
    pub name: String,
    /// Whether it is applied.
    pub state: StepState,
    /// When it was applied.
    pub applied_at: Option<Timestamp>,
    /// What it does to the predecessor's database, or did just now; only where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adoption: Option<Adoption>,
}

/// What a step does to a database of the predecessor when it adopts the table `users`, or
/// hands it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Adoption {
    /// How many users the table has.
    pub users: u64,
    /// Each statement, on one line.
    pub statements: Vec<String>,
}

impl Adoption {
    /// The statements, for a person: what a table of Latchkey's own is made of is left out.
    pub fn summary(&self) -> impl Iterator<Item = String> {
        self.statements.iter().map(|statement| {
            let table = statement.strip_prefix("CREATE TABLE ");
            match table.and_then(|table| table.split(" (").next()) {
                Some(table) => format!("CREATE TABLE {table} (…)"),
                None => statement.clone(),
            }
        })
    }
}

/// Whether a step is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// The database has it, with the text that this binary has.
    Applied,
    /// The database has it, with another text than this binary.
    Edited,
    /// The database has it, and this binary does not know it.
    Unknown,
    /// The database does not have it yet.
    Pending,
}

impl StepState {
    /// The word that is shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Edited => "edited",
            Self::Unknown => "unknown",
            Self::Pending => "pending",
        }
    }
}

/// Why the schema was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A newer binary has migrated the database.
    #[error(
        "the database has migration {found}, and this binary knows only {known}: use the newer latchkey"
    )]
    Newer {
        /// The first step that is not known.
        found: String,
        /// How many steps are known.
        known: u32,
    },
    /// A step was applied with another text.
    #[error(
        "migration {0} was applied with another text than this binary has: use the latchkey that applied it, or restore a backup"
    )]
    Edited(String),
    /// The record of the applied steps contradicts itself.
    #[error("the record of applied migrations is damaged ({0}): restore a backup")]
    Damaged(String),
    /// The database is another program's.
    #[error(
        "the database has the table {0:?} and no record of Latchkey's migrations: point database.url at a file of its own"
    )]
    NotOurs(String),
    /// The database has a table `users` or others, and is not to be touched.
    #[error(transparent)]
    Adoption(#[from] AdoptionError),
    /// Steps are pending and were not to be applied.
    #[error("the database lacks migration {0}: run `latchkey migrate up`")]
    Pending(String),
    /// More steps were to be taken back than are applied.
    #[error("only {applied} migrations are applied, so {asked} cannot be taken back")]
    TooFarDown {
        /// How many are applied.
        applied: u32,
        /// How many were to be taken back.
        asked: u32,
    },
    /// A step failed, and everything that the run had done was undone.
    #[error("migration {label} failed and nothing was changed: {problem}")]
    Failed {
        /// The step.
        label: String,
        /// What the database said.
        problem: super::Source,
    },
    /// The database could not be read or written.
    #[error("{0}")]
    Database(super::Source),
}
