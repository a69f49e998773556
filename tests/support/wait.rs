//! Waiting for what happens, not for time to pass.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// After this a test stops waiting for something that ought to have happened long ago,
/// so that a broken server fails a test instead of hanging it. No test is about it.
pub const SAFETY_NET: Duration = Duration::from_secs(120);

/// Asks again and again until there is an answer.
///
/// # Panics
///
/// When there is none for [`SAFETY_NET`].
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + SAFETY_NET;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
