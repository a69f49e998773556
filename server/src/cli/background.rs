//! Work that goes on beside the requests, for as long as the service runs.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;

/// How long work rests after a panic.
const PAUSE: Duration = Duration::from_secs(5);

/// Work in the background. It ends when this is dropped.
#[derive(Default)]
pub(super) struct Background(JoinSet<()>);

impl Background {
    /// Keeps `work` going. A panic is a bug of ours and the end of one round, not of the
    /// work: without it sessions would pile up and new keys go unnoticed while everything
    /// looks well.
    pub(super) fn keep<W, F>(&mut self, name: &'static str, work: W)
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.spawn(keep(name, PAUSE, work));
    }
}

async fn keep<F: Future<Output = ()>>(name: &'static str, pause: Duration, work: impl Fn() -> F) {
    loop {
        // Every round makes its own state; what is shared keeps no lock over a panic.
        let round = AssertUnwindSafe(async { work().await });
        if round.catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!(
            work = name,
            "background work panicked; it goes on in {pause:?}"
        );
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::timeout;

    use super::*;
    use crate::config;
    use crate::domain::clock::{Clock, ManualClock, Timestamp};
    use crate::domain::context::WriteContext;
    use crate::domain::entropy::{Entropy, SystemEntropy};
    use crate::domain::keyring::Keyring;
    use crate::domain::keys::{KeySettings, Plan};
    use crate::storage::SharedStorage;
    use crate::storage::sqlite::SqliteStorage;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const MOMENT: Duration = Duration::from_millis(1);
    /// When to give up on what should have happened long ago.
    const SAFETY_NET: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_panics_is_begun_again_and_what_ends_is_not() {
        let begun = AtomicUsize::new(0);
        keep("a test", MOMENT, || async {
            // Whether it panics before or after it has waited.
            match begun.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("a bug, on purpose"),
                1 => {
                    tokio::task::yield_now().await;
                    panic!("another one")
                }
                _ => {}
            }
        })
        .await;
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn one_does_not_take_another_along() {
        let mut background = Background::default();
        background.keep("panics", || async { panic!("a bug, on purpose") });
        let rounds = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&rounds);
        background.keep("goes on", move || {
            let count = Arc::clone(&count);
            async move {
                loop {
                    count.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            }
        });
        let many = async {
            while rounds.load(Ordering::SeqCst) < 100 {
                tokio::task::yield_now().await;
            }
        };
        timeout(SAFETY_NET, many).await.expect("it goes on");
        drop(background);
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&rounds), 1, "it has ended");
    }

    /// A clock that panics when it is asked for the first time.
    struct BadClock {
        asked: AtomicUsize,
        good: ManualClock,
    }

    impl Clock for BadClock {
        fn now(&self) -> Timestamp {
            let asked = self.asked.fetch_add(1, Ordering::SeqCst);
            assert_ne!(asked, 0, "a bug, on purpose");
            self.good.now()
        }
    }

    #[tokio::test]
    async fn keys_that_another_instance_makes_are_noticed_after_a_panic() {
        let storage: SharedStorage = Arc::new(SqliteStorage::in_memory(NOW).expect("a database"));
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let open = async || {
            let settings = Arc::new(KeySettings::new(&config::Tokens::default()));
            let (storage, entropy) = (Arc::clone(&storage), Arc::clone(&entropy));
            let keyring = Keyring::open(storage, settings, entropy, NOW).await;
            Arc::new(keyring.expect("keys"))
        };
        let (ours, other) = (open().await, open().await);
        let clock = Arc::new(BadClock {
            asked: AtomicUsize::new(0),
            good: ManualClock::at(NOW),
        });
        let watched = Arc::clone(&ours);
        let watching = tokio::spawn(keep("a test", MOMENT, move || {
            let (keyring, clock) = (Arc::clone(&watched), Arc::clone(&clock));
            async move { keyring.watch(&*clock).await }
        }));

        let before = ours.view().signer(NOW).kid().to_owned();
        let cx = WriteContext::service(NOW);
        let rotated = other.change(&cx, |plan: &mut Plan| plan.rotate(true));
        rotated.await.expect("rotated");
        let noticed = async {
            while ours.view().signer(NOW).kid() == before {
                tokio::time::sleep(MOMENT).await;
            }
        };
        timeout(SAFETY_NET, noticed).await.expect("noticed");
        watching.abort();
    }
}
