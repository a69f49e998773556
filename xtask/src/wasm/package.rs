//! The npm package, put together from its parts:
//!
//! ```text
//! verifier-wasm/pkg/
//!   package.json, README.md, *.js, *.d.ts   verifier-wasm/js, as they are
//!   LICENSE                                 the project's
//!   wasm/tokens.js, tokens_bg.wasm, *.d.ts  made by wasm-bindgen, target "web"
//!   wasm/passwords.js, …
//! ```
//!
//! `version` in package.json becomes the workspace's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::{root, target};

/// Whether the package is there and was made from these inputs.
pub(crate) fn is_current(inputs: &str) -> bool {
    folder().join("package.json").is_file()
        && fs::read_to_string(mark()).is_ok_and(|made_from| made_from == inputs)
}

/// Puts the package together, beside the old one first, so that there is
/// never half a package. The note says how big it is.
pub(crate) fn assemble(modules: &Path, inputs: &str) -> Result<String> {
    let new = target().join("wasm/pkg");
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    copy_folder(&root().join("verifier-wasm/js"), &new)?;
    copy_folder(modules, &new.join("wasm"))?;
    fs::copy(root().join("LICENSE"), new.join("LICENSE")).context("cannot copy LICENSE")?;
    set_version(&new.join("package.json"))?;

    let (mark, folder) = (mark(), folder());
    if mark.exists() {
        fs::remove_file(&mark)?;
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    copy_folder(&new, &folder)?;
    fs::write(&mark, inputs).with_context(|| format!("cannot write {}", mark.display()))?;
    sizes(&folder.join("wasm"))
}

fn folder() -> PathBuf {
    root().join("verifier-wasm/pkg")
}

/// Beside the package rather than in it: who publishes it need not know.
fn mark() -> PathBuf {
    target().join("wasm/pkg.inputs")
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}

/// Writes this crate's version, which is the workspace's, into package.json.
fn set_version(package: &Path) -> Result<()> {
    const PLACEHOLDER: &str = r#""version": "0.0.0""#;
    let text = fs::read_to_string(package)
        .with_context(|| format!("cannot read {}", package.display()))?;
    if !text.contains(PLACEHOLDER) {
        bail!("verifier-wasm/js/package.json must say {PLACEHOLDER}");
    }
    let version = format!(r#""version": "{}""#, env!("CARGO_PKG_VERSION"));
    fs::write(package, text.replacen(PLACEHOLDER, &version, 1))?;
    Ok(())
}

/// `tokens 312 KiB, passwords 845 KiB`.
fn sizes(modules: &Path) -> Result<String> {
    let mut sizes = Vec::new();
    for half in super::HALVES {
        let size = fs::metadata(modules.join(format!("{half}_bg.wasm")))?.len();
        sizes.push(format!("{half} {} KiB", size.div_ceil(1024)));
    }
    Ok(sizes.join(", "))
}
