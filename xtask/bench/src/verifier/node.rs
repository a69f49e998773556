//! The npm package against its peers: in Node, and in workerd.
//!
//! The peers are installed from `node/package-lock.json` into a folder under
//! `target/`, and the scripts in `node/` are run there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

pub(crate) fn run(quick: bool) -> Result<()> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    let root = sources.ancestors().nth(3).context("the workspace")?;
    let package = root.join("verifier-wasm/pkg");
    ensure!(
        package.join("package.json").is_file(),
        "there is no npm package: run `cargo xtask wasm` first"
    );
    let folder = folder(root);
    let is_installed = copy(&sources, &folder)?;
    if !is_installed {
        let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run_in(&folder, Command::new("npm").args(options))?;
    }
    let mut node = Command::new("node");
    node.arg("main.mjs")
        .arg(&package)
        .arg(root.join("verifier-wasm/data"));
    if quick {
        node.arg("--quick");
    }
    run_in(&folder, &mut node)
}

fn folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |target| root.join(target))
        .join("bench/node")
}

/// Copies the files; whether the peers that they name are installed already.
fn copy(sources: &Path, folder: &Path) -> Result<bool> {
    const LOCK: &str = "package-lock.json";
    let wanted = fs::read(sources.join(LOCK))?;
    let is_installed = folder.join("node_modules").is_dir()
        && fs::read(folder.join(LOCK)).is_ok_and(|lock| lock == wanted);
    fs::create_dir_all(folder)?;
    for file in fs::read_dir(sources)? {
        let file = file?;
        if file.file_type()?.is_file() {
            fs::copy(file.path(), folder.join(file.file_name()))
                .with_context(|| format!("cannot copy {}", file.path().display()))?;
        }
    }
    Ok(is_installed)
}

fn run_in(folder: &Path, command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .current_dir(folder)
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    ensure!(status.success(), "{program} failed: {status}");
    Ok(())
}
