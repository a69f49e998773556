//! Peers' programs, each installed into a folder of its own under `target/bench`.
//!
//! The releases and their digests stand in `xtask/bench/peers`. Nothing is installed
//! anywhere else, and nothing that is installed runs a script while it is.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::report;

/// A peer's sources: `xtask/bench/peers/NAME`.
fn sources(peer: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("peers")
        .join(peer)
}

/// A folder with a peer in Python: its sources, and an environment with what
/// `requirements.txt` names in `environment`.
///
/// # Errors
///
/// When Python is not there, which names the package to install, or pip fails.
pub(crate) fn python(peer: &str) -> Result<PathBuf> {
    install(peer, "requirements.txt", |folder| {
        let environment = folder.join("environment");
        let python = "python3 and python3-venv (Python 3.11 or newer)";
        run(
            Command::new("python3")
                .args(["-m", "venv"])
                .arg(&environment),
            python,
        )?;
        let pip = environment.join("bin/python");
        let options = ["-m", "pip", "install", "--quiet", "--require-hashes"];
        let requirements = ["--disable-pip-version-check", "-r", "requirements.txt"];
        run(
            Command::new(pip)
                .args(options)
                .args(requirements)
                .current_dir(folder),
            python,
        )
    })
}

/// A folder with a peer in JavaScript: its sources, and what `package-lock.json` names.
///
/// # Errors
///
/// When npm is not there, which names what to install, or fails.
pub(crate) fn npm(peer: &str) -> Result<PathBuf> {
    install(peer, "package-lock.json", |folder| {
        let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(
            Command::new("npm")
                .args(options)
                .args(["--loglevel", "error"])
                .current_dir(folder),
            "Node.js 20 or newer with npm",
        )
    })
}

/// Copies a peer's sources and installs what `lock` names, unless it was installed before.
fn install(peer: &str, lock: &str, install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let (sources, folder) = (sources(peer), report::folder()?.join(peer));
    let wanted = fs::read(sources.join(lock)).with_context(|| format!("no {lock} of {peer}"))?;
    let mark = folder.join("installed");
    let is_installed = fs::read(&mark).is_ok_and(|installed| installed == wanted);
    if !is_installed && folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    copy_files(&sources, &folder)?;
    if !is_installed {
        eprintln!("    installing {peer} in {}", folder.display());
        install(&folder)?;
        fs::write(mark, wanted)?;
    }
    Ok(folder)
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for file in fs::read_dir(from)? {
        let file = file?;
        if file.file_type()?.is_file() {
            fs::copy(file.path(), to.join(file.file_name()))
                .with_context(|| format!("cannot copy {}", file.path().display()))?;
        }
    }
    Ok(())
}

/// Runs a program to its end; where there is none, `needed` is to be installed.
pub(crate) fn run(command: &mut Command, needed: &str) -> Result<()> {
    let program = command.get_program();
    let program = Path::new(program).file_name().map(OsStr::to_owned);
    let program = program.unwrap_or_default().display().to_string();
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => bail!("cannot start {program} ({error}): install {needed}"),
    };
    ensure!(
        output.status.success(),
        "{program} failed, {}; {needed} are needed: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let missing = run(&mut Command::new("/nowhere/python3"), "python3-venv");
        let said = missing.expect_err("no such program").to_string();
        assert!(said.contains("install python3-venv"), "{said}");
    }

    #[test]
    fn what_fails_says_why() {
        let failed = run(
            Command::new("sh").args(["-c", "echo no network >&2; exit 1"]),
            "pip",
        );
        let said = failed.expect_err("it fails").to_string();
        assert!(said.contains("no network"), "{said}");
    }

    #[test]
    fn every_peer_has_its_releases_locked() {
        for (peer, lock) in [
            ("predecessor", "requirements.txt"),
            ("fastapi-users", "requirements.txt"),
            ("better-auth", "package-lock.json"),
        ] {
            let lock = fs::read_to_string(sources(peer).join(lock)).expect("a lock file");
            assert!(
                lock.contains("sha256:") || lock.contains("sha512-"),
                "{peer}"
            );
        }
    }
}
