//! Which records are asked for.

use super::Word;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{EventId, UserId};

/// Which records are asked for: those that fit all of it.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// About this user.
    pub user: Option<UserId>,
    /// One of these; any if there are none.
    pub words: Vec<Word>,
    /// At this instant or later.
    pub since: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
}

/// Which of the records that fit.
#[derive(Clone, Copy, Debug)]
pub enum AuditPage {
    /// The first ones after this one, or from the beginning.
    After(Option<EventId>),
    /// The last ones.
    Latest,
}

impl AuditFilter {
    /// Between which identifiers lie the records that fit, neither of the two included. An
    /// instant's floor is an identifier that no record has.
    #[must_use]
    pub fn bounds(&self, page: AuditPage) -> (EventId, EventId) {
        let after = match page {
            AuditPage::After(after) => after,
            AuditPage::Latest => None,
        };
        let since = self.since.map(EventId::floor);
        let lower = after.max(since).unwrap_or(EventId::from_bytes([0; 16]));
        let upper = self.until.map(EventId::floor);
        (lower, upper.unwrap_or(EventId::from_bytes([0xff; 16])))
    }
}
