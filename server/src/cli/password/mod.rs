//! `latchkey password`: what the policy says, and what hashing should cost.

mod check;
mod tune;

use clap::Subcommand;

use super::Context;

/// `latchkey password …`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say whether the configured policy takes a password, and why not
    Check(check::Check),
    /// Measure this machine and propose what a password hash should cost
    Tune(tune::Tune),
}

impl Command {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        match self {
            Self::Check(command) => command.run(cx),
            Self::Tune(command) => command.run(cx),
        }
    }
}
