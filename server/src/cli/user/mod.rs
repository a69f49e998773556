//! `latchkey user`: accounts, administered while the server runs.
//!
//! Everything goes through the use cases and the storage of the API, so that what is done
//! here holds at the server on the next request.

mod add;
mod change;
mod export;
mod failures;
mod import;
mod lines;
mod progress;
mod service;
mod show;

use clap::Subcommand;
use serde::Serialize;

use self::service::Service;
use super::Context;
use crate::domain::administration::UserRef;
use crate::domain::clock::Timestamp;
use crate::domain::user::User;

/// `latchkey user …`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an account; the password is read from a prompt or from standard input
    Add(add::Add),
    /// List the users, the oldest first
    List(show::List),
    /// Show one user and where they are signed in
    Show(show::Show),
    /// Set a new password, read from a prompt or from standard input; ends every session
    SetPassword(change::SetPassword),
    /// Set another e-mail address
    SetEmail(change::SetEmail),
    /// End every session of a user
    SignOut(change::SignOut),
    /// Keep a user from signing in, and end every session
    Disable(change::Disable),
    /// Let a disabled user sign in again
    Enable(change::Enable),
    /// Let a user try passwords again after too many failures
    Unlock(change::Unlock),
    /// Delete a user for good
    Delete(change::Delete),
    /// Take users in from a file of another database or service, with their password hashes
    Import(import::Import),
    /// Write all users to a file, with their password hashes
    Export(export::Export),
}

impl Command {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add(add) => add.run(cx),
            Self::List(list) => list.run(cx),
            Self::Show(show) => show.run(cx),
            Self::SetPassword(command) => command.run(cx),
            Self::SetEmail(command) => command.run(cx),
            Self::SignOut(command) => command.run(cx),
            Self::Disable(command) => command.run(cx),
            Self::Enable(command) => command.run(cx),
            Self::Unlock(command) => command.run(cx),
            Self::Delete(command) => command.run(cx),
            Self::Import(command) => command.run(cx),
            Self::Export(command) => command.run(cx),
        }
    }
}

/// Finds the user that is meant, or says that there is none.
async fn find(service: &Service, user: &UserRef) -> anyhow::Result<User> {
    match service.administration.find(user).await? {
        Some(user) => Ok(user),
        None => Err(gone(user)),
    }
}

/// There is no such user, or not any more.
fn gone(user: &UserRef) -> anyhow::Error {
    match user {
        UserRef::Id(id) => anyhow::anyhow!("there is no user with the id {id}"),
        UserRef::Email(email) => anyhow::anyhow!("there is no user with the e-mail {email}"),
    }
}

/// A user as JSON: the API's `user`, and what only operators see.
#[derive(Debug, Serialize)]
struct UserJson<'a> {
    user_id: String,
    name: &'a str,
    email: &'a str,
    age: Option<u8>,
    created_at: Timestamp,
    updated_at: Timestamp,
    disabled_at: Option<Timestamp>,
}

impl<'a> From<&'a User> for UserJson<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            user_id: user.id.to_string(),
            name: &user.name,
            email: &user.email,
            age: user.age,
            created_at: user.created_at,
            updated_at: user.updated_at,
            disabled_at: user.disabled_at,
        }
    }
}
