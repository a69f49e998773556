//! `latchkey user export`.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::progress::Progress;
use crate::cli::open::{self, Missing};
use crate::cli::private_file::PrivateFile;
use crate::cli::{Context, output, runtime};
use crate::domain::audit::{Event, Word};
use crate::domain::transfer::Exporter;

/// `latchkey user export`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// The file to make, with one JSON object a line; - or nothing for standard output
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, visible_alias = "force")]
    overwrite: bool,
    /// Print the summary of an export to a file as JSON; the lines always are
    #[arg(long)]
    json: bool,
}

/// How many users went where.
#[derive(Clone, Copy, Default)]
struct Count {
    exported: u64,
    left_out: u64,
}

impl Export {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let count = match self.target() {
            None => self.to_stdout(cx),
            Some(path) => self.to_file(cx, path),
        }?;
        match count.left_out {
            0 => Ok(()),
            left_out => anyhow::bail!(
                "{left_out} users were left out, whom no import would take: see `latchkey user set-email` and `latchkey user set-password`"
            ),
        }
    }

    fn target(&self) -> Option<&Path> {
        self.file.as_deref().filter(|file| file.as_os_str() != "-")
    }

    fn to_stdout(&self, cx: &Context) -> anyhow::Result<Count> {
        let mut stdout = BufWriter::new(io::stdout().lock());
        let count = runtime::command(write(cx, &mut stdout, output::not_written));
        let count = count?;
        stdout.flush().map_err(output::not_written)?;
        warn("the output");
        Ok(count)
    }

    fn to_file(&self, cx: &Context, path: &Path) -> anyhow::Result<Count> {
        let mut file = PrivateFile::create(path, self.overwrite)?;
        let problem = |error: io::Error| {
            anyhow::Error::new(error).context(format!("cannot write {}", path.display()))
        };
        let mut buffered = BufWriter::new(file.writer());
        let count = runtime::command(write(cx, &mut buffered, problem))?;
        buffered.flush().map_err(problem)?;
        drop(buffered);
        file.finish()?;
        warn(&path.display().to_string());
        let Count { exported, left_out } = count;
        if self.json {
            output::json(&json!({ "file": path, "users": exported, "left_out": left_out }))?;
        } else {
            output::line(&format!("{}: {exported} users", path.display()))?;
        }
        Ok(count)
    }
}

fn warn(what: &str) {
    output::warning(&format!(
        "{what} holds the hash of every password: guard it like the database, and delete it when it has been used"
    ));
}

async fn write(
    cx: &Context,
    target: &mut impl Write,
    problem: impl Fn(io::Error) -> anyhow::Error,
) -> anyhow::Result<Count> {
    let opened = open::storage(cx, Missing::Refuse).await?;
    // Before anything leaves: it may be broken off in the middle.
    let exported = Event::new(Word::UsersExported);
    opened
        .storage
        .record(&opened.operator(), exported)
        .await
        .context("cannot record the export")?;
    let cost = opened.config.passwords.hasher_options();
    let cost = cost.context("passwords.argon2")?.cost;
    let mut exporter = Exporter::new(opened.storage.clone(), cost);
    let progress = Progress::of_items();
    let mut count = Count::default();
    while let Some(page) = exporter.page().await? {
        for user in page {
            match user {
                Ok(line) => {
                    count.exported += 1;
                    writeln!(target, "{line}").map_err(&problem)?;
                }
                Err(user) => {
                    count.left_out += 1;
                    let text = format!("user {} was left out: {}", user.id, user.reason);
                    progress.around(|| output::problem(&text));
                }
            }
        }
        progress.at(count.exported, "users".to_owned());
    }
    opened.storage.close().await;
    Ok(count)
}
