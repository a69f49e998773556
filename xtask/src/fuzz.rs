//! The fuzz targets, each for a bounded time.
//!
//! They are compiled apart from everything else, with counters in our own
//! crates (`fuzz/instrument`). What a run finds goes into `target/fuzz`; the
//! corpus in the repository is where it starts from and stays as it is.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context, Result, bail};

use crate::command::{self, cargo, command, root, target};

/// How many targets run at once. Each computes on one core.
const AT_ONCE: usize = 2;

/// Runs every target for `seconds`; the note names them.
pub(crate) fn fuzz(seconds: u32) -> Result<String> {
    let names = targets()?;
    let scratch = target().join("fuzz");
    command::run(
        cargo()
            .args(["build", "--locked", "--package", "latchkey-fuzz", "--bins"])
            .args(["--features", "fuzzing", "--target-dir"])
            .arg(&scratch)
            .env("RUSTC_WORKSPACE_WRAPPER", root().join("fuzz/instrument")),
    )?;
    // A finding of one target says nothing of the others.
    let mut findings = Vec::new();
    for group in names.chunks(AT_ONCE) {
        eprintln!("    {}: {seconds} s", group.join(" and "));
        findings.extend(fuzz_together(group, seconds, &scratch));
    }
    if !findings.is_empty() {
        bail!("{}", findings.join("\n"));
    }
    Ok(format!("{}, {seconds} s each", names.join(", ")))
}

/// What was found by these targets, each on a core of its own.
fn fuzz_together(names: &[String], seconds: u32, scratch: &Path) -> Vec<String> {
    let fuzz = |name: &String| fuzz_one(name, seconds, scratch).err();
    thread::scope(|scope| {
        let running: Vec<_> = names
            .iter()
            .map(|name| scope.spawn(move || fuzz(name)))
            .collect();
        running
            .into_iter()
            .filter_map(|run| match run.join() {
                Ok(finding) => finding.map(|error| format!("{error:#}")),
                Err(_) => Some("a run could not be watched".to_owned()),
            })
            .collect()
    })
}

fn fuzz_one(name: &str, seconds: u32, scratch: &Path) -> Result<()> {
    let found = scratch.join("corpus").join(name);
    let artifacts = scratch.join("artifacts").join(name);
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let fuzzer = scratch.join("debug").join(format!("fuzz-{name}"));
    command::logged(
        command(fuzzer)
            .arg(format!("-max_total_time={seconds}"))
            // An input that takes this long is a finding.
            .arg("-timeout=10")
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(found)
            .arg(root().join("fuzz/corpus").join(name)),
        &format!("fuzz-{name}"),
    )
    .with_context(|| format!("the input is in {}", artifacts.display()))
}

/// The names of the files in `fuzz/targets`.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/targets");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(
                path.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned()),
            );
        }
    }
    if names.is_empty() {
        bail!("no target in {}", folder.display());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_target_finds_hides_no_other() {
        let scratch = target().join("xtask/test-fuzz");
        let names = ["one", "two"].map(str::to_owned);
        let findings = fuzz_together(&names, 1, &scratch);
        assert_eq!(findings.len(), names.len());
        for (finding, name) in findings.iter().zip(names) {
            assert!(finding.contains(&format!("fuzz-{name}")), "{finding}");
        }
    }
}
