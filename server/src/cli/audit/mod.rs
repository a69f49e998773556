//! `latchkey audit`: who did what, read while the server runs.

mod follow;
mod printer;

use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use self::follow::follow;
use self::printer::Printer;
use super::open::{self, Missing};
use super::{Context, runtime};
use crate::config::duration;
use crate::domain::administration::UserRef;
use crate::domain::audit::{AuditFilter, AuditPage, Record, Word};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{EventId, UserId};
use crate::storage::SharedStorage;

/// How many records one query reads.
const PAGE: u32 = 500;

/// How many records whoever follows sees of what was before.
const BEFORE: u32 = 10;

/// `latchkey audit …`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what is on record, the oldest first
    List(List),
}

impl Command {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run(cx),
        }
    }
}

/// `latchkey audit list`.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only about this user: an e-mail address or an id, which may be that of a deleted user
    #[arg(long)]
    user: Option<UserRef>,
    /// Only these events, as in user.signed_in,user.sign_in_failed
    #[arg(long, value_name = "WORD", value_delimiter = ',', value_parser = word)]
    event: Vec<Word>,
    /// Only from then on: a time such as 2026-01-31T09:30:00Z, or how long ago, such as 2h
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    since: Option<When>,
    /// Only before then, likewise
    #[arg(long, value_name = "TIME", value_parser = When::parse, conflicts_with = "follow")]
    until: Option<When>,
    /// Only the last so many
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Go on with what is recorded from now on, after the last 10, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Print JSON: one array, or one object a line with --follow
    #[arg(long)]
    json: bool,
}

/// A point in time, as an operator gives it.
#[derive(Clone, Copy, Debug)]
enum When {
    At(Timestamp),
    Ago(Duration),
}

impl When {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        duration::parse(text).map(Self::Ago).map_err(|_| {
            "neither a time such as 2026-01-31T09:30:00Z nor a duration such as 2h or 7d".to_owned()
        })
    }

    fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(duration) => now.minus(duration),
        }
    }
}

/// The word, or the one that is most likely meant.
fn word(text: &str) -> Result<Word, String> {
    if let Some(word) = Word::from_word(text) {
        return Ok(word);
    }
    let nearest = Word::ALL
        .iter()
        .map(|word| (strsim::jaro_winkler(text, word.as_str()), word.as_str()))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(left, _), (right, _)| left.total_cmp(right));
    Err(match nearest {
        Some((_, nearest)) => format!("no such event; did you mean {nearest}?"),
        None => {
            let known: Vec<&str> = Word::ALL.iter().map(|word| word.as_str()).collect();
            format!("no such event; there are {}", known.join(", "))
        }
    })
}

impl List {
    fn run(self, cx: &Context) -> anyhow::Result<()> {
        runtime::command(async {
            let opened = open::storage(cx, Missing::Refuse).await?;
            let storage = opened.storage;
            let filter = AuditFilter {
                user: self.user(&storage).await?,
                words: self.event.clone(),
                since: self.since.map(|since| since.instant(opened.now)),
                until: self.until.map(|until| until.instant(opened.now)),
            };
            let shown = self.show(&storage, filter).await;
            storage.close().await;
            shown
        })
    }

    async fn user(&self, storage: &SharedStorage) -> anyhow::Result<Option<UserId>> {
        let email = match &self.user {
            None => return Ok(None),
            Some(UserRef::Id(id)) => return Ok(Some(*id)),
            Some(UserRef::Email(email)) => email,
        };
        match storage.credentials_by_email(email).await? {
            Some(found) => Ok(Some(found.user.id)),
            None => anyhow::bail!(
                "there is no user with the e-mail {email}; a deleted user is found by the id"
            ),
        }
    }

    async fn show(&self, storage: &SharedStorage, filter: AuditFilter) -> anyhow::Result<()> {
        let trail = Trail { storage, filter };
        // Before anything is shown: from then on Ctrl-C is an end in good order.
        let interrupt = self
            .follow
            .then(|| signal(SignalKind::interrupt()))
            .transpose()
            .context("cannot listen for Ctrl-C")?;
        let mut printer = Printer::new(self.json, self.follow);
        let before = (self.follow && self.since.is_none()).then_some(BEFORE);
        let last = match self.limit.or(before) {
            Some(limit) => {
                let latest = trail.latest(limit).await?;
                printer.print(&latest)?;
                latest.last().map(|record| record.event_id)
            }
            None => trail.each_page(None, |page| printer.print(page)).await?,
        };
        match interrupt {
            Some(interrupt) => follow(trail, &mut printer, last, interrupt).await,
            None => printer.finish(),
        }
    }
}

/// The records that are asked for.
struct Trail<'s> {
    storage: &'s SharedStorage,
    filter: AuditFilter,
}

impl Trail<'_> {
    async fn latest(&self, limit: u32) -> anyhow::Result<Vec<Record>> {
        let latest = self.storage.audit(&self.filter, AuditPage::Latest, limit);
        latest.await.context("cannot read the audit trail")
    }

    /// Hands on page after page, and tells the last identifier.
    async fn each_page(
        &self,
        mut after: Option<EventId>,
        mut hand_on: impl FnMut(&[Record]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<EventId>> {
        loop {
            let page = AuditPage::After(after);
            let records = self.storage.audit(&self.filter, page, PAGE).await?;
            let is_last = records.len() < PAGE as usize;
            after = records.last().map(|record| record.event_id).or(after);
            hand_on(&records)?;
            if is_last {
                return Ok(after);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_event_names_the_nearest() {
        assert_eq!(word("user.signed_in"), Ok(Word::SignedIn));
        assert_eq!(
            word("user.signedin"),
            Err("no such event; did you mean user.signed_in?".to_owned())
        );
        assert_eq!(
            word("key.retire"),
            Err("no such event; did you mean key.retired?".to_owned())
        );
        let listed = word("42").expect_err("no event");
        assert!(
            listed.contains("user.signed_up, user.sign_up_failed, "),
            "{listed}"
        );
    }

    #[test]
    fn a_time_is_told_or_how_long_ago() {
        let now: Timestamp = "2026-01-31T09:30:00Z".parse().expect("a time");
        let instant = |text| When::parse(text).map(|when| when.instant(now).to_string());
        assert_eq!(instant("1d"), Ok("2026-01-30T09:30:00.000Z".to_owned()));
        assert_eq!(
            instant("2026-01-31T10:00:00.5+01:00"),
            Ok("2026-01-31T09:00:00.500Z".to_owned())
        );
        assert!(instant("yesterday").is_err());
        assert!(instant("2026-01-31").is_err());
    }
}
