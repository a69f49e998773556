//! `service`: this service beside what one would use instead, and beside its own floor.
//!
//! Each server has a database of its own and is asked by the same load generator. For each
//! scenario and number of clients all have their turns one after the other.

mod charts;
pub(crate) mod scenario;
mod sql;
mod stage;

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use self::scenario::Scenario;
use self::stage::{CHECKED, Stage};
use crate::load::{Contestant, Script, Series, Served, Turn, in_turns};
use crate::quartiles::Quartiles;
use crate::report::aims::{Aim, Bound, Noise};
use crate::report::calm::Calm;
use crate::report::table::{Table, figure, middle_half, spread, times};
use crate::report::{self, aims};
use crate::servers::Signed;
use crate::servers::database::Backend;
use crate::servers::subject::Subject;

/// Where everything is measured, and how tokens are signed: as the predecessor's were, whose
/// users are told nothing, and as they are by default.
const SETTINGS: [(Backend, Signed); 3] = [
    (Backend::Sqlite, Signed::Hs256),
    (Backend::Postgres, Signed::Hs256),
    (Backend::Sqlite, Signed::EdDsa),
];

/// How much is measured.
struct Plan {
    clients: &'static [usize],
    /// Of these, with how many everybody is asked for everything, and the aims are judged.
    middling: usize,
    /// Of how many tokens many are: not quick, more than twice what the service remembers.
    tokens: usize,
    /// How many turns, and how long; then the same where passwords are hashed.
    turns: (usize, Turn),
    hashing: (usize, Turn),
}

impl Plan {
    fn new(quick: bool) -> Self {
        let of = |turns, milliseconds| (turns, Turn::of(Duration::from_millis(milliseconds)));
        if quick {
            // A few, because each waits for the hashes of peers that take a quarter of a second.
            Self {
                clients: &[4],
                middling: 4,
                tokens: 1_000,
                turns: of(3, 100),
                hashing: of(1, 300),
            }
        } else {
            Self {
                clients: &[1, 16, 64],
                middling: 16,
                tokens: 40_000,
                turns: of(7, 400),
                hashing: of(7, 1000),
            }
        }
    }

    fn most_clients(&self) -> usize {
        self.clients.iter().copied().max().unwrap_or(1)
    }

    fn of(&self, scenario: Scenario) -> (usize, Turn) {
        if scenario.hashes() {
            self.hashing
        } else {
            self.turns
        }
    }
}

/// A scenario with so many clients, and what each of the servers came to.
struct Cell {
    backend: Backend,
    signed: Signed,
    scenario: Scenario,
    clients: usize,
    /// Whether everybody is in it.
    is_full: bool,
    ours: Series,
    others: Vec<Series>,
}

pub(crate) fn run(quick: bool) -> Result<()> {
    let plan = Plan::new(quick);
    let calm = Calm::default();
    let mut cells = Vec::new();
    for (backend, signed) in SETTINGS {
        let stage = Stage::set(backend, signed, plan.most_clients(), plan.tokens)?;
        cells.extend(measure(&stage, signed, &plan, &calm)?);
    }
    print(&cells);
    charts::write(&cells)?;
    let aims = aims_of(&cells);
    aims::print(&aims, &calm);
    let figures = json!({
        "cells": cells.iter().map(Cell::json).collect::<Value>(),
        "aims": aims::json(&aims, &calm),
        "calibration": calm.json(),
    });
    report::write_json("service", &figures)
}

fn measure(stage: &Stage, signed: Signed, plan: &Plan, calm: &Calm) -> Result<Vec<Cell>> {
    let backend = stage.backend();
    let mut cells = Vec::new();
    // A hash takes as long whatever signs.
    let scenarios = Scenario::ALL.into_iter();
    for scenario in scenarios.filter(|asked| signed == Signed::Hs256 || !asked.hashes()) {
        // Made once for all counts, because they hold the refresh tokens that are good now.
        let most = plan.most_clients();
        let mut taking_part = Vec::new();
        for subject in stage.subjects() {
            if let Some(clients) = subject.clients(scenario, most)? {
                taking_part.push((subject, clients));
            }
        }
        for &clients in plan.clients {
            eprintln!("    {backend}, {signed}: {scenario}, {clients} clients");
            let mut contestants: Vec<Box<dyn Contestant>> = Vec::new();
            for (subject, scripts) in &mut taking_part {
                // A slow peer takes seconds for the passwords that wait for it.
                if subject.is_ours() || clients == plan.middling || !scenario.hashes() {
                    contestants.push(contestant(*subject, &mut scripts[..clients]));
                }
            }
            contestants.extend(stage.sql(scenario, clients));
            let (turns, turn) = plan.of(scenario);
            let mut series = in_turns(&mut contestants, turns, turn, calm)?.into_iter();
            if let Some(ours) = series.next() {
                cells.push(Cell {
                    backend,
                    signed,
                    scenario,
                    clients,
                    is_full: clients == plan.middling,
                    ours,
                    others: series.collect(),
                });
            }
        }
    }
    Ok(cells)
}

