//! Embeds the npm package `verifier-wasm/pkg` when it has been built: writes the
//! table that `src/assets.rs` includes. Without the package the table is empty
//! and the server builds just the same.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let package = crates.join("verifier-wasm/pkg");
    let mut files = BTreeMap::new();
    if package.join("package.json").is_file() {
        println!("cargo::rerun-if-changed={}", package.display());
        collect(&package, "", &mut files)?;
    } else {
        // Cargo takes a path that does not exist for one that has changed, and
        // would compile the server each time. The folder around it changes too
        // when the package appears.
        println!(
            "cargo::rerun-if-changed={}",
            crates.join("verifier-wasm").display()
        );
    }

    let mut table = String::from("&[\n");
    for (name, file) in files {
        // Writing to a String does not fail.
        let _ = writeln!(table, "    ({name:?}, include_bytes!({file:?})),");
    }
    table.push_str("]\n");
    let out = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    fs::write(PathBuf::from(out).join("verifier_package.rs"), table)
}

/// Adds what is in the folder, by its name: the path in the package, with `/`.
fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, entry.path().canonicalize()?);
        }
    }
    Ok(())
}
