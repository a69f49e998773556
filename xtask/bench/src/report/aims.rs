//! What was to be reached, and whether it was.

use serde_json::{Value, json};

use super::calm::Calm;
use super::table::{Table, figure, middle_half};
use crate::quartiles::Quartiles;

/// On which side of a figure the aim lies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn figure(self) -> f64 {
        match self {
            Self::AtLeast(figure) | Self::AtMost(figure) => figure,
        }
    }

    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

/// What noise can do to a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noise {
    /// It moves it to either side.
    EitherWay,
    /// It makes it worse, never better: a time, by the clock on the wall.
    OnlyWorse,
    /// Nothing: a size.
    None,
}

/// One aim.
#[derive(Debug)]
pub(crate) struct Aim {
    what: String,
    bound: Bound,
    noise: Noise,
    measured: Quartiles,
}

/// What is to be said of one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Met,
    /// With the median as a multiple of the aim.
    Missed(f64),
    CannotTell,
}

impl Aim {
    pub(crate) fn new(
        what: impl Into<String>,
        bound: Bound,
        noise: Noise,
        measured: Quartiles,
    ) -> Self {
        Self {
            what: what.into(),
            bound,
            noise,
            measured,
        }
    }

    /// Judged by the middle half of the turns, and by what the machine was like.
    fn verdict(&self, is_calm: bool) -> Verdict {
        let Quartiles { low, median, high } = self.measured;
        let (holds_low, holds_high) = (self.bound.holds(low), self.bound.holds(high));
        let is_met = holds_low && holds_high;
        if holds_low != holds_high {
            return Verdict::CannotTell;
        }
        let is_trusted = match self.noise {
            Noise::None => true,
            Noise::OnlyWorse => is_calm || is_met,
            Noise::EitherWay => is_calm,
        };
        match (is_trusted, is_met) {
            (false, _) => Verdict::CannotTell,
            (true, true) => Verdict::Met,
            (true, false) => Verdict::Missed(median / self.bound.figure()),
        }
    }

    fn row(&self, is_calm: bool) -> [String; 5] {
        let sign = match self.bound {
            Bound::AtLeast(_) => "≥",
            Bound::AtMost(_) => "≤",
        };
        [
            self.what.clone(),
            format!("{sign} {}", plain(self.bound.figure())),
            figure(self.measured.median),
            if self.noise == Noise::None {
                "exact".to_owned()
            } else {
                middle_half(&self.measured)
            },
            match self.verdict(is_calm) {
                Verdict::Met => "met".to_owned(),
                Verdict::Missed(times) => format!("missed, {} of the aim", figure(times)),
                Verdict::CannotTell => "too noisy to tell".to_owned(),
            },
        ]
    }
}

/// The aims of a benchmark, as a table with a remark on the machine.
pub(crate) fn print(aims: &[Aim], calm: &Calm) {
    let mut table = Table::new(&["", "aim", "median", "middle half", "verdict"]);
    for aim in aims {
        table.row(aim.row(calm.is_calm()));
    }
    println!("\n### The aims\n\n{table}\n{}", calm.said());
}

/// The same for a program.
pub(crate) fn json(aims: &[Aim], calm: &Calm) -> Value {
    let rows = aims.iter().map(|aim| {
        let [what, bound, _, _, verdict] = aim.row(calm.is_calm());
        let Quartiles { low, median, high } = aim.measured;
        json!({
            "what": what, "aim": bound, "verdict": verdict,
            "low": low, "median": median, "high": high,
        })
    });
    rows.collect()
}

/// As it was set, without digits that say nothing.
fn plain(value: f64) -> String {
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aim(bound: Bound, noise: Noise, [low, median, high]: [f64; 3]) -> Aim {
        Aim::new("an aim", bound, noise, Quartiles { low, median, high })
    }

    #[test]
    fn an_aim_is_judged_by_the_middle_half() {
        let at_least = |figures| aim(Bound::AtLeast(2.0), Noise::EitherWay, figures).verdict(true);
        assert_eq!(at_least([2.0, 2.5, 3.0]), Verdict::Met);
        assert_eq!(at_least([1.0, 1.5, 1.9]), Verdict::Missed(0.75));
        assert_eq!(at_least([1.9, 2.5, 3.0]), Verdict::CannotTell);
        let at_most = |figures| aim(Bound::AtMost(2.0), Noise::EitherWay, figures).verdict(true);
        assert_eq!(at_most([1.0, 1.5, 2.0]), Verdict::Met);
        assert_eq!(at_most([2.1, 3.0, 4.0]), Verdict::Missed(1.5));
        assert_eq!(at_most([1.9, 2.5, 3.0]), Verdict::CannotTell);
    }

    #[test]
    fn a_noisy_machine_tells_only_what_noise_cannot_have_done() {
        let verdict = |noise, figure: f64| {
            aim(Bound::AtMost(2.0), noise, [figure, figure, figure]).verdict(false)
        };
        assert_eq!(verdict(Noise::EitherWay, 1.0), Verdict::CannotTell);
        assert_eq!(verdict(Noise::EitherWay, 3.0), Verdict::CannotTell);
        assert_eq!(verdict(Noise::OnlyWorse, 1.0), Verdict::Met);
        assert_eq!(verdict(Noise::OnlyWorse, 3.0), Verdict::CannotTell);
        assert_eq!(verdict(Noise::None, 1.0), Verdict::Met);
        assert_eq!(verdict(Noise::None, 3.0), Verdict::Missed(1.5));
    }

    #[test]
    fn a_row_says_by_how_much() {
        let row = aim(Bound::AtLeast(50.0), Noise::EitherWay, [20.0, 25.0, 30.0]).row(true);
        assert_eq!(
            row,
            [
                "an aim",
                "≥ 50",
                "25.0",
                "20.0 to 30.0",
                "missed, 0.500 of the aim"
            ]
        );
    }
}
