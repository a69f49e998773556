//! The servers that are measured: this project's, its floor, and its peers.

pub(crate) mod bare;
pub(crate) mod better_auth;
pub(crate) mod database;
pub(crate) mod fastapi_users;
mod install;
pub(crate) mod latchkey;
pub(crate) mod predecessor;
pub(crate) mod process;
pub(crate) mod subject;
mod uvicorn;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::load::{ask_once, script};

/// The shared secret of everybody who signs with HS256.
pub(crate) const SECRET: &str = "b8c1f0a94d27e6635a0b7c9df1e2483567ab90cd12ef34a5";

/// What every account has for a password.
pub(crate) const PASSWORD: &str = "Tide-27-mill-sea";

/// An algorithm that tokens are signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    Hs256,
    EdDsa,
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
        })
    }
}

/// The binary that is compiled beside this one.
pub(crate) fn latchkey_binary() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name("latchkey");
    ensure!(path.exists(), "there is no {}", path.display());
    Ok(path)
}

/// Signs an account up, or in, and gives the answer's body.
pub(crate) fn post_json(address: SocketAddr, path: &str, body: &str) -> Result<Vec<u8>> {
    let request = script::post(path, "", "application/json", body);
    let answer = ask_once(address, &request)?;
    ensure!(
        (200..300).contains(&answer.status),
        "{} for {path}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    Ok(answer.body)
}

/// A text member of an answer.
pub(crate) fn text(body: &[u8], name: &str) -> Result<String> {
    let member = script::member(body, name);
    let member = member.with_context(|| format!("no {name} in an answer"))?;
    Ok(member.to_owned())
}
