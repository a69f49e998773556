//! `cargo xtask bench [NAME]`: the benchmarks, compiled as releases are.

use anyhow::Result;

use crate::apt::{self, Need};
use crate::command::{self, cargo, command, output};
use crate::steps::Steps;
use crate::test::POSTGRESQL;
use crate::wasm::{self, toolchain::Way};

const PYTHON: Need = Need {
    purpose: "to run the services in Python that are measured beside",
    packages: &["python3", "python3-venv"],
    is_here: || output(command("python3").args(["-c", "import ensurepip, venv"])).is_ok(),
};

/// Compiles the benchmarks and runs one, or all.
pub(crate) fn bench(steps: &mut Steps, name: Option<&str>, quick: bool) -> Result<()> {
    const PACKAGE: [&str; 4] = ["--release", "--locked", "--package", "latchkey-bench"];
    let is_any_of = |names: &[&str]| name.is_none_or(|name| names.contains(&name));
    if is_any_of(&["service", "hashing", "growth", "start"]) {
        steps.required("tools", "PostgreSQL and Python", || {
            apt::ensure(&[POSTGRESQL, PYTHON])?;
            Ok(((), String::new()))
        })?;
    }
    if is_any_of(&["verifier"]) {
        wasm::build(steps, Way::Auto, false)?;
    }
    steps.required("compile", "the benchmarks, optimised", || {
        command::run(cargo().arg("build").args(PACKAGE))?;
        Ok(((), String::new()))
    })?;
    if name != Some("verifier") {
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
