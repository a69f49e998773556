//! `latchkey backup`: a consistent, verified copy of a running SQLite database.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{Context, output};
use crate::config::DatabaseUrl;
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
        let copy = sqlite::backup(database, &self.file, self.overwrite)?;
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

/// The file of the configured database, which is all that can be copied here.
pub(super) fn sqlite_file(url: &DatabaseUrl) -> anyhow::Result<&Path> {
    url.sqlite_file().ok_or_else(|| {
        anyhow::anyhow!(
            "only a SQLite file can be copied, and the database is {url}: for PostgreSQL use pg_dump and pg_restore"
        )
    })
}
