//! `latchkey-bench [NAME]`: measures this project against peers, in turns, so
//! that the ratio holds although the machine is busy.

mod compare;
mod verifier;

use std::process::ExitCode;

use anyhow::{Context, Result};

/// A benchmark: its name, what it measures, and how.
type Benchmark = (&'static str, &'static str, fn() -> Result<()>);

const BENCHMARKS: [Benchmark; 1] = [(
    "verifier",
    "an access token checked by the verifier and by others, natively and in Node",
    verifier::run,
)];

fn main() -> ExitCode {
    match run(std::env::args().nth(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: Option<String>) -> Result<()> {
    let Some(name) = name else {
        return BENCHMARKS.iter().try_for_each(measure);
    };
    let benchmark = BENCHMARKS.iter().find(|(known, ..)| *known == name);
    let known = BENCHMARKS.map(|(name, ..)| name).join(", ");
    measure(benchmark.with_context(|| format!("no benchmark named {name}; there are: {known}"))?)
}

fn measure((name, what, run): &Benchmark) -> Result<()> {
    println!("{name}: {what}");
    run()
}
