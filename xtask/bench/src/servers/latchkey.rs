//! The release binary of this project.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::database::Store;
use super::process::Process;
use super::{PASSWORD, SECRET, Signed, latchkey_binary, post_json, text};

/// A running server on a database of its own.
pub(crate) struct Latchkey {
    pub(crate) process: Process,
    folder: TempDir,
    url: String,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Latchkey {
    /// Starts it with its defaults, without limits on tries: one client tries for all.
    pub(crate) fn start(store: &Store, signed: Signed, settings: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let command = command(folder.path(), &store.url(), signed, settings)?;
        let process = Process::that_says_where(&command, &folder.path().join("latchkey.log"))?;
        Ok(Self {
            process,
            folder,
            url: store.url(),
        })
    }

    /// Makes the accounts of these numbers, each with a session.
    pub(crate) fn sign_up(&self, numbers: std::ops::Range<usize>) -> Result<Vec<Account>> {
        numbers
            .map(|number| {
                let email = format!("somebody{number}@example.org");
                let body = sign_up_body(&email);
                let answer = post_json(self.process.address, "/api/v1/users/signup", &body)?;
                Ok(Account {
                    email,
                    access: text(&answer, "access_token")?,
                    refresh: text(&answer, "refresh_token")?,
                })
            })
            .collect()
    }

    /// A caller of the introspection endpoint: its identifier and its secret.
    pub(crate) fn add_client(&self) -> Result<(String, String)> {
        let added = Command::new(latchkey_binary()?)
            .args(["--database", &self.url, "client", "add", "bench", "--json"])
            .current_dir(self.folder.path())
            .output()?;
        ensure!(added.status.success(), "{added:?}");
        let id = text(&added.stdout, "client_id").context("client add")?;
        Ok((id, text(&added.stdout, "client_secret")?))
    }
}

/// What starts it on this database.
pub(crate) fn command(
    folder: &Path,
    url: &str,
    signed: Signed,
    settings: &[(&str, &str)],
) -> Result<Command> {
    let mut command = Command::new(latchkey_binary()?);
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder)
        .env("LATCHKEY_DATABASE__URL", url)
        .env("LATCHKEY_RATE_LIMITS__ENABLED", "false");
    if signed == Signed::Hs256 {
        // As one who comes from the predecessor has it.
        command.env("JWT_SECRET_KEY", SECRET);
    }
    for (name, value) in settings {
        command.env(name, value);
    }
    Ok(command)
}

/// The body of a sign-up, for the predecessor too.
pub(crate) fn sign_up_body(email: &str) -> String {
    format!(r#"{{"name":"Somebody","email":"{email}","password":"{PASSWORD}"}}"#)
}

/// The body of a sign-in, for the predecessor too.
pub(crate) fn sign_in_body(email: &str) -> String {
    format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#)
}
