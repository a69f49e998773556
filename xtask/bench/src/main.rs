//! `latchkey-bench [NAME] [--quick]`: measures this project against peers, in
//! turns, so that the ratio holds although the machine is busy, and prints
//! Markdown. `--quick` shows that a benchmark works; its figures mean little.

mod compare;
mod fill;
mod growth;
mod hashing;
mod load;
mod quartiles;
mod report;
mod servers;
mod service;
mod start;
mod status_list;
mod verifier;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

/// A benchmark: its name, what it measures, and how, which is quick or thorough.
type Benchmark = (&'static str, &'static str, fn(bool) -> Result<()>);

const BENCHMARKS: [Benchmark; 6] = [
    (
        "service",
        "every scenario beside what one would use instead, on SQLite and PostgreSQL",
        service::run,
    ),
    (
        "hashing",
        "sign-ins beside the hashes alone, and how quick other requests are meanwhile",
        hashing::run,
    ),
    (
        "growth",
        "look-ups with ten thousand, a million and five million users, on one and two instances",
        growth::run,
    ),
    (
        "start",
        "from the start to `listening`, memory at rest and under load, the size of the binary",
        start::run,
    ),
    (
        "verifier",
        "tokens and passwords checked by the verifier and by others, natively, in Node and in workerd",
        verifier::run,
    ),
    (
        "status-list",
        "a status list of a server with ten million sessions beside that of a small one",
        status_list::run,
    ),
];

fn main() -> ExitCode {
    let asked = std::env::args().nth(1);
    let done = if asked.as_deref() == Some(servers::bare::NAME) {
        servers::bare::serve()
    } else {
        run(std::env::args().skip(1))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: impl Iterator<Item = String>) -> Result<()> {
    let (flags, names): (Vec<_>, Vec<_>) = arguments.partition(|word| word == "--quick");
    let quick = !flags.is_empty();
    let [name] = names.as_slice() else {
        ensure!(names.is_empty(), "one benchmark, or none for all");
        return BENCHMARKS
            .iter()
            .try_for_each(|benchmark| measure(benchmark, quick));
    };
    let benchmark = BENCHMARKS.iter().find(|(known, ..)| known == name);
    let known = BENCHMARKS.map(|(name, ..)| name).join(", ");
    let benchmark =
        benchmark.with_context(|| format!("no benchmark named {name}; there are: {known}"))?;
    measure(benchmark, quick)
}

fn measure((name, what, run): &Benchmark, quick: bool) -> Result<()> {
    println!("## {name}\n\n{what}");
    run(quick)
}
