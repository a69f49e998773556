//! What a subcommand came to.

use serde_json::Value;

/// What a subcommand came to.
#[derive(Debug)]
pub struct Output {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Output {
    /// The output of a subcommand that succeeded.
    ///
    /// # Panics
    ///
    /// When it did not.
    #[track_caller]
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// The one line on stderr of a subcommand that failed with this exit code.
    ///
    /// # Panics
    ///
    /// When it ended otherwise.
    #[track_caller]
    #[must_use]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.trim().is_empty(), "no error: {self:#?}");
        self.stderr
    }

    /// What it printed, as JSON.
    ///
    /// # Panics
    ///
    /// When it failed or printed something else.
    #[track_caller]
    #[must_use]
    pub fn json(self) -> Value {
        let output = self.ok();
        serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {output:#?}"))
    }
}
