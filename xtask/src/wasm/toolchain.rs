//! Where the standard library for wasm32 comes from: three ways, in this order.
//!
//! 1. It is in the sysroot of the toolchain in use.
//! 2. `rustup target add` fetches it. Behind a firewall that swallows packets
//!    that would hang, so a short connection attempt goes first.
//! 3. Debian has a compiler, a cargo and the sources of std that fit each
//!    other (`rustc-web`, `cargo-web`, `rust-web-src`); std is built from the
//!    sources. The linker is the one that rustup's toolchain brings.

use std::env;
use std::fs;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::apt::{self, Need};
use crate::command::{self, cargo, command, find, output};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// The oldest release that compiles the verifier, `rust-version` in Cargo.toml.
const OLDEST: (u32, u32) = (1, 88);

/// How long rustup may take for 20 MB, before the way is given up.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

/// The way to take.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    /// The first that works
    Auto,
    /// The target of the toolchain in use, added by rustup if need be
    Rustup,
    /// std built from Debian's rustc-web, cargo-web and rust-web-src
    Debian,
}

/// A toolchain that can compile for wasm32.
pub(crate) enum Toolchain {
    /// The one in use; it has the target's std.
    InUse,
    /// Debian's, with the linker to use.
    Debian { linker: PathBuf },
}

impl Toolchain {
    /// Finds one, or gets one.
    pub(crate) fn ready(way: Way) -> Result<(Self, String)> {
        let without_rustup = if way == Way::Debian {
            "not asked".to_owned()
        } else {
            match in_use() {
                Ok(note) => return Ok((Self::InUse, note)),
                Err(error) if way == Way::Rustup => return Err(error),
                Err(error) => format!("{error:#}"),
            }
        };
        eprintln!("    rustup: {without_rustup}");
        let (linker, note) = debian().map_err(|error| {
            anyhow!("no standard library for {TARGET}. rustup: {without_rustup}. Debian: {error:#}")
        })?;
        Ok((Self::Debian { linker }, note))
    }

    /// `cargo build --target wasm32-unknown-unknown`, ready for more arguments.
    pub(crate) fn cargo_build(&self) -> Command {
        let mut build = match self {
            Self::InUse => cargo(),
            Self::Debian { .. } => debian_command(DEBIAN_CARGO),
        };
        // Flags meant for the machine's own processor.
        command::remove_variables(&mut build, |name| {
            name.ends_with("RUSTFLAGS") || name.starts_with("CARGO_BUILD_")
        });
        build.args(["build", "--locked", "--target", TARGET]);
        if let Some(sources) = dependencies() {
            // A panic's message names its file, and the file's folder is this
            // machine's business; besides, it makes the module bigger.
            let flag = format!("--remap-path-prefix={sources}=");
            build.env("CARGO_ENCODED_RUSTFLAGS", flag);
        }
        if let Self::Debian { linker } = self {
            build
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                .arg("-Zbuild-std=std,panic_abort");
        }
        build
    }
}

/// The folder with the sources of dependencies.
fn dependencies() -> Option<String> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    let sources = home.join("registry/src");
    // Flags in a variable are split at spaces.
    sources
        .to_str()
        .filter(|path| !path.contains(' '))
        .map(str::to_owned)
}

/// Ways 1 and 2.
fn in_use() -> Result<String> {
    if has_target() {
        return Ok("the toolchain in use has the target".to_owned());
    }
    if find("rustup").is_none() {
        bail!("rustup is not installed");
    }
    probe_rustup_server()?;
    eprintln!("    rustup target add {TARGET}");
    let log = command::log_file("rustup")?;
    let added = command::output_within(
        DOWNLOAD_LIMIT,
        command("rustup")
            .args(["target", "add", TARGET])
            .env("RUST_BACKTRACE", "0"),
        &log,
    );
    if !added? || !has_target() {
        bail!("`rustup target add {TARGET}` failed, see {}", log.display());
    }
    Ok("rustup added the target".to_owned())
}

