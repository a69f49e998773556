//! From users to lines.

use super::line::{self, Defaults};
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::hasher::Argon2Cost;
use crate::domain::ids::UserId;
use crate::domain::user::Credentials;
use crate::storage::SharedStorage;

/// How many users one query reads.
const PAGE: u32 = 500;

/// Reads all users in the order of their identifiers, page by page.
pub struct Exporter {
    storage: SharedStorage,
    cost: Argon2Cost,
    after: Option<UserId>,
    is_done: bool,
}

/// A user as a line without its line break, or why there is none.
pub type ExportedLine = Result<String, LeftOut>;

/// A user whom an import would not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Who it is.
    pub id: UserId,
    /// Why.
    pub reason: String,
}

impl Exporter {
    /// An export of `storage`, where a new hash costs `cost`.
    #[must_use]
    pub fn new(storage: SharedStorage, cost: Argon2Cost) -> Self {
        Self {
            storage,
            cost,
            after: None,
            is_done: false,
        }
    }

    /// The next users; `None` after the last.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn page(&mut self) -> Result<Option<Vec<ExportedLine>>> {
        if self.is_done {
            return Ok(None);
        }
        let users = self.storage.export_users(self.after, PAGE).await?;
        self.is_done = users.len() < PAGE as usize;
        if let Some(last) = users.last() {
            self.after = Some(last.user.id);
        }
        Ok(Some(users.iter().map(|user| self.line(user)).collect()))
    }

    /// Reads each line as an import would: a file that it would not take is no export.
    fn line(&self, user: &Credentials) -> ExportedLine {
        let id = user.user.id;
        let defaults = Defaults {
            id,
            now: Timestamp::from_millis(0),
        };
        let line = line::write(user);
        match line::read(&line, defaults, self.cost) {
            Ok(_) => Ok(line),
            Err(problem) => Err(LeftOut {
                id,
                reason: problem.to_string(),
            }),
        }
    }
}
