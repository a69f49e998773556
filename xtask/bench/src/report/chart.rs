//! A chart of lines over figures that grow by factors: both axes are logarithmic.

use super::svg::{self, Line};
use super::table::figure;

/// Several lines in one picture.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// What the figures are, with their unit.
    pub(crate) across: &'static str,
    pub(crate) up: &'static str,
    /// Where the axis across is marked, and with what.
    pub(crate) marks: Vec<(f64, String)>,
    pub(crate) lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Chart {
    /// The picture, as SVG. Lines without points are left out.
    pub(crate) fn draw(&self) -> String {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let across = Scale::of(points().map(|(x, _)| *x), &[]);
        let (least, most) = bounds(points().map(|(_, y)| *y));
        let ups = ticks(least, most);
        let up = Scale::of(points().map(|(_, y)| *y), &ups);
        let lines = self.lines.iter().filter(|(_, points)| !points.is_empty());
        svg::draw(&svg::Picture {
            title: &self.title,
            across: self.across,
            up: self.up,
            marks: self
                .marks
                .iter()
                .map(|(at, text)| (across.place(*at), text.clone()))
                .collect(),
            levels: ups.iter().map(|at| (up.place(*at), level(*at))).collect(),
            lines: lines
                .map(|(name, points)| Line {
                    name,
                    points: points
                        .iter()
                        .map(|(x, y)| (across.place(*x), up.place(*y)))
                        .collect(),
                })
                .collect(),
        })
    }
}

/// A round figure without digits that say nothing.
fn level(value: f64) -> String {
    let text = figure(value);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Where on an axis a figure stands, from 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// One with room for all of `values` and `ticks`.
    fn of(values: impl Iterator<Item = f64>, ticks: &[f64]) -> Self {
        let (low, high) = bounds(values.chain(ticks.iter().copied()));
        Self {
            low: low.ln(),
            high: high.ln(),
        }
    }

    fn place(self, value: f64) -> f64 {
        let width = self.high - self.low;
        if width <= 0.0 {
            return 0.5;
        }
        (value.max(f64::MIN_POSITIVE).ln() - self.low) / width
    }
}

/// The least and the greatest of values above 0.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let above = values.filter(|value| *value > 0.0);
    let (low, high) = above.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low.is_finite() {
        (low, high)
    } else {
        (1.0, 1.0)
    }
}

/// Round figures from at or below the least to at or above the most: 1, 2 and 5 of each
/// power of ten, or the powers alone where that would be many.
fn ticks(least: f64, most: f64) -> Vec<f64> {
    let all = |steps: &[f64]| -> Vec<f64> {
        let mut all = vec![];
        let mut power = 10_f64.powf(least.log10().floor());
        while power <= most * 10.0 {
            all.extend(steps.iter().map(|step| step * power));
            power *= 10.0;
        }
        let first = all.iter().rposition(|tick| *tick <= least * (1.0 + 1e-9));
        let last = all.iter().position(|tick| *tick >= most * (1.0 - 1e-9));
        let last = last.unwrap_or(all.len() - 1);
        all[first.unwrap_or(0)..=last].to_vec()
    };
    let fine = all(&[1.0, 2.0, 5.0]);
    if fine.len() <= 9 { fine } else { all(&[1.0]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], wanted: &[f64]) -> bool {
        let mut each = found.iter().zip(wanted);
        found.len() == wanted.len() && each.all(|(one, other)| (one / other - 1.0).abs() < 1e-9)
    }

    #[test]
    fn ticks_are_round_and_enclose_everything() {
        assert!(close(
            &ticks(3.0, 70.0),
            &[2.0, 5.0, 10.0, 20.0, 50.0, 100.0]
        ));
        assert!(close(&ticks(10.0, 10.0), &[10.0]));
        assert!(close(&ticks(0.2, 0.9), &[0.2, 0.5, 1.0]));
        assert!(close(
            &ticks(0.5, 40_000.0),
            &[0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5]
        ));
    }

    #[test]
    fn levels_have_no_digits_that_say_nothing() {
        for (value, text) in [(0.05, "0.05"), (2.0, "2"), (50.0, "50"), (5000.0, "5,000")] {
            assert_eq!(level(value), text);
        }
    }

    #[test]
    fn a_scale_runs_from_0_to_1_by_factors() {
        let scale = Scale::of([1.0, 100.0].into_iter(), &[]);
        for (value, place) in [(1.0, 0.0), (10.0, 0.5), (100.0, 1.0)] {
            assert!((scale.place(value) - place).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn one_figure_stands_in_the_middle_and_none_draws_nothing() {
        assert!((Scale::of([7.0].into_iter(), &[]).place(7.0) - 0.5).abs() < 1e-9);
        let (low, high) = bounds([0.0].into_iter());
        assert!((low - 1.0).abs() < 1e-9 && (high - 1.0).abs() < 1e-9);
    }

    #[test]
    fn every_line_is_drawn_and_named() {
        let chart = Chart {
            title: "One & two".to_owned(),
            across: "users",
            up: "per s",
            marks: vec![(10.0, "10".to_owned()), (1000.0, "1,000".to_owned())],
            lines: vec![
                ("SQLite".to_owned(), vec![(10.0, 5.0), (1000.0, 3.0)]),
                ("nobody".to_owned(), vec![]),
            ],
        };
        let drawn = chart.draw();
        assert!(drawn.contains("One &amp; two") && drawn.contains(">SQLite<"));
        assert!(!drawn.contains("nobody"));
        assert_eq!(drawn.matches("<polyline").count(), 1);
    }
}
