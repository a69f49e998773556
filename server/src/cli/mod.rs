//! The command line: one file for each subcommand.
//!
//! To add one: a file with its `clap::Args` and a `run`, its `mod` line, a
//! variant of `Command`, an arm in `Command::run`. A `run` prints data
//! through [`output`], waits for storage in [`runtime::command`], returns errors
//! with [`anyhow::Context`] that say what was tried, and never exits by itself.
//! Exit codes: 0 done, 1 failed, 2 usage.

mod audit;
mod background;
mod backup;
mod client;
mod completions;
mod config;
mod descriptors;
mod fetch;
mod jwks_source;
mod key;
mod migrate;
mod open;
mod operator;
pub mod output;
mod password;
mod private_file;
mod restore;
pub mod runtime;
mod secret_input;
mod serve;
mod token;
mod usage;
mod user;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::serve::Serve;
use crate::{
    config::{DatabaseUrl, Loaded, Origin, Setting, Sources, load},
    logging::{self, LogFormat, Verbosity},
};

/// Sign-up, sign-in and JWT access and refresh tokens in one binary.
#[derive(Debug, Parser)]
#[command(name = "latchkey", version, about)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(flatten, next_help_heading = "Options of serve, the default command")]
    serve: Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// The command, with the options of `serve` that stand before it.
    fn selected(self) -> Result<Command, UsageError> {
        match self.command {
            None => Ok(Command::Serve(self.serve)),
            Some(Command::Serve(serve)) => Ok(Command::Serve(serve.or(&self.serve))),
            Some(command) if self.serve == Serve::default() => Ok(command),
            Some(_) => Err(UsageError(
                "--listen, --no-migrate and --log-format are options of `latchkey serve`"
                    .to_owned(),
            )),
        }
    }
}

/// The options that every subcommand takes, in any place.
#[derive(Debug, Clone, Default, Args)]
struct Global {
    /// Read this file instead of ./config.toml [env: LATCHKEY_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Use this database instead of the configured one, e.g. sqlite:latchkey.db
    #[arg(long, value_name = "URL", global = true)]
    database: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests until SIGTERM or SIGINT (the default)
    Serve(Serve),
    /// Apply, take back and check the migrations of the database's schema
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Administer users while the server runs
    #[command(subcommand)]
    User(user::Command),
    /// Show, rotate, retire, import and export the signing keys
    #[command(subcommand)]
    Key(key::Command),
    /// Add, list and remove the programs that may ask about tokens
    #[command(subcommand)]
    Client(client::Command),
    /// Read the audit trail: who did what, when and from where
    #[command(subcommand)]
    Audit(audit::Command),
    /// Look into a token, or check it
    #[command(subcommand)]
    Token(token::Command),
    /// Judge a password, or find out what hashing one should cost
    #[command(subcommand)]
    Password(password::Command),
    /// Show, check or print the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Copy the SQLite database, also while the server runs
    Backup(backup::Backup),
    /// Put a backup in the place of the SQLite database, while the server is stopped
    Restore(restore::Restore),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

impl Command {
    fn run(self, cx: &Context) -> anyhow::Result<()> {
        match self {
            Self::Serve(command) => command.run(cx),
            Self::Migrate(command) => command.run(cx),
            Self::User(command) => command.run(cx),
            Self::Key(command) => command.run(cx),
            Self::Client(command) => command.run(cx),
            Self::Audit(command) => command.run(cx),
            Self::Token(command) => command.run(cx),
            Self::Password(command) => command.run(cx),
            Self::Config(command) => command.run(cx),
            Self::Backup(command) => command.run(cx),
            Self::Restore(command) => command.run(cx),
            Self::Completions(command) => command.run(&mut Cli::command()),
        }
    }

    /// What and how it logs.
    fn logging(&self) -> (LogFormat, Verbosity) {
        match self {
            Self::Serve(serve) => (serve.log_format(), Verbosity::Service),
            _ => (LogFormat::Text, Verbosity::Command),
        }
    }
}

/// What a subcommand runs in: where its configuration comes from.
struct Context {
    sources: Sources,
}

impl Context {
    fn new(global: Global, mut sources: Sources) -> anyhow::Result<Self> {
        sources.file = match global.config {
            Some(file) => Some(file),
            None => sources.variable("LATCHKEY_CONFIG")?.map(PathBuf::from),
        };
        if let Some(url) = global.database {
            if let Err(problem) = url.parse::<DatabaseUrl>() {
                return Err(UsageError(format!("--database {problem}")).into());
            }
            sources.flags.push(Setting::new(
                "database.url",
                url,
                Origin::flag("--database"),
            ));
        }
        Ok(Self { sources })
    }

    /// The configuration of all layers.
    fn load(&self) -> anyhow::Result<Loaded> {
        self.load_with(Vec::new())
    }

