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
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    within(SAFETY_NET, what, ask).await
}

/// Asks again and again until there is an answer, which has to come in time: for what the
/// documentation gives a bound. `bound` is that one and plenty for a machine that is busy.
///
/// # Panics
///
/// When there is none by then.
pub async fn within<T>(bound: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + bound;
    loop {
        let answer = ask().await;
        assert!(Instant::now() < end, "not within {bound:?}: {what}");
        if let Some(answer) = answer {
            return answer;
        }
        sleep(Duration::from_millis(20)).await;
    }
}
