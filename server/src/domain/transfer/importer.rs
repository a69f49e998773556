//! From lines to users.

use std::collections::HashSet;
use std::sync::Arc;

use super::line::{self, Defaults};
use super::{ImportOutcome, ImportedUser};
use crate::domain::context::WriteContext;
use crate::domain::email::Email;
use crate::domain::entropy::Entropy;
use crate::domain::error::{Error, Result};
use crate::domain::hasher::Argon2Cost;
use crate::domain::ids::UserId;
use crate::storage::SharedStorage;

/// How many lines are one unit of work. A server that writes to the same SQLite file
/// waits for one of these at most.
const BATCH: usize = 500;

/// Takes lines, and gives users to storage in batches.
pub struct Importer {
    storage: SharedStorage,
    /// Where a dry run makes the users, an empty database; they are made nowhere else.
    rehearsal: Option<SharedStorage>,
    cost: Argon2Cost,
    entropy: Arc<dyn Entropy>,
    batch: Batch,
    tally: Tally,
}

/// How many lines came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Users who were made.
    pub imported: u64,
    /// Users who were there already, just as the line says.
    pub unchanged: u64,
    /// Lines of which nothing came.
    pub bad: u64,
    /// Of those who were made: with a name that is shorter than a new one may be.
    pub short_names: u64,
    /// Of those who were made: without a password.
    pub without_password: u64,
}

/// A line of which nothing came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Which line, counted from 1.
    pub number: u64,
    /// Why.
    pub reason: String,
}

/// Lines that wait for storage, good and bad in their order.
#[derive(Default)]
struct Batch {
    lines: Vec<(u64, Result<ImportedUser, String>)>,
    ids: HashSet<UserId>,
    emails: HashSet<Email>,
}

impl Importer {
    /// An import into `storage`; a rehearsal of one when `rehearsal` is given, which is an
    /// empty database to rehearse in. A hash may cost as much as a new one, `cost`.
    #[must_use]
    pub fn new(
        storage: SharedStorage,
        rehearsal: Option<SharedStorage>,
        cost: Argon2Cost,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            storage,
            rehearsal,
            cost,
            entropy,
            batch: Batch::default(),
            tally: Tally::default(),
        }
    }

    /// Takes the next line, or why there is none to be had. Gives back the bad lines among
    /// those that are settled by now.
    ///
    /// # Errors
    ///
    /// When storage fails. What was settled before is on disk.
    pub async fn take(
        &mut self,
        cx: &WriteContext,
        number: u64,
        line: Result<&str, &str>,
    ) -> Result<Vec<BadLine>> {
        let defaults = Defaults {
            id: UserId::new(cx.now, &*self.entropy),
            now: cx.now,
        };
        let user = match line {
            Ok(line) => {
                line::read(line, defaults, self.cost).map_err(|problem| problem.to_string())
            }
            Err(problem) => Err(problem.to_owned()),
        };
        let mut bad = Vec::new();
        if self.batch.lines.len() >= BATCH || !self.batch.has_room_for(&user) {
            bad = self.settle(cx).await?;
        }
        self.batch.push(number, user);
        Ok(bad)
    }

    /// Settles the lines that wait, and gives back the bad ones among them.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn settle(&mut self, cx: &WriteContext) -> Result<Vec<BadLine>> {
        let lines = std::mem::take(&mut self.batch).lines;
        let users: Vec<ImportedUser> = lines
            .iter()
            .filter_map(|(_, user)| user.as_ref().ok().cloned())
            .collect();
        let outcomes = self.import(cx, users).await?;
        let mut outcomes = outcomes.into_iter();
        let mut bad = Vec::new();
        for (number, user) in lines {
            let verdict = match &user {
                Ok(user) => {
                    let outcome = outcomes
                        .next()
                        .ok_or_else(|| Error::internal("an import without an outcome"))?;
                    self.tally.count(user, outcome)
                }
                Err(reason) => Err(reason.clone()),
            };
            if let Err(reason) = verdict {
                self.tally.bad += 1;
                bad.push(BadLine { number, reason });
            }
        }
        Ok(bad)
    }

    async fn import(
        &self,
        cx: &WriteContext,
        users: Vec<ImportedUser>,
    ) -> Result<Vec<ImportOutcome>> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let Some(rehearsal) = &self.rehearsal else {
            return Ok(self.storage.import_users(cx, users, false).await?);
        };
        let mut outcomes = self.storage.import_users(cx, users.clone(), true).await?;
        // Whom nothing is in the way of here may still be in the way of each other.
        let (places, users): (Vec<_>, Vec<_>) = users
            .into_iter()
            .enumerate()
            .filter(|(place, _)| outcomes.get(*place) == Some(&ImportOutcome::Imported))
            .unzip();
        let rehearsed = rehearsal.import_users(cx, users, false).await?;
        for (place, outcome) in places.into_iter().zip(rehearsed) {
            if let Some(settled) = outcomes.get_mut(place) {
                *settled = outcome;
            }
        }
        Ok(outcomes)
    }

    /// How many lines have come to what.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }
}

impl Tally {
    fn count(&mut self, user: &ImportedUser, outcome: ImportOutcome) -> Result<(), String> {
        match outcome {
            ImportOutcome::Imported => {
                self.imported += 1;
                self.short_names += u64::from(user.name.is_short());
                self.without_password += u64::from(user.password.is_none());
                Ok(())
            }
            ImportOutcome::Unchanged => {
                self.unchanged += 1;
                Ok(())
            }
            ImportOutcome::EmailTaken(None) => Err(format!(
                "email: somebody is in the way of {} who cannot be found: import the line again, \
                 or look for a unique index on the table users that is not Latchkey's",
                user.email
            )),
            ImportOutcome::EmailTaken(Some(id)) => Err(format!(
                "email: {} is the address of the user {id}",
                user.email
            )),
            ImportOutcome::Differs(members) => Err(format!(
                "{}: is there already, with another {}",
                if user.given.id { "user_id" } else { "email" },
                members.join(", ")
            )),
        }
    }
}

impl Batch {
    /// Whether nobody in it has the identifier or the address: storage takes users who
    /// are not in each other's way.
    fn has_room_for(&self, user: &Result<ImportedUser, String>) -> bool {
        user.as_ref().map_or(true, |user| {
            !self.ids.contains(&user.id) && !self.emails.contains(&user.email)
        })
    }

    fn push(&mut self, number: u64, user: Result<ImportedUser, String>) {
        if let Ok(user) = &user {
            self.ids.insert(user.id);
            self.emails.insert(user.email.clone());
        }
        self.lines.push((number, user));
    }
}
