//! How far a long command has come, for a person at a terminal.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on stderr; nothing where stderr is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar of as many bytes as are to come, or a count of what has come.
    pub(super) fn of_bytes(all: Option<u64>) -> Self {
        let template = match all {
            Some(_) => "{wide_bar} {bytes}/{total_bytes}, {msg}, {eta} left",
            None => "{spinner} {bytes}, {msg}",
        };
        Self::new(all, template)
    }

    /// A count of what has come.
    pub(super) fn of_items() -> Self {
        Self::new(None, "{spinner} {pos} {msg}")
    }

    fn new(all: Option<u64>, template: &str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = all.map_or_else(ProgressBar::no_length, ProgressBar::new);
        Self(match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    /// Shows where it is.
    pub(super) fn at(&self, position: u64, message: String) {
        self.0.set_position(position);
        self.0.set_message(message);
    }

    /// Does something that writes to the terminal.
    pub(super) fn around<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.suspend(work)
    }
}

/// Takes the bar away, whatever happened.
impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
