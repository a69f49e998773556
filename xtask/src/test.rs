//! `cargo xtask test`: everything needed, then every test.
//!
//! The test steps are independent: each runs whatever became of the one
//! before, and one that cannot run has failed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::apt::{self, Need};
use crate::command::{self, cargo, command, find, output, root, target};
use crate::fuzz::fuzz;
use crate::run::build_server;
use crate::steps::Steps;
use crate::wasm::{self, toolchain::Way};

/// Where the tests of the npm package are.
const NODE_TESTS: &str = "verifier-wasm/tests/node";

/// How long each fuzz target runs. Enough to find what a change broke; a search
/// for what nobody has thought of takes a night.
const FUZZ_SECONDS: u32 = 20;

/// What the tests use beyond cargo, a C compiler, node and npm.
const NEEDS: [Need; 5] = [
    Need {
        purpose: "to test on PostgreSQL",
        packages: &["postgresql"],
        is_here: has_postgresql,
    },
    Need {
        purpose: "to run the predecessor's python-jose against our tokens",
        packages: &["python3", "python3-venv"],
        is_here: || output(command("python3").args(["-c", "import ensurepip, venv"])).is_ok(),
    },
    Need {
        purpose: "to run instances whose clocks differ",
        packages: &["libfaketime"],
        is_here: has_faketime,
    },
    Need {
        purpose: "to see that an answer comes after its sync",
        packages: &["strace"],
        is_here: || find("strace").is_some(),
    },
    Need {
        purpose: "to compile libFuzzer",
        packages: &["g++"],
        is_here: || find("c++").is_some(),
    },
];

/// Runs every test.
pub(crate) fn test(steps: &mut Steps) -> Result<()> {
    steps.required(
        "tools",
        "PostgreSQL, python3, libfaketime, strace and a C++ compiler",
        || {
            apt::ensure(&NEEDS)?;
            Ok(((), String::new()))
        },
    )?;
    wasm::build(steps, Way::Auto, false)?;
    build_server(steps)?;
    steps.independent("cargo test", "every Rust test of the workspace", || {
        command::run(
            cargo()
                .args(["test", "--locked", "--workspace", "--no-fail-fast"])
                .env("LATCHKEY_TEST_BINARY", target().join("debug/latchkey")),
        )?;
        Ok(String::new())
    });
    steps.independent("node tests", "the npm package in Node", || {
        let files = node_tests()?;
        let note = format!("{} files", files.len());
        command::run(command("node").arg("--test").args(files))?;
        Ok(note)
    });
    steps.independent("fuzz", "each target for a while", || fuzz(FUZZ_SECONDS));
    Ok(())
}

/// Whether the server's programs are where the tests look for them: Debian keeps
/// them off PATH, in a folder for each major version.
fn has_postgresql() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    versions
        .flatten()
        .any(|version| version.path().join("bin/initdb").exists())
        || find("initdb").is_some()
}

/// Whether the library is where the tests look for it.
fn has_faketime() -> bool {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders
        .map(|folder| folder.path())
        .any(|path| path.join("faketime/libfaketime.so.1").exists())
}

/// The test files: named one by one, because the releases of Node do not agree
/// on what a folder after `--test` means.
fn node_tests() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(root().join(NODE_TESTS));
    let entries = entries.with_context(|| format!("cannot read {NODE_TESTS}"))?;
    let mut files = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let test = name.to_string_lossy();
        if test.ends_with(".test.js") || test.ends_with(".test.mjs") {
            files.push(PathBuf::from(NODE_TESTS).join(&name));
        }
    }
    if files.is_empty() {
        bail!("no *.test.js in {NODE_TESTS}");
    }
    files.sort();
    Ok(files)
}
