//! `latchkey completions`: a script that completes this command line.

use clap::Args;
use clap_complete::Shell;

use super::output;

/// `latchkey completions SHELL`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell it is for
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, command: &mut clap::Command) -> anyhow::Result<()> {
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, name, &mut script);
        output::raw(&String::from_utf8(script)?)
    }
}
