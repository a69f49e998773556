//! `start`: how soon the service answers, how much memory it takes, how big it is.
//!
//! On a database of a million users that is there already, as a service is started again.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::fill;
use crate::load::script::get;
use crate::load::{Turn, ask_once, drive};
use crate::quartiles::Quartiles;
use crate::report::aims::{Aim, Bound, Noise};
use crate::report::calm::Calm;
use crate::report::table::{Table, figure, spread};
use crate::report::{self, aims};
use crate::servers::database::{Backend, Store, cluster};
use crate::servers::latchkey::{self, Account, Latchkey};
use crate::servers::predecessor::{Predecessor, Scheme};
use crate::servers::process::kilobytes;
use crate::servers::subject::{Ours, Subject as _};
use crate::servers::{Signed, latchkey_binary};
use crate::service::scenario::Scenario;

const MIB: f64 = 1024.0 * 1024.0;

/// What the aim is, beside the memory that hashing takes, in MiB.
const AT_REST: f64 = 15.0;

/// How many clients make the load under which memory is read.
const CLIENTS: usize = 64;

pub(crate) fn run(quick: bool) -> Result<()> {
    let (users, starts) = if quick { (20_000, 5) } else { (1_000_000, 31) };
    let calm = Calm::default();
    let mut all = Vec::new();
    let cluster = cluster();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let folder = tempfile::tempdir()?;
        let store = Store::new(backend, folder.path(), Some(&cluster));
        let known = fill::fill(&store, users, 256)?;
        all.push(measure(backend, &store, &known, starts, &calm)?);
    }
    let size = fs::metadata(latchkey_binary()?)?.len();
    print(users, &all, size);
    let predecessor = beside()?;
    let aims = aims_of(&all, size);
    aims::print(&aims, &calm);
    let figures = json!({
        "users": users,
        "started": all.iter().map(|one| json!({
            "backend": one.backend.to_string(),
            "start_ms": one.start.median,
            "rest": one.rest, "peak": one.peak, "hash_memory": one.hashes,
        })).collect::<Vec<_>>(),
        "binary": size,
        "predecessor_memory": predecessor,
        "aims": aims::json(&aims, &calm),
        "calibration": calm.json(),
    });
    report::write_json("start", &figures)
}

/// One back end.
struct Started {
    backend: Backend,
    /// From the start of the process to its line, in ms.
    start: Quartiles,
    /// Resident memory, in bytes: with nothing to do, and the most under load.
    rest: u64,
    peak: u64,
    /// What the hashes of all threads together may take.
    hashes: u64,
}

fn measure(
    backend: Backend,
    store: &Store,
    known: &[Account],
    starts: usize,
    calm: &Calm,
) -> Result<Started> {
    eprintln!("    starts, {backend}");
    let folder = tempfile::tempdir()?;
    let command = || latchkey::command(folder.path(), &store.url(), Signed::Hs256, &[]);
    let mut times = Vec::new();
    // The first brings the keys into the database, and the file into memory.
    for number in 0..=starts {
        calm.probe();
        let (server, took, _) = start(command()?)?;
        stop(server)?;
        if number > 0 {
            times.push(took.as_secs_f64() * 1e3);
        }
    }
    let (rest, hashes) = at_rest(command()?)?;
    Ok(Started {
        backend,
        start: Quartiles::of(times),
        rest,
        peak: under_load(store, known)?,
        hashes,
    })
}

/// Starts the server; how long it took until it said that it listens.
fn start(mut command: Command) -> Result<(Child, Duration, String)> {
    let began = Instant::now();
    let mut server = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut line = String::new();
    let stdout = server.stdout.take().context("a piped stdout")?;
    BufReader::new(stdout).read_line(&mut line)?;
    let took = began.elapsed();
    ensure!(
        line.starts_with("listening on "),
        "the server said {line:?}"
    );
    Ok((server, took, line))
}

fn stop(mut server: Child) -> Result<()> {
    server.kill()?;
    server.wait()?;
    Ok(())
}

/// Resident memory of a server that was asked for its health and has nothing to do, and what
/// hashing may take: the slots times the cost.
fn at_rest(command: Command) -> Result<(u64, u64)> {
    let (server, _, line) = start(command)?;
    let address = line.trim().rsplit('/').next().unwrap_or_default().parse()?;
    let answer = ask_once(address, &get("/health", ""))?;
    ensure!(answer.status == 200, "{answer:?}");
    let status = fs::read_to_string(format!("/proc/{}/status", server.id()));
    stop(server)?;
    let slots = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let hashes = 19456 * 1024 * slots as u64;
    let rest = kilobytes(&status?, "VmRSS:").context("a VmRSS")?;
    Ok((rest, hashes))
}

/// The most resident memory while everything is asked at once.
fn under_load(store: &Store, known: &[Account]) -> Result<u64> {
    let mut settings = fill::SETTINGS.to_vec();
    // Hashes of the default cost: their memory is what is looked for.
    settings.retain(|(name, _)| !name.contains("ARGON2"));
    let server = Latchkey::start(store, Signed::Hs256, &settings)?;
    let ours = Ours::known("Latchkey".to_owned(), server, known.to_vec());
    let mut clients = ours.clients(Scenario::Mix, CLIENTS)?.unwrap_or_default();
    let process = ours.process();
    let turn = Turn::of(Duration::from_secs(3));
    drive(&[process.address], &mut clients, turn, &|| None)?;
    let processes = process.processes();
    let process = processes.first().context("the server is gone")?;
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    kilobytes(&status, "VmHWM:").context("a VmHWM")
}

/// Memory of the predecessor at rest, for comparison.
fn beside() -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let store = Store::new(Backend::Sqlite, folder.path(), None);
    let predecessor = Predecessor::start(&store, Scheme::Argon2)?;
    let memory = predecessor.process().memory()?;
    println!(
        "The predecessor has {} MiB at rest, in its two workers and what keeps them.\n",
        figure(mib(memory))
    );
    Ok(memory)
}

fn print(users: u64, all: &[Started], size: u64) {
    println!(
        "\n### Small and quick to start\n\n\
         On a database of {users} users: ms from the start of the process to `listening`, with \
         the middle half of the starts, and resident memory in MiB. Hashing may take slots × \
         cost of it. The release binary has {} MiB.\n",
        figure(mib(size))
    );
    let head = [
        "",
        "to `listening`",
        "at rest",
        "most under load",
        "hash memory",
    ];
    let mut table = Table::new(&head);
    for one in all {
        table.row([
            one.backend.to_string(),
            spread(&one.start),
            figure(mib(one.rest)),
            figure(mib(one.peak)),
            figure(mib(one.hashes)),
        ]);
    }
    println!("{table}");
}

fn aims_of(all: &[Started], size: u64) -> Vec<Aim> {
    let mut aims = Vec::new();
    for one in all {
        let on = one.backend;
        aims.push(Aim::new(
            format!("from the start to `listening`, {on}, in ms"),
            Bound::AtMost(50.0),
            Noise::OnlyWorse,
            one.start,
        ));
        aims.push(Aim::new(
            format!("memory at rest, before the first hash, {on}, in MiB"),
            Bound::AtMost(AT_REST),
            Noise::None,
            Quartiles::exactly(mib(one.rest)),
        ));
    }
    let size = Quartiles::exactly(mib(size));
    let what = "the release binary, in MiB";
    aims.push(Aim::new(what, Bound::AtMost(15.0), Noise::None, size));
    aims
}

fn mib(bytes: u64) -> f64 {
    // Exact up to 2^53 bytes.
    bytes as f64 / MIB
}
