//! Programs in Python, each with its packages from PyPI in an environment of its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};
use std::sync::OnceLock;

/// The release of python-jose, the predecessor's own library for tokens, that the tests are
/// run with.
const JOSE: [&str; 1] = ["python-jose==3.5.0"];

/// The releases that schemathesis is run with, all of them with their digests.
const SCHEMATHESIS: [&str; 3] = [
    "--require-hashes",
    "--requirement",
    concat!(env!("CARGO_MANIFEST_DIR"), "/schemathesis/requirements.txt"),
];

/// A virtual environment in `target`.
#[derive(Debug)]
pub struct Python(PathBuf);

impl Python {
    /// One that can `import jose`.
    ///
    /// # Panics
    ///
    /// When it cannot be made: without it nothing is proved, so nothing is skipped.
    #[must_use]
    pub fn with_jose() -> &'static Self {
        static PYTHON: OnceLock<Python> = OnceLock::new();
        PYTHON.get_or_init(|| Self::with("python-jose", &JOSE))
    }

    /// One with the program `schemathesis`.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[must_use]
    pub fn with_schemathesis() -> &'static Self {
        static PYTHON: OnceLock<Python> = OnceLock::new();
        PYTHON.get_or_init(|| Self::with("schemathesis", &SCHEMATHESIS))
    }

    /// The environment of this name, made unless it is there with what pip is to install.
    fn with(name: &str, wanted: &[&str]) -> Self {
        let environment = target_directory().join(name);
        let wanted_now = described(wanted);
        let mark = environment.join("installed");
        if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted_now) {
            return Self(environment);
        }
        make(&environment, wanted, &wanted_now);
        Self(environment)
    }

    /// The interpreter.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.0.join("bin/python")
    }

    /// Runs a program and gives what it prints.
    ///
    /// # Panics
    ///
    /// When the program fails.
    #[must_use]
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(self.program())
            .args(["-I", "-c", program])
            .args(arguments)
            .output()
            .expect("Python runs");
        String::from_utf8(succeeded("Python", output).stdout).expect("text")
    }
}

/// What pip is to install, with the content of the files that say so.
fn described(wanted: &[&str]) -> String {
    let words = wanted
        .iter()
        .map(|word| fs::read_to_string(word).unwrap_or_else(|_| (*word).to_owned()));
    words.collect::<Vec<_>>().join("\n")
}

/// Made beside its place and then moved there, so that a half-made one is never used.
fn make(environment: &Path, wanted: &[&str], wanted_now: &str) {
    let unfinished = environment.with_extension(process::id().to_string());
    let venv = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&unfinished)
        .output()
        .expect("python3 with the module venv: install python3 and python3-venv");
    succeeded("python3 -m venv (install python3-venv)", venv);
    let pip = Command::new(unfinished.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(wanted)
        .output()
        .expect("pip runs");
    succeeded(&format!("pip install {}", wanted.join(" ")), pip);
    fs::write(unfinished.join("installed"), wanted_now).expect("a file in the environment");
    // One of other releases, if there is one.
    let _ = fs::remove_dir_all(environment);
    if fs::rename(&unfinished, environment).is_err() {
        // Another run was faster.
        assert!(environment.join("bin/python").exists(), "no environment");
        fs::remove_dir_all(&unfinished).expect("a directory to remove");
    }
}

fn succeeded(what: &str, output: Output) -> Output {
    assert!(
        output.status.success(),
        "{what} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// `target`, of which this program is in `debug/deps` or the like.
fn target_directory() -> PathBuf {
    let program = env::current_exe().expect("the path of this program");
    program
        .ancestors()
        .nth(3)
        .expect("target/debug/deps/suite")
        .to_owned()
}
