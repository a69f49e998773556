//! How quick other requests are while sign-ins take every core.
//!
//! Sign-ins alone and sign-ins beside clients who ask for `me`, `/health` and a new token at
//! fixed times have their turns one after the other.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{CLIENTS, Plan};
use crate::load::script::{Paced, Repeat, get};
use crate::load::{Contestant, Script, Series, Served, in_turns};
use crate::quartiles::Quartiles;
use crate::report::aims::{Aim, Bound, Noise};
use crate::report::calm::Calm;
use crate::report::table::{Table, figure, middle_half, spread};
use crate::servers::Signed;
use crate::servers::database::{Backend, Store, cluster};
use crate::servers::latchkey::Latchkey;
use crate::servers::subject::{Clients, Ours, Subject as _};
use crate::service::scenario::Scenario;

/// How often each of the other clients asks. One that has to wait for longer asks late, and
/// its delays add up; so there are several who ask seldom.
const EVERY: Duration = Duration::from_millis(50);

/// How many clients ask for each.
const EACH: usize = 5;

/// How long the slowest in a hundred may take, in milliseconds.
const AIM: f64 = 20.0;

/// What the other clients ask, in the order of their indexes; sign-ins have the index 0.
const ASKED: [&str; 3] = ["me", "refresh", "/health"];

pub(super) struct Quick {
    pub(super) aims: Vec<Aim>,
    pub(super) json: Value,
}

pub(super) fn run(plan: Plan, calm: &Calm) -> Result<Quick> {
    println!(
        "\n### Quick while hashing\n\n\
         {CLIENTS} clients sign in without a pause, {} others ask each every {} ms. Latencies in \
         ms from the time at which they would have asked, medians of the turns and their middle \
         half; and how many sign-ins are left beside the same without the others.\n",
        EACH * ASKED.len(),
        EVERY.as_millis()
    );
    let mut table = Table::new(&["", "p50", "p99", "p99.9", "sign-ins per s", "beside alone"]);
    let mut quick = Quick {
        aims: Vec::new(),
        json: json!({}),
    };
    let cluster = cluster();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        eprintln!("    quick while hashing, {backend}");
        let folder = tempfile::tempdir()?;
        let store = Store::new(backend, folder.path(), Some(&cluster));
        let server = Latchkey::start(&store, Signed::Hs256, &[])?;
        let ours = Ours::new("both".to_owned(), server, CLIENTS)?;
        let (alone, both) = measure(&ours, plan, calm)?;
        let left = Quartiles::of_ratios(&both.rates_of(0), &alone.rates());
        for (index, name) in ASKED.iter().enumerate() {
            let at = |per_mille| both.percentile_of(index + 1, per_mille);
            let p99 = at(990).with_context(|| format!("no answers to {name}"))?;
            table.row([
                format!("{name}, {backend}"),
                at(500).map_or_else(String::new, |p50| figure(p50.median)),
                spread(&p99),
                at(999).map_or_else(String::new, |p999| figure(p999.median)),
            ]);
            let what = format!("p99 of {name} while signing in, {backend}, in ms");
            quick
                .aims
                .push(Aim::new(what, Bound::AtMost(AIM), Noise::OnlyWorse, p99));
        }
        table.row([
            format!("sign-in, {backend}"),
            at_index(&both, 500),
            at_index(&both, 990),
            at_index(&both, 999),
            spread(&Quartiles::of(both.rates_of(0))),
            format!("{} ({})", figure(left.median), middle_half(&left)),
        ]);
        quick.json[backend.to_string()] = json!({
            "alone": alone.json(),
            "both": both.json(),
            "sign_ins_left": left.median,
        });
    }
    println!("{table}");
    Ok(quick)
}

fn at_index(series: &Series, per_mille: usize) -> String {
    let found = series.percentile_of(0, per_mille);
    found.map_or_else(String::new, |found| figure(found.median))
}

fn measure(ours: &Ours, plan: Plan, calm: &Calm) -> Result<(Series, Series)> {
    let sign_ins = || anyhow::Ok(ours.clients(Scenario::SignIn, CLIENTS)?.unwrap_or_default());
    let (mut alone, mut both) = (sign_ins()?, sign_ins()?);
    both.extend(others(ours)?);
    let mut contestants: Vec<Box<dyn Contestant>> = vec![
        Box::new(Served {
            name: "sign-ins alone".to_owned(),
            processes: vec![ours.process()],
            clients: &mut alone,
        }),
        Box::new(Served {
            name: "sign-ins beside others".to_owned(),
            processes: vec![ours.process()],
            clients: &mut both,
        }),
    ];
    let mut series = in_turns(&mut contestants, plan.turns, plan.turn, calm)?.into_iter();
    let both = (series.next(), series.next());
    let (Some(alone), Some(both)) = both else {
        anyhow::bail!("a contestant without turns");
    };
    Ok((alone, both))
}

fn others(ours: &Ours) -> Result<Clients> {
    let me = ours.clients(Scenario::Me, EACH)?.unwrap_or_default();
    let refresh = ours.clients(Scenario::Refresh, EACH)?.unwrap_or_default();
    let health = (0..EACH).map(|_| Box::new(Repeat::one(get("/health", ""))) as Box<dyn Script>);
    let each = [me, refresh, health.collect()];
    let mut paced: Clients = Vec::new();
    for (index, scripts) in each.into_iter().enumerate() {
        for script in scripts {
            // Evenly spread, so that they do not ask all at once.
            let after = EVERY * u32::try_from(paced.len())? / u32::try_from(EACH * ASKED.len())?;
            paced.push(Box::new(Paced::new(script, index + 1, EVERY, after)));
        }
    }
    Ok(paced)
}
