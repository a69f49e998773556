use std::time::Instant;

use super::*;
use crate::domain::clock::{Clock as _, SystemClock};
use crate::storage::Chore;

const HOUR: Duration = Duration::from_secs(3600);

/// By the real time: a database may go by a clock of its own.
async fn take(storage: &SharedStorage, every: Duration) -> bool {
    storage
        .take_turn(&cx(SystemClock.now()), Chore::Housekeeping, every)
        .await
        .unwrap()
}

pub(in crate::storage) async fn of_twenty_at_once_one_gets_the_turn(storage: &SharedStorage) {
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let storage = storage.clone();
            tokio::spawn(async move { take(&storage, HOUR).await })
        })
        .collect();
    let mut turns = 0;
    for attempt in tries {
        turns += usize::from(attempt.await.unwrap());
    }
    assert_eq!(turns, 1);
    assert!(!take(storage, HOUR).await);
}

pub(in crate::storage) async fn a_turn_comes_again_after_its_time(storage: &SharedStorage) {
    let every = Duration::from_millis(5);
    let asked_at = Instant::now();
    assert!(take(storage, every).await);
    while !take(storage, every).await {
        tokio::task::yield_now().await;
    }
    // The database may count in whole milliseconds.
    assert!(asked_at.elapsed() >= every - Duration::from_millis(1));
    assert!(!take(storage, HOUR).await);
}
