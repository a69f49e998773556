//! `latchkey password tune`.
//!
//! Argon2id is the harder to attack the more memory it takes, so memory comes
//! first and passes fill up the time (RFC 9106 section 4). Times are those of
//! a machine with all its hashing threads busy, because that is when people
//! wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use futures_util::future::try_join_all;
use serde::Serialize;

use crate::cli::{Context, output, runtime};
use crate::config::{Argon2Cost, ByteSize, duration};
use crate::domain::entropy::SystemEntropy;
use crate::domain::hasher::{self, Hasher, HasherOptions};
use crate::domain::password::Password;

/// Measures hashes of several costs and proposes the strongest that takes no
/// longer than the target.
#[derive(Debug, Args)]
pub(in crate::cli) struct Tune {
    /// How long one hash may take, 10ms to 10s
    #[arg(long, value_name = "DURATION", default_value = "250ms", value_parser = target)]
    target: Duration,
    /// How much memory one hash may take, 19MiB to 4GiB
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = memory)]
    max_memory: ByteSize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn target(text: &str) -> Result<Duration, String> {
    let target = duration::parse(text)?;
    if (Duration::from_millis(10)..=Duration::from_secs(10)).contains(&target) {
        Ok(target)
    } else {
        Err("must be 10ms to 10s".to_owned())
    }
}

fn memory(text: &str) -> Result<ByteSize, String> {
    let memory = ByteSize::parse(text)?;
    if (ByteSize::kib(19 << 10)..=ByteSize::kib(4 << 20)).contains(&memory) {
        Ok(memory)
    } else {
        Err("must be 19MiB to 4GiB".to_owned())
    }
}

/// Memory in KiB, with the fewest passes that OWASP's password storage guide
/// recommends for it. Its sets with less memory take as long as the first of
/// these and are weaker.
const LEVELS: [(u32, u32); 8] = [
    (19_456, 2),
    (47_104, 1),
    (65_536, 1),
    (131_072, 1),
    (262_144, 1),
    (524_288, 1),
    (1_048_576, 1),
    (4_194_304, 1),
];

/// What one cost takes on this machine.
#[derive(Debug, Clone, Copy, Serialize)]
struct Measured {
    #[serde(flatten)]
    cost: Argon2Cost,
    milliseconds: u64,
}

impl Tune {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let options = cx.load()?.config.passwords.hasher_options()?;
        let slots = options.slots.get();
        let most_kib = self.max_memory.bytes() / 1024;
        let measured = runtime::command(async {
            let mut rows = Vec::new();
            let affordable = LEVELS.iter().filter(|(m, _)| u64::from(*m) <= most_kib);
            for (m, fewest) in affordable {
                match strongest(&options, *m, *fewest, self.target).await? {
                    Some(row) => rows.push(row),
                    // More memory only takes longer.
                    None => break,
                }
            }
            Ok(rows)
        })?;
        let Some(proposed) = measured.last().copied() else {
            bail!(
                "no cost that OWASP recommends takes less than {} here; raise --target or hash on a faster machine",
                duration::format(self.target)
            );
        };
        if self.json {
            return output::json(&serde_json::json!({
                "target_ms": millis(self.target),
                "hashing_slots": slots,
                "measured": measured,
                "proposed": proposed.cost,
            }));
        }
        print(&measured, proposed.cost, slots)
    }
}

/// The most passes over so much memory that fit into the target.
async fn strongest(
    options: &HasherOptions,
    memory_kib: u32,
    fewest: u32,
    target: Duration,
) -> anyhow::Result<Option<Measured>> {
    let mut best = None;
    let mut passes = fewest;
    loop {
        let cost = Argon2Cost {
            m: memory_kib,
            t: passes,
            p: 1,
        };
        let taken = measure(options, cost).await?;
        if taken > target {
            return Ok(best);
        }
        best = Some(Measured {
            cost,
            milliseconds: millis(taken),
        });
        // Time grows with the passes: jump to where it should end, and look.
        let affordable = u128::from(passes) * target.as_nanos() / taken.as_nanos().max(1);
        let next = u32::try_from(affordable)
            .unwrap_or(u32::MAX)
            .min(MOST_PASSES);
        if next <= passes {
            return Ok(best);
        }
        passes = next;
    }
}

/// More make no sense: then there is time for more memory.
const MOST_PASSES: u32 = 100;

/// The time of one hash while every hashing thread computes one: the middle of
/// three rounds, after one that gets the memory from the system.
async fn measure(options: &HasherOptions, cost: Argon2Cost) -> anyhow::Result<Duration> {
    let Argon2Cost { m, t, p } = cost;
    let options = HasherOptions {
        cost: hasher::Argon2Cost::new(m, t, p)?,
        // One that the machine is too slow for has to be measured to be found out.
        wait: Duration::MAX,
        ..options.clone()
    };
    let slots = options.slots.get();
    let hasher = Hasher::start(&options, Arc::new(SystemEntropy))
        .context("cannot start a thread for each hashing slot")?;
    let password = Password::new("an ordinary password".to_owned());
    let round = || try_join_all((0..slots).map(|_| hasher.hash(None, password.clone())));

    round().await?;
    let mut taken = [Duration::ZERO; 3];
    for time in &mut taken {
        let began = Instant::now();
        round().await?;
        *time = began.elapsed();
    }
    taken.sort_unstable();
    Ok(taken[1])
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn print(measured: &[Measured], proposed: Argon2Cost, slots: usize) -> anyhow::Result<()> {
    let mut table = output::Table::new([
        "memory",
        "passes",
        "one hash",
        &format!("with {slots} slots"),
    ]);
    for Measured { cost, milliseconds } in measured {
        let memory = u64::from(cost.m);
        table.row([
            &ByteSize::kib(memory).to_string(),
            &cost.t.to_string(),
            &format!("{milliseconds}ms"),
            &ByteSize::kib(memory * slots as u64).to_string(),
        ]);
    }
    table.print()?;
    let Argon2Cost { m, t, p } = proposed;
    output::raw(&format!(
        "\nThe strongest of them, for config.toml:\n\n[passwords.argon2]\nm = {m}\nt = {t}\np = {p}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_one_that_owasp_recommends() {
        for (m, t) in LEVELS {
            assert!(
                !Argon2Cost { m, t, p: 1 }.is_below_recommendation(),
                "m={m} t={t}"
            );
            assert!(hasher::Argon2Cost::new(m, t, 1).is_ok(), "m={m} t={t}");
        }
        assert!(LEVELS.is_sorted_by_key(|(m, _)| *m));
    }

    #[test]
    fn options_have_bounds() {
        for good in ["10ms", "250ms", "10s"] {
            assert!(target(good).is_ok(), "{good}");
        }
        for bad in ["9ms", "11s", "250", "soon"] {
            assert!(target(bad).is_err(), "{bad}");
        }
        for (size, good) in [
            ("19MiB", true),
            ("4GiB", true),
            ("18MiB", false),
            ("5GiB", false),
        ] {
            assert_eq!(memory(size).is_ok(), good, "{size}");
        }
    }

    #[tokio::test]
    async fn passes_fill_up_the_time() {
        let options = HasherOptions {
            slots: std::num::NonZeroUsize::MIN,
            ..HasherOptions::default()
        };
        let none = strongest(&options, 64, 1, Duration::ZERO)
            .await
            .expect("measured");
        assert!(none.is_none());
        let long = strongest(&options, 64, 1, Duration::from_secs(3600))
            .await
            .expect("measured");
        assert_eq!(long.map(|row| row.cost.t), Some(MOST_PASSES));
    }
}
