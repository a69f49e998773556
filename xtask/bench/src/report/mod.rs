//! What a run prints and leaves behind.
//!
//! ```text
//! table     Markdown
//! aims      what was to be reached, and whether it was
//! calm      whether the machine was calm enough to say so
//! chart     lines, as data
//!   svg     how they are drawn
//! ```

pub(crate) mod aims;
pub(crate) mod calm;
pub(crate) mod chart;
mod svg;
pub(crate) mod table;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use self::chart::Chart;

/// `target/bench`, made if it is not there.
pub(crate) fn folder() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).context("the target folder")?;
    let folder = target.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// Writes `target/bench/NAME.json`: what was measured, and on what.
pub(crate) fn write_json(name: &str, figures: &Value) -> Result<()> {
    let path = folder()?.join(format!("{name}.json"));
    let all = json!({ "benchmark": name, "machine": machine(), "figures": figures });
    fs::write(&path, serde_json::to_string_pretty(&all)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes `target/bench/NAME.svg`.
pub(crate) fn write_chart(name: &str, chart: &Chart) -> Result<()> {
    let path = folder()?.join(format!("{name}.svg"));
    fs::write(&path, chart.draw()).with_context(|| format!("cannot write {}", path.display()))
}

/// The machine, in one line.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(": "))
        .map_or("an unnamed processor", |(_, model)| model);
    let system = std::env::consts::OS;
    format!("{cores} cores of {model}, {system} {}", kernel.trim())
}
