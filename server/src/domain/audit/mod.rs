//! The audit trail: who did what to whom, when, from where, and what came of it.
//!
//! A use case that changes something says nothing here: its unit of work in storage writes
//! the [`Record`] in the same transaction, so that there is never a change without its
//! record nor a record without its change. What changed nothing, such as a wrong password,
//! is recorded by [`Storage::record`]. Each record then goes to the log once, when it is on
//! disk. Records outlive users and sessions: they name them, and point at nothing.
//!
//! A record never has a secret, nor what somebody typed who was not let in: it may have
//! been the password, in the wrong field. That is why an address that nobody has is not
//! kept, not even as a digest, which whoever reads the records could try passwords against.
//!
//! ```text
//! word      the stable words for events and reasons
//! record    an event, with who, when and from where; how it goes to the log
//! filter    which records are asked for
//! ```
//!
//! To add an event: a line in [`word`], the event in the unit of work of both back ends,
//! a line in `docs/audit.md`.

mod filter;
mod record;
pub mod word;

pub use filter::{AuditFilter, AuditPage};
pub use record::{Outcome, Record};
pub use word::{Reason, Word};

use super::context::WriteContext;
use super::error::Error;
use super::ids::{SessionId, UserId};
use super::session::EndReason;
use crate::storage::Storage;

/// What happened, without the circumstances, which a [`WriteContext`] has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it was.
    pub word: Word,
    /// Why it failed, or why it came to it.
    pub reason: Option<Reason>,
    /// Whose account it is about.
    pub user: Option<UserId>,
    /// Which session it is about.
    pub session: Option<SessionId>,
    /// What else it is about: a key, a client, a number of users. Never a secret.
    pub detail: Option<String>,
}

impl Event {
    /// An event that is about nothing in particular.
    #[must_use]
    pub const fn new(word: Word) -> Self {
        Self {
            word,
            reason: None,
            user: None,
            session: None,
            detail: None,
        }
    }

    /// An event of the account of `user`.
    #[must_use]
    pub const fn of(word: Word, user: UserId) -> Self {
        let mut event = Self::new(word);
        event.user = Some(user);
        event
    }

    /// The same, of this session.
    #[must_use]
    pub const fn in_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// The same, for this reason.
    #[must_use]
    pub const fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The same, with what else it is about.
    #[must_use]
    pub fn about(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// An account was made: by its owner, who is signed in with that, or by an operator.
    #[must_use]
    pub fn created(user: UserId, session: Option<SessionId>) -> Self {
        match session {
            Some(session) => Self::of(Word::SignedUp, user).in_session(session),
            None => Self::of(Word::UserAdded, user),
        }
    }

    /// A user signed in.
    #[must_use]
    pub const fn signed_in(user: UserId, session: SessionId) -> Self {
        Self::of(Word::SignedIn, user).in_session(session)
    }

    /// A password was changed; `session` is the one that its owner goes on with.
    #[must_use]
    pub const fn password_changed(user: UserId, session: Option<SessionId>) -> Self {
        let mut event = Self::of(Word::PasswordChanged, user);
        event.session = session;
        event
    }

    /// One session was ended.
    #[must_use]
    pub const fn session_ended(user: UserId, session: SessionId, reason: EndReason) -> Self {
        let word = match reason {
            EndReason::Logout => Word::SignedOut,
            EndReason::RefreshReused => Word::RefreshReused,
            EndReason::EndedByUser
            | EndReason::EndedByOperator
            | EndReason::PasswordChanged
            | EndReason::UserDisabled
            | EndReason::UserDeleted => Word::SessionEnded,
        };
        Self::of(word, user).in_session(session)
    }

    /// Every session was ended, `count` of them.
    #[must_use]
    pub fn sessions_ended(user: UserId, count: u64) -> Self {
        Self::of(Word::SessionsEnded, user).about(count.to_string())
    }

    /// The user was disabled or enabled.
    #[must_use]
    pub const fn disabled(user: UserId, disabled: bool) -> Self {
        let word = if disabled {
            Word::UserDisabled
        } else {
            Word::UserEnabled
        };
        Self::of(word, user)
    }
}

/// Records why somebody is refused, and gives the error to answer with: `answer`, or that of
/// a database which takes no records. Nobody tries passwords unrecorded, and a database that
/// takes no changes answers a wrong password as it does the right one.
pub async fn refuse(
    storage: &dyn Storage,
    cx: &WriteContext,
    event: Event,
    answer: Error,
) -> Error {
    match storage.record(cx, event).await {
        Ok(()) => answer,
        Err(error) => error.into(),
    }
}
