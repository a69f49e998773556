//! The page at `/account`.

use askama::Template;

use super::{Faults, Notice};
use crate::domain::clock::Timestamp;
use crate::domain::ids::SessionId;
use crate::domain::session::Session;
use crate::domain::user::User;

/// The account, its sessions, and the forms to change something about them.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    faults: &'a Faults,
    notice: Option<Notice>,
    user: &'a User,
    sessions: Vec<Line<'a>>,
    /// What the policy asks of a password, in words.
    hint: &'a str,
}

/// A session in the list.
struct Line<'a> {
    session: &'a Session,
    /// Whether it is that of the browser that looks at it.
    current: bool,
}

impl<'a> AccountPage<'a> {
    pub(crate) fn new(
        user: &'a User,
        sessions: &'a [Session],
        current: SessionId,
        hint: &'a str,
    ) -> Self {
        Self {
            faults: const { &Faults::NONE },
            notice: None,
            user,
            sessions: sessions
                .iter()
                .map(|session| Line {
                    session,
                    current: session.id == current,
                })
                .collect(),
            hint,
        }
    }

    /// The same after a form that did what it should.
    pub(crate) fn after(mut self, notice: Option<Notice>) -> Self {
        self.notice = notice;
        self
    }

    /// The same after a form that did not.
    pub(crate) fn with(mut self, faults: &'a Faults) -> Self {
        self.faults = faults;
        self
    }
}

/// A time as a person reads it, to the minute.
fn readable(time: &Timestamp) -> String {
    // 2026-01-31T09:30:00.000Z
    let text = time.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_say_where_they_are_of() {
        let time = Timestamp::from_seconds(1_767_225_600);
        assert_eq!(readable(&time), "2026-01-01 00:00 UTC");
    }
}
