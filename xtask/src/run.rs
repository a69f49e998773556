//! `cargo xtask run`: everything needed, then the service.

use std::process::Command;

use anyhow::Result;

use crate::command::{self, cargo, root};
use crate::steps::Steps;
use crate::wasm::{self, toolchain::Way};

/// Builds the wasm package and the server, then becomes the server.
///
/// The development profile: what computes (hashing, cryptography, SQLite) is
/// optimised in it too, and a release build would take minutes longer.
pub(crate) fn run(steps: &mut Steps, arguments: &[String]) -> Result<()> {
    wasm::build(steps, Way::Auto, false)?;
    build_server(steps)?;
    steps.print_table();
    let mut server = cargo();
    server
        .current_dir(std::env::current_dir()?)
        .args(["run", "--quiet", "--locked", "--package", "latchkey"])
        .arg("--manifest-path")
        .arg(root().join("Cargo.toml"))
        .arg("--")
        .args(arguments);
    become_process(server)
}

/// The server's binary, with the wasm package embedded.
pub(crate) fn build_server(steps: &mut Steps) -> Result<()> {
    steps.required("server", "compiles latchkey", || {
        command::run(cargo().args(["build", "--locked", "--package", "latchkey"]))?;
        Ok(((), String::new()))
    })
}

/// Replaces this process, as `cargo run` does in its turn: a signal sent to
/// this process reaches the server, and the exit code is the server's.
#[cfg(unix)]
fn become_process(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(anyhow::Error::new(command.exec()).context("cannot start the server"))
}

#[cfg(not(unix))]
fn become_process(mut command: Command) -> Result<()> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1))
}
