//! Debian packages: installed where this is root on Debian, named otherwise.

use std::fs;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::command;

/// Something that a chore needs and apt-get can bring.
pub(crate) struct Need {
    /// What it is for, after "is needed": "to …".
    pub(crate) purpose: &'static str,
    /// The Debian packages that bring it.
    pub(crate) packages: &'static [&'static str],
    /// Whether it is here, however it came.
    pub(crate) is_here: fn() -> bool,
}

/// Installs what is missing. Elsewhere than as root on Debian nothing is
/// changed and the error names the packages.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<_> = needs.iter().filter(|need| !(need.is_here)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing
        .iter()
        .flat_map(|need| need.packages.iter().copied())
        .collect();
    let purposes = missing.iter().map(|need| need.purpose);
    let purposes = purposes.collect::<Vec<_>>().join(", ");
    let names = packages.join(" ");
    if !is_debian() {
        bail!("install what Debian calls {names} ({purposes})");
    }
    if !is_root() {
        bail!("run `sudo apt-get install {names}` ({purposes})");
    }
    install(&packages)?;
    if let Some(need) = missing.iter().find(|need| !(need.is_here)()) {
        bail!(
            "{} installed, but what is needed {} is still not there",
            need.packages.join(" "),
            need.purpose
        );
    }
    Ok(())
}

/// `apt-get install`, after one `apt-get update` per run: an image made months
/// ago has no package lists, or ones that name files that are gone.
fn install(packages: &[&str]) -> Result<()> {
    static UPDATED: OnceLock<()> = OnceLock::new();
    if UPDATED.get().is_none() {
        eprintln!("    apt-get update");
        command::logged(apt_get().arg("update"), "apt")?;
        UPDATED.get_or_init(|| ());
    }
    eprintln!("    apt-get install {}", packages.join(" "));
    command::logged(
        apt_get()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages),
        "apt",
    )
    .with_context(|| format!("cannot install {}", packages.join(" ")))
}

fn apt_get() -> std::process::Command {
    let mut apt = command::command("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").args([
        "-o",
        "DPkg::Lock::Timeout=120",
        "-o",
        "Dpkg::Use-Pty=0",
    ]);
    apt
}

/// Whether apt-get installs here: Debian, or a distribution made from it.
pub(crate) fn is_debian() -> bool {
    fs::metadata("/etc/debian_version").is_ok() && command::find("apt-get").is_some()
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    command::output(command::command("id").arg("-u")).is_ok_and(|id| id == "0")
}
