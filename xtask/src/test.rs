//! `cargo xtask test`: everything needed, then every test.
//!
//! The test steps are independent: each runs whatever became of the one
//! before, and one that cannot run has failed.

use anyhow::Result;

use crate::command::{self, cargo, command};
use crate::steps::Steps;
use crate::wasm::{self, toolchain::Way};

/// Where the tests of the npm package are.
const NODE_TESTS: &str = "verifier-wasm/tests/node/";

/// Runs every test.
pub(crate) fn test(steps: &mut Steps) -> Result<()> {
    wasm::build(steps, Way::Auto, false)?;
    steps.independent("cargo test", "every Rust test of the workspace", || {
        command::run(cargo().args(["test", "--locked", "--workspace"]))?;
        Ok(String::new())
    });
    steps.independent("node tests", "the npm package in Node", || {
        command::run(command("node").args(["--test", NODE_TESTS]))?;
        Ok(String::new())
    });
    Ok(())
}