    /// The same, with what the subcommand's own flags set.
    fn load_with(&self, flags: Vec<Setting>) -> anyhow::Result<Loaded> {
        let mut sources = self.sources.clone();
        sources.flags.extend(flags);
        Ok(load(&sources)?)
    }
}

/// A mistake on the command line that clap cannot see. Exits with 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// Reads the command line, runs it, and says how it went.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // Help and the version come this way too.
        Err(error) => return usage::report(&error),
    };
    match run(cli, Sources::of_process()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn run(cli: Cli, sources: Sources) -> anyhow::Result<()> {
    let cx = Context::new(cli.global.clone(), sources)?;
    let command = cli.selected()?;
    let (format, verbosity) = command.logging();
    logging::init(&cx.sources, format, verbosity)?;
    leave_no_core_file();
    command.run(&cx)
}

/// Passwords and keys are in memory; whatever ends the process abnormally must not write
/// them to a disk. Programs that collect cores from the kernel keep to the limit too. The
/// hard limit stays, so that `prlimit --core` helps whoever looks for a fault.
fn leave_no_core_file() {
    let limit = getrlimit(Resource::Core);
    let none = Rlimit {
        current: Some(0),
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "cannot switch off core files, which would hold secrets");
    }
}

/// One line on stderr, and the exit code.
fn report(error: &anyhow::Error) -> ExitCode {
    if output::is_closed(error) {
        // Whoever read our output, such as `head`, has seen enough.
        return ExitCode::SUCCESS;
    }
    output::error(error);
    if error.is::<UsageError>() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(["latchkey"].iter().chain(arguments))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    fn command(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments)
            .expect("parses")
            .selected()
            .map_err(|error| error.to_string())
    }

    /// A `kid` is base64url.
    #[test]
    fn a_key_may_begin_with_hyphens() {
        for kid in [
            "-yZQInO2TwNb-5DPbNFr4Jg",
            "--ZQInO2TwNb-5DPbNFr4Jg",
            "-hZQInO2TwNb-5DPbNFr4Jg",
            "ZQInO2TwNb-5DPbNFr4Jg-",
        ] {
            for arguments in [
                &["key", "retire", kid, "--now"][..],
                &["key", "retire", "--now", kid],
                &["key", "retire", "--now", "--", kid],
            ] {
                let parsed = format!("{:?}", command(arguments));
                assert!(
                    parsed.contains(&format!("kid: {kid:?}, now: true")),
                    "{parsed}"
                );
            }
        }
    }

    #[test]
    fn without_a_command_it_serves() {
        let arguments = ["--listen", "127.0.0.1:0", "--log-format", "json"];
        let after = [&["serve"], &arguments[..]].concat();
        let before = [&arguments[..], &["serve"]].concat();
        let around = [&arguments[..2], &["serve"], &arguments[2..]].concat();
        let serve = |arguments: &[&str]| match command(arguments) {
            Ok(Command::Serve(serve)) => serve,
            other => panic!("{arguments:?} is {other:?}"),
        };
        let expected = serve(&arguments);
        assert_ne!(expected, Serve::default());
        for arguments in [after, before, around] {
            assert_eq!(serve(&arguments), expected, "{arguments:?}");
        }
        assert_eq!(serve(&[]), Serve::default());
    }

    #[test]
    fn options_of_serve_are_of_serve_alone() {
        assert!(parse(&["config", "show", "--listen", "127.0.0.1:0"]).is_err());
        let error = command(&["--no-migrate", "config", "show"]).expect_err("refused");
        assert!(error.contains("latchkey serve"), "{error}");
    }

    #[test]
    fn global_options_stand_in_any_place() {
        for arguments in [
            ["--config", "a.toml", "config", "show"],
            ["config", "--config", "a.toml", "show"],
            ["config", "show", "--config", "a.toml"],
        ] {
            let cli = parse(&arguments).expect("parses");
            assert_eq!(cli.global.config, Some(PathBuf::from("a.toml")));
        }
    }

    #[test]
    fn the_database_flag_stands_above_everything() {
        let sources = Sources {
            variables: vec![("LATCHKEY_DATABASE__URL".into(), "sqlite:below.db".into())],
            directory: "/nonexistent".into(),
            ..Sources::default()
        };
        let global = Global {
            database: Some("sqlite:flag.db".to_owned()),
            ..Global::default()
        };
        let loaded = Context::new(global, sources)
            .expect("a URL")
            .load()
            .expect("loads");
        assert_eq!(loaded.config.database.url.to_string(), "sqlite:flag.db");
        assert_eq!(loaded.origin("database.url"), Some("flag --database"));
    }

    #[test]
    fn a_wrong_database_flag_is_a_usage_error_without_the_password() {
        let global = Global {
            database: Some("mysql://u:s3cr3t@h/d".to_owned()),
            ..Global::default()
        };
        let error = Context::new(global, Sources::default())
            .err()
            .expect("refused");
        assert!(error.is::<UsageError>(), "{error}");
        let error = error.to_string();
        assert!(
            error.starts_with("--database is of an unknown kind"),
            "{error}"
        );
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}
