//! Timed steps: what is said while a chore runs, and the table at its end.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The steps of one chore, in the order they ran.
pub(crate) struct Steps {
    began: Instant,
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
    note: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "ok",
            Self::Failed => "FAILED",
        })
    }
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            rows: Vec::new(),
        }
    }

    /// Runs a step that later ones build on: its error ends the chore, after
    /// the table has been printed.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        purpose: &str,
        work: impl FnOnce() -> Result<(T, String)>,
    ) -> Result<T> {
        let result = self.timed(name, purpose, work);
        if result.is_err() {
            self.print_table();
        }
        result
    }

    /// Runs a step whose failure does not keep the later ones from running;
    /// [`Steps::finish`] reports it.
    pub(crate) fn independent(
        &mut self,
        name: &'static str,
        purpose: &str,
        work: impl FnOnce() -> Result<String>,
    ) {
        if let Err(error) = self.timed(name, purpose, || work().map(|note| ((), note))) {
            eprintln!("error: {name}: {error:#}");
        }
    }

    /// Prints the table; an error if a step failed.
    pub(crate) fn finish(&self) -> Result<()> {
        self.print_table();
        let failed: Vec<_> = self
            .rows
            .iter()
            .filter(|row| row.outcome == Outcome::Failed)
            .map(|row| row.name)
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("failed: {}", failed.join(", "))
    }

    /// Prints the table without a judgement, for a chore that hands its
    /// process over to another program.
    pub(crate) fn print_table(&self) {
        let width = self.rows.iter().map(|row| row.name.len()).max();
        let width = width.unwrap_or(0).max("total".len());
        eprintln!("\n{:width$}  {:>8}  result", "step", "seconds");
        for Row {
            name,
            took,
            outcome,
            note,
        } in &self.rows
        {
            let line = format!(
                "{name:width$}  {:>8.1}  {outcome:6}  {note}",
                took.as_secs_f32()
            );
            eprintln!("{}", line.trim_end());
        }
        let total = self.began.elapsed().as_secs_f32();
        eprintln!("{:width$}  {total:>8.1}\n", "total");
    }

    fn timed<T>(
        &mut self,
        name: &'static str,
        purpose: &str,
        work: impl FnOnce() -> Result<(T, String)>,
    ) -> Result<T> {
        eprintln!("==> {name}: {purpose}");
        let began = Instant::now();
        let result = work();
        let took = began.elapsed();
        let (outcome, note) = match &result {
            Ok((_, note)) => (Outcome::Passed, note.clone()),
            Err(_) => (Outcome::Failed, String::new()),
        };
        eprintln!("    {name}: {outcome} after {:.1} s", took.as_secs_f32());
        self.rows.push(Row {
            name,
            took,
            outcome,
            note,
        });
        result.map(|(value, _)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_independent_step_fails_the_chore_but_not_the_next_step() {
        let mut steps = Steps::new();
        steps.independent("first", "fails", || bail!("broken"));
        let value = steps.required("second", "runs", || Ok((7, String::new())));
        assert_eq!(value.ok(), Some(7));
        let error = steps.finish().expect_err("a step failed");
        assert_eq!(error.to_string(), "failed: first");
    }

    #[test]
    fn all_passed_is_no_error() {
        let mut steps = Steps::new();
        steps.independent("only", "passes", || Ok("note".to_owned()));
        assert!(steps.finish().is_ok());
    }
}
