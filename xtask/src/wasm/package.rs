//! The npm package, put together from its parts:
//!
//! ```text
//! verifier-wasm/pkg/
//!   package.json, README.md, *.js, *.d.ts   verifier-wasm/js, as they are
//!   LICENSE                                 the project's
//!   wasm/tokens.js, wasm/tokens_bg.wasm     made by wasm-bindgen, target "web"
//!   wasm/passwords.js, …
//! ```
//!
//! `version` in package.json becomes the workspace's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::{self, root, target};
use crate::wasm::Half;

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

/// `tokens 236 KiB, gzipped 88.6 of 90; passwords …`.
fn sizes(modules: &Path) -> Result<String> {
    let sizes =
        super::HALVES.map(|half| size(&modules.join(format!("{}_bg.wasm", half.name)), half));
    Ok(sizes.into_iter().collect::<Result<Vec<_>>>()?.join("; "))
}

/// The size of one module, and what is on the way to a browser, in KiB.
fn size(module: &Path, half: Half) -> Result<String> {
    let Half { name, aim } = half;
    let raw = fs::metadata(module)?.len().div_ceil(1024);
    let gzipped = f64::from(gzipped(module)?) / 1024.0;
    let verdict = if gzipped > f64::from(aim) {
        ": TOO BIG"
    } else {
        ""
    };
    Ok(format!(
        "{name} {raw} KiB, gzipped {gzipped:.1} of {aim}{verdict}"
    ))
}

/// By Node, which is there and has zlib: nothing else here compresses.
fn gzipped(file: &Path) -> Result<u32> {
    const GZIP: &str = "process.stdout.write(String(require('node:zlib')\
        .gzipSync(require('node:fs').readFileSync(process.argv[1]), { level: 9 }).length))";
    let size = command::output(command::command("node").args(["-e", GZIP]).arg(file))?;
    size.parse().context("node prints a number")
}
