//! Connections on which nothing runs, to be closed when others wait for their place.
//!
//! The number of connections is bounded. Without this, as many idle clients as there are
//! places would keep everybody else waiting, the health check too, until a time-out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long a connection may be without its first request before it counts as idle: one
/// that was just accepted has its request on the way.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// The idle connections of a server, the one that has been idle for longest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Idle(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    connections: BTreeMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    since: Instant,
    has_asked: bool,
    leave: Arc<Notify>,
}

/// One connection's entry; forgotten when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    idle: Idle,
    leave: Arc<Notify>,
    entry: Mutex<Option<u64>>,
}

impl Idle {
    /// The place of a new connection, on which nothing has been asked yet.
    pub(super) fn enter(&self, now: Instant) -> Place {
        let leave = Arc::new(Notify::new());
        let entry = self.insert(false, &leave, now);
        Place {
            idle: self.clone(),
            leave,
            entry: Mutex::new(Some(entry)),
        }
    }

    /// Tells the connection that can best be spared to leave: one that has been served
    /// and kept, or else one that has asked nothing for some time. Says whether there was
    /// one.
    pub(super) fn spare_one(&self, now: Instant) -> bool {
        let mut waiting = self.lock();
        let served = |connection: &Connection| connection.has_asked;
        let silent =
            |connection: &Connection| now.duration_since(connection.since) >= FIRST_REQUEST;
        let first = |is_spare: &dyn Fn(&Connection) -> bool| {
            let mut all = waiting.connections.iter();
            all.find(|(_, connection)| is_spare(connection))
                .map(|(entry, _)| *entry)
        };
        let Some(entry) = first(&served).or_else(|| first(&silent)) else {
            return false;
        };
        if let Some(connection) = waiting.connections.remove(&entry) {
            connection.leave.notify_one();
        }
        true
    }

    fn insert(&self, has_asked: bool, leave: &Arc<Notify>, now: Instant) -> u64 {
        let mut waiting = self.lock();
        let entry = waiting.next;
        waiting.next += 1;
        let connection = Connection {
            since: now,
            has_asked,
            leave: Arc::clone(leave),
        };
        waiting.connections.insert(entry, connection);
        entry
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // Nothing that holds the lock can leave the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A request has begun.
    pub(super) fn busy(&self) {
        if let Some(entry) = self.entry().take() {
            self.idle.lock().connections.remove(&entry);
        }
    }

    /// The request has been answered.
    pub(super) fn served(&self, now: Instant) {
        *self.entry() = Some(self.idle.insert(true, &self.leave, now));
    }

    /// Waits until the connection is told to leave.
    pub(super) async fn told_to_leave(&self) {
        self.leave.notified().await;
    }

    fn entry(&self) -> std::sync::MutexGuard<'_, Option<u64>> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.busy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn served_ones_go_before_silent_ones_and_busy_ones_stay() {
        let (idle, now) = (Idle::default(), Instant::now());
        let (silent, served, busy) = (idle.enter(now), idle.enter(now), idle.enter(now));
        served.busy();
        served.served(now);
        busy.busy();

        assert!(idle.spare_one(now));
        served.told_to_leave().await;
        assert!(!idle.spare_one(now), "its request may be on the way");

        let later = now + FIRST_REQUEST;
        assert!(idle.spare_one(later));
        silent.told_to_leave().await;
        assert!(!idle.spare_one(later), "only a busy one is left");
    }

    #[test]
    fn a_closed_connection_is_forgotten() {
        let (idle, now) = (Idle::default(), Instant::now());
        let place = idle.enter(now);
        place.busy();
        place.served(now);
        drop(place);
        assert!(!idle.spare_one(now));
        assert!(idle.lock().connections.is_empty());
    }
}
