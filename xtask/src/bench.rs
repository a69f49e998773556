//! `cargo xtask bench [NAME]`: the benchmarks, compiled as releases are.

use anyhow::Result;

use crate::command::{self, cargo};
use crate::steps::Steps;
use crate::wasm::{self, toolchain::Way};

/// Compiles the benchmarks and runs one, or all.
pub(crate) fn bench(steps: &mut Steps, name: Option<&str>, quick: bool) -> Result<()> {
    const PACKAGE: [&str; 4] = ["--release", "--locked", "--package", "latchkey-bench"];
    if name.is_none_or(|name| name == "verifier") {
        wasm::build(steps, Way::Auto, false)?;
    }
    steps.required("compile", "the benchmarks, optimised", || {
        command::run(cargo().arg("build").args(PACKAGE))?;
        Ok(((), String::new()))
    })?;
    if name.is_none_or(|name| name == "status-list") {
        steps.required("server", "the release binary that is measured", || {
            command::run(cargo().args([
                "build",
                "--release",
                "--locked",
                "--package",
                "latchkey",
            ]))?;
            Ok(((), String::new()))
        })?;
    }
    steps.required("measure", name.unwrap_or("all of them"), || {
        command::run(
            cargo()
                .args(["run", "--quiet"])
                .args(PACKAGE)
                .arg("--")
                .args(name)
                .args(quick.then_some("--quick")),
        )?;
        Ok(((), String::new()))
    })
}
