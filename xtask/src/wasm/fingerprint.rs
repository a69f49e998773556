//! What the package is made from, as one number: equal numbers, no new build.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::root;

/// Files and folders that the package is made from.
const INPUTS: [&str; 6] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "verifier-wasm",
    "xtask/bindgen",
    "xtask/src/wasm",
];

/// Folders in them that it is not made from.
const NOT_INPUTS: [&str; 2] = ["verifier-wasm/pkg", "verifier-wasm/tests"];

/// The fingerprint of names and contents.
pub(crate) fn of_inputs() -> Result<String> {
    let root = root();
    let mut files = Vec::new();
    for input in INPUTS {
        collect(&root, Path::new(input), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in &files {
        file.hash(&mut hasher);
        let content = fs::read(root.join(file));
        content
            .with_context(|| format!("cannot read {}", file.display()))?
            .hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(root: &Path, input: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if NOT_INPUTS.iter().any(|other| Path::new(other) == input) || input.ends_with("node_modules") {
        return Ok(());
    }
    let path = root.join(input);
    if !path.is_dir() {
        files.push(input.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
    for entry in entries {
        collect(root, &input.join(entry?.file_name()), files)?;
    }
    Ok(())
}
