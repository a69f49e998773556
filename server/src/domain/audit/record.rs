//! An event with its circumstances, as it is stored and logged.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::{Event, Word};
use crate::domain::clock::Timestamp;
use crate::domain::context::{Actor, WriteContext};
use crate::domain::entropy::Entropy;
use crate::domain::ids::{EventId, SessionId, UserId};

/// Text that is one of ours when it is written, and whatever is stored when it is read: a
/// newer release may have written it.
type Text = Cow<'static, str>;

/// One line of the trail. Serialized, it is what `latchkey audit list --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The identifier; in the order of time.
    pub event_id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What: a [`Word`].
    pub event: Text,
    /// Whether what was tried was done: an [`Outcome`].
    pub outcome: Text,
    /// Why not: a [`Reason`](super::Reason).
    pub reason: Option<Text>,
    /// Who: the word of an [`Actor`].
    pub actor: Text,
    /// Which one: the identifier of a user, or the name of an operator.
    pub actor_id: Option<String>,
    /// Whose account it is about.
    pub user_id: Option<UserId>,
    /// Which session it is about.
    pub session_id: Option<SessionId>,
    /// What else it is about.
    pub detail: Option<String>,
    /// The client's address, after trusted proxies.
    #[serde(serialize_with = "as_text")]
    pub ip: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The request's identifier.
    pub request_id: Option<String>,
}

/// Whether what was tried was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was.
    Success,
    /// It was not.
    Failure,
}

impl Outcome {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// A line of its own, with all that there is: not in the span of the request, which would
/// say part of it twice.
macro_rules! log {
    ($record:ident, $level:expr, $message:literal) => {
        tracing::event!(
            target: "latchkey::audit",
            parent: None,
            $level,
            event_id = %$record.event_id,
            at = %$record.at,
            event = &*$record.event,
            outcome = &*$record.outcome,
            reason = $record.reason.as_deref(),
            actor = &*$record.actor,
            actor_id = $record.actor_id,
            user_id = $record.user_id.map(tracing::field::display),
            session_id = $record.session_id.map(tracing::field::display),
            detail = $record.detail,
            ip = $record.ip.map(tracing::field::display),
            user_agent = $record.user_agent,
            request_id = $record.request_id,
            $message
        )
    };
}
impl Record {
    /// The record of `event`, the `nth` of its unit of work, in these circumstances.
    #[must_use]
    pub fn new(cx: &WriteContext, event: Event, nth: u16, entropy: &dyn Entropy) -> Self {
        let (actor, actor_id) = actor(cx, &event);
        Self {
            event_id: EventId::nth(cx.now, nth, entropy),
            at: cx.now,
            event: event.word.as_str().into(),
            outcome: event.word.outcome().as_str().into(),
            reason: event.reason.map(|reason| reason.as_str().into()),
            actor: actor.into(),
            actor_id,
            user_id: event.user,
            session_id: event.session,
            detail: event.detail.map(|detail| harmless(&detail)),
            ip: cx.address,
            user_agent: cx.user_agent.as_deref().map(harmless),
            request_id: cx.request_id.as_deref().map(harmless),
        }
    }

    /// Tells the log, which is for after it is stored.
    pub fn log(&self) {
        if self.is_alarming() {
            log!(self, tracing::Level::WARN, "audit");
        } else {
            log!(self, tracing::Level::INFO, "audit");
        }
    }

    /// Tells the log of a record that the database did not take.
    pub fn log_unrecorded(&self) {
        log!(
            self,
            tracing::Level::WARN,
            "audit, not recorded: the database refused it"
        );
    }

    fn is_alarming(&self) -> bool {
        Word::from_word(&self.event).is_some_and(Word::is_alarming)
    }
}

/// Who it was. Whoever signs up or in is the user from then on.
fn actor(cx: &WriteContext, event: &Event) -> (&'static str, Option<String>) {
    match (&cx.actor, event.word, &event.user) {
        (Actor::Anonymous, Word::SignedUp | Word::SignedIn, Some(user))
        | (Actor::User(user), ..) => ("user", Some(user.to_string())),
        (Actor::Anonymous, ..) => ("anonymous", None),
        (Actor::Operator(name), ..) => ("operator", Some(harmless(name.as_str()))),
        (Actor::Service, ..) => ("service", None),
    }
}

/// The text with everything escaped that could break a line, steer a terminal or turn
/// around the order of what is read.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Line separators, marks of direction, and what has no width.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

fn as_text<S: Serializer>(address: &Option<IpAddr>, serializer: S) -> Result<S::Ok, S::Error> {
    address
        .map(|address| address.to_string())
        .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::context::OperatorName;
    use crate::domain::entropy::SystemEntropy;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_007);

    fn record(cx: &WriteContext, event: Event) -> Record {
        Record::new(cx, event, 0, &SystemEntropy)
    }

    fn anonymous() -> WriteContext {
        WriteContext {
            actor: Actor::Anonymous,
            ..WriteContext::service(NOW)
        }
    }

    #[test]
    fn whoever_signs_in_is_the_user_and_whoever_fails_is_not() {
        let user = UserId::new(NOW, &SystemEntropy);
        let signed_in = record(&anonymous(), Event::of(Word::SignedIn, user));
        assert_eq!(signed_in.actor, "user");
        assert_eq!(signed_in.actor_id, Some(user.to_string()));
        let failed = record(&anonymous(), Event::of(Word::SignInFailed, user));
        assert_eq!((&*failed.actor, failed.actor_id), ("anonymous", None));
        assert_eq!(failed.user_id, Some(user));
    }

    #[test]
    fn an_operator_has_a_name() {
        let cx = WriteContext::operator(NOW, OperatorName::new("root"));
        let record = record(&cx, Event::new(Word::KeyRetired).about("kid"));
        assert_eq!(record.actor, "operator");
        assert_eq!(record.actor_id.as_deref(), Some("root"));
    }

    #[test]
    fn what_a_client_says_is_kept_on_one_line() {
        let cx = WriteContext {
            user_agent: Some("a\r\nb\t\u{1b}[2J\u{85}\u{2028}\u{202e}é🦀".to_owned()),
            ..anonymous()
        };
        let record = record(&cx, Event::new(Word::SignInFailed));
        assert_eq!(
            record.user_agent.as_deref(),
            Some(r"a\r\nb\t\u{1b}[2J\u{85}\u{2028}\u{202e}é🦀")
        );
    }

    #[test]
    fn the_records_of_a_unit_are_in_order() {
        let cx = anonymous();
        let ids: Vec<EventId> = (0..9)
            .map(|nth| Record::new(&cx, Event::new(Word::KeyAdded), nth, &SystemEntropy).event_id)
            .collect();
        assert!(ids.is_sorted());
    }
}
