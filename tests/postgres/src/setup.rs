//! What a cluster is made of before it starts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::authority::Authority;
use crate::cluster::{Cluster, PASSWORD};
use crate::programs::Programs;

/// What every cluster has. Durable as it comes; a cluster for many tests is not.
const CONFIG: &str = "
listen_addresses = '127.0.0.1'
max_connections = 500
timezone = 'Asia/Kathmandu'
log_timezone = 'UTC'
";

/// The settings of a cluster that is not made yet.
#[derive(Debug, Default)]
pub struct Setup {
    config: Vec<String>,
    tls: Option<Tls>,
}

#[derive(Debug)]
struct Tls {
    authority: Authority,
    /// Whether TCP without TLS is refused.
    only: bool,
}

impl Setup {
    /// Adds a line to `postgresql.conf`.
    #[must_use]
    pub fn config(mut self, line: &str) -> Self {
        self.config.push(line.to_owned());
        self
    }

    /// Offers TLS, with a certificate of this authority for `localhost`, and for no
    /// address.
    #[must_use]
    pub fn tls(mut self, authority: Authority) -> Self {
        self.tls = Some(Tls {
            authority,
            only: false,
        });
        self
    }

    /// Offers TLS, and takes nothing else over TCP.
    #[must_use]
    pub fn only_tls(mut self, authority: Authority) -> Self {
        self.tls = Some(Tls {
            authority,
            only: true,
        });
        self
    }

    /// Makes the cluster and starts it.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn start(self) -> Cluster {
        Cluster::launch(&self)
    }

    /// Writes the cluster's files to `directory/data`.
    pub(crate) fn write(&self, directory: &Path) {
        let programs = Programs::find();
        let password = directory.join("password");
        fs::write(&password, PASSWORD).expect("a file in the cluster's directory");
        programs.give(&password);
        let output = programs
            .command("initdb", directory)
            .args(["--pgdata", "data", "--username", "postgres"])
            .args(["--auth-local", "trust", "--auth-host", "scram-sha-256"])
            .args(["--pwfile", "password"])
            .args(["--encoding", "UTF8", "--locale", "C", "--no-sync"])
            .output()
            .expect("initdb runs");
        assert!(
            output.status.success(),
            "initdb failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        self.write_config(&directory.join("data"));
    }

    /// Copies the files of a server that runs to `directory/data`, as those of one that
    /// follows it.
    pub(crate) fn copy(primary: &Cluster, directory: &Path) {
        let output = Programs::find()
            .command("pg_basebackup", directory)
            .args(["--pgdata", "data", "--write-recovery-conf"])
            .args(["--checkpoint", "fast", "--no-sync"])
            .arg("--host")
            .arg(primary.directory())
            .args(["--port", &primary.port().to_string()])
            .args(["--username", "postgres"])
            .output()
            .expect("pg_basebackup runs");
        assert!(
            output.status.success(),
            "pg_basebackup failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let config = directory.join("data/postgresql.auto.conf");
        let mut lines = fs::read_to_string(&config).expect("a file of the primary's");
        // The last one holds.
        lines.push_str(&sockets(directory));
        owned_file(&config, &lines);
    }

    fn write_config(&self, data: &Path) {
        let directory = data.parent().expect("the cluster's directory");
        let mut config = format!("{CONFIG}{}", sockets(directory));
        if let Some(tls) = &self.tls {
            let (certificate, key) = tls.authority.certify(&["localhost"]);
            owned_file(&data.join("server.crt"), &certificate);
            owned_file(&data.join("server.key"), &key);
            config.push_str("ssl = on\n");
            if tls.only {
                let rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
                owned_file(&data.join("pg_hba.conf"), rules);
            }
        }
        config.extend(self.config.iter().map(|line| format!("{line}\n")));
        owned_file(&data.join("postgresql.auto.conf"), &config);
    }
}

fn sockets(directory: &Path) -> String {
    format!("unix_socket_directories = '{}'\n", directory.display())
}

/// A file that the cluster's owner alone may read, as PostgreSQL wants its keys.
fn owned_file(path: &Path, text: &str) {
    fs::write(path, text).expect("a file in the cluster's directory");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a file of ours");
    Programs::find().give(path);
}
