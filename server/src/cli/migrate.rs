//! `latchkey migrate`: the steps of the database's schema, up and down.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Context, UsageError, operator, output, runtime};
use crate::domain::clock::{Clock as _, SystemClock};
use crate::domain::context::WriteContext;
use crate::storage;
use crate::storage::migrations::{Adoption, Migrator, Step};

/// `latchkey migrate …`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Apply every pending migration, all of them or none
    Up {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take back the latest migrations, all of them or none
    Down(Down),
    /// Print each migration and whether it is applied
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare what was applied, and the schema, with what this binary expects
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `latchkey migrate down`.
#[derive(Debug, Args)]
pub(super) struct Down {
    /// How many
    #[arg(value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Do so even if it drops data
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let config = cx.load()?.config;
        let operator = WriteContext::operator(SystemClock.now(), operator::name());
        let migrator = storage::migrator(&config.database.url, operator)?;
        let migrator = migrator.as_ref();
        runtime::command(async {
            match self {
                Self::Up { json } => up(migrator, json).await,
                Self::Down(down) => down.run(migrator).await,
                Self::Status { json } => status(migrator, json).await,
                Self::Verify { json } => verify(migrator, json).await,
            }
        })
    }
}

async fn up(migrator: &dyn Migrator, json: bool) -> anyhow::Result<()> {
    let steps = migrator.up(SystemClock.now()).await?;
    print_done(
        &steps,
        "applied",
        "every migration is applied already",
        json,
    )
}

impl Down {
    async fn run(self, migrator: &dyn Migrator) -> anyhow::Result<()> {
        let loses = migrator.down_loses(self.count).await?;
        if !self.yes && !loses.is_empty() {
            let loses = listed(&loses);
            return Err(UsageError(format!("this loses {loses}: add --yes to do so")).into());
        }
        let steps = migrator.down(self.count).await?;
        print_done(&steps, "took back", "", self.json)
    }
}

/// "a", "a and b", "a, b and c".
fn listed<T: AsRef<str>>(items: &[T]) -> String {
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        text.push_str(match index {
            0 => "",
            index if index + 1 == items.len() => " and ",
            _ => ", ",
        });
        text.push_str(item.as_ref());
    }
    text
}

fn print_done(steps: &[Step], done: &str, nothing: &str, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(&steps);
    }
    if steps.is_empty() {
        return output::line(nothing);
    }
    for step in steps {
        output::line(&format!("{done} {:04}_{}", step.version, step.name))?;
        print_statements(step)?;
    }
    Ok(())
}

/// What a step does to a database that was not made by Latchkey.
fn print_statements(step: &Step) -> anyhow::Result<()> {
    for statement in step.adoption.iter().flat_map(Adoption::summary) {
        output::line(&format!("    {statement}"))?;
    }
    Ok(())
}

async fn status(migrator: &dyn Migrator, json: bool) -> anyhow::Result<()> {
    let steps = migrator.status().await?;
    if json {
        return output::json(&steps);
    }
    let mut table = output::Table::new(["version", "name", "state", "applied at"]);
    for step in &steps {
        let when = step
            .applied_at
            .map_or_else(String::new, |at| at.to_string());
        let version = format!("{:04}", step.version);
        table.row([&version, &step.name, step.state.as_str(), &when]);
    }
    table.print()?;
    if let Some(adoption) = steps.iter().find_map(|step| step.adoption.as_ref()) {
        output::line(&format!(
            "\nthis is the predecessor's database: `latchkey migrate up` would adopt its table users ({} rows) and run",
            adoption.users
        ))?;
        for step in &steps {
            print_statements(step)?;
        }
    }
    Ok(())
}

async fn verify(migrator: &dyn Migrator, json: bool) -> anyhow::Result<()> {
    let differences = migrator.verify().await?;
    let ok = differences.is_empty();
    if json {
        output::json(&json!({ "ok": ok, "differences": differences }))?;
    } else {
        for difference in &differences {
            output::line(difference)?;
        }
    }
    if !ok {
        anyhow::bail!("the database is not what this binary expects");
    }
    if !json {
        output::line("the database is what this binary expects")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_like_a_sentence() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }
}
