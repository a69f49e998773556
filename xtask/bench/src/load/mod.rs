//! The load generator: clients that each ask, wait for the answer, and ask again.
//!
//! One for all who are measured, on one thread. Each client has a connection that is kept
//! for the length of a turn, and a [`Script`] that says what it asks. The requests are
//! rendered before or copied from a template, answers are parsed no further than they must
//! be, and an answer that is not 2xx ends the run: what is refused would be measured as fast.
//!
//! ```text
//! drive           one turn: connect, warm up, measure, wait for what is under way
//!   script        what a client asks, and what it keeps of the answers
//!   connection    a socket: requests out, answers in
//!     answer      where an answer ends
//!   recorder      when a turn begins and ends, and what it came to
//!     latencies   percentiles
//! in_turns        several contestants, one after the other, again and again
//! ```

mod answer;
mod connection;
mod latencies;
mod recorder;
pub(crate) mod script;
mod turns;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::pin::Pin;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use futures_util::future::try_join_all;

pub(crate) use self::connection::{Connection, ask_once};
pub(crate) use self::latencies::Latencies;
use self::recorder::Recorder;
pub(crate) use self::recorder::{Measured, Turn};
pub(crate) use self::script::Script;
pub(crate) use self::turns::{Contestant, InProcess, Series, Served, in_turns};

/// Exact for what is counted here.
pub(crate) fn to_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// One turn: each script is a client with a connection of its own to one of `addresses`, the
/// next client to the next. `computed` tells the CPU time that the measured processes have used so far.
///
/// # Errors
///
/// When a connection fails, or an answer is not 2xx.
pub(crate) fn drive(
    addresses: &[SocketAddr],
    scripts: &mut [Box<dyn Script>],
    turn: Turn,
    computed: &(dyn Fn() -> Option<Duration> + Sync),
) -> Result<Measured> {
    generate(async || {
        let around = addresses.iter().cycle().take(scripts.len());
        let connections = around.map(|address| Connection::open(*address));
        let connections = try_join_all(connections).await?;
        let recorder = RefCell::new(Recorder::new(turn, scripts.len()));
        let clients = connections
            .into_iter()
            .zip(scripts)
            .map(|(connection, script)| run(connection, script.as_mut(), &recorder, computed));
        try_join_all(clients).await?;
        recorder.into_inner().measured()
    })
}

/// One turn of so many clients that call `work` instead of asking a server, each with its
/// number.
///
/// # Errors
///
/// The first one of `work`.
pub(crate) fn drive_in_process(
    clients: usize,
    turn: Turn,
    work: &(dyn Fn(usize) -> Work + Sync),
) -> Result<Measured> {
    generate(async || {
        let recorder = RefCell::new(Recorder::new(turn, clients));
        let clients = (0..clients).map(async |client| {
            while !recorder.borrow().is_over() {
                let began = Instant::now();
                work(client).await?;
                let ended = Instant::now();
                recorder.borrow_mut().record(0, began, ended, &|| None);
            }
            anyhow::Ok(())
        });
        try_join_all(clients).await?;
        recorder.into_inner().measured()
    })
}

/// What a client in this process waits for.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<()>>>>;

/// Runs the generator on a thread of its own.
fn generate<T: Send>(clients: impl AsyncFnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let generator = scope.spawn(|| {
            come_first();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(clients())
        });
        let ended = generator.join();
        ended.map_err(|_| anyhow!("the load generator panicked"))?
    })
}

/// One client, until the turn is over and its last answer is there.
async fn run(
    mut connection: Connection,
    script: &mut dyn Script,
    recorder: &RefCell<Recorder>,
    computed: &dyn Fn() -> Option<Duration>,
) -> Result<()> {
    let mut request = Vec::new();
    script.begin();
    while !recorder.borrow().is_over() {
        let due = script.due();
        if let Some(due) = due {
            tokio::time::sleep_until(due.into()).await;
        }
        request.clear();
        let asked = script.ask(&mut request);
        // Whoever has a time at which to ask has waited since then.
        let began = due.unwrap_or_else(Instant::now);
        let (status, body) = connection.ask(&request).await?;
        let answered = Instant::now();
        ensure!(
            (200..300).contains(&status),
            "{status} for {}: {}",
            String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or(&[])),
            String::from_utf8_lossy(&body[..body.len().min(300)])
        );
        script.hear(body).context("an answer that does not fit")?;
        recorder
            .borrow_mut()
            .record(asked, began, answered, computed);
    }
    Ok(())
}

/// The clients stand for other machines, on which nobody hashes passwords: where the system
/// allows it, this thread runs before the servers that it measures.
fn come_first() {
    let own = rustix::process::getpriority_process(None).unwrap_or(0);
    // Only root may; without it the generator waits like everybody else.
    let _ = rustix::process::setpriority_process(None, own - 10);
}
