//! Child processes: their environment, their output, their errors.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    // `cargo run` sets the variable; the built binary started by hand has what
    // was true when it was built.
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or(manifest.clone(), Path::to_owned)
}

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .and_then(|folder| std::path::absolute(folder).ok())
        .unwrap_or_else(|| root().join("target"))
}

/// The cargo that started this chore.
pub(crate) fn cargo() -> Command {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// `program` in the workspace's folder, with the environment of the user's
/// shell: what `cargo run` adds about the package `xtask` would otherwise make
/// build scripts of other packages run again.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    remove_variables(&mut command, |name| {
        name.starts_with("CARGO_PKG_")
            || matches!(
                name,
                "CARGO" | "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH" | "CARGO_BIN_NAME"
            )
            || matches!(
                name,
                "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR"
            )
    });
    command
}

/// Removes the variables of this process that `unwanted` names.
pub(crate) fn remove_variables(command: &mut Command, unwanted: impl Fn(&str) -> bool) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(&unwanted) {
            command.env_remove(name);
        }
    }
}

/// Runs to the end, output to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs to the end and returns what it wrote to stdout, trimmed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("`{}` failed: {}: {why}", shown(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs to the end with the output in `target/xtask/LOG.log`; an error shows
/// the end of that file.
pub(crate) fn logged(command: &mut Command, log: &str) -> Result<()> {
    let path = log_file(log)?;
    let file = File::options().create(true).append(true).open(&path)?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!(
            "`{}` failed: {status}, see {}\n{}",
            shown(command),
            path.display(),
            tail(&path, 15)
        );
    }
    Ok(())
}

/// Whether it succeeded within `limit`, after which it is ended; its output is
/// in `log`.
pub(crate) fn output_within(limit: Duration, command: &mut Command, log: &Path) -> Result<bool> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| cannot_start(command))?;
    let began = Instant::now();
    while began.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    Ok(false)
}

/// `target/xtask/LOG.log`, its folder made.
pub(crate) fn log_file(log: &str) -> Result<PathBuf> {
    let folder = target().join("xtask");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder.join(format!("{log}.log")))
}

/// Where `program` is on the PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", shown(command))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_workspace() {
        assert!(root().join("verifier-wasm/Cargo.toml").is_file());
    }

    #[test]
    fn a_failure_names_the_command_and_the_status() {
        let error = run(&mut command("false")).expect_err("false fails");
        assert_eq!(error.to_string(), "`false` failed: exit status: 1");
    }

    #[test]
    fn what_takes_too_long_is_ended() {
        let log = log_file("test-limit").expect("a log file");
        let slow = output_within(Duration::ZERO, command("sleep").arg("3600"), &log);
        assert!(!slow.expect("it started"));
        let quick = output_within(Duration::from_secs(60), &mut command("true"), &log);
        assert!(quick.expect("it started"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = output(&mut command("no-such-program-here")).expect_err("missing");
        assert_eq!(error.to_string(), "cannot start `no-such-program-here`");
    }
}
