//! `cargo xtask wasm`: the npm package in `verifier-wasm/pkg`.
//!
//! The crate is compiled once for each half of it (see its features), so that
//! who checks tokens does not load a dictionary of passwords. The bindings are
//! made by `xtask/bindgen`, and [`package`] puts the parts together.

mod fingerprint;
mod package;
pub(crate) mod toolchain;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::{self, cargo, target};
use crate::steps::Steps;
use crate::wasm::toolchain::{TARGET, Toolchain, Way};

/// A half of the verifier: a feature of the crate, which becomes a module
/// `wasm/NAME.js` with its `wasm/NAME_bg.wasm` in the package.
#[derive(Clone, Copy)]
struct Half {
    name: &'static str,
    /// How big the `.wasm` may be when it is gzipped, in KiB. The test in
    /// `tests/node/package/contents.test.mjs` holds it to that.
    aim: u32,
}

const HALVES: [Half; 2] = [
    Half {
        name: "tokens",
        aim: 90,
    },
    Half {
        name: "passwords",
        aim: 450,
    },
];

/// What the passwords are compiled with besides: one is judged in a fraction of
/// a millisecond in any case, but a page has to wait for the module.
const SMALL: [&str; 2] = [
    r#"--config=profile.wasm.opt-level="z""#,
    r#"--config=profile.wasm.package.verifier-wasm.opt-level="z""#,
];

/// Builds the package, unless it was built from the same sources already.
pub(crate) fn build(steps: &mut Steps, way: Way, force: bool) -> Result<()> {
    let inputs = fingerprint::of_inputs()?;
    if !force && package::is_current(&inputs) {
        return steps.required("wasm package", "is there already", || {
            Ok(((), "unchanged".to_owned()))
        });
    }
    let toolchain = steps.required(
        "wasm toolchain",
        "finds a standard library for wasm32",
        || Toolchain::ready(way),
    )?;
    steps.required(
        "wasm bindings",
        "compiles the generator of bindings",
        || {
            command::run(cargo().args(["build", "--locked", "--package", "latchkey-bindgen"]))?;
            Ok(((), String::new()))
        },
    )?;
    let scratch = target().join("wasm");
    let modules = scratch.join("modules");
    steps.required("wasm modules", "compiles verifier-wasm", || {
        if modules.exists() {
            fs::remove_dir_all(&modules)?;
        }
        for half in HALVES.map(|half| half.name) {
            compile(&toolchain, &scratch, half)?;
            bind(&scratch, &modules, half)?;
        }
        Ok(((), String::new()))
    })?;
    steps.required("wasm package", "puts verifier-wasm/pkg together", || {
        let note = package::assemble(&modules, &inputs)?;
        Ok(((), note))
    })
}

/// Compiles one half and keeps it as `HALF.wasm`.
fn compile(toolchain: &Toolchain, scratch: &Path, half: &str) -> Result<()> {
    let mut build = toolchain.cargo_build();
    build
        .args(["--package", "verifier-wasm", "--lib"])
        .args(["--no-default-features", "--features", half])
        .args(["--profile", "wasm", "--target-dir"])
        .arg(scratch);
    if half == "passwords" {
        build.args(SMALL);
    }
    command::run(&mut build)?;
    let built = scratch.join(TARGET).join("wasm/latchkey_verifier.wasm");
    let kept = scratch.join(format!("{half}.wasm"));
    fs::copy(&built, &kept).with_context(|| format!("cannot copy {}", built.display()))?;
    Ok(())
}

/// Makes the bindings of one half in `modules`.
fn bind(scratch: &Path, modules: &Path, half: &str) -> Result<()> {
    command::run(
        cargo()
            .args([
                "run",
                "--quiet",
                "--locked",
                "--package",
                "latchkey-bindgen",
                "--",
            ])
            .arg(scratch.join(format!("{half}.wasm")))
            .arg(modules)
            .arg(half),
    )
}
