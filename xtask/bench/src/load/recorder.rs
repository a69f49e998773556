//! When a turn begins and ends, and what it came to.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::latencies::Latencies;
use super::to_f64;

/// How long a turn measures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// What is answered before counts for nothing: the queues fill.
    pub(crate) warm_up: Duration,
    /// It measures for so long,
    pub(crate) at_least: Duration,
    /// and until so many have been answered, the same number to each client,
    pub(crate) answers: usize,
    /// but no longer than this.
    pub(crate) at_most: Duration,
}

impl Turn {
    /// Measures for `length`, or for longer where that is less than twelve answers or than one
    /// to each client, up to ten seconds more.
    pub(crate) fn of(length: Duration) -> Self {
        Self {
            warm_up: length / 5,
            at_least: length,
            answers: 12,
            at_most: length + Duration::from_secs(10),
        }
    }
}

/// What came of a turn.
#[derive(Debug)]
pub(crate) struct Measured {
    /// From the first answer that counts to the last.
    pub(crate) time: Duration,
    /// How long each answer took, by what was asked.
    pub(crate) latencies: Vec<Latencies>,
    /// CPU time that the measured processes used meanwhile, where the system tells.
    pub(crate) computed: Option<Duration>,
}

impl Measured {
    /// Answers per second, whatever was asked.
    pub(crate) fn rate(&self) -> f64 {
        let answers: usize = self.latencies.iter().map(Latencies::len).sum();
        per_second(answers, self.time)
    }

    /// Answers per second to what has the index `asked`.
    pub(crate) fn rate_of(&self, asked: usize) -> f64 {
        let answers = self.latencies.get(asked).map_or(0, Latencies::len);
        per_second(answers, self.time)
    }

    /// CPU time of the measured processes for one answer.
    pub(crate) fn computed_each(&self) -> Option<Duration> {
        let answers: usize = self.latencies.iter().map(Latencies::len).sum();
        let computed = self.computed?;
        (answers > 0).then(|| computed.div_f64(to_f64(answers)))
    }
}

fn per_second(answers: usize, time: Duration) -> f64 {
    to_f64(answers) / time.as_secs_f64()
}

/// What has been answered in this turn.
pub(super) struct Recorder {
    turn: Turn,
    clients: usize,
    started: Instant,
    /// The answer that begins the measured time, and the CPU time used by then.
    first: Option<(Instant, Option<Duration>)>,
    last: Option<Instant>,
    answers: usize,
    latencies: Vec<Latencies>,
    computed: Option<Duration>,
    over: bool,
}

impl Recorder {
    pub(super) fn new(turn: Turn, clients: usize) -> Self {
        Self {
            turn,
            clients,
            started: Instant::now(),
            first: None,
            last: None,
            answers: 0,
            latencies: Vec::new(),
            computed: None,
            over: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn record(
        &mut self,
        asked: usize,
        began: Instant,
        answered: Instant,
        computed: &dyn Fn() -> Option<Duration>,
    ) {
        if self.over || answered.duration_since(self.started) < self.turn.warm_up {
            return;
        }
        let Some((first, computed_before)) = self.first else {
            // The measured time begins and ends with an answer, so that it holds whole
            // intervals and slow ones are not rounded.
            self.first = Some((answered, computed()));
            return;
        };
        while self.latencies.len() <= asked {
            self.latencies.push(Latencies::default());
        }
        self.latencies[asked].push(answered.duration_since(began));
        self.answers += 1;
        self.last = Some(answered);
        let time = answered.duration_since(first);
        // Clients that began together get their answers together from a server that does all
        // at once: a turn that ended within such a burst would count it for its own time.
        let is_round = self.answers.is_multiple_of(self.clients);
        let enough = time >= self.turn.at_least && self.answers >= self.turn.answers && is_round;
        if enough || time >= self.turn.at_most {
            self.over = true;
            self.computed = computed_before
                .zip(computed())
                .map(|(before, after)| after.saturating_sub(before));
        }
    }

    pub(super) fn measured(self) -> Result<Measured> {
        let (first, _) = self.first.context("nothing was answered")?;
        let last = self.last.context("too little was answered")?;
        Ok(Measured {
            time: last.duration_since(first),
            latencies: self.latencies,
            computed: self.computed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn turn(answers: usize) -> Turn {
        Turn {
            warm_up: 10 * MILLISECOND,
            at_least: 20 * MILLISECOND,
            answers,
            at_most: 100 * MILLISECOND,
        }
    }

    /// One answer every four milliseconds, each of which took three.
    fn steady(turn: Turn) -> Measured {
        let mut recorder = Recorder::new(turn, 1);
        for number in 1..1000 {
            let answered = recorder.started + 4 * number * MILLISECOND;
            recorder.record(0, answered - 3 * MILLISECOND, answered, &|| {
                Some(number * MILLISECOND)
            });
        }
        assert!(recorder.is_over());
        recorder.measured().expect("answers")
    }

    #[test]
    fn a_turn_counts_whole_intervals_after_the_warm_up() {
        let measured = steady(turn(1));
        // From the answer at 12 ms to that at 32 ms.
        assert_eq!(measured.time, 20 * MILLISECOND);
        assert_eq!(measured.latencies[0].len(), 5);
        assert!((measured.rate() - 250.0).abs() < 1e-6);
        assert!((measured.rate_of(0) - 250.0).abs() < 1e-6);
        assert!(measured.rate_of(1).abs() < 1e-6);
        assert_eq!(measured.computed, Some(5 * MILLISECOND));
        assert_eq!(measured.computed_each(), Some(MILLISECOND));
    }

    #[test]
    fn slow_answers_make_a_turn_longer_up_to_a_limit() {
        assert_eq!(steady(turn(10)).time, 40 * MILLISECOND);
        assert_eq!(steady(turn(1_000_000)).time, 100 * MILLISECOND);
    }

    #[test]
    fn answers_that_come_in_bursts_are_not_counted_for_the_burst_alone() {
        // Four clients, all of whom are answered every 40 ms.
        let mut recorder = Recorder::new(turn(1), 4);
        for burst in 1..100 {
            for client in 0..4 {
                let answered = recorder.started + (40 * burst + client) * MILLISECOND;
                recorder.record(0, recorder.started, answered, &|| None);
            }
        }
        let measured = recorder.measured().expect("answers");
        assert_eq!(measured.time, 40 * MILLISECOND);
        assert!((measured.rate() - 100.0).abs() < 1e-6);
    }

    #[test]
    fn nothing_answered_is_an_error() {
        assert!(Recorder::new(turn(1), 1).measured().is_err());
    }
}
