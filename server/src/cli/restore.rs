//! `latchkey restore`: a backup in the place of the database.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::backup::{record_of, sqlite_file};
use super::{Context, output};
use crate::domain::audit::Word;
use crate::storage::sqlite;

/// `latchkey restore`.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup; it stays as it is
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Restore {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let config = cx.load()?.config;
        let database = sqlite_file(&config.database.url)?;
        let record = record_of(Word::DatabaseRestored, &self.file);
        let restored = sqlite::restore(&self.file, database, &record)?;
        let copy = restored.verified;
        if self.json {
            return output::json(&json!({
                "database": database,
                "replaced": restored.replaced,
                "bytes": copy.bytes,
                "users": copy.users,
                "schema_version": copy.schema_version,
            }));
        }
        output::line(&format!(
            "{}: restored, {} users, schema {}",
            database.display(),
            copy.users,
            copy.schema_version
        ))?;
        match restored.replaced {
            Some(kept) => output::line(&format!(
                "what was there before is kept as {}",
                kept.display()
            )),
            None => Ok(()),
        }
    }
}
