//! `latchkey user import`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::lines::Lines;
use super::progress::Progress;
use crate::cli::open::{self, Missing, Opened};
use crate::cli::{Context, UsageError, output, runtime};
use crate::domain::clock::{Clock as _, SystemClock};
use crate::domain::context::WriteContext;
use crate::domain::entropy::SystemEntropy;
use crate::domain::transfer::{BadLine, Importer, Tally};
use crate::domain::user::UserName;
use crate::storage::{self, SharedStorage};

/// After how many lines the bar moves.
const LINES_A_STEP: u64 = 100;

/// `latchkey user import`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// The file with one JSON object a line; - or nothing for standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Find out what would come of it, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let (input, size) = source(self.file.as_deref())?;
        let tally = runtime::command(async {
            let opened = self.open(cx).await?;
            let operator = opened.operator();
            let rehearsal = if self.dry_run {
                Some(scratch(&opened).await?)
            } else {
                None
            };
            let storage = Arc::clone(&opened.storage);
            let cost = opened.config.passwords.hasher_options();
            let cost = cost.context("passwords.argon2")?.cost;
            let entropy = Arc::new(SystemEntropy);
            let importer = Importer::new(opened.storage, rehearsal.clone(), cost, entropy);
            let tally = import(&operator, importer, Lines::new(input), size).await?;
            if let Some(rehearsal) = rehearsal {
                rehearsal.close().await;
            }
            storage.close().await;
            Ok(tally)
        })?;
        self.report(tally)
    }

    /// A dry run makes no database either.
    async fn open(&self, cx: &Context) -> anyhow::Result<Opened> {
        let config = cx.load()?.config;
        let file = config.database.url.sqlite_file();
        if !self.dry_run || file.is_none_or(Path::exists) {
            return open::storage(cx, Missing::Create).await;
        }
        let now = SystemClock.now();
        let storage = storage::open_scratch(now).await?;
        Ok(Opened {
            config,
            storage,
            now,
        })
    }

    fn report(&self, tally: Tally) -> anyhow::Result<()> {
        if self.json {
            output::json(&json!({
                "dry_run": self.dry_run,
                "imported": tally.imported,
                "unchanged": tally.unchanged,
                "bad": tally.bad,
                "short_names": tally.short_names,
                "without_password": tally.without_password,
            }))?;
        } else {
            let would = if self.dry_run { "would have " } else { "" };
            output::line(&format!("{would}{}", summary(tally)))?;
        }
        if tally.short_names > 0 {
            output::warning(&format!(
                "imported names that are shorter than the {} characters of a new one: {}",
                UserName::MIN,
                tally.short_names
            ));
        }
        if tally.without_password > 0 {
            output::warning(&format!(
                "imported users without a password, who cannot sign in before `latchkey user set-password`: {}",
                tally.without_password
            ));
        }
        match tally.bad {
            0 => Ok(()),
            1 => anyhow::bail!("1 line is bad: put it right, and run the import again"),
            bad => anyhow::bail!("{bad} lines are bad: put them right, and run the import again"),
        }
    }
}

fn summary(tally: Tally) -> String {
    let Tally {
        imported,
        unchanged,
        bad,
        ..
    } = tally;
    format!("imported {imported}, unchanged {unchanged}, bad {bad}")
}

/// Where the lines come from, and how many bytes there are if that is known.
fn source(file: Option<&Path>) -> anyhow::Result<(Box<dyn BufRead>, Option<u64>)> {
    let is_dash = |file: &Path| file.as_os_str() == "-";
    let Some(path) = file.filter(|file| !is_dash(file)) else {
        if file.is_none() && io::stdin().is_terminal() {
            let problem = "name the file to import, or - to type it in";
            return Err(UsageError(problem.to_owned()).into());
        }
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    };
    let what = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(what)?;
    let metadata = file.metadata().with_context(what)?;
    if metadata.is_dir() {
        anyhow::bail!("{} is a directory: name the file to import", path.display());
    }
    let size = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(BufReader::new(file)), size))
}

async fn scratch(opened: &Opened) -> anyhow::Result<SharedStorage> {
    storage::open_scratch(opened.now)
        .await
        .context("cannot make a temporary database for the dry run")
}

async fn import(
    cx: &WriteContext,
    mut importer: Importer,
    mut lines: Lines<Box<dyn BufRead>>,
    size: Option<u64>,
) -> anyhow::Result<Tally> {
    let progress = Progress::of_bytes(size);
    let report = |bad: Vec<BadLine>| {
        if !bad.is_empty() {
            progress.around(|| bad.iter().for_each(say));
        }
    };
    loop {
        let settled = importer.tally();
        let stopped = || format!("stopped ({}); run it again to go on", summary(settled));
        let Some((number, line)) = lines.next().with_context(stopped)? else {
            report(importer.settle(cx).await.with_context(stopped)?);
            return Ok(importer.tally());
        };
        report(
            importer
                .take(cx, number, line)
                .await
                .with_context(stopped)?,
        );
        if number % LINES_A_STEP == 0 {
            progress.at(lines.bytes(), summary(importer.tally()));
        }
    }
}

fn say(line: &BadLine) {
    output::problem(&format!("line {}: {}", line.number, line.reason));
}
