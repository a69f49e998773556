//! What a person or a program reads: tables that are short, JSON that is
//! stable, and errors of one line.
//!
//! Data goes to stdout, everything else to stderr. A reader that went away is
//! no error and no panic.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, Write as _},
};

use serde::Serialize;

/// Prints a line of data.
///
/// # Errors
/// When stdout is closed or full.
pub fn line(text: &str) -> anyhow::Result<()> {
    raw(&format!("{text}\n"))
}

/// Prints text as it is.
///
/// # Errors
/// When stdout is closed or full.
pub fn raw(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(not_written)
}

/// Why standard output took no data.
pub(super) fn not_written(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        StdoutClosed.into()
    } else {
        anyhow::Error::new(error).context("cannot write to standard output")
    }
}

/// Prints a value as JSON, indented.
///
/// # Errors
/// When stdout is closed or full.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// Prints a warning to stderr.
pub fn warning(text: &str) {
    to_stderr("warning", text);
}

/// Prints what is wrong with one of many things to stderr; the command goes on.
pub(super) fn problem(text: &str) {
    to_stderr("error", text);
}

/// Prints an error to stderr: its causes after it, all on one line.
pub(super) fn error(error: &anyhow::Error) {
    to_stderr("error", &format!("{error:#}"));
}

/// Prints what is wrong with the command line to stderr.
pub(super) fn usage_error(text: &str) {
    to_stderr("error", &format!("{text} (see --help)"));
}

fn to_stderr(kind: &str, text: &str) {
    // Nobody is left to be told when stderr is gone as well.
    let _ = writeln!(io::stderr(), "{kind}: {}", one_line(text));
}

/// Whether an error only says that nobody reads our output any more.
pub(super) fn is_closed(error: &anyhow::Error) -> bool {
    error.chain().any(<dyn Error>::is::<StdoutClosed>)
}

#[derive(Debug, thiserror::Error)]
#[error("standard output was closed")]
struct StdoutClosed;

/// A table with aligned columns.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these column names.
    #[must_use]
    pub fn new<const N: usize>(columns: [&str; N]) -> Self {
        Self {
            rows: vec![columns.map(str::to_uppercase).to_vec()],
        }
    }

    /// Adds a row. What users typed must not steer an operator's terminal, nor
    /// change the order in which a line is read.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows
            .push(cells.iter().map(|cell| one_line(cell)).collect());
    }

    /// Prints it; nothing at all, not even the names, without a row.
    ///
    /// # Errors
    /// When stdout is closed or full.
    pub fn print(&self) -> anyhow::Result<()> {
        if self.rows.len() == 1 {
            Ok(())
        } else {
            raw(&self.render())
        }
    }

    fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
        };
        let widths: Vec<usize> = (0..columns)
            .map(|column| width(column).unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                // Writing to a string cannot fail.
                let _ = write!(line, "{cell:width$}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Escapes what would break a line, steer a terminal, or turn around what stands in it.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_formatting(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// Line separators, marks of direction and tags. The joiners stay, which names in
/// Persian and families of emoji are written with.
const fn is_formatting(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let mut table = Table::new(["name", "state"]);
        table.row(["Ada", "active"]);
        table.row(["Grace Brewster", ""]);
        assert_eq!(
            table.render(),
            "NAME            STATE\nAda             active\nGrace Brewster\n"
        );
    }

    #[test]
    fn what_users_typed_cannot_steer_the_terminal() {
        let mut table = Table::new(["name"]);
        table.row(["\u{1b}[2Jgone\r\nerror: forged"]);
        assert_eq!(table.render(), "NAME\n\\u{1b}[2Jgone\\r\\nerror: forged\n");
        // A mark that turns the rest of the line around, and a joiner that does nothing.
        assert_eq!(one_line("a\u{202e}b\u{2028}c"), "a\\u{202e}b\\u{2028}c");
        assert_eq!(one_line("\u{645}\u{200c}\u{646}"), "\u{645}\u{200c}\u{646}");
    }

    #[test]
    fn a_closed_reader_is_known_through_its_context() {
        assert!(is_closed(
            &anyhow::Error::new(StdoutClosed).context("cannot list users")
        ));
        assert!(!is_closed(&anyhow::anyhow!("something else")));
    }
}
