//! `latchkey backup`: a consistent, verified copy of a running SQLite database.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{Context, operator, output};
use crate::config::DatabaseUrl;
use crate::domain::audit::{Event, Record, Word};
use crate::domain::clock::{Clock as _, SystemClock};
use crate::domain::context::WriteContext;
use crate::domain::entropy::SystemEntropy;
use crate::storage::sqlite;

/// `latchkey backup`.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The file to make
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let config = cx.load()?.config;
        let database = sqlite_file(&config.database.url)?;
        let record = record_of(Word::DatabaseBackedUp, &self.file);
        let copy = sqlite::backup(database, &self.file, self.overwrite, &record)?;
        if self.json {
            return output::json(&json!({
                "file": self.file,
                "bytes": copy.bytes,
                "users": copy.users,
                "schema_version": copy.schema_version,
            }));
        }
        output::line(&format!(
            "{}: {} bytes, {} users, schema {}, verified",
            self.file.display(),
            copy.bytes,
            copy.users,
            copy.schema_version
        ))
    }
}

/// The record of what the operator does with the copy `file`.
pub(super) fn record_of(word: Word, file: &Path) -> Record {
    let cx = WriteContext::operator(SystemClock.now(), operator::name());
    let event = Event::new(word).about(file.display().to_string());
    Record::new(&cx, event, 0, &SystemEntropy)
}

/// The file of the configured database, which is all that can be copied here.
pub(super) fn sqlite_file(url: &DatabaseUrl) -> anyhow::Result<&Path> {
    url.sqlite_file().ok_or_else(|| {
        anyhow::anyhow!(
            "only a SQLite file can be copied, and the database is {url}: for PostgreSQL use pg_dump and pg_restore"
        )
    })
}
