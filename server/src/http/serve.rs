//! The accept loop: connections in, bounded and timed; an orderly end.
//!
//! warp's own server has no limits and no deadline, so this one runs hyper itself. It
//! knows nothing of routes: it is given a service and a listener that is bound already.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;
use tower::{Service, ServiceExt};

use super::idle::{Idle, Place};
use super::socket::ClientSocket;

/// The most bytes of a request's line and headers; beyond them the answer is 431.
const MAX_HEAD: usize = 32 * 1024;

/// The most header lines of a request; beyond them the answer is 431.
const MAX_HEADERS: usize = 100;

/// How long a connection on which nothing has been asked yet may still ask when the
/// server stops.
const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(1);

/// The bounds of the accept loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a client may take to send a request's head, and how long a kept
    /// connection may be idle.
    pub(crate) header_timeout: Duration,
    /// How many connections are open at once; for more, idle ones are closed.
    pub(crate) max_connections: u32,
    /// How long running requests have to finish when the server stops.
    pub(crate) shutdown_deadline: Duration,
}

/// Who sent a request, as the socket says: an extension of every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// How the server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every request that had begun was answered.
    Drained,
    /// The deadline passed, or a second signal came, while requests were running.
    CutShort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
    Ending,
}

/// Serves until `stop` is ready, then finishes what runs; ends at once when `end` is.
pub(crate) async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    limits: Limits,
    stop: impl Future<Output = ()>,
    end: impl Future<Output = ()>,
) -> Ended
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let slots = Arc::new(Semaphore::new(limits.max_connections as usize));
    let (phase, watched) = watch::channel(Phase::Serving);
    let idle = Idle::default();
    let open = |stream: TcpStream, peer, slot| {
        let place = Arc::new(idle.enter(Instant::now()));
        let connection = connection(
            stream,
            peer,
            service.clone(),
            limits,
            watched.clone(),
            place,
        );
        tokio::spawn(async move {
            let _slot: OwnedSemaphorePermit = slot;
            connection.await;
        });
    };

    let mut stop = pin!(stop);
    // Accepted, and waiting for a place. Outlives the wait, so that a stop loses nothing.
    let mut arrived = None;
    let mut door = Door::new(&listener, &idle);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = door.accept(), if arrived.is_none() => arrived = Some(accepted),
            Some(slot) = slot(&slots, &idle), if arrived.is_some() => {
                if let Some((stream, peer)) = arrived.take() {
                    open(stream, peer, slot);
                }
            }
        }
    }
    if let Some((stream, peer)) = arrived
        && let Ok(slot) = Arc::clone(&slots).try_acquire_owned()
    {
        open(stream, peer, slot);
    }
    // The system has accepted what is in its queue; closing the listener would reset it.
    while let Ok(slot) = Arc::clone(&slots).try_acquire_owned()
        && let Some(Ok((stream, peer))) = listener.accept().now_or_never()
    {
        open(stream, peer, slot);
    }
    drop(listener);

    phase.send_replace(Phase::Draining);
    let ended = tokio::select! {
        _ = slots.acquire_many(limits.max_connections) => Ended::Drained,
        () = sleep(limits.shutdown_deadline) => Ended::CutShort,
        () = end => Ended::CutShort,
    };
    phase.send_replace(Phase::Ending);
    ended
}

/// A place for one more connection, made by closing an idle one if need be.
async fn slot(slots: &Arc<Semaphore>, idle: &Idle) -> Option<OwnedSemaphorePermit> {
    /// How often to look again while every connection is busy or new.
    const PAUSE: Duration = Duration::from_millis(50);

    if let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
        return Some(slot);
    }
    loop {
        idle.spare_one(Instant::now());
        let freed = Arc::clone(slots).acquire_owned();
        if let Ok(slot) = tokio::time::timeout(PAUSE, freed).await {
            return slot.ok();
        }
    }
}

/// Where connections come in.
struct Door<'a> {
    listener: &'a TcpListener,
    idle: &'a Idle,
    /// When the log last said that none can.
    told: Option<Instant>,
}

impl<'a> Door<'a> {
    fn new(listener: &'a TcpListener, idle: &'a Idle) -> Self {
        Self {
            listener,
            idle,
            told: None,
        }
    }

    /// The next connection. What goes wrong with one of them is that client's trouble; what
    /// goes wrong with all of them (no file descriptors left) is waited out, while idle ones
    /// make room.
    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        const FIRST_PAUSE: Duration = Duration::from_millis(10);
        const LONGEST_PAUSE: Duration = Duration::from_secs(1);

        let mut pause = FIRST_PAUSE;
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    self.tell(&error);
                    self.idle.spare_one(Instant::now());
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Says so now and then, however often it happens.
    fn tell(&mut self, error: &io::Error) {
        const REMINDER: Duration = Duration::from_secs(60);

        if self.told.is_none_or(|told| told.elapsed() >= REMINDER) {
            tracing::warn!(%error, "cannot accept connections: they wait until it can be done again");
            self.told = Some(Instant::now());
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Answers the requests of one connection until it or the server ends.
async fn connection<S, B>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    limits: Limits,
    mut phase: watch::Receiver<Phase>,
    place: Arc<Place>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Answers are small and written whole: waiting to fill a packet only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let (asked, mut anything_asked) = watch::channel(false);
    let asking = Arc::clone(&place);
    let service = service_fn(move |mut request: Request<Incoming>| {
        asked.send_replace(true);
        asking.busy();
        request.extensions_mut().insert(Peer(peer));
        let answer = service.clone().oneshot(request);
        let asking = Arc::clone(&asking);
        answer.inspect(move |_| asking.served(Instant::now()))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(ClientSocket::new(stream)), service);
    let mut connection = pin!(connection);

    tokio::select! {
        result = &mut connection => return report(result),
        _ = phase.wait_for(|phase| *phase != Phase::Serving) => {}
        () = place.told_to_leave() => {
            if !*anything_asked.borrow() {
                return;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    let given_up = async {
        // Ready at once when something was asked; for ever when the service is gone.
        let first = anything_asked.wait_for(|asked| *asked).map(|_| ());
        if tokio::time::timeout(FIRST_REQUEST_GRACE, first)
            .await
            .is_ok()
        {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        result = &mut connection => report(result),
        () = given_up => {}
        _ = phase.wait_for(|phase| *phase == Phase::Ending) => {}
    }
}

fn report(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
    }
}
