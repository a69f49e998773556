//! `growth`: what look-ups cost with ten thousand, a million and five million users.
//!
//! A server for each size, on a database that was filled behind its back, and all of them
//! in turns. Requests reach known users all over the tables. A password's hash costs next to
//! nothing here, so that a sign-in is its look-up and the session that it stores. On
//! PostgreSQL the largest is also asked through two instances.

use std::time::Duration;

use anyhow::Result;
use latchkey_test_postgres::Cluster;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fill;
use crate::load::script::{Refresh, Repeat};
use crate::load::{Contestant, Script, Series, Served, Turn, in_turns};
use crate::quartiles::Quartiles;
use crate::report::aims::{Aim, Bound, Noise};
use crate::report::calm::Calm;
use crate::report::chart::Chart;
use crate::report::table::{Table, figure, middle_half, spread, times};
use crate::report::{self, aims};
use crate::servers::Signed;
use crate::servers::database::{Backend, Store, cluster};
use crate::servers::latchkey::{Account, Latchkey};
use crate::servers::process::Process;
use crate::servers::subject::{Ours, me};
use crate::service::scenario::Scenario;

/// How many ask at once.
const CLIENTS: usize = 8;

/// How many users are known, all over the tables: as many in each, if the smallest has them.
const KNOWN: u64 = 10_000;

/// Into how many sets they are divided, one for one instance and one for two, whether or not
/// there are two: so each is asked for as many.
const SETS: usize = 2;

/// What is looked up, with what each asks.
const LOOK_UPS: [Scenario; 3] = [Scenario::SignIn, Scenario::Me, Scenario::Refresh];

/// How much is measured.
struct Plan {
    sizes: [u64; 3],
    turns: usize,
    turn: Turn,
}

pub(crate) fn run(quick: bool) -> Result<()> {
    let plan = if quick {
        Plan {
            sizes: [1_000, 10_000, 50_000],
            turns: 3,
            turn: Turn::of(Duration::from_millis(100)),
        }
    } else {
        Plan {
            sizes: [10_000, 1_000_000, 5_000_000],
            turns: 9,
            turn: Turn::of(Duration::from_millis(700)),
        }
    };
    let calm = Calm::default();
    let mut grown = Vec::new();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        grown.extend(measure(backend, &plan, &calm)?);
    }
    print(&grown, plan.sizes);
    report::write_chart("growth", &chart(&grown, plan.sizes))?;
    let aims: Vec<Aim> = grown.iter().map(Grown::aim).collect();
    aims::print(&aims, &calm);
    let figures = json!({
        "sizes": plan.sizes,
        "grown": grown.iter().map(Grown::json).collect::<Value>(),
        "aims": aims::json(&aims, &calm),
        "calibration": calm.json(),
    });
    report::write_json("growth", &figures)
}

/// One kind of look-up on one back end: the sizes in their order, then two instances on the
/// largest, if there are two.
struct Grown {
    backend: Backend,
    look_up: Scenario,
    sizes: Vec<Series>,
}

/// A filled database and the servers on it.
struct Filled {
    servers: Vec<Latchkey>,
    known: Vec<Account>,
    _store: Store,
    _folder: TempDir,
}

impl Filled {
    fn new(
        backend: Backend,
        users: u64,
        cluster: Option<&Cluster>,
        instances: usize,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let store = Store::new(backend, folder.path(), cluster);
        let known = fill::fill(&store, users, KNOWN)?;
        let start = |_| Latchkey::start(&store, Signed::Hs256, &fill::SETTINGS);
        let servers: Result<Vec<_>> = (0..instances).map(start).collect();
        Ok(Self {
            servers: servers?,
            known,
            _store: store,
            _folder: folder,
        })
    }

    fn processes(&self, instances: usize) -> Vec<&Process> {
        let servers = self.servers.iter().take(instances);
        servers.map(|server| &server.process).collect()
    }
}

fn measure(backend: Backend, plan: &Plan, calm: &Calm) -> Result<Vec<Grown>> {
    let cluster = (backend == Backend::Postgres).then(cluster);
    let largest = plan.sizes.iter().max();
    let filled: Result<Vec<_>> = plan
        .sizes
        .iter()
        .map(|size| {
            let both = cluster.is_some() && Some(size) == largest;
            let instances = if both { 2 } else { 1 };
            let filled = Filled::new(backend, *size, cluster.as_ref(), instances)?;
            Ok((*size, filled))
        })
        .collect();
    let filled = filled?;
    LOOK_UPS
        .into_iter()
        .map(|look_up| {
            eprintln!("    {backend}: {look_up}");
            let mut clients = Vec::new();
            for (size, filled) in &filled {
                let instances = filled.servers.len();
                let known = shares(&filled.known, look_up);
                for (instances, known) in (1..=instances).zip(known) {
                    let name = format!("{size} users, {instances} of {}", filled.servers.len());
                    clients.push((name, filled.processes(instances), known));
                }
            }
            let mut contestants: Vec<Box<dyn Contestant>> = Vec::new();
            for (name, processes, clients) in &mut clients {
                contestants.push(Box::new(Served {
                    name: name.clone(),
                    processes: processes.clone(),
                    clients,
                }));
            }
            let sizes = in_turns(&mut contestants, plan.turns, plan.turn, calm)?;
            Ok(Grown {
                backend,
                look_up,
                sizes,
            })
        })
        .collect()
}

