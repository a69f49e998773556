//! The project's chores, `cargo xtask --help`.
//!
//! Each command makes ready what it needs on a machine that has nothing but
//! cargo, node and npm, says what it is doing while it does it, and ends with
//! one table of its steps. What is ready already is left alone, so the second
//! run is quick.

mod apt;
mod bench;
mod command;
mod fuzz;
mod run;
mod soak;
mod steps;
mod test;
mod wasm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::steps::Steps;
use crate::wasm::toolchain::Way;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "The chores of Latchkey")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Builds everything and starts the service on SQLite
    Run {
        /// Arguments for `latchkey`, after `--`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Runs every test
    Test,
    /// Builds the npm package into verifier-wasm/pkg
    Wasm {
        /// Where the wasm32 standard library comes from
        #[arg(long, value_enum, default_value_t = Way::Auto)]
        toolchain: Way,
        /// Builds even if nothing has changed
        #[arg(long)]
        force: bool,
    },
    /// Measures, and prints ratios against peers of the same run
    Bench {
        /// The one to run; all of them without
        name: Option<String>,
        /// Shows that they work; the figures mean little
        #[arg(long)]
        quick: bool,
    },
    /// Mixed traffic with faults and a ledger, for a long time
    Soak(soak::Arguments),
}

fn main() -> ExitCode {
    let mut steps = Steps::new();
    let result = match Arguments::parse().chore {
        Chore::Run { arguments } => run::run(&mut steps, &arguments),
        Chore::Test => test::test(&mut steps),
        Chore::Bench { name, quick } => bench::bench(&mut steps, name.as_deref(), quick),
        Chore::Soak(arguments) => soak::soak(&mut steps, &arguments),
        Chore::Wasm { toolchain, force } => wasm::build(&mut steps, toolchain, force),
    };
    match result.and_then(|()| steps.finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
