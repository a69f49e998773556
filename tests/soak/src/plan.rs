//! Which faults happen, and when. The seed decides all of it.

use std::fmt;
use std::time::Duration;

use latchkey_tests::Backend;

use crate::random::Random;

/// The faults come in the first part of a run. What follows is quiet, so that one
/// generation of each instance lives long enough for its memory to be judged.
const FAULTY_PART: f64 = 0.45;

/// How long it is between two faults, on average.
const BETWEEN: Duration = Duration::from_secs(9);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL to an instance, and another in its place.
    Kill { instance: usize },
    /// SIGTERM to an instance, and another in its place.
    Terminate { instance: usize },
    /// PostgreSQL ends all connections.
    EndConnections,
    /// PostgreSQL is stopped, in good order or not, and started again.
    RestartDatabase { order: bool },
}

impl Fault {
    /// The instance that it starts anew.
    fn restarts(self) -> Option<usize> {
        match self {
            Self::Kill { instance } | Self::Terminate { instance } => Some(instance),
            Self::EndConnections | Self::RestartDatabase { .. } => None,
        }
    }
}

/// A fault, after so much of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
    /// Whether the instance that comes hashes passwords at the default cost.
    pub(crate) costly: bool,
}

/// The faults of a run that takes `time`, in their order.
pub(crate) fn faults(
    backend: Backend,
    instances: usize,
    time: Duration,
    random: &mut Random,
) -> Vec<Planned> {
    let faulty = time.mul_f64(FAULTY_PART);
    let kinds = kinds(backend);
    let wanted = faulty.as_secs_f64() / BETWEEN.as_secs_f64();
    // Each kind at least once, however short the run is.
    let rounds = (wanted / kinds.len() as f64).round().max(1.0);
    let mut deck = Vec::new();
    for _ in 0..whole(rounds) {
        deck.extend(shuffled(&kinds, random));
    }
    let slot = faulty.div_f64(deck.len() as f64);
    let mut plan: Vec<Planned> = deck
        .into_iter()
        .enumerate()
        .map(|(index, kind)| {
            let begin = slot.mul_f64(index as f64);
            let within = slot.mul_f64(0.1 + 0.4 * random.below(100) as f64 / 100.0);
            Planned {
                at: begin + within,
                fault: kind(random.below(instances)),
                costly: false,
            }
        })
        .collect();
    for index in 0..plan.len() {
        let restarted = plan[index].fault.restarts();
        let mut later = plan[index + 1..].iter();
        // What lives in the quiet part is not busy with passwords.
        let again = later.any(|other| other.fault.restarts() == restarted);
        plan[index].costly = restarted.is_some() && again && random.once_in(3);
    }
    plan
}

type Kind = fn(usize) -> Fault;

/// What can happen to a back end, each as often as it is here.
fn kinds(backend: Backend) -> Vec<Kind> {
    let kill: Kind = |instance| Fault::Kill { instance };
    let terminate: Kind = |instance| Fault::Terminate { instance };
    match backend {
        Backend::Sqlite => vec![kill, kill, terminate],
        Backend::Postgres => vec![
            kill,
            kill,
            terminate,
            |_| Fault::EndConnections,
            |instance| Fault::RestartDatabase {
                order: instance == 0,
            },
        ],
    }
}

fn shuffled(kinds: &[Kind], random: &mut Random) -> Vec<Kind> {
    let mut left = kinds.to_vec();
    let mut shuffled = Vec::new();
    while !left.is_empty() {
        shuffled.push(left.swap_remove(random.below(left.len())));
    }
    shuffled
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small number of rounds, at least one"
)]
fn whole(rounds: f64) -> usize {
    rounds as usize
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:6.1} s  {}", self.at.as_secs_f64(), self.fault)?;
        if self.costly {
            f.write_str(", then hashing at the default cost")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { instance } => write!(f, "SIGKILL to instance {instance}"),
            Self::Terminate { instance } => write!(f, "SIGTERM to instance {instance}"),
            Self::EndConnections => f.write_str("PostgreSQL ends all connections"),
            Self::RestartDatabase { order: true } => f.write_str("PostgreSQL restarts"),
            Self::RestartDatabase { order: false } => {
                f.write_str("PostgreSQL stops without order and starts")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(backend: Backend, seconds: u64, seed: u64) -> Vec<Planned> {
        let time = Duration::from_secs(seconds);
        faults(backend, 2, time, &mut Random::new(seed))
    }

    #[test]
    fn the_seed_decides() {
        let all = |seed| plan(Backend::Postgres, 300, seed);
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
    }

    #[test]
    fn each_kind_happens_and_the_end_is_quiet() {
        for (seconds, seed) in [(10, 1), (60, 2), (300, 3), (3600, 4)] {
            let faults = plan(Backend::Postgres, seconds, seed);
            let kind = |wanted: fn(&Fault) -> bool| faults.iter().any(|one| wanted(&one.fault));
            assert!(kind(|fault| matches!(fault, Fault::Kill { .. })));
            assert!(kind(|fault| matches!(fault, Fault::Terminate { .. })));
            assert!(kind(|fault| *fault == Fault::EndConnections));
            assert!(kind(|fault| matches!(fault, Fault::RestartDatabase { .. })));
            assert!(faults.is_sorted_by_key(|one| one.at));
            let last = faults.last().unwrap();
            assert!(last.at.as_secs_f64() < 0.5 * Duration::from_secs(seconds).as_secs_f64());
            for instance in [Some(0), Some(1)] {
                let mut latest = faults.iter().rev();
                let restart = latest.find(|one| one.fault.restarts() == instance);
                assert!(restart.is_none_or(|one| !one.costly));
            }
        }
    }

    #[test]
    fn a_longer_run_has_more_of_them() {
        assert_eq!(plan(Backend::Sqlite, 10, 1).len(), 3);
        assert_eq!(plan(Backend::Sqlite, 300, 1).len(), 15);
    }
}
