//! What all parts of a run on one back end share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use latchkey_tests::ApiClient;
use tokio::time::sleep;

use crate::fleet::Fleet;
use crate::tally::Tally;
use crate::windows::Windows;

/// The most answers that a run takes, so that neither its ledger nor the disk overflows
/// however long it is to take.
pub(crate) const MAX_REQUESTS: usize = 20_000_000;

/// The largest database that a run makes, in bytes.
pub(crate) const MAX_DATABASE: u64 = 8 << 30;

/// How many failures are told.
const FAILURES: usize = 12;

/// One run.
pub(crate) struct Run {
    pub(crate) fleet: Fleet,
    pub(crate) windows: Windows,
    pub(crate) tally: Tally,
    /// Who may introspect.
    pub(crate) client: ApiClient,
    pub(crate) began: Instant,
    finished: AtomicBool,
    failures: Mutex<Vec<String>>,
    /// How many times everybody was asked to check their accounts, and how often somebody
    /// has.
    asked: AtomicUsize,
    checked: AtomicUsize,
}

impl Run {
    pub(crate) fn new(fleet: Fleet, client: ApiClient) -> Self {
        Self {
            fleet,
            windows: Windows::default(),
            tally: Tally::default(),
            client,
            began: Instant::now(),
            finished: AtomicBool::new(false),
            failures: Mutex::default(),
            asked: AtomicUsize::new(0),
            checked: AtomicUsize::new(0),
        }
    }

    /// Something does not hold: the run has failed and ends.
    pub(crate) fn fail(&self, what: impl Into<String>) {
        let what = format!(
            "after {:.1} s: {}",
            self.began.elapsed().as_secs_f64(),
            what.into()
        );
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        // What comes after the first ones follows from them.
        if failures.len() < FAILURES {
            eprintln!("soak: {what}");
            failures.push(what);
        }
        drop(failures);
        self.finish();
    }

    /// What does not hold.
    pub(crate) fn failures(&self) -> Vec<String> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.clone()
    }

    /// Whether nothing has failed.
    pub(crate) fn holds(&self) -> bool {
        self.failures().is_empty()
    }

    /// Nothing new begins.
    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::SeqCst);
    }

    /// Whether nothing new begins.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::SeqCst)
    }

    /// Lets each of so many clients hold its accounts against the service and the
    /// database, and waits until all have, or the run ends.
    pub(crate) async fn check(&self, clients: usize) {
        let wanted = self.checked.load(Ordering::SeqCst) + clients;
        self.asked.fetch_add(1, Ordering::SeqCst);
        while self.checked.load(Ordering::SeqCst) < wanted && !self.is_finished() {
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// How often everybody was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A client has checked its accounts.
    pub(crate) fn has_checked(&self) {
        self.checked.fetch_add(1, Ordering::SeqCst);
    }

    /// Sleeps so long, or until the run ends.
    pub(crate) async fn pause(&self, until: Instant) {
        while Instant::now() < until && !self.is_finished() {
            let left = until.saturating_duration_since(Instant::now());
            sleep(left.min(Duration::from_millis(100))).await;
        }
    }
}
