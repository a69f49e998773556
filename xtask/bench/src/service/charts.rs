//! Pictures of how long answers take.

use anyhow::Result;

use super::Cell;
use super::scenario::Scenario;
use crate::load::Series;
use crate::report::chart::Chart;
use crate::report::write_chart;
use crate::servers::Signed;
use crate::servers::database::Backend;

/// The percentiles that are shown, in thousandths.
const PER_MILLE: [usize; 5] = [500, 900, 990, 995, 999];

/// A picture for each of the scenarios that others have as well.
pub(super) fn write(cells: &[Cell]) -> Result<()> {
    let is_shown = |cell: &&Cell| {
        cell.signed == Signed::Hs256
            && cell.is_full
            && matches!(
                cell.scenario,
                Scenario::SignIn | Scenario::Refresh | Scenario::Me
            )
    };
    for cell in cells.iter().filter(is_shown) {
        let backend = match cell.backend {
            Backend::Sqlite => "sqlite",
            Backend::Postgres => "postgresql",
        };
        let name = format!("latency-{}-{backend}", cell.scenario);
        write_chart(&name, &chart(cell))?;
    }
    Ok(())
}

fn chart(cell: &Cell) -> Chart {
    // What is no service of its own is no line here.
    let services = |series: &&Series| !series.name.starts_with("the SQL");
    let all = std::iter::once(&cell.ours).chain(&cell.others);
    Chart {
        title: format!(
            "How long {} takes on {} with {} clients",
            cell.scenario, cell.backend, cell.clients
        ),
        across: "so many of a hundred answers took no longer",
        up: "ms",
        marks: PER_MILLE
            .iter()
            .map(|per_mille| (rarity(*per_mille), share(*per_mille)))
            .collect(),
        lines: all
            .filter(services)
            .map(|series| (series.name.clone(), points(series)))
            .collect(),
    }
}

fn points(series: &Series) -> Vec<(f64, f64)> {
    let found = series.latencies().percentiles(PER_MILLE);
    let found = found.into_iter().flatten().zip(PER_MILLE);
    found
        .map(|(latency, per_mille)| (rarity(per_mille), latency))
        .collect()
}

/// One in so many takes longer: by this the percentiles are spread.
fn rarity(per_mille: usize) -> f64 {
    1000.0 / crate::load::to_f64(1000 - per_mille)
}

fn share(per_mille: usize) -> String {
    match (per_mille / 10, per_mille % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_spread_by_how_rare_the_rest_is() {
        let found: Vec<_> = [500, 900, 990].map(rarity).into_iter().collect();
        let close = |(one, other): (&f64, &f64)| (one - other).abs() < 1e-9;
        assert!(found.iter().zip(&[2.0, 10.0, 100.0]).all(close));
        assert_eq!([500, 995, 999].map(share), ["50", "99.5", "99.9"]);
    }
}
