//! A long run: many clients, faults, and a ledger that must be right in the end.
//!
//! ```text
//! model      what must be true of an account, and what may be after a lost answer
//! account    that, with the tokens that its owner holds
//! traffic    what clients do, as requests; what an answer means
//! plan       which faults happen, by chance that can be had again
//! faults     makes them happen, within announced windows
//! fleet      the processes of the service, and its database
//! operator   commands beside the traffic
//! look       what the database has
//! check      the ledger against the service and its database
//! memory     what a process takes, and whether that is flat
//! report     the table at the end
//! ```

mod account;
mod check;
mod faults;
mod fleet;
mod look;
mod memory;
mod model;
mod operator;
mod plan;
mod random;
mod report;
mod run;
mod tally;
mod traffic;
mod windows;

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use futures_util::FutureExt as _;
use latchkey_tests::{ApiClient, Backend};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinHandle, JoinSet, block_in_place};

use crate::account::Account;
use crate::check::Checked;
use crate::fleet::Fleet;
use crate::random::Random;
use crate::report::Report;
use crate::run::Run;

/// After its time a run has so long to come to its end.
const SAFETY_NET: Duration = Duration::from_secs(300);

#[derive(Parser)]
#[command(about = "A long run against the service, with faults and a ledger")]
struct Arguments {
    /// How long, in all
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// What chance goes by; another one each time without
    #[arg(long)]
    seed: Option<u64>,
    /// Where users are stored
    #[arg(long, value_enum, default_value_t = Which::Both)]
    backend: Which,
    /// How many clients work at once
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// Where a failed run leaves its database and log
    #[arg(long, default_value = "target/soak")]
    keep: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    Sqlite,
    Postgres,
    Both,
}

