//! Connections on loan, and the units of work that run on them.
//!
//! Every wait has an end: for a free connection, for a new one, and for the unit as a
//! whole, which ends before the request does that it is for. What a unit leaves behind in
//! whatever way — an error, a deadline, a panic, a client that went away in the middle — the
//! connection is either known to be at rest when the next one gets it, or thrown away.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Manager, Object, Runtime, Timeouts};
use tokio::runtime::Handle;
use tokio::sync::RwLock;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::Statement;

use super::connect::Connector;
use super::error::{Failure, Remedy, of_pool};
use crate::storage::{Result, StorageError};

/// How long the making of a connection may take, from its address to the last answer.
const CREATE: Duration = Duration::from_secs(5);

/// How often a unit is tried when others come in between.
const TRIES: u32 = 3;

/// How long the statement of somebody who went away may go on before its connection is
/// thrown away.
const REST: Duration = Duration::from_secs(1);

/// How long is waited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a connection to be free.
    pub(super) connection: Duration,
    /// For a whole unit of work, with everything that it waits for.
    pub(super) unit: Duration,
}

/// A number of connections to one server.
pub(super) struct Pool {
    connections: deadpool_postgres::Pool,
    patience: Patience,
    /// Held by every unit, so that closing can wait for the last.
    units: RwLock<()>,
}

/// What a unit of work does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only reads, so that it can be done again.
    Read,
    /// It changes something.
    Write,
}

impl Pool {
    pub(super) fn new(connector: Connector, size: u32, patience: Patience) -> Self {
        let config = connector.limited();
        let manager = Manager::from_connect(config, connector, Default::default());
        let connections = deadpool_postgres::Pool::builder(manager)
            .max_size(size.max(1) as usize)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(patience.connection),
                create: Some(CREATE),
                recycle: None,
            })
            .build()
            .expect("a pool with timeouts has a runtime");
        Self {
            connections,
            patience,
            units: RwLock::new(()),
        }
    }

    /// Runs one unit of work to its end, again if need be.
    pub(super) async fn run<T, W, F>(&self, kind: Kind, work: W) -> Result<T>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        let _running = self.units.try_read().map_err(|_| closed())?;
        let deadline = Instant::now() + self.patience.unit;
        let mut tries = 1;
        loop {
            let connection = timeout_at(deadline, self.connection())
                .await
                .map_err(|_| no_answer())??;
            let Ok(outcome) = timeout_at(deadline, work(connection.clone())).await else {
                connection.is_now(State::Lost);
                return Err(no_answer());
            };
            let failure = match outcome {
                Ok(done) => {
                    connection.is_now(State::AtRest);
                    return Ok(done);
                }
                Err(failure) => failure,
            };
            let remedy = failure.remedy();
            connection.is_now(match remedy {
                Remedy::Reconnect | Remedy::Discard => State::Lost,
                Remedy::Repeat | Remedy::Prepare | Remedy::None => State::AtRest,
            });
            drop(connection);
            if tries == TRIES || !self.apply(remedy, kind, &failure) {
                return Err(failure.into());
            }
            tries += 1;
        }
    }

    /// Makes ready for another try; says whether there is to be one.
    fn apply(&self, remedy: Remedy, kind: Kind, failure: &Failure) -> bool {
        match remedy {
            Remedy::Repeat => true,
            Remedy::Prepare => {
                self.connections.manager().statement_caches.clear();
                true
            }
            Remedy::Reconnect if kind == Kind::Read || failure.nothing_changed() => {
                // What has ended one connection has likely ended those that idle.
                self.connections.retain(|_, _| false);
                true
            }
            Remedy::Reconnect | Remedy::Discard | Remedy::None => false,
        }
    }

    async fn connection(&self) -> Result<Arc<Connection>> {
        let object = self.connections.get().await.map_err(of_pool)?;
        Ok(Arc::new(Connection {
            object: Some(object),
            state: AtomicU8::new(State::Busy as u8),
        }))
    }

    /// Lets the running units end and takes no more.
    pub(super) async fn close(&self) {
        self.connections.close();
        // Whoever holds this has its own deadline.
        let _all = self.units.write().await;
    }
}

fn closed() -> StorageError {
    StorageError::Unavailable("the database is closed".into())
}

fn no_answer() -> StorageError {
    StorageError::Unavailable("PostgreSQL does not answer in time".into())
}

/// A connection on loan. What happens to it at the end is decided by its [`State`].
pub(super) struct Connection {
    object: Option<Object>,
    state: AtomicU8,
}

/// What is known of a connection on loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// A statement may be running.
    Busy,
    /// All that was asked is answered, or will be before what is asked next.
    AtRest,
    /// It answers no more.
    Lost,
}

impl Connection {
    /// The statement, prepared on this connection once. Whatever fails here, nothing has
    /// changed: a transaction has not come to its COMMIT.
    pub(super) async fn prepared(&self, sql: &str) -> Result<Statement, Failure> {
        let prepared = self.prepare_cached(sql).await;
        prepared.map_err(Failure::before_any_change)
    }

    fn is_now(&self, state: State) {
        self.state.store(state as u8, Ordering::Relaxed);
    }
}

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        self.object.as_ref().expect("on loan until it is dropped")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
        let state = *self.state.get_mut();
        if state == State::AtRest as u8 {
            return drop(object);
        }
        // A bug may have come in the middle of a transaction.
        let is_sound = state == State::Busy as u8 && !std::thread::panicking();
        match Handle::try_current() {
            Ok(runtime) if is_sound => {
                runtime.spawn(rest(object));
            }
            _ => drop(Object::take(object)),
        }
    }
}

/// Nobody waits for the unit any more, and its statement may still be running: lets it come
/// to rest before somebody else gets the connection.
async fn rest(object: Object) {
    let rested = timeout(REST, object.check_connection()).await;
    if !matches!(rested, Ok(Ok(()))) {
        drop(Object::take(object));
    }
}
