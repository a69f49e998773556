//! What a run comes to: one table for each back end.

use std::fmt::{self, Display};
use std::time::Duration;

use latchkey_tests::Backend;

use crate::check::Checked;
use crate::memory::{Life, Samples};
use crate::plan::Planned;
use crate::run::Run;
use crate::tally::{Kind, Settled};

/// The largest that the write-ahead log of SQLite may become, in bytes: three times what
/// it is cut back to.
const MAX_LOG: u64 = 48 << 20;

/// The figures of a run.
pub(crate) struct Report {
    backend: Backend,
    instances: usize,
    clients: usize,
    took: Duration,
    kinds: Vec<Kind>,
    requests: usize,
    writes: usize,
    settled: Vec<(&'static str, Settled)>,
    faults: Vec<(&'static str, usize)>,
    windows: (usize, Duration),
    /// Answers of 503, connections lost, refused and closed unread, commands that failed:
    /// all of them within the windows.
    within: [usize; 5],
    checked: Checked,
    lives: Vec<Life>,
    log: u64,
    size: u64,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        run: &Run,
        clients: usize,
        plan: &[Planned],
        samples: &Samples,
        checked: Checked,
        size: u64,
    ) -> Self {
        let tally = &run.tally;
        Self {
            backend: run.fleet.backend,
            instances: run.fleet.len(),
            clients,
            took: run.began.elapsed(),
            kinds: tally.kinds(),
            requests: tally.requests(),
            writes: tally.writes.get(),
            settled: tally.settled().into_iter().collect(),
            faults: counted(plan),
            windows: run.windows.total(),
            within: [
                tally.unavailable.get(),
                tally.lost.get(),
                tally.refused.get(),
                tally.cut.get(),
                tally.command_failed.get(),
            ],
            checked,
            lives: (0..run.fleet.len())
                .filter_map(|instance| samples.longest(instance))
                .collect(),
            log: samples.log,
            size,
            failures: run.failures(),
        }
    }

    /// What is not flat.
    pub(crate) fn grows(samples: &Samples, instances: usize) -> Vec<String> {
        let lives = (0..instances).filter_map(|instance| samples.longest(instance));
        let mut grows: Vec<String> = lives.flat_map(|life| life.grows()).collect();
        if samples.log > MAX_LOG {
            grows.push(format!("the write-ahead log became {}", Bytes(samples.log)));
        }
        grows
    }

    /// One line, for whoever runs this among other steps.
    pub(crate) fn line(&self) -> String {
        let [unavailable, lost, ..] = self.within;
        format!(
            "{}: {} requests, {} acknowledged writes, {} faults, {unavailable} 503 and {lost} lost \
             within windows, none outside",
            self.name(),
            self.requests,
            self.writes,
            self.faults.iter().map(|(_, count)| count).sum::<usize>(),
        )
    }

    /// Whether everything held.
    pub(crate) fn holds(&self) -> bool {
        self.failures.is_empty()
    }

    fn name(&self) -> &'static str {
        match self.backend {
            Backend::Sqlite => "SQLite",
            Backend::Postgres => "PostgreSQL",
        }
    }
}

