//! Users on their way between databases and services: import and export.
//!
//! The form on the way is JSON Lines, one user a line (`docs/import.md`). Each line stands
//! for itself: a bad one is reported and stops nobody else. An import may be run again,
//! because a user who is there exactly as the line says is left as is.
//!
//! ```text
//! line       one line: reading it, and writing it
//! importer   lines in, batches to storage, a verdict on each line out
//! exporter   pages from storage, lines out
//! ```

mod exporter;
mod importer;
pub mod line;

pub use exporter::{ExportedLine, Exporter, LeftOut};
pub use importer::{BadLine, Importer, Tally};

use super::clock::Timestamp;
use super::email::Email;
use super::ids::UserId;
use super::password_hash::PasswordHash;
use super::user::{Age, Credentials, UserName};

/// A user as an import brings one.
#[derive(Clone, Debug)]
pub struct ImportedUser {
    /// The identifier, a new one if none was given.
    pub id: UserId,
    /// The name, which may be shorter than a new one.
    pub name: UserName,
    /// The address.
    pub email: Email,
    /// The age, if told.
    pub age: Option<Age>,
    /// When the account was made; the time of the import if that was not given.
    pub created_at: Timestamp,
    /// When it was last changed, likewise.
    pub updated_at: Timestamp,
    /// Since when the user may not sign in, if so.
    pub disabled_at: Option<Timestamp>,
    /// The hash, or [`PasswordHash::none`].
    pub password: PasswordHash,
    /// Which members were given that need not be.
    pub given: Given,
}

/// What a line says of the members that are made up when it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// `user_id`
    pub id: bool,
    /// `created_at`
    pub created_at: bool,
    /// `updated_at`
    pub updated_at: bool,
}

/// What came of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The user was made.
    Imported,
    /// The user is there already, just as the import says.
    Unchanged,
    /// The user is there already and these members are others. Nothing was changed.
    Differs(Vec<&'static str>),
    /// Another user has the address; who, if that can be told.
    EmailTaken(Option<UserId>),
}

impl ImportedUser {
    /// What comes of it, when these users have its identifier or its address: two at most.
    #[must_use]
    pub fn outcome(&self, found: &[Credentials]) -> ImportOutcome {
        let same_id = |found: &&Credentials| found.user.id == self.id;
        let Some(existing) = found.iter().find(same_id).or_else(|| found.first()) else {
            return ImportOutcome::Imported;
        };
        if existing.user.id != self.id && self.given.id {
            return ImportOutcome::EmailTaken(Some(existing.user.id));
        }
        let differing = self.differences(existing);
        if differing.is_empty() {
            ImportOutcome::Unchanged
        } else {
            ImportOutcome::Differs(differing)
        }
    }

    /// The members that were given and are others at `existing`.
    fn differences(&self, existing: &Credentials) -> Vec<&'static str> {
        let Credentials { user, password } = existing;
        [
            ("name", self.name.as_str() == user.name),
            ("email", self.email.as_str() == user.email),
            ("age", self.age.map(Age::years) == user.age),
            (
                "created_at",
                self.created_at == user.created_at || !self.given.created_at,
            ),
            (
                "updated_at",
                self.updated_at == user.updated_at || !self.given.updated_at,
            ),
            ("disabled_at", self.disabled_at == user.disabled_at),
            ("password_hash", self.password == *password),
        ]
        .into_iter()
        .filter_map(|(member, same)| (!same).then_some(member))
        .collect()
    }
}

#[cfg(test)]
mod tests;
