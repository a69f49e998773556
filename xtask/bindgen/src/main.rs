//! `latchkey-bindgen MODULE.wasm FOLDER NAME`: writes `NAME.js` and
//! `NAME_bg.wasm` into the folder.
//!
//! What the command `wasm-bindgen` would do, as a library at exactly the
//! version in Cargo.lock: the two sides of the bindings must be of one version,
//! and so there is no tool to install. A program of its own, because its
//! dependencies take longer to compile than the rest of the chores.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [module, folder, name] = arguments.as_slice() else {
        bail!("usage: latchkey-bindgen MODULE.wasm FOLDER NAME");
    };
    let name = name.to_str().context("NAME must be UTF-8")?;
    // The target "web" instantiates from whatever it is given (a URL, bytes, a
    // compiled module), so the package's own loader serves every runtime.
    Bindgen::new()
        .input_path(PathBuf::from(module))
        .out_name(name)
        .web(true)?
        .omit_default_module_path(true)
        // The types of the package are written by hand, for what it exports.
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(PathBuf::from(folder))
        .with_context(|| format!("cannot make the bindings of {name}"))
}