#[tokio::main]
async fn main() -> ExitCode {
    match soak(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn soak(arguments: Arguments) -> Result<()> {
    if !(0.05..=1440.0).contains(&arguments.minutes) || !(1..=200).contains(&arguments.clients) {
        bail!("--minutes is 0.05 to 1440, --clients is 1 to 200");
    }
    let seed = arguments.seed.unwrap_or_else(seed);
    let backends: &[Backend] = match arguments.backend {
        Which::Sqlite => &[Backend::Sqlite],
        Which::Postgres => &[Backend::Postgres],
        Which::Both => &[Backend::Sqlite, Backend::Postgres],
    };
    let time = Duration::from_secs_f64(arguments.minutes * 60.0).div_f64(backends.len() as f64);
    println!("seed {seed}\n");
    let mut lines = Vec::new();
    let mut holds = true;
    for backend in backends {
        let mut random = Random::new(seed);
        let report = one(*backend, time, &arguments, &mut random).await?;
        println!("{report}");
        lines.push(report.line());
        holds &= report.holds();
    }
    if !holds {
        let again = format!("--seed {seed} --minutes {}", arguments.minutes);
        let kept = arguments.keep.display();
        bail!("not everything holds ({again}); what is left of it is in {kept}");
    }
    println!("{}", lines.join("; "));
    Ok(())
}

/// A run on one back end.
async fn one(
    backend: Backend,
    time: Duration,
    arguments: &Arguments,
    random: &mut Random,
) -> Result<Report> {
    let clients = arguments.clients;
    let plan = plan::faults(backend, fleet::instances(backend), time, &mut random.fork());
    println!(
        "{backend:?}, {:.0} s, {clients} clients, faults:",
        time.as_secs_f64()
    );
    for planned in &plan {
        println!("  {planned}");
    }
    println!();

    let fleet = Fleet::start(backend).await;
    let client = api_client(&fleet).await;
    let run = Arc::new(Run::new(fleet, client));
    let mut working = JoinSet::new();
    for number in 0..clients {
        working.spawn(traffic::client(Arc::clone(&run), number, random.fork()));
    }
    let interrupted = tokio::spawn(interrupted(Arc::clone(&run)));
    let sampling = tokio::spawn(Arc::clone(&run).sample());
    let operating = tokio::spawn(Arc::clone(&run).operator(random.fork()));

    let mut accounts = Vec::new();
    let faulted = AtomicBool::new(false);
    tokio::join!(
        async {
            let faulting = run.carry_out(&plan, clients);
            if AssertUnwindSafe(faulting).catch_unwind().await.is_err() {
                run.fail("a fault did not go as it should");
            }
            faulted.store(true, Ordering::SeqCst);
        },
        // Until the time is over, and all faults have come. Who panics has failed.
        async {
            let end = run.began + time;
            let is_over = || Instant::now() >= end && faulted.load(Ordering::SeqCst);
            while !run.is_finished() && !is_over() {
                while let Some(client) = working.try_join_next() {
                    returned(&run, &mut accounts, client);
                }
                run.pause(Instant::now() + Duration::from_millis(200)).await;
            }
        }
    );
    run.finish();
    interrupted.abort();
    let stopped = tokio::time::timeout(SAFETY_NET, async {
        while let Some(client) = working.join_next().await {
            returned(&run, &mut accounts, client);
        }
        joined(&run, "an operator", operating).await;
        joined(&run, "the sampler", sampling).await
    });
    let Ok(samples) = stopped.await else {
        run.fail("something does not come to its end");
        keep(&run, &arguments.keep)?;
        bail!("a run did not come to its end");
    };

    let samples = samples.unwrap_or_default();
    let mut checked = Checked::default();
    if run.holds() {
        checked = run.check_everything(accounts).await;
    }
    for grows in Report::grows(&samples, run.fleet.len()) {
        run.fail(grows);
    }
    let size = block_in_place(|| look::size(run.fleet.office.database()));
    end_in_good_order(&run).await;
    let report = Report::new(&run, clients, &plan, &samples, checked, size);
    if !report.holds() {
        keep(&run, &arguments.keep)?;
    }
    Ok(report)
}

/// Somebody wants no more of it: everything that was started is ended and removed.
async fn interrupted(run: Arc<Run>) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    run.fail("it was interrupted");
}

/// Takes in what a client has done in its life.
fn returned(
    run: &Run,
    accounts: &mut Vec<Account>,
    client: std::result::Result<Vec<Account>, JoinError>,
) {
    match client {
        Ok(own) => accounts.extend(own),
        Err(error) => run.fail(format!("a client: {error}")),
    }
}

/// What a task gives; that it panicked fails the run.
async fn joined<T>(run: &Run, what: &str, task: JoinHandle<T>) -> Option<T> {
    match task.await {
        Ok(value) => Some(value),
        Err(error) => {
            run.fail(format!("{what}: {error}"));
            None
        }
    }
}

/// Every instance ends with exit code 0, and leaves a sound file.
async fn end_in_good_order(run: &Run) {
    for instance in 0..run.fleet.len() {
        match run.fleet.terminate(instance).await {
            Some(0) => {}
            code => run.fail(format!("instance {instance} ended with {code:?}")),
        }
    }
    block_in_place(|| run.check_file());
}

async fn api_client(fleet: &Fleet) -> ApiClient {
    let added = fleet.office.cli(["client", "add", "soak", "--json"]).await;
    let added = added.json();
    let text = |member: &str| added[member].as_str().unwrap_or_default().to_owned();
    ApiClient {
        id: text("client_id"),
        secret: text("client_secret"),
    }
}

/// Leaves the database and the log of a failed run to whoever looks into it.
fn keep(run: &Run, folder: &Path) -> Result<()> {
    let folder = folder.join(format!("{:?}", run.fleet.backend).to_lowercase());
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(folder.join("log"), run.fleet.all_logs())?;
    fs::write(folder.join("failures"), run.failures().join("\n\n"))?;
    block_in_place(|| run.fleet.keep(&folder))?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "only for a seed that differs each time, which is printed"
)]
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(1, |since| since.as_secs())
}
