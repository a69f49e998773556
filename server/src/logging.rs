//! Logs: to stderr, as text for people or JSON for machines.
//!
//! What is logged holds no secret, because the types that hold one do not
//! print it. `LATCHKEY_LOG`, or else `RUST_LOG`, chooses what is logged, as in
//! `LATCHKEY_LOG=latchkey=debug,warn`.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _};
use std::panic::{self, PanicHookInfo};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::config::Sources;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged when no variable says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// A service says what it does.
    Service,
    /// A command says what is wrong; its result is its output.
    Command,
}

impl Verbosity {
    const fn filter(self) -> &'static str {
        match self {
            // It says less than our own line for each migration does.
            Self::Service => "info,rusqlite_migration=warn",
            Self::Command => "warn",
        }
    }
}

/// Starts logging for the whole process.
///
/// # Errors
/// When the filter in a variable cannot be read, or logging has been started
/// before.
pub fn init(sources: &Sources, format: LogFormat, verbosity: Verbosity) -> anyhow::Result<()> {
    let filter = filter(sources, verbosity)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // What cannot be written, to a disk that is full or a pipe whose reader is gone, would
        // be reported on stderr too, where failing is a panic: it is lost, and the request is not.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    let color = io::stderr().is_terminal() && sources.variable("NO_COLOR")?.is_none();
    let started = match format {
        LogFormat::Text => builder.with_ansi(color).with_target(false).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))?;
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A panic is logged like everything else, on one line, with the request it happened in.
/// `RUST_BACKTRACE` adds how it came to it.
pub(crate) fn log_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    tracing::error!(
        panic = panic.payload_as_str().unwrap_or("no message"),
        at = panic.location().map(tracing::field::display),
        backtrace = backtrace.map(tracing::field::display),
        "panicked"
    );
}

/// warp traces each piece of a path that it reads, whatever somebody has put there. Our own
/// lines name the route instead.
const NEVER_PATHS: &str = "warp::filters::path=off";

fn filter(sources: &Sources, verbosity: Verbosity) -> anyhow::Result<EnvFilter> {
    for name in ["LATCHKEY_LOG", "RUST_LOG"] {
        if let Some(directives) = sources.variable(name)? {
            let filter = EnvFilter::builder().parse(&directives).map_err(|_| {
                anyhow::anyhow!(
                    "{name}={directives} is not a log filter; write one like info or latchkey=debug,warn"
                )
            })?;
            return Ok(filter.add_directive(NEVER_PATHS.parse()?));
        }
    }
    Ok(EnvFilter::new(verbosity.filter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], verbosity: Verbosity) -> Result<String, String> {
        let sources = Sources {
            directory: "/nonexistent".into(),
            variables: variables
                .iter()
                .map(|(n, v)| ((*n).into(), (*v).into()))
                .collect(),
            ..Sources::default()
        };
        let filter = filter(&sources, verbosity);
        filter
            .map(|filter| filter.to_string())
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn our_variable_stands_above_the_common_one() {
        assert_eq!(
            of(&[], Verbosity::Service),
            Ok("rusqlite_migration=warn,info".to_owned())
        );
        assert_eq!(of(&[], Verbosity::Command), Ok("warn".to_owned()));
        assert_eq!(
            of(&[("RUST_LOG", "debug")], Verbosity::Command),
            Ok("warp::filters::path=off,debug".to_owned())
        );
        let both = [("RUST_LOG", "debug"), ("LATCHKEY_LOG", "error")];
        assert_eq!(
            of(&both, Verbosity::Service),
            Ok("warp::filters::path=off,error".to_owned())
        );
        assert_eq!(
            of(&[("LATCHKEY_LOG", "")], Verbosity::Service),
            Ok("rusqlite_migration=warn,info".to_owned())
        );
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let error = of(&[("LATCHKEY_LOG", "latchkey=loud")], Verbosity::Service);
        let error = error.expect_err("not a level");
        assert!(
            error.starts_with("LATCHKEY_LOG=latchkey=loud is not a log filter"),
            "{error}"
        );
    }
}
