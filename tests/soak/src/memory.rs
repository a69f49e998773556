//! What a process takes: memory, threads, descriptors, and room on the disk.
//!
//! "Flat" is judged on the longest life that an instance had, without its first part, in
//! which caches and pools fill: the median of the last third must not be above that of the
//! first by more than half a KiB for each request in between. Something that keeps one KiB
//! of each request does not pass. Where there were too few requests to tell that from
//! noise, nothing is said.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use latchkey_tests::Backend;

use crate::fleet::Running;
use crate::run::{MAX_DATABASE, Run};

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// The part of a life that is not judged.
const WARM_UP: f64 = 0.2;

/// So many bytes for each request are no longer flat.
const PER_REQUEST: f64 = 512.0;

/// Fewer requests between the two thirds than this say nothing: a leak of one KiB for each
/// would be less than what an allocator keeps for itself.
const ENOUGH: u64 = 8192;

/// How many more descriptors and threads than before are no leak.
const SPARE: u64 = 16;

/// What a process takes at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) process: Running,
    pub(crate) at: Instant,
    /// `VmRSS`, in KiB.
    pub(crate) resident: u64,
    /// `VmHWM`, in KiB.
    pub(crate) peak: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
}

/// All that was sampled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) all: Vec<Sample>,
    /// The largest write-ahead log, in bytes.
    pub(crate) log: u64,
}

/// The longest life of an instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) instance: usize,
    pub(crate) lasted: Duration,
    /// Medians of the first and the last third, in KiB.
    pub(crate) resident: [u64; 2],
    pub(crate) peak: u64,
    /// The most in each of the two.
    pub(crate) threads: [u64; 2],
    pub(crate) descriptors: [u64; 2],
    /// How many requests there were between the two medians.
    pub(crate) requests: u64,
}

impl Run {
    /// Looks at every process until the run ends.
    pub(crate) async fn sample(self: Arc<Self>) -> Samples {
        let mut samples = Samples::default();
        let database = self.fleet.office.database();
        while !self.is_finished() {
            for process in self.fleet.running() {
                samples.all.extend(sample(process));
            }
            if self.fleet.backend == Backend::Sqlite {
                let file = database.file();
                let length = |file: &std::path::Path| fs::metadata(file).map_or(0, |of| of.len());
                samples.log = samples.log.max(length(&file.with_extension("db-wal")));
                if length(file) > MAX_DATABASE {
                    eprintln!("soak: the database is as large as a run may make it");
                    self.finish();
                }
            }
            self.pause(Instant::now() + INTERVAL).await;
        }
        samples
    }
}

/// Nothing if the process has just gone.
fn sample(process: Running) -> Option<Sample> {
    let folder = format!("/proc/{}", process.process);
    let status = fs::read_to_string(format!("{folder}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(Sample {
        process,
        at: Instant::now(),
        resident: field("VmRSS:")?,
        peak: field("VmHWM:")?,
        threads: field("Threads:")?,
        descriptors: u64::try_from(fs::read_dir(format!("{folder}/fd")).ok()?.count()).ok()?,
    })
}

impl Samples {
    /// The longest life of this instance.
    pub(crate) fn longest(&self, instance: usize) -> Option<Life> {
        let of = |generation: u32| -> Vec<&Sample> {
            let all = self.all.iter();
            all.filter(|sample| {
                let process = &sample.process;
                process.instance == instance && process.generation == generation
            })
            .collect()
        };
        let generations = self
            .all
            .iter()
            .map(|sample| sample.process.generation)
            .max()?;
        let longest = (1..=generations).map(of).max_by_key(Vec::len)?;
        life(&longest)
    }
}

fn life(samples: &[&Sample]) -> Option<Life> {
    let (first, last) = (samples.first()?, samples.last()?);
    let lasted = last.at - first.at;
    let warm = first.at + lasted.mul_f64(WARM_UP);
    let warm: Vec<&Sample> = samples
        .iter()
        .copied()
        .filter(|one| one.at >= warm)
        .collect();
    let third = warm.len() / 3;
    let thirds = [warm.get(..third)?, warm.get(warm.len() - third..)?];
    let median =
        |of: fn(&Sample) -> u64| thirds.map(|third| median(third.iter().map(|one| of(one))));
    let most = |of: fn(&Sample) -> u64| {
        thirds.map(|third| third.iter().map(|one| of(one)).max().unwrap_or(0))
    };
    let [before, after] = median(|sample| sample.process.requests);
    Some(Life {
        instance: first.process.instance,
        lasted,
        resident: median(|sample| sample.resident),
        peak: last.peak,
        threads: most(|sample| sample.threads),
        descriptors: most(|sample| sample.descriptors),
        requests: after - before,
    })
}

fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

impl Life {
    /// By how many bytes the process has grown for each request.
    pub(crate) fn growth(&self) -> f64 {
        let [before, after] = self.resident;
        (after as f64 - before as f64) * 1024.0 / self.requests.max(1) as f64
    }

    /// Whether there were enough requests to tell.
    pub(crate) fn tells(&self) -> bool {
        self.requests >= ENOUGH
    }

    /// What grows, in words.
    pub(crate) fn grows(&self) -> Vec<String> {
        let instance = self.instance;
        let mut grows = Vec::new();
        if self.tells() && self.growth() > PER_REQUEST {
            let ([before, after], growth) = (self.resident, self.growth());
            grows.push(format!(
                "instance {instance}: {before} KiB became {after} KiB, {growth:.0} bytes for each \
                 request"
            ));
        }
        for (what, [before, after]) in
            [("threads", self.threads), ("descriptors", self.descriptors)]
        {
            if after > before + SPARE {
                grows.push(format!(
                    "instance {instance}: {before} {what} became {after}"
                ));
            }
        }
        grows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A life of so many samples, with so many bytes more for each request.
    fn lived(samples: u64, requests_each: u64, leak: u64) -> Life {
        let began = Instant::now();
        let all: Vec<Sample> = (0..samples)
            .map(|number| {
                let requests = number * requests_each;
                // What fills at first.
                let caches = (number * 500).min(20_000);
                Sample {
                    process: Running {
                        instance: 0,
                        generation: 1,
                        process: 1,
                        requests,
                    },
                    at: began + INTERVAL * u32::try_from(number).unwrap(),
                    resident: 30_000 + caches + requests * leak / 1024 + number % 7 * 100,
                    peak: 0,
                    threads: 10,
                    descriptors: 40 + number % 5,
                }
            })
            .collect();
        life(&all.iter().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_leak_of_one_kib_for_each_request_is_found() {
        let life = lived(300, 200, 1024);
        assert!(life.tells());
        assert_eq!(life.grows().len(), 1, "{life:?}");
    }

    #[test]
    fn caches_that_fill_are_no_leak() {
        assert!(lived(300, 200, 0).grows().is_empty());
    }

    #[test]
    fn a_life_that_was_too_short_says_nothing() {
        let life = lived(30, 100, 1024);
        assert!(!life.tells());
        assert!(life.grows().is_empty());
    }

    #[test]
    fn our_own_process_can_be_sampled() {
        let process = Running {
            instance: 0,
            generation: 1,
            process: std::process::id(),
            requests: 0,
        };
        let sample = sample(process).unwrap();
        assert!(sample.resident > 0 && sample.threads > 0 && sample.descriptors > 0);
        assert!(sample.peak >= sample.resident);
    }
}
