//! The program under test.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// The `latchkey` binary: `LATCHKEY_TEST_BINARY` if that is set, and otherwise what
/// `cargo build` makes of the sources, once per run, so that nobody tests yesterday's.
pub(crate) fn latchkey() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match env::var_os("LATCHKEY_TEST_BINARY") {
        Some(path) => std::path::absolute(path).expect("an absolute path"),
        None => build(),
    })
}

fn build() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--package", "latchkey", "--bin", "latchkey"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    // Cargo puts these in the test's environment; a build inside of it must not see
    // them, or it takes itself for another one than the build outside and starts anew.
    for (name, _) in env::vars_os() {
        if is_of_this_package(&name) {
            command.env_remove(name);
        }
    }
    let output = command.output().expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo build -p latchkey failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    executable(&output.stdout).expect("cargo names the binary that it built")
}

fn is_of_this_package(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || name.starts_with("CARGO_BIN_")
            || name == "CARGO_CRATE_NAME"
            || name == "CARGO_PRIMARY_PACKAGE"
    })
}

fn executable(messages: &[u8]) -> Option<PathBuf> {
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "latchkey")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}