fn counted(plan: &[Planned]) -> Vec<(&'static str, usize)> {
    use crate::plan::Fault;
    let mut counts = [
        ("SIGKILL", 0),
        ("SIGTERM", 0),
        ("all connections ended", 0),
        ("PostgreSQL restarted", 0),
    ];
    for planned in plan {
        let at = match planned.fault {
            Fault::Kill { .. } => 0,
            Fault::Terminate { .. } => 1,
            Fault::EndConnections => 2,
            Fault::RestartDatabase { .. } => 3,
        };
        counts[at].1 += 1;
    }
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        writeln!(
            f,
            "{}, {} instance(s), {} clients, {seconds:.0} s: {}",
            self.name(),
            self.instances,
            self.clients,
            if self.holds() {
                "all of it holds"
            } else {
                "FAILED"
            }
        )?;
        writeln!(
            f,
            "\n  {:<26}{:>9}{:>11}{:>11}",
            "requests", "count", "p50 ms", "p99 ms"
        )?;
        for kind in &self.kinds {
            let millis = |time: Duration| time.as_secs_f64() * 1e3;
            writeln!(
                f,
                "  {:<26}{:>9}{:>11.1}{:>11.1}",
                kind.name,
                kind.count,
                millis(kind.median),
                millis(kind.slow)
            )?;
        }
        let rate = self.requests as f64 / seconds;
        writeln!(
            f,
            "  {:<26}{:>9}   {rate:.0} a second",
            "all", self.requests
        )?;
        writeln!(f)?;
        let faults: Vec<String> = self
            .faults
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        row(f, "faults", faults.join(", "))?;
        let (windows, open) = self.windows;
        row(
            f,
            "windows",
            format!("{windows}, {:.1} s in all", open.as_secs_f64()),
        )?;
        let [unavailable, lost, refused, cut, commands] = self.within;
        row(f, "5xx within windows", unavailable)?;
        row(
            f,
            "5xx outside of windows",
            if self.holds() { "0" } else { "see below" },
        )?;
        row(
            f,
            "connections within windows",
            format!(
                "{lost} lost, {refused} refused, {cut} closed unread; {commands} commands failed"
            ),
        )?;
        row(f, "writes acknowledged", self.writes)?;
        self.unanswered(f)?;
        let Checked {
            accounts,
            users,
            sessions,
            records,
        } = self.checked;
        row(
            f,
            "compared at the end",
            format!(
                "{accounts} accounts, of which {users} users with {sessions} live sessions; \
                 {records} records of answered events, each once"
            ),
        )?;
        for life in &self.lives {
            self.memory(f, life)?;
        }
        row(f, "database", Bytes(self.size))?;
        if self.backend == Backend::Sqlite {
            row(f, "write-ahead log at most", Bytes(self.log))?;
        }
        for failure in &self.failures {
            writeln!(f, "\nFAILED {failure}")?;
        }
        Ok(())
    }
}

impl Report {
    fn unanswered(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = Settled::default();
        let mut kinds = Vec::new();
        for (name, settled) in &self.settled {
            all.done += settled.done;
            all.not_done += settled.not_done;
            all.either += settled.either;
            kinds.push(format!(
                "{name} {}/{}/{}",
                settled.done, settled.not_done, settled.either
            ));
        }
        let total = all.done + all.not_done + all.either;
        row(
            f,
            "writes unanswered",
            format!(
                "{total}: {} done whole, {} not at all, {} no difference by now",
                all.done, all.not_done, all.either
            ),
        )?;
        if kinds.is_empty() {
            return Ok(());
        }
        row(f, "", kinds.join(", "))
    }

    fn memory(&self, f: &mut fmt::Formatter<'_>, life: &Life) -> fmt::Result {
        let [before, after] = life.resident;
        let verdict = if life.tells() {
            format!(
                "{:+.0} bytes for each of {} requests",
                life.growth(),
                life.requests
            )
        } else {
            format!("{} requests, too few to judge", life.requests)
        };
        row(
            f,
            &format!("memory of instance {}", life.instance),
            format!(
                "longest life {:.0} s: first third {:.1} MiB, last third {:.1} MiB ({verdict}), peak \
                 {:.1} MiB",
                life.lasted.as_secs_f64(),
                before as f64 / 1024.0,
                after as f64 / 1024.0,
                life.peak as f64 / 1024.0
            ),
        )?;
        row(
            f,
            "",
            format!(
                "threads {} then {}, descriptors {} then {}",
                life.threads[0], life.threads[1], life.descriptors[0], life.descriptors[1]
            ),
        )
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: impl Display) -> fmt::Result {
    writeln!(f, "  {name:<27} {value}")
}

struct Bytes(u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", self.0 as f64 / f64::from(1 << 20))
    }
}
