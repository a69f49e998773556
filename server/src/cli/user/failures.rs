//! What `latchkey user show` says about failed tries at a password.

use serde::Serialize;

use crate::cli::output;
use crate::domain::clock::Timestamp;
use crate::domain::throttle::{AccountCount, Network, ThrottleRules};

/// One of a user's counts of failed tries.
#[derive(Serialize)]
pub(super) struct ShownFailures {
    /// The network that it is for, which the user has signed in from; null for everywhere
    /// else.
    network: Option<String>,
    in_a_row: u32,
    last_at: Timestamp,
    /// Null when the next try may come at once.
    paused_until: Option<Timestamp>,
}

impl ShownFailures {
    /// What there is to show at `now` under these rules.
    pub(super) fn new(count: &AccountCount, rules: Option<&ThrottleRules>, now: Timestamp) -> Self {
        let failures = count.failures;
        let wait = rules.map(|rules| failures.wait(rules, now));
        Self {
            network: count.network.as_ref().map(Network::to_string),
            in_a_row: failures.count,
            last_at: failures.last,
            paused_until: wait
                .filter(|wait| !wait.is_zero())
                .map(|wait| now.plus(wait)),
        }
    }
}

/// Prints a table, after an empty line; nothing when there is nothing to print.
pub(super) fn print(failures: &[ShownFailures]) -> anyhow::Result<()> {
    if failures.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let mut table = output::Table::new(["wrong passwords", "from", "last", "paused until"]);
    for shown in failures {
        let paused = shown.paused_until.map(|until| until.to_string());
        table.row([
            &shown.in_a_row.to_string(),
            shown.network.as_deref().unwrap_or("elsewhere"),
            &shown.last_at.to_string(),
            paused.as_deref().unwrap_or("-"),
        ]);
    }
    table.print()
}
