//! `cargo xtask test`: everything needed, then every test.
//!
//! The test steps are independent: each runs whatever became of the one
//! before, and one that cannot run has failed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::apt::{self, Need};
use crate::command::{self, cargo, command, find, output, root, target};
use crate::fuzz::fuzz;
use crate::run::build_server;
use crate::soak;
use crate::steps::Steps;
use crate::wasm::{self, toolchain::Way};

/// Where tests in JavaScript are, in `*.test.mjs` at any depth.
const NODE_TESTS: [&str; 2] = ["verifier-wasm/tests/node", "tests/node"];

/// The npm project of what they use.
const NODE_PROJECT: &str = "tests/node";

/// In milliseconds for each file: a page that waits for what never comes shall
/// not keep the suite from its end.
const NODE_LIMIT: &str = "--test-timeout=900000";

/// How long each fuzz target runs. Enough to find what a change broke; a search
/// for what nobody has thought of takes a night.
const FUZZ_SECONDS: u32 = 12;

/// How long the long run takes here, both back ends together: enough for each kind of
/// fault, and too short to judge memory by.
const SOAK_MINUTES: f64 = 0.25;

/// What the tests on PostgreSQL use.
pub(crate) const POSTGRESQL: Need = Need {
    purpose: "to test on PostgreSQL",
    packages: &["postgresql"],
    is_here: has_postgresql,
};

/// What the tests use beyond cargo, a C compiler, node and npm.
const NEEDS: [Need; 6] = [
    POSTGRESQL,
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
        purpose: "to open pages in a browser",
        packages: &["chromium"],
        is_here: has_chromium,
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
        "PostgreSQL, python3, libfaketime, strace, Chromium and a C++ compiler",
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
    steps.independent("node packages", "what the tests in JavaScript use", npm_ci);
    steps.independent(
        "node tests",
        "the npm package in every runtime, and the pages in a browser",
        || {
            let files = node_tests()?;
            let note = format!("{} files", files.len());
            command::run(
                command("node")
                    .args(["--test", NODE_LIMIT])
                    .args(files)
                    .env("LATCHKEY_TEST_BINARY", target().join("debug/latchkey")),
            )?;
            Ok(note)
        },
    );
    steps.independent("soak", "a short form of the long run", || {
        soak::short(SOAK_MINUTES)
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

/// Whether a browser is where the tests look for it.
fn has_chromium() -> bool {
    env::var_os("LATCHKEY_TEST_CHROMIUM").is_some()
        || ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .any(|name| find(name).is_some())
}

/// Installs the packages, unless exactly these are there. A copy of the lock file
/// says so: `npm ci` begins by removing it with all the rest.
fn npm_ci() -> Result<String> {
    let project = root().join(NODE_PROJECT);
    let wanted = fs::read(project.join("package-lock.json")).context("no package-lock.json")?;
    let mark = project.join("node_modules/.installed-lock.json");
    if fs::read(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok("unchanged".to_owned());
    }
    command::logged(command("npm").arg("ci").current_dir(&project), "npm")?;
    fs::write(&mark, wanted).with_context(|| format!("cannot write {}", mark.display()))?;
    Ok(String::new())
}

/// The test files: named one by one, because the releases of Node do not agree
/// on what a folder after `--test` means.
fn node_tests() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in NODE_TESTS {
        let before = files.len();
        collect_tests(Path::new(folder), &mut files)?;
        if files.len() == before {
            bail!("no *.test.mjs in {folder}");
        }
    }
    files.sort();
    Ok(files)
}

fn collect_tests(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(root().join(folder));
    let entries = entries.with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if name != "node_modules" {
                collect_tests(&folder.join(name), files)?;
            }
        } else if name.to_string_lossy().ends_with(".test.mjs") {
            files.push(folder.join(name));
        }
    }
    Ok(())
}