/// The sets of clients; no two have a refresh token in common.
fn shares(known: &[Account], look_up: Scenario) -> Vec<Vec<Box<dyn Script>>> {
    let mut parts = known.chunks(known.len().div_ceil(SETS * CLIENTS));
    let mut set = || {
        parts
            .by_ref()
            .take(CLIENTS)
            .map(|part| client(part, look_up))
            .collect()
    };
    (0..SETS).map(|_| set()).collect()
}

fn client(known: &[Account], look_up: Scenario) -> Box<dyn Script> {
    match look_up {
        Scenario::SignIn => Box::new(Ours::sign_ins(known, 0)),
        Scenario::Refresh => Box::new(Around::new(known)),
        _ => {
            let requests = known.iter().map(|account| me(&account.access));
            Box::new(Repeat::from(requests.collect(), 0))
        }
    }
}

/// One refresh for each of some users, around.
struct Around {
    users: Vec<Refresh>,
    at: usize,
}

impl Around {
    fn new(known: &[Account]) -> Self {
        let users = known.iter();
        let path = "/api/v1/users/refresh";
        Self {
            users: users
                .map(|account| Refresh::new(path, account.refresh.clone()))
                .collect(),
            at: 0,
        }
    }
}

impl Script for Around {
    fn ask(&mut self, request: &mut Vec<u8>) -> usize {
        self.users[self.at].ask(request)
    }

    fn hear(&mut self, body: &[u8]) -> Result<()> {
        self.users[self.at].hear(body)?;
        self.at = (self.at + 1) % self.users.len();
        Ok(())
    }
}

impl Grown {
    /// How many times as long as with the fewest users it takes with the most, on one
    /// instance.
    fn growth(&self) -> Quartiles {
        Quartiles::of_ratios(&self.sizes[0].rates(), &self.sizes[2].rates())
    }

    fn aim(&self) -> Aim {
        let what = format!("growth of {}, {}", self.look_up, self.backend);
        Aim::new(what, Bound::AtMost(3.0), Noise::EitherWay, self.growth())
    }

    fn json(&self) -> Value {
        json!({
            "backend": self.backend.to_string(),
            "look_up": self.look_up.to_string(),
            "sizes": self.sizes.iter().map(Series::json).collect::<Value>(),
        })
    }
}

fn print(grown: &[Grown], sizes: [u64; 3]) {
    println!(
        "\n### Growth\n\n\
         Answers per second to {CLIENTS} clients on one instance, and how many times as long \
         each takes with the most users as with the fewest; then the largest through two \
         instances.\n"
    );
    let named = sizes.map(|size| format!("{} users", figure(size as f64)));
    let mut head = vec!["look-up"];
    head.extend(named.iter().map(String::as_str));
    head.extend(["growth", "middle half", "two instances"]);
    let mut table = Table::new(&head);
    for one in grown {
        let mut row = vec![format!("{}, {}", one.look_up, one.backend)];
        row.extend(
            one.sizes
                .iter()
                .take(3)
                .map(|series| spread(&series.rate())),
        );
        let growth = one.growth();
        row.extend([times(growth.median), middle_half(&growth)]);
        row.extend(one.sizes.get(3).map(|both| spread(&both.rate())));
        table.row(row);
    }
    println!("{table}");
}

/// Time for one answer, by the number of users.
fn chart(grown: &[Grown], sizes: [u64; 3]) -> Chart {
    let each = |one: &Grown| {
        let rates = one.sizes.iter().map(|series| series.rate().median);
        let users = sizes.iter().map(|users| *users as f64);
        users.zip(rates.map(|rate| 1e6 / rate)).collect()
    };
    Chart {
        title: format!("What a look-up costs, {CLIENTS} clients"),
        across: "users",
        up: "µs for one answer",
        marks: sizes
            .iter()
            .map(|users| (*users as f64, figure(*users as f64)))
            .collect(),
        lines: grown
            .iter()
            .map(|one| (format!("{}, {}", one.look_up, one.backend), each(one)))
            .collect(),
    }
}
