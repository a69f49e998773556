//! `hashing`: what sign-ins make of the machine, and what they leave to everybody else.
//!
//! How many sign-ins the service answers beside what its own pool of threads does with HTTP
//! and SQL taken away, and beside `argon2` in the usual form, `spawn_blocking` with memory
//! of its own for each hash. Then how quick other requests are while sign-ins take every
//! core.

mod alone;
mod quick;

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use self::alone::Cost;
use crate::load::{Contestant, Series, Served, Turn, in_turns};
use crate::quartiles::Quartiles;
use crate::report::aims::{Aim, Bound, Noise};
use crate::report::calm::Calm;
use crate::report::table::{Table, figure, middle_half, spread};
use crate::report::{self, aims};
use crate::servers::Signed;
use crate::servers::database::{Backend, Store, cluster};
use crate::servers::latchkey::Latchkey;
use crate::servers::subject::{Ours, Subject as _};
use crate::service::scenario::Scenario;

/// Who signs in at once: enough for every thread, however many cores there are.
pub(super) const CLIENTS: usize = 16;

pub(super) const POOL: &str = "the pool alone";
pub(super) const SPAWN_BLOCKING: &str = "argon2 0.6 by spawn_blocking";

/// How often, and for how long.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// How many of the costs are measured.
    costs: usize,
    turns: usize,
    turn: Turn,
}

pub(crate) fn run(quick: bool) -> Result<()> {
    let plan = if quick {
        Plan {
            costs: 1,
            turns: 3,
            turn: Turn::of(Duration::from_millis(300)),
        }
    } else {
        Plan {
            costs: Cost::ALL.len(),
            turns: 11,
            turn: Turn::of(Duration::from_secs(2)),
        }
    };
    let calm = Calm::default();
    let hashes = hashes(plan, &calm)?;
    let mut aims = print_hashes(&hashes);
    let quick = quick::run(plan, &calm)?;
    aims.extend(quick.aims);
    aims::print(&aims, &calm);
    let figures = json!({
        "hashing": hashes.iter().map(Hashes::json).collect::<Value>(),
        "quick": quick.json,
        "aims": aims::json(&aims, &calm),
        "calibration": calm.json(),
    });
    report::write_json("hashing", &figures)
}

/// One cost, and what each came to: sign-ins on both back ends at the cost of the service.
struct Hashes {
    cost: Cost,
    series: Vec<Series>,
}

fn hashes(plan: Plan, calm: &Calm) -> Result<Vec<Hashes>> {
    let folder = tempfile::tempdir()?;
    let cluster = cluster();
    let mut all = Vec::new();
    for cost in Cost::ALL.into_iter().take(plan.costs) {
        let servers = [Backend::Sqlite, Backend::Postgres].map(|backend| {
            let at = folder.path().join(format!("{backend}-{}", cost.memory_kib));
            std::fs::create_dir_all(&at)?;
            let store = Store::new(backend, &at, Some(&cluster));
            let settings = cost.settings();
            let settings = settings.each_ref().map(|(name, value)| (*name, &**value));
            let server = Latchkey::start(&store, Signed::Hs256, &settings)?;
            let ours = Ours::new(format!("sign-ins, {backend}"), server, CLIENTS)?;
            let clients = ours.clients(Scenario::SignIn, CLIENTS)?.unwrap_or_default();
            anyhow::Ok((ours, clients, store))
        });
        let [sqlite, postgres] = servers;
        let mut servers = vec![sqlite?];
        // The other costs show the hashes; one back end is enough for that.
        if cost == Cost::ALL[0] {
            servers.push(postgres?);
        }
        eprintln!("    hashing, {cost}");
        let (pool, spawn) = (alone::Pool::start(cost)?, alone::SpawnBlocking::new(cost)?);
        let mut contestants: Vec<Box<dyn Contestant>> = vec![pool.contestant(), spawn.contestant()];
        for (ours, clients, _) in &mut servers {
            contestants.push(Box::new(Served {
                name: ours.name(),
                processes: vec![ours.process()],
                clients,
            }));
        }
        let series = in_turns(&mut contestants, plan.turns, plan.turn, calm)?;
        all.push(Hashes { cost, series });
    }
    Ok(all)
}

impl Hashes {
    fn rates(&self, name: &str) -> Vec<f64> {
        let found = self.series.iter().find(|series| series.name == name);
        found.map(Series::rates).unwrap_or_default()
    }

    fn json(&self) -> Value {
        json!({
            "cost": self.cost.to_string(),
            "series": self.series.iter().map(Series::json).collect::<Value>(),
        })
    }
}

fn print_hashes(all: &[Hashes]) -> Vec<Aim> {
    println!(
        "\n### Hashing\n\n\
         Passwords checked per second by {CLIENTS} clients, as a share of the pool alone, and as a \
         multiple of `argon2` 0.6 by `spawn_blocking`.\n"
    );
    let head = [
        "cost",
        "who",
        "per s",
        "of the pool",
        "middle half",
        "of spawn_blocking",
        "middle half",
    ];
    let mut table = Table::new(&head);
    let mut aims = Vec::new();
    for hashes in all {
        let (pool, spawn) = (hashes.rates(POOL), hashes.rates(SPAWN_BLOCKING));
        for series in &hashes.series {
            let of_pool = Quartiles::of_ratios(&series.rates(), &pool);
            let of_spawn = Quartiles::of_ratios(&series.rates(), &spawn);
            table.row([
                hashes.cost.to_string(),
                series.name.clone(),
                spread(&series.rate()),
                figure(of_pool.median),
                middle_half(&of_pool),
                figure(of_spawn.median),
                middle_half(&of_spawn),
            ]);
            if series.name.starts_with("sign-ins") && hashes.cost == Cost::ALL[0] {
                for (of, least, ratio) in [(POOL, 0.95, of_pool), (SPAWN_BLOCKING, 1.9, of_spawn)] {
                    let what = format!("{} to {of}", series.name);
                    aims.push(Aim::new(
                        what,
                        Bound::AtLeast(least),
                        Noise::EitherWay,
                        ratio,
                    ));
                }
            }
        }
    }
    println!("{table}");
    aims
}
