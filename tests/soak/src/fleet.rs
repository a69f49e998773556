//! The instances of the service, each with one process after another.

use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use latchkey_test_postgres::Cluster;
use latchkey_tests::{Backend, Home, Server, Signal, eventually};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How many serve one database: as many as make sense.
pub(crate) const fn instances(backend: Backend) -> usize {
    match backend {
        Backend::Sqlite => 1,
        Backend::Postgres => 2,
    }
}

/// All of them, with their database.
pub(crate) struct Fleet {
    pub(crate) backend: Backend,
    /// Where commands run.
    pub(crate) office: Home,
    instances: Vec<Instance>,
    logs: Mutex<String>,
    // Dropped last: the database is in it.
    pub(crate) cluster: Option<Cluster>,
}

#[derive(Default)]
struct Instance {
    server: Mutex<Option<Arc<Server>>>,
    generation: AtomicU32,
    requests: AtomicU64,
}

/// A process as the sampler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) instance: usize,
    pub(crate) generation: u32,
    pub(crate) process: u32,
    /// How many requests it has been sent.
    pub(crate) requests: u64,
}

impl Fleet {
    /// Makes the database and starts every instance.
    pub(crate) async fn start(backend: Backend) -> Self {
        let cluster = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(tokio::task::block_in_place(|| Cluster::own().start())),
        };
        let office = match &cluster {
            None => Home::new(backend),
            Some(cluster) => Home::on(cluster.database()),
        };
        let fleet = Self {
            backend,
            office: settings(office),
            instances: (0..instances(backend))
                .map(|_| Instance::default())
                .collect(),
            logs: Mutex::default(),
            cluster,
        };
        for instance in 0..fleet.instances.len() {
            fleet.launch(instance, false).await;
        }
        fleet
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.instances.len()
    }

    /// The process of an instance, unless it is gone.
    pub(crate) fn server(&self, instance: usize) -> Option<Arc<Server>> {
        self.place(instance).clone()
    }

    /// Counts a request.
    pub(crate) fn count(&self, instance: usize) {
        self.instances[instance]
            .requests
            .fetch_add(1, Ordering::Relaxed);
    }

    /// The processes that run.
    pub(crate) fn running(&self) -> Vec<Running> {
        let all = self.instances.iter().enumerate();
        all.filter_map(|(instance, one)| {
            let server = self.server(instance)?;
            Some(Running {
                instance,
                generation: one.generation.load(Ordering::Relaxed),
                process: server.process_id(),
                requests: one.requests.load(Ordering::Relaxed),
            })
        })
        .collect()
    }

    /// Starts a process in an instance's place and waits until it is ready.
    pub(crate) async fn launch(&self, instance: usize, costly: bool) {
        let one = &self.instances[instance];
        let generation = one.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let mut home = self.office.instance().without_docs();
        if costly {
            home = home.with_default_hashing();
        }
        if self.backend == Backend::Postgres {
            let url = self.office.database().url();
            let name = application(instance, generation);
            home = home.env(
                "LATCHKEY_DATABASE__URL",
                format!("{url}?application_name={name}"),
            );
        }
        let server = home.start().await;
        server.health_becomes(200).await;
        one.requests.store(0, Ordering::Relaxed);
        *self.place(instance) = Some(Arc::new(server));
    }

    /// SIGKILL; returns when nothing of it is left, at the database neither.
    pub(crate) async fn kill(&self, instance: usize) {
        if let Some(server) = self.server(instance) {
            server.send_kill_9();
            let _ = self.gone(instance, server).await;
        }
        if self.backend == Backend::Postgres {
            let generation = self.instances[instance].generation.load(Ordering::Relaxed);
            self.forgotten(&application(instance, generation)).await;
        }
    }

    /// SIGTERM; the exit code.
    pub(crate) async fn terminate(&self, instance: usize) -> Option<i32> {
        let server = self.server(instance)?;
        server.signal(Signal::Terminate);
        let mut server = self.gone(instance, server).await;
        server.exit().await.code()
    }

    /// Waits until a process that was told to end lets nobody in and nobody holds it.
    async fn gone(&self, instance: usize, server: Arc<Server>) -> Server {
        let address = server.address().to_owned();
        eventually("a closed door", async || {
            TcpStream::connect(&address).await.err()
        })
        .await;
        *self.place(instance) = None;
        let mut server = server;
        let server = loop {
            match Arc::try_unwrap(server) {
                Ok(server) => break server,
                Err(shared) => server = shared,
            }
            sleep(Duration::from_millis(5)).await;
        };
        let name = format!("--- instance {instance}, process {}\n", server.process_id());
        let mut logs = self.logs();
        logs.push_str(&name);
        logs.push_str(&server.logs());
        drop(logs);
        server
    }

    /// Waits until PostgreSQL has noticed that a client is dead: until then it may go on
    /// with what the client sent last.
    async fn forgotten(&self, application: &str) {
        let sql = format!(
            "select count(*) from pg_stat_activity where application_name = '{application}'"
        );
        eventually("the end of a dead client's connections", async || {
            let left = tokio::task::block_in_place(|| self.office.database().rows(&sql));
            (left == [["0"]]).then_some(())
        })
        .await;
    }

    /// All that has been logged.
    pub(crate) fn all_logs(&self) -> String {
        let mut all = self.logs().clone();
        for instance in 0..self.len() {
            if let Some(server) = self.server(instance) {
                all.push_str(&format!("--- instance {instance}\n{}", server.logs()));
            }
        }
        all
    }

    /// Copies the database into a folder.
    pub(crate) fn keep(&self, folder: &Path) -> std::io::Result<()> {
        let database = self.office.database();
        match self.backend {
            Backend::Sqlite => {
                for file in database.files() {
                    let name = file.file_name().unwrap_or_default();
                    std::fs::copy(&file, folder.join(name))?;
                }
            }
            Backend::Postgres => {
                std::fs::write(folder.join("dump.sql"), database.postgres().dump())?;
            }
        }
        Ok(())
    }

    fn place(&self, instance: usize) -> MutexGuard<'_, Option<Arc<Server>>> {
        let server = &self.instances[instance].server;
        server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn logs(&self) -> MutexGuard<'_, String> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an instance calls itself at PostgreSQL.
fn application(instance: usize, generation: u32) -> String {
    format!("latchkey-{instance}-{generation}")
}

/// One address makes all the traffic, so that what is counted by address is not limited.
/// What is counted by account is as it comes.
fn settings(home: Home) -> Home {
    home.for_a_ledger()
        .without_docs()
        // A token that is an hour old is dead, and its session's row not there for ever.
        .env("LATCHKEY_TOKENS__ACCESS_TTL", "2m")
        .env("LATCHKEY_RATE_LIMITS__ADDRESS_FAILURES", "1000000")
        .env("LATCHKEY_RATE_LIMITS__ADDRESS_SIGN_UPS", "1000000")
        .env("LATCHKEY_DATABASE__POOL", "8")
        // No connection is closed for being idle while a request is on its way to it.
        .env("LATCHKEY_SERVER__HEADER_TIMEOUT", "5m")
        .env("LATCHKEY_LOG", "warn")
}
