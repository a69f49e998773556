//! Several contestants in turns: what slows the machine down for a while slows down all.

use serde_json::{Value, json};

use anyhow::{Context as _, Result};

use super::{Latencies, Measured, Script, Turn, Work, drive, drive_in_process};
use crate::quartiles::Quartiles;
use crate::report::calm::Calm;
use crate::servers::process::Process;

/// Whoever has turns.
pub(crate) trait Contestant {
    /// How it is called in a table.
    fn name(&self) -> String;

    /// One turn.
    fn take(&mut self, turn: Turn) -> Result<Measured>;
}

/// A server, or several on one database, asked by some clients.
pub(crate) struct Served<'a> {
    pub(crate) name: String,
    pub(crate) processes: Vec<&'a Process>,
    pub(crate) clients: &'a mut [Box<dyn Script>],
}

impl Contestant for Served<'_> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn take(&mut self, turn: Turn) -> Result<Measured> {
        let processes = &self.processes;
        let addresses: Vec<_> = processes.iter().map(|process| process.address).collect();
        drive(&addresses, self.clients, turn, &|| {
            processes.iter().map(|process| process.computed()).sum()
        })
    }
}

/// The same work without a server around it.
pub(crate) struct InProcess<F> {
    pub(crate) name: &'static str,
    pub(crate) clients: usize,
    pub(crate) work: F,
}

impl<F: Fn(usize) -> Work + Sync> Contestant for InProcess<F> {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn take(&mut self, turn: Turn) -> Result<Measured> {
        drive_in_process(self.clients, turn, &self.work)
    }
}

/// What all turns of one came to.
#[derive(Default)]
pub(crate) struct Series {
    pub(crate) name: String,
    turns: Vec<Measured>,
}

impl Series {
    /// Answers per second, in each turn.
    pub(crate) fn rates(&self) -> Vec<f64> {
        self.turns.iter().map(Measured::rate).collect()
    }

    /// The same of what has the index `asked`.
    pub(crate) fn rates_of(&self, asked: usize) -> Vec<f64> {
        let turns = self.turns.iter();
        turns.map(|turn| turn.rate_of(asked)).collect()
    }

    /// Answers per second.
    pub(crate) fn rate(&self) -> Quartiles {
        Quartiles::of(self.rates())
    }

    /// The latencies of all turns together, whatever was asked.
    pub(crate) fn latencies(&self) -> Latencies {
        let mut all = Latencies::default();
        for latencies in self.turns.iter().flat_map(|turn| &turn.latencies) {
            all.extend(latencies);
        }
        all
    }

    /// What so many of a thousand answers to `asked` did not exceed, in milliseconds, as it
    /// was in each turn.
    pub(crate) fn percentile_of(&self, asked: usize, per_mille: usize) -> Option<Quartiles> {
        let turns = self.turns.iter();
        let each = turns.map(|turn| turn.latencies.get(asked)?.percentiles([per_mille]));
        let each: Option<Vec<f64>> = each.map(|turn| turn.map(|[value]| value)).collect();
        each.map(Quartiles::of)
    }

    /// CPU time of the server for one answer, in microseconds.
    pub(crate) fn computed(&self) -> Option<Quartiles> {
        let turns = self.turns.iter();
        let each = turns.map(|turn| Some(turn.computed_each()?.as_secs_f64() * 1e6));
        let each: Option<Vec<f64>> = each.collect();
        each.map(Quartiles::of)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "who": self.name,
            "rates": self.rates(),
            "percentiles_ms": self.latencies().percentiles([500, 900, 990, 999]),
            "cpu_us": self.computed().map(|computed| computed.median),
        })
    }
}

/// Lets them have so many turns each, one after the other.
///
/// # Errors
///
/// The first one of a contestant.
pub(crate) fn in_turns(
    contestants: &mut [Box<dyn Contestant + '_>],
    turns: usize,
    turn: Turn,
    calm: &Calm,
) -> Result<Vec<Series>> {
    let mut all: Vec<Series> = Vec::new();
    for contestant in contestants.iter() {
        all.push(Series {
            name: contestant.name(),
            turns: Vec::new(),
        });
    }
    for _ in 0..turns {
        calm.probe();
        for (contestant, series) in contestants.iter_mut().zip(&mut all) {
            let measured = contestant.take(turn);
            let measured = measured.with_context(|| series.name.clone())?;
            series.turns.push(measured);
        }
    }
    Ok(all)
}
