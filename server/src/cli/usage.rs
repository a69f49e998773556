//! What is said when the command line cannot be read: one line, as for every error.

use std::process::ExitCode;

use clap::error::ErrorKind;

use super::output;

/// Prints clap's help, or its complaint as one line, and gives the exit code.
pub(super) fn report(error: &clap::Error) -> ExitCode {
    match error.kind() {
        // Asked for: help and version are data.
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            if error.print().is_ok() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        // A command whose subcommand is missing: its help says which there are.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Nobody is left to be told when stderr is gone.
            let _ = error.print();
            ExitCode::from(2)
        }
        _ => {
            output::usage_error(&one_line(&error.render().to_string()));
            ExitCode::from(2)
        }
    }
}

/// The complaint and clap's tips on one line, without the synopsis that follows them.
fn one_line(rendered: &str) -> String {
    let said = rendered
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty());
    let mut text = String::new();
    for line in said {
        if !text.is_empty() {
            text.push_str(if line.starts_with("tip:") { "; " } else { " " });
        }
        text.push_str(line);
    }
    text.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    fn complaint(arguments: &[&str]) -> String {
        let command = Command::new("latchkey")
            .subcommand(Command::new("user").arg(Arg::new("name").long("name").required(true)));
        let error = command
            .try_get_matches_from(arguments)
            .expect_err("a usage error");
        one_line(&error.render().to_string())
    }

    #[test]
    fn every_complaint_is_one_line() {
        assert_eq!(
            complaint(&["latchkey", "user"]),
            "the following required arguments were not provided: --name <name>"
        );
        assert_eq!(
            complaint(&["latchkey", "usr"]),
            "unrecognized subcommand 'usr'; tip: a similar subcommand exists: 'user'"
        );
        assert_eq!(
            complaint(&["latchkey", "user", "--nme", "x"]),
            "unexpected argument '--nme' found; tip: a similar argument exists: '--name'"
        );
    }
}
