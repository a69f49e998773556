//! Whether the database answers, found out cheaply and in bounded time.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::storage::SharedStorage;

/// How long the database may take to answer before it counts as gone.
const LIMIT: Duration = Duration::from_secs(1);

/// Asks the database whether it is there, once for everybody who wants to know at the
/// same time. While a question hangs beyond the limit, nobody waits for it any more.
pub(crate) struct DatabaseHealth {
    ping: Ping,
    limit: Duration,
    asked: Mutex<Option<Question>>,
}

/// Asks once, however long that takes.
type Ping = Box<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// A question that was put to the database.
#[derive(Clone)]
struct Question {
    deadline: Instant,
    answer: watch::Receiver<Option<bool>>,
}

impl DatabaseHealth {
    pub(crate) fn new(storage: SharedStorage) -> Self {
        let ping: Ping = Box::new(move || {
            let storage = Arc::clone(&storage);
            Box::pin(async move {
                storage
                    .ping()
                    .await
                    .inspect_err(|error| tracing::warn!("health check: {error}"))
                    .is_ok()
            })
        });
        Self::with_ping(ping, LIMIT)
    }

    fn with_ping(ping: Ping, limit: Duration) -> Self {
        Self {
            ping,
            limit,
            asked: Mutex::new(None),
        }
    }

    /// Whether the database answers.
    pub(crate) async fn is_connected(&self) -> bool {
        let mut question = self.question();
        let answer = question.answer.wait_for(Option::is_some);
        match timeout_at(question.deadline, answer).await {
            Ok(Ok(answer)) => *answer == Some(true),
            // Too late, or the question was lost in a panic.
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// The question that is open, or a new one.
    fn question(&self) -> Question {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = asked.as_ref().filter(|question| question.is_open()) {
            return open.clone();
        }
        let (tell, answer) = watch::channel(None);
        let ping = (self.ping)();
        tokio::spawn(async move {
            tell.send_replace(Some(ping.await));
        });
        let question = Question {
            deadline: Instant::now() + self.limit,
            answer,
        };
        asked.insert(question).clone()
    }
}

impl Question {
    /// Whether there is no answer yet, and somebody who will give one.
    fn is_open(&self) -> bool {
        self.answer.borrow().is_none() && self.answer.has_changed().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use tokio::sync::Notify;

    use super::*;

    /// A database that answers when it is told to, and counts how often it was asked.
    struct Database {
        health: DatabaseHealth,
        asked: Arc<AtomicUsize>,
        answer: Arc<Notify>,
    }

    fn database(limit: Duration) -> Database {
        let asked = Arc::new(AtomicUsize::new(0));
        let answer = Arc::new(Notify::new());
        let (count, told) = (Arc::clone(&asked), Arc::clone(&answer));
        let ping: Ping = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            let told = Arc::clone(&told);
            Box::pin(async move {
                told.notified().await;
                true
            })
        });
        Database {
            health: DatabaseHealth::with_ping(ping, limit),
            asked,
            answer,
        }
    }

    #[tokio::test]
    async fn everybody_at_once_is_one_question() {
        let database = database(Duration::from_secs(60));
        database.answer.notify_one();
        let (first, second) = tokio::join!(
            database.health.is_connected(),
            database.health.is_connected()
        );
        assert!(first && second);
        assert_eq!(database.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_question_that_hangs_is_waited_for_once() {
        let database = database(Duration::from_millis(10));
        assert!(!database.health.is_connected().await);
        let at_once = database.health.is_connected().now_or_never();
        assert_eq!(at_once, Some(false));
        assert_eq!(database.asked.load(Ordering::SeqCst), 1);

        // The database comes back: the old question is answered, the next one is new.
        let mut old = database.health.question();
        database.answer.notify_one();
        let answer = old.answer.wait_for(Option::is_some).await;
        assert_eq!(*answer.expect("an answer"), Some(true));
        drop(database.health.question());
        assert_eq!(database.asked.load(Ordering::SeqCst), 2);
    }
}
