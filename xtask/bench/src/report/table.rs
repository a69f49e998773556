//! Markdown tables.

use std::fmt;

use crate::quartiles::Quartiles;

/// A table whose columns are as wide as their widest cell; all but the first are figures.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let head = head.iter().map(|cell| (*cell).to_owned()).collect();
        Self { rows: vec![head] }
    }

    /// Adds a row; cells that it has too few of are empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut row: Vec<String> = cells.into_iter().collect();
        row.resize(self.rows[0].len(), String::new());
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows[0].len();
        let widest = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if column == 0 {
                    write!(f, "| {cell:width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")?;
            if number == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let (dashes, colon) = if column == 0 {
                        ("-".repeat(*width), "")
                    } else {
                        ("-".repeat(width - 1), ":")
                    };
                    write!(f, "| {dashes}{colon} ")?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// A figure with three digits that count, and no more than three behind the point.
pub(crate) fn figure(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    if digits > 0 { text } else { thousands(&text) }
}

/// Digits in groups of three.
fn thousands(digits: &str) -> String {
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |digits| ("-", digits));
    let mut text = String::new();
    for (number, digit) in digits.chars().enumerate() {
        if number > 0 && (digits.len() - number).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}")
}

/// A ratio.
pub(crate) fn times(ratio: f64) -> String {
    format!("{}×", figure(ratio))
}

/// Between what the middle half lies.
pub(crate) fn middle_half(quartiles: &Quartiles) -> String {
    format!("{} to {}", figure(quartiles.low), figure(quartiles.high))
}

/// A figure with between what the middle half of the turns lies.
pub(crate) fn spread(quartiles: &Quartiles) -> String {
    format!("{} ({})", figure(quartiles.median), middle_half(quartiles))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["", "rate", "×"]);
        table.row(["Latchkey".to_owned(), "12,345".to_owned()]);
        assert_eq!(
            table.to_string(),
            "|          |   rate |   × |\n\
             | -------- | -----: | --: |\n\
             | Latchkey | 12,345 |     |\n"
        );
    }

    #[test]
    fn figures_have_three_digits_that_count() {
        for (value, text) in [
            (0.0, "0.000"),
            (0.0714, "0.071"),
            (0.9996, "1.00"),
            (9.996, "10.0"),
            (99.96, "100"),
            (1_234_567.0, "1,234,567"),
            (-1_234.0, "-1,234"),
        ] {
            assert_eq!(figure(value), text);
        }
    }
}