fn contestant<'a>(
    subject: &'a dyn Subject,
    clients: &'a mut [Box<dyn Script>],
) -> Box<dyn Contestant + 'a> {
    Box::new(Served {
        name: subject.name(),
        processes: vec![subject.process()],
        clients,
    })
}

impl Cell {
    /// How many times as many answers per second ours gives as another.
    fn ratio(&self, other: &Series) -> Quartiles {
        Quartiles::of_ratios(&self.ours.rates(), &other.rates())
    }

    fn title(&self) -> String {
        format!("{}, {}", self.scenario, self.clients)
    }

    fn json(&self) -> Value {
        json!({
            "backend": self.backend.to_string(),
            "signed": self.signed.to_string(),
            "scenario": self.scenario.to_string(),
            "clients": self.clients,
            "ours": self.ours.json(),
            "others": self.others.iter().map(Series::json).collect::<Value>(),
        })
    }
}

fn print(cells: &[Cell]) {
    for (backend, signed) in SETTINGS {
        let of_both = move |cell: &&Cell| (cell.backend, cell.signed) == (backend, signed);
        let cells = || cells.iter().filter(of_both);
        println!(
            "\n### {backend}, {signed}\n\n\
             Answers per second, in brackets between what the middle half of the turns lies; \
             latencies in ms; CPU time of the service for one answer in µs.\n"
        );
        let head = [
            "scenario, clients",
            "answers per s",
            "p50",
            "p99",
            "p99.9",
            "CPU",
        ];
        let mut table = Table::new(&head);
        for cell in cells() {
            table.row(own_row(cell));
        }
        println!("{table}");
        println!("Beside others: answers per second, and how many times as many ours gives.\n");
        let head = [
            "scenario, clients",
            "who",
            "ours",
            "theirs",
            "their p99",
            "ratio",
            "middle half",
        ];
        let mut table = Table::new(&head);
        for cell in cells() {
            for other in &cell.others {
                table.row(row_beside(cell, other));
            }
        }
        println!("{table}");
    }
}

fn own_row(cell: &Cell) -> Vec<String> {
    let mut row = vec![cell.title(), spread(&cell.ours.rate())];
    let latencies = cell.ours.latencies().percentiles([500, 990, 999]);
    row.extend(latencies.unwrap_or_default().map(figure));
    row.extend(cell.ours.computed().map(|computed| figure(computed.median)));
    row
}

fn row_beside(cell: &Cell, other: &Series) -> [String; 7] {
    let ratio = cell.ratio(other);
    let latency = other.latencies().percentiles([990]);
    [
        cell.title(),
        other.name.clone(),
        figure(cell.ours.rate().median),
        figure(other.rate().median),
        latency.map_or_else(String::new, |[latency]| figure(latency)),
        times(ratio.median),
        middle_half(&ratio),
    ]
}

/// What is aimed at beside whom, as a multiple of theirs.
const AIMS: [(Scenario, &str, f64); 5] = [
    (Scenario::SignIn, "predecessor, argon2", 2.8),
    (Scenario::SignIn, "better-auth", 10.0),
    (Scenario::Refresh, "predecessor, argon2", 25.0),
    (Scenario::Me, "predecessor, argon2", 50.0),
    (Scenario::Me, CHECKED, 0.5),
];

fn aims_of(cells: &[Cell]) -> Vec<Aim> {
    let mut aims = Vec::new();
    for (scenario, who, least) in AIMS {
        let of_aim = |cell: &&Cell| cell.scenario == scenario && cell.is_full;
        for cell in cells.iter().filter(of_aim) {
            for other in cell.others.iter().filter(|series| series.name == who) {
                let (backend, signed) = (cell.backend, cell.signed);
                aims.push(Aim::new(
                    format!("{scenario} to {who}, {backend}, {signed}"),
                    Bound::AtLeast(least),
                    Noise::EitherWay,
                    cell.ratio(other),
                ));
            }
        }
    }
    aims
}
