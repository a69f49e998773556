//! A PostgreSQL server with its data.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use tokio_postgres::Config;

use crate::client::{self, describe};
use crate::database::Database;
use crate::port::Port;
use crate::postmaster::{Postmaster, Stop};
use crate::programs::Programs;
use crate::setup::Setup;
use crate::watchdog::Watchdog;

pub(crate) const USER: &str = "latchkey";
/// Characters that a URL must escape, so that who forgets it sees.
pub(crate) const PASSWORD: &str = "tide/27:mill@sea";
pub(crate) const PASSWORD_IN_URL: &str = "tide%2F27%3Amill%40sea";

/// How often a port that somebody took in the same moment is replaced by another.
const PORTS: usize = 20;

/// A throw-away PostgreSQL server; it ends with this value, or with the test process.
#[derive(Debug)]
pub struct Cluster {
    postmaster: Mutex<Postmaster>,
    port: Port,
    directory: PathBuf,
    admin: Config,
    databases: AtomicU32,
    // Dropped last: it stops what still runs and removes the directory.
    _watchdog: Watchdog,
}

impl Cluster {
    /// The role that the databases belong to. It is no superuser.
    pub const USER: &str = USER;
    /// Its password over TCP; over the Unix socket it needs none.
    pub const PASSWORD: &str = PASSWORD;

    /// The one cluster that the tests of this process share. It forgets everything when
    /// the machine stops: it does not sync.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed, or does not start.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            Self::own()
                .config("fsync = off")
                .config("full_page_writes = off")
                .start()
        })
    }

    /// A cluster of the test's own, to stop, to kill, to configure.
    #[must_use]
    pub fn own() -> Setup {
        Setup::default()
    }

    pub(crate) fn launch(setup: &Setup) -> Self {
        let (directory, watchdog) = place();
        setup.write(&directory);
        let cluster = Self::start_in(directory, watchdog);
        cluster.execute(&format!("create role {USER} login password '{PASSWORD}'"));
        cluster
    }

    /// Starts the server whose files are in the directory.
    fn start_in(directory: PathBuf, watchdog: Watchdog) -> Self {
        let (port, postmaster, admin) = start_on_a_free_port(&directory);
        Self {
            postmaster: Mutex::new(postmaster),
            port,
            directory,
            admin,
            databases: AtomicU32::new(0),
            _watchdog: watchdog,
        }
    }

    /// Another server that follows this one, with a copy of all that it has, and that can
    /// take its place. From now on what is committed here is there, too.
    ///
    /// # Panics
    ///
    /// When this server does not run, or the other does not follow it.
    #[must_use]
    pub fn standby(&self) -> Self {
        let (directory, watchdog) = place();
        Setup::copy(self, &directory);
        let standby = Self::start_in(directory, watchdog);
        self.execute("alter system set synchronous_standby_names = '*'");
        self.execute("select pg_reload_conf()");
        let followed = "select 1 from pg_stat_replication where sync_state = 'sync'";
        while client::rows(&self.admin, followed).map_or(0, |rows| rows.len()) == 0 {
            sleep(Duration::from_millis(10));
        }
        standby
    }

    /// An empty database that belongs to [`Cluster::USER`].
    ///
    /// # Panics
    ///
    /// When the server does not run.
    #[must_use]
    pub fn database(&self) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.execute(&format!(
            "create database {name} owner {USER} template template0"
        ));
        let mut owner = self.admin.clone();
        owner.user(USER).dbname(&name);
        Database {
            name,
            port: self.port.number,
            socket_directory: self.directory.clone(),
            owner,
            admin: self.admin.clone(),
        }
    }

    /// Runs statements as the superuser, in the database `postgres`.
    ///
    /// # Panics
    ///
    /// When the server refuses them.
    pub fn execute(&self, sql: &str) {
        client::run(&self.admin, async |client| client.batch_execute(sql).await)
            .unwrap_or_else(|error| panic!("{}: {sql}", describe(&error)));
    }

    /// The TCP port on 127.0.0.1, the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// The directory of the Unix socket, and of all that the cluster has.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Stops the server, and returns when it has ended.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn stop(&self, how: Stop) {
        self.postmaster().stop(how);
    }

    /// Kills the server without a warning.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill_9(&self) {
        self.postmaster().kill_9();
    }

    /// Starts it again after [`Cluster::stop`] or [`Cluster::kill_9`].
    ///
    /// # Panics
    ///
    /// When it runs, or does not start.
    pub fn start(&self) {
        self.postmaster().start_again();
    }

    fn postmaster(&self) -> MutexGuard<'_, Postmaster> {
        self.postmaster
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut postmaster = self.postmaster();
        if postmaster.is_running() {
            postmaster.stop(Stop::Immediate);
        }
    }
}

/// A directory for a server, and who removes it.
fn place() -> (PathBuf, Watchdog) {
    let directory = tempfile::Builder::new()
        .prefix("latchkey-postgres-")
        .tempdir()
        .expect("a temporary directory")
        .keep();
    Programs::find().give(&directory);
    let watchdog = Watchdog::over(&directory);
    (directory, watchdog)
}

fn start_on_a_free_port(directory: &Path) -> (Port, Postmaster, Config) {
    let mut log = String::new();
    for _ in 0..PORTS {
        let port = Port::reserve();
        let mut admin = Config::new();
        admin
            .host_path(directory)
            .port(port.number)
            .user("postgres")
            .dbname("postgres");
        match Postmaster::start(directory, port.number, admin.clone()) {
            Ok(postmaster) => return (port, postmaster, admin),
            Err(why) => log = why,
        }
        if !log.contains("Address already in use") {
            break;
        }
    }
    panic!("PostgreSQL does not start:\n{log}");
}
