//! Showing what is recorded as it happens.
//!
//! Records come in the order of their identifiers, and so of time. One that is committed
//! late may come before one that was shown: whoever follows looks at the last [`WINDOW`]
//! again each time, and shows what was not there.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::signal::unix::Signal;

use super::Trail;
use super::printer::Printer;
use crate::cli::output;
use crate::domain::audit::Record;
use crate::domain::clock::{Clock as _, SystemClock};
use crate::domain::ids::EventId;
use crate::storage::StorageError;

/// How often it is asked for new records.
const POLL: Duration = Duration::from_secs(1);

/// How late a record may come: a request takes 30 seconds at most unless it is told
/// otherwise, and clocks may differ by a minute.
const WINDOW: Duration = Duration::from_secs(90);

/// Shows what is recorded from now on, until Ctrl-C or until nobody reads on. What is there
/// up to `last` was shown or not asked for.
pub(super) async fn follow(
    mut trail: Trail<'_>,
    printer: &mut Printer,
    last: Option<EventId>,
    mut interrupt: Signal,
) -> anyhow::Result<()> {
    let asked_since = trail.filter.since;
    let mut seen: Option<BTreeSet<EventId>> = None;
    let mut is_away = false;
    loop {
        let window = SystemClock.now().minus(WINDOW);
        trail.filter.since = Some(window).max(asked_since);
        let mut found = Vec::new();
        let read = trail.each_page(None, |page| {
            found.extend_from_slice(page);
            Ok(())
        });
        match read.await {
            Ok(_) => is_away = false,
            Err(error) if is_unavailable(&error) => {
                if !is_away {
                    output::warning(&format!("{error:#}; trying on"));
                }
                is_away = true;
            }
            Err(error) => return Err(error.context("cannot read the audit trail")),
        }
        let is_new = |record: &Record| match &seen {
            Some(seen) => !seen.contains(&record.event_id),
            None => last.is_none_or(|last| record.event_id > last),
        };
        let new: Vec<Record> = found
            .iter()
            .filter(|record| is_new(record))
            .cloned()
            .collect();
        printer.print(&new)?;
        if !is_away {
            seen = Some(found.iter().map(|record| record.event_id).collect());
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            _ = interrupt.recv() => return Ok(()),
        }
        if is_stdout_closed() {
            return Ok(());
        }
    }
}

fn is_unavailable(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StorageError::Unavailable(_)))
}

/// Whether whoever read our output has gone, which writing would only tell with the next
/// record.
fn is_stdout_closed() -> bool {
    let stdout = io::stdout();
    let mut descriptors = [PollFd::new(&stdout, PollFlags::empty())];
    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    poll(&mut descriptors, Some(&Timespec::default())).is_ok()
        && descriptors[0].revents().intersects(gone)
}
