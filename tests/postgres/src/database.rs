//! A database for one test.

use std::path::PathBuf;

use tokio_postgres::Config;

use crate::client::{self, Held, describe};
use crate::cluster::{PASSWORD_IN_URL, USER};
use crate::programs::Programs;

/// A database that nobody else has; it is dropped with this value.
///
/// It belongs to the role [`Cluster::USER`](crate::Cluster::USER), which may do nothing
/// beyond it.
#[derive(Debug)]
pub struct Database {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) socket_directory: PathBuf,
    pub(crate) owner: Config,
    pub(crate) admin: Config,
}

impl Database {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The TCP port of its server, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A URL that reaches it over TCP, with the password.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(&format!("127.0.0.1:{}", self.port))
    }

    /// The same at another address: a proxy's, or the server's by another name.
    #[must_use]
    pub fn url_at(&self, host_and_port: &str) -> String {
        let name = &self.name;
        format!("postgres://{USER}:{PASSWORD_IN_URL}@{host_and_port}/{name}")
    }

    /// A URL that reaches it over the Unix socket, without a password.
    #[must_use]
    pub fn socket_url(&self) -> String {
        format!(
            "postgres://{USER}@/{}?host={}&port={}",
            self.name,
            self.socket_directory.display(),
            self.port
        )
    }

    /// What a query answers, each value as text: `null`, booleans as 1 and 0, `uuid` and
    /// `bytea` as hexadecimal digits, all else as PostgreSQL prints it.
    ///
    /// # Panics
    ///
    /// When the database refuses the query.
    #[must_use]
    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        client::rows(&self.owner, sql).unwrap_or_else(|error| panic!("{}: {sql}", describe(&error)))
    }

    /// Runs statements as the owner.
    ///
    /// # Panics
    ///
    /// When the database refuses them.
    pub fn execute(&self, sql: &str) {
        client::run(&self.owner, async |client| client.batch_execute(sql).await)
            .unwrap_or_else(|error| panic!("{}: {sql}", describe(&error)));
    }

    /// Begins a transaction, runs statements in it, and leaves it open: its locks are
    /// held until the value is dropped.
    ///
    /// # Panics
    ///
    /// When the database refuses them.
    #[must_use = "the transaction ends with this value"]
    pub fn hold(&self, sql: &str) -> Held {
        Held::begin(self.owner.clone(), sql)
    }

    /// All tables, indexes and constraints, as `pg_dump` prints them.
    ///
    /// # Panics
    ///
    /// When it fails.
    #[must_use]
    pub fn schema(&self) -> String {
        let dump = self.pg_dump(&["--schema-only"]);
        let dump = String::from_utf8_lossy(&dump);
        // Newer releases put a random word at both ends.
        dump.lines()
            .filter(|line| !line.is_empty() && !line.starts_with("--") && !line.starts_with('\\'))
            .fold(String::new(), |dump, line| dump + line + "\n")
    }

    /// All that is in it, as `pg_dump` prints it.
    ///
    /// # Panics
    ///
    /// When it fails.
    #[must_use]
    pub fn dump(&self) -> Vec<u8> {
        self.pg_dump(&[])
    }

    fn pg_dump(&self, options: &[&str]) -> Vec<u8> {
        let output = Programs::find()
            .command("pg_dump", &self.socket_directory)
            .args(options)
            .arg("--host")
            .arg(&self.socket_directory)
            .args(["--port", &self.port.to_string()])
            .args(["--username", USER, &self.name])
            .output()
            .expect("pg_dump runs");
        assert!(
            output.status.success(),
            "pg_dump: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// The files of its own tables and indexes, with all that is stored written to them.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        // What PostgreSQL makes for itself has lower numbers.
        let own = "select pg_relation_filepath(oid) from pg_class \
                   where oid >= 16384 and relkind in ('r', 't', 'i', 'm', 'S')";
        let files = self.rows(own);
        client::run(&self.admin, async |client| {
            client.batch_execute("checkpoint").await
        })
        .unwrap_or_else(|error| panic!("{}", describe(&error)));
        let data = self.socket_directory.join("data");
        files.iter().map(|file| data.join(&file[0])).collect()
    }

    /// Ends all connections to it, as an administrator would, and says how many there were.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub fn terminate_backends(&self) -> usize {
        let name = &self.name;
        let sql = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
        );
        client::rows(&self.admin, &sql)
            .unwrap_or_else(|error| panic!("{}", describe(&error)))
            .len()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("drop database if exists {} with (force)", self.name);
        // A server that its test has stopped takes the database with it.
        let _ = client::run(&self.admin, async |client| client.batch_execute(&sql).await);
    }
}
