//! Whether the database answers, found out cheaply and in bounded time.

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
    storage: SharedStorage,
    asked: Mutex<Option<Question>>,
}

/// A question that was put to the database.
#[derive(Clone)]
struct Question {
    deadline: Instant,
    answer: watch::Receiver<Option<bool>>,
}

impl DatabaseHealth {
    pub(crate) fn new(storage: SharedStorage) -> Self {
        Self {
            storage,
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
        if let Some(open) = asked.as_ref().filter(|open| open.is_open()) {
            return open.clone();
        }
        let (tell, answer) = watch::channel(None);
        let storage = Arc::clone(&self.storage);
        tokio::spawn(async move {
            let connected = match storage.ping().await {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!("health check: {error}");
                    false
                }
            };
            tell.send_replace(Some(connected));
        });
        let question = Question {
            deadline: Instant::now() + LIMIT,
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