fn has_target() -> bool {
    let folder = output(command("rustc").args(["--print", "target-libdir", "--target", TARGET]));
    let Ok(entries) = folder.and_then(|folder| Ok(fs::read_dir(folder)?)) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

/// Whether rustup's server can be reached, in seconds rather than minutes.
fn probe_rustup_server() -> Result<()> {
    const WAIT: Duration = Duration::from_secs(5);
    let proxied = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    if proxied.iter().any(|name| std::env::var_os(name).is_some()) {
        return Ok(());
    }
    let server = std::env::var("RUSTUP_DIST_SERVER")
        .unwrap_or_else(|_| "https://static.rust-lang.org".to_owned());
    let address = socket_address(&server);
    // A thread, because a look-up of the name takes as long as it wants.
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let connected = address
            .to_socket_addrs()
            .and_then(|mut found| {
                found
                    .next()
                    .ok_or_else(|| std::io::ErrorKind::NotFound.into())
            })
            .and_then(|found| TcpStream::connect_timeout(&found, WAIT));
        // The receiver has gone if this took too long.
        let _ = sender.send(connected.map(drop));
    });
    receiver
        .recv_timeout(WAIT)
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .with_context(|| format!("cannot reach {server}"))
}

/// `host:port` of a URL.
fn socket_address(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let host = rest.split('/').next().unwrap_or(rest);
    if host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    {
        return host.to_owned();
    }
    let port = if scheme == "http" { 80 } else { 443 };
    format!("{host}:{port}")
}

/// Way 3: the linker, and what to say about the compiler.
fn debian() -> Result<(PathBuf, String)> {
    apt::ensure(&[Need {
        purpose: "to build the standard library for wasm32",
        packages: &["rustc-web", "cargo-web", "rust-web-src"],
        is_here: || debian_release().is_ok(),
    }])?;
    let (major, minor) = debian_release()?;
    Ok((linker()?, format!("std built by Debian's {major}.{minor}")))
}

/// The release of Debian's compiler, if its cargo and the sources of std are
/// of the same release and it is new enough.
fn debian_release() -> Result<(u32, u32)> {
    let compiler = release(DEBIAN_RUSTC)?;
    if compiler != release(DEBIAN_CARGO)? {
        bail!("{DEBIAN_RUSTC} and {DEBIAN_CARGO} are not of the same release");
    }
    if compiler < OLDEST {
        bail!("{DEBIAN_RUSTC} is older than {}.{}", OLDEST.0, OLDEST.1);
    }
    let sysroot = output(debian_command(DEBIAN_RUSTC).args(["--print", "sysroot"]))?;
    let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    if !sources.is_file() {
        bail!("{} is not there", sources.display());
    }
    Ok(compiler)
}

fn release(program: &str) -> Result<(u32, u32)> {
    let text = output(debian_command(program).arg("--version"))?;
    parse_release(&text).with_context(|| format!("`{program} --version` said {text:?}"))
}

/// `(1, 85)` of `rustc 1.85.0 (…)`.
fn parse_release(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// A linker for wasm: the toolchain in use brings one, hidden in its sysroot;
/// the package `lld` has another.
fn linker() -> Result<PathBuf> {
    let sysroot = output(command("rustc").args(["--print", "sysroot"]))?;
    let host = output(command("rustc").args(["--print", "host-tuple"]))?;
    let hidden = Path::new(&sysroot).join(format!("lib/rustlib/{host}/bin/rust-lld"));
    if hidden.is_file() {
        return Ok(hidden);
    }
    find("wasm-ld").with_context(|| {
        format!(
            "no linker for wasm: neither {} nor wasm-ld (Debian: lld)",
            hidden.display()
        )
    })
}

/// A program of Debian's toolchain, free of what rustup and the cargo around
/// this process have set for theirs.
fn debian_command(program: &str) -> Command {
    let mut debian = command(program);
    command::remove_variables(&mut debian, |name| {
        name.starts_with("RUST")
            || name.starts_with("CARGO_TARGET_")
            || name.starts_with("CARGO_PROFILE_")
            || name == "LD_LIBRARY_PATH"
    });
    debian
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read() {
        assert_eq!(
            parse_release("rustc 1.85.0 (4d91de4e4 2025-02-17)"),
            Some((1, 85))
        );
        assert_eq!(parse_release("cargo 1.96.0-nightly"), Some((1, 96)));
        assert_eq!(parse_release("rustc"), None);
        assert_eq!(parse_release(""), None);
    }

    #[test]
    fn addresses_are_taken_from_urls() {
        assert_eq!(
            socket_address("https://static.rust-lang.org"),
            "static.rust-lang.org:443"
        );
        assert_eq!(
            socket_address("http://mirror.example/rust"),
            "mirror.example:80"
        );
        assert_eq!(socket_address("https://127.0.0.1:9/x"), "127.0.0.1:9");
    }
}
