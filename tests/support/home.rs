//! A place of its own for each test: directory, database and settings.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;

use crate::backend::{Backend, Database};
use crate::binary;
use crate::output::Output;
use crate::process::{Failed, Logs, Process};
use crate::server::Server;

/// A directory with a database, and the settings that the binary runs with there.
#[derive(Debug)]
pub struct Home {
    directory: Arc<TempDir>,
    /// Of the home that the database was made in: the file of SQLite lies there.
    database_directory: Arc<TempDir>,
    database: Arc<Database>,
    environment: Vec<(String, String)>,
    listen: String,
    subcommand: bool,
    serve_args: Vec<String>,
    wrapper: Vec<String>,
    logs: Logs,
    pub(crate) documented: bool,
}

impl Home {
    /// An empty one. Passwords are hashed at the lowest cost there is: what a test finds
    /// out about anything else does not depend on it, and hundreds are hashed.
    ///
    /// # Panics
    ///
    /// When there is no room for a temporary directory.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        let directory = directory();
        let database = Database::new(backend, directory.path());
        Self::with_database(directory.clone(), directory, Arc::new(database))
    }

    /// One on a database that is there already.
    #[must_use]
    pub fn on(database: impl Into<Database>) -> Self {
        let directory = directory();
        Self::with_database(directory.clone(), directory, Arc::new(database.into()))
    }

    /// Another place beside this one, with the same database and settings: for a second
    /// instance. The files of this one are not there.
    #[must_use]
    pub fn instance(&self) -> Self {
        let database_directory = self.database_directory.clone();
        let mut other = Self::with_database(directory(), database_directory, self.database.clone());
        other.environment.clone_from(&self.environment);
        other
    }

    fn with_database(
        directory: Arc<TempDir>,
        database_directory: Arc<TempDir>,
        database: Arc<Database>,
    ) -> Self {
        Self {
            environment: vec![("LATCHKEY_DATABASE__URL".into(), database.url())],
            directory,
            database_directory,
            database,
            listen: "127.0.0.1:0".to_owned(),
            subcommand: true,
            serve_args: Vec::new(),
            wrapper: Vec::new(),
            logs: Logs::new(),
            documented: true,
        }
        .env("LATCHKEY_PASSWORDS__ARGON2__M", "8")
        .env("LATCHKEY_PASSWORDS__ARGON2__T", "1")
        // Many run at once, and all of them share the connections of one cluster.
        .env("LATCHKEY_DATABASE__POOL", "4")
    }

    /// Hashes passwords at the default cost.
    #[must_use]
    pub fn with_default_hashing(self) -> Self {
        self.without_env("LATCHKEY_PASSWORDS__ARGON2__M")
            .without_env("LATCHKEY_PASSWORDS__ARGON2__T")
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self = self.without_env(name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Takes an environment variable away.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.retain(|(set, _)| set != name);
        self
    }

    /// Sets the public URL and so the issuer, which otherwise follow the port: a server
    /// that starts again would not know its tokens.
    #[must_use]
    pub fn with_public_url(self) -> Self {
        self.env("LATCHKEY_SERVER__PUBLIC_URL", "http://localhost:8000")
    }

    /// Settings for servers that go while clients write, or whose database does: all
    /// instances have one issuer, and a refresh whose answer was lost can be asked for
    /// again long after.
    #[must_use]
    pub fn for_a_ledger(self) -> Self {
        self.with_public_url()
            .env("LATCHKEY_TOKENS__REFRESH_GRACE", "5m")
    }

    /// Writes `config.toml`.
    #[must_use]
    pub fn config(self, toml: &str) -> Self {
        self.file("config.toml", toml)
    }

    /// Writes `.env`.
    #[must_use]
    pub fn dotenv(self, text: &str) -> Self {
        self.file(".env", text)
    }

    /// Writes a file.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    #[must_use]
    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), text).expect("a file in the test's directory");
        self
    }

    /// Listens on another address than `127.0.0.1:0`.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Starts the binary without a word; the address is then for the settings to name.
    #[must_use]
    pub fn without_subcommand(mut self) -> Self {
        self.subcommand = false;
        self
    }

    /// Adds an argument of `serve`.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.serve_args.push(argument.to_owned());
        self
    }

    /// Starts the server under another program, which gets the command as its arguments
    /// and must leave the process as it is (`strace -D`).
    #[must_use]
    pub fn under(mut self, program: &[&str]) -> Self {
        self.wrapper = program.iter().map(ToString::to_string).collect();
        self
    }

    /// Turns `/docs` and `/openapi.json` off; answers can then not be held against it.
    #[must_use]
    pub fn without_docs(mut self) -> Self {
        self.documented = false;
        self.env("LATCHKEY_SERVER__DOCS", "false")
    }

    /// The working directory of all that runs here.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A path in the directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// All that the servers of this home have logged.
    #[must_use]
    pub fn logs(&self) -> String {
        self.logs.text()
    }

    /// Starts the server and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start(self) -> Server {
        match self.launch().await {
            Ok(process) => Server::new(self, process),
            Err(failed) => panic!("the server did not start: {failed:#?}"),
        }
    }

    /// Starts the server, which must refuse.
    ///
    /// # Panics
    ///
    /// When it starts.
    pub async fn fails_to_start(&self) -> Failed {
        match self.launch().await {
            Ok(_) => panic!("the server started, and should have refused"),
            Err(failed) => failed,
        }
    }

    async fn launch(&self) -> Result<Process, Failed> {
        let mut arguments = Vec::new();
        if self.subcommand {
            arguments.extend(["serve", "--listen", &self.listen].map(str::to_owned));
        }
        arguments.extend(self.serve_args.iter().cloned());
        Process::start(self.command(&self.wrapper, arguments), self.logs.clone()).await
    }

    /// Runs a subcommand to its end.
    pub async fn cli<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        self.cli_with_input("", arguments).await
    }

    /// Runs a subcommand to its end, with `input` on stdin.
    ///
    /// # Panics
    ///
    /// When the binary cannot be run.
    pub async fn cli_with_input<S: AsRef<OsStr>>(
        &self,
        input: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Output {
        let mut child = self.begin_cli(arguments);
        let mut stdin = child.stdin.take().expect("a piped stdin");
        // It may end without reading: that is its business.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = child.wait_with_output().await.expect("an end");
        Output {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a subcommand whose stdin stays open; it dies with what is given back.
    ///
    /// # Panics
    ///
    /// When the binary cannot be run.
    #[must_use]
    pub fn begin_cli<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Child {
        tokio::process::Command::from(self.command(&[], arguments))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts")
    }

    fn command<S: AsRef<OsStr>>(
        &self,
        wrapper: &[String],
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let binary = binary::latchkey();
        let mut command = match wrapper {
            [] => Command::new(binary),
            [program, options @ ..] => {
                let mut command = Command::new(program);
                command.args(options).arg(binary);
                command
            }
        };
        // Nothing of the developer's own environment reaches the program.
        command
            .args(arguments)
            .current_dir(self.directory())
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        for name in ["PATH", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }
}

fn directory() -> Arc<TempDir> {
    let directory = tempfile::Builder::new().prefix("latchkey-test-").tempdir();
    Arc::new(directory.expect("a temporary directory"))
}
