//! `cargo xtask soak`: mixed traffic, faults and a ledger (`tests/soak`).

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::apt;
use crate::command::{self, cargo, target};
use crate::steps::Steps;
use crate::test::POSTGRESQL;

/// Which run it is to be.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How long, both back ends together
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// What chance goes by; another one each time without
    #[arg(long)]
    seed: Option<u64>,
    /// Where users are stored
    #[arg(long, default_value = "both", value_parser = ["sqlite", "postgres", "both"])]
    backend: String,
    /// How many clients work at once
    #[arg(long, default_value_t = 16)]
    clients: usize,
}

/// Compiles the server as releases are, and runs for as long as is asked for. What makes
/// the traffic is compiled for development, as the tests that it shares with are.
pub(crate) fn soak(steps: &mut Steps, arguments: &Arguments) -> Result<()> {
    if arguments.backend != "sqlite" {
        steps.required("tools", "PostgreSQL", || {
            apt::ensure(&[POSTGRESQL])?;
            Ok(((), String::new()))
        })?;
    }
    steps.required("server", "compiles latchkey, optimised", || {
        command::run(cargo().args(["build", "--release", "--locked", "--package", "latchkey"]))?;
        Ok(((), String::new()))
    })?;
    compile()?;
    let minutes = arguments.minutes.to_string();
    let mut run = program("release", &minutes);
    run.args(["--backend", &arguments.backend])
        .args(["--clients", &arguments.clients.to_string()]);
    if let Some(seed) = arguments.seed {
        run.args(["--seed", &seed.to_string()]);
    }
    steps.required("soak", "until the time is over", || {
        command::run(&mut run)?;
        Ok(((), String::new()))
    })
}

/// Both back ends for so long, with the programs of development, which are there; the
/// note has the figures.
pub(crate) fn short(minutes: f64) -> Result<String> {
    compile()?;
    let mut run = program("debug", &minutes.to_string());
    let report = command::output(run.args(["--clients", "8"]))?;
    eprintln!("{report}");
    Ok(report.lines().last().unwrap_or_default().to_owned())
}

fn compile() -> Result<()> {
    command::run(cargo().args(["build", "--locked", "--package", "latchkey-soak"]))
}

/// The run against the server of this profile.
fn program(profile: &str, minutes: &str) -> Command {
    let mut command = command::command(target().join("debug/soak"));
    command
        .args(["--minutes", minutes, "--keep"])
        .arg(target().join("soak"))
        .env(
            "LATCHKEY_TEST_BINARY",
            target().join(profile).join("latchkey"),
        );
    command
}
