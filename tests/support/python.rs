//! The predecessor's own library for tokens, from PyPI.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};
use std::sync::OnceLock;

/// The release of python-jose that the tests are run with.
const PACKAGE: &str = "python-jose==3.5.0";

/// A Python that can `import jose`.
#[derive(Debug)]
pub struct Python(PathBuf);

impl Python {
    /// The one in the virtual environment `target/python-jose`, which is made when it is
    /// not there.
    ///
    /// # Panics
    ///
    /// When it cannot be made: without it nothing is proved, so nothing is skipped.
    #[must_use]
    pub fn with_jose() -> &'static Self {
        static PYTHON: OnceLock<Python> = OnceLock::new();
        PYTHON.get_or_init(|| {
            let environment = target_directory().join("python-jose");
            if !environment.join("bin/python").exists() {
                make(&environment);
            }
            Self(environment.join("bin/python"))
        })
    }

    /// Runs a program and gives what it prints.
    ///
    /// # Panics
    ///
    /// When the program fails.
    #[must_use]
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(&self.0)
            .args(["-I", "-c", program])
            .args(arguments)
            .output()
            .expect("Python runs");
        String::from_utf8(succeeded("Python", output).stdout).expect("text")
    }
}

/// Made beside its place and then moved there, so that a half-made one is never used.
fn make(environment: &Path) {
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
        .arg(PACKAGE)
        .output()
        .expect("pip runs");
    succeeded("pip install python-jose", pip);
    if fs::rename(&unfinished, environment).is_err() {
        // Another run was faster.
        assert!(environment.join("bin/python").exists(), "no python-jose");
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
