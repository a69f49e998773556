//! The announced windows: when an answer may be missing, and which one.
//!
//! A fault opens a window before it happens. The window is closed when every instance that
//! it touches is ready again, and a little later.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// After `/health/ready` is 200 again: an answer that was on its way.
const MARGIN: Duration = Duration::from_millis(250);

/// What may happen to a request meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allows {
    /// The instance is killed: connections are lost, and nobody knows what was done.
    LostConnections,
    /// The instance ends in good order: it takes no new connections, and what it took it
    /// answers. What was not answered was not done.
    ClosedDoor,
    /// The database is away: 503.
    Unavailable,
}

#[derive(Debug)]
struct Window {
    /// All of them if none is named.
    instance: Option<usize>,
    allows: Allows,
    opened: Instant,
    closed: Option<Instant>,
}

/// All windows of a run.
#[derive(Debug, Default)]
pub(crate) struct Windows(Mutex<Vec<Window>>);

/// An open window.
#[derive(Debug)]
#[must_use = "a window is to be closed"]
pub(crate) struct Open(usize);

impl Windows {
    /// Opens one.
    pub(crate) fn open(&self, instance: Option<usize>, allows: Allows) -> Open {
        let mut all = self.all();
        all.push(Window {
            instance,
            allows,
            opened: Instant::now(),
            closed: None,
        });
        Open(all.len() - 1)
    }

    /// Closes it, after the margin.
    pub(crate) async fn close(&self, open: Open) {
        sleep(MARGIN).await;
        self.all()[open.0].closed = Some(Instant::now());
    }

    /// What may have happened to a request to this instance that began then and has ended
    /// now.
    pub(crate) fn allow(&self, instance: usize, began: Instant, what: Allows) -> bool {
        self.all().iter().any(|window| {
            window.allows == what
                && window.instance.is_none_or(|only| only == instance)
                && window.closed.is_none_or(|closed| closed >= began)
        })
    }

    /// Returns when none is open: what was lost has then been done, or never will be.
    pub(crate) async fn calm(&self) {
        while self.all().iter().any(|window| window.closed.is_none()) {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many there were, and for how long one of them was open.
    pub(crate) fn total(&self) -> (usize, Duration) {
        let now = Instant::now();
        let all = self.all();
        let mut spans: Vec<_> = all
            .iter()
            .map(|window| (window.opened, window.closed.unwrap_or(now)))
            .collect();
        spans.sort();
        let mut total = Duration::ZERO;
        let mut until: Option<Instant> = None;
        for (opened, closed) in spans {
            let from = until.map_or(opened, |until| until.max(opened));
            total += closed.saturating_duration_since(from);
            until = Some(until.map_or(closed, |until| until.max(closed)));
        }
        (all.len(), total)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_window_is_for_its_instance_its_fault_and_its_time() {
        let windows = Windows::default();
        let before = Instant::now();
        assert!(!windows.allow(1, before, Allows::LostConnections));
        let open = windows.open(Some(1), Allows::LostConnections);
        assert!(windows.allow(1, before, Allows::LostConnections));
        assert!(!windows.allow(0, before, Allows::LostConnections));
        assert!(!windows.allow(1, before, Allows::Unavailable));
        windows.close(open).await;
        // A request that began before the window was closed may have been in it.
        assert!(windows.allow(1, before, Allows::LostConnections));
        sleep(Duration::from_millis(1)).await;
        assert!(!windows.allow(1, Instant::now(), Allows::LostConnections));
        windows.calm().await;
        assert_eq!(windows.total().0, 1);
    }

    #[tokio::test]
    async fn time_in_two_windows_counts_once() {
        let windows = Windows::default();
        let began = Instant::now();
        let one = windows.open(None, Allows::Unavailable);
        let two = windows.open(Some(0), Allows::LostConnections);
        windows.close(one).await;
        windows.close(two).await;
        let (count, total) = windows.total();
        assert_eq!(count, 2);
        assert!(total <= began.elapsed());
    }
}
