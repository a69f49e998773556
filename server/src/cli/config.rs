//! `latchkey config`: what holds, where it comes from, and whether it is good.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Context, output};
use crate::config::{Config, DOCUMENTED_DEFAULT, Effective, effective};

/// `latchkey config …`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print each value and the place it came from; secrets are not shown
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say whether the service would start with this configuration
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the documented default, to start a config.toml from
    Default {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        match self {
            Self::Show { json } => show(cx, json),
            Self::Check { json } => check(cx, json),
            Self::Default { json: false } => output::raw(DOCUMENTED_DEFAULT),
            Self::Default { json: true } => output::json(&Config::default()),
        }
    }
}

fn show(cx: &Context, json: bool) -> anyhow::Result<()> {
    let values = effective(&cx.load()?);
    if json {
        let members = values.into_iter().map(|entry| {
            (
                entry.key.to_owned(),
                json!({ "value": entry.value, "origin": entry.origin }),
            )
        });
        return output::json(&Value::Object(members.collect()));
    }
    let mut table = output::Table::new(["key", "value", "from"]);
    for entry in values {
        table.row([entry.key, &shown(&entry), &entry.origin]);
    }
    table.print()
}

/// A value as one would type it into a variable.
fn shown(entry: &Effective) -> String {
    match &entry.value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => {
            let items = items.iter().map(|item| {
                item.as_str()
                    .map_or_else(|| item.to_string(), str::to_owned)
            });
            items.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn check(cx: &Context, json: bool) -> anyhow::Result<()> {
    let checked = cx
        .load()
        .and_then(|loaded| Ok(loaded.config.check_for_serving()?));
    if json {
        output::json(&match &checked {
            Ok(warnings) => json!({ "ok": true, "warnings": warnings }),
            Err(error) => json!({ "ok": false, "error": format!("{error:#}") }),
        })?;
    }
    let warnings = checked?;
    if !json {
        for warning in &warnings {
            output::warning(warning);
        }
        output::line(match warnings.len() {
            0 => "the configuration is good",
            _ => "the configuration works",
        })?;
    }
    Ok(())
}
