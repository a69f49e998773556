//! The server's process.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio_postgres::Config;

use crate::client;
use crate::programs::Programs;

/// After this a server that does not come up fails the test.
const SAFETY_NET: Duration = Duration::from_secs(60);

/// How a server is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It takes no new connections and waits until all clients have gone.
    Smart,
    /// Transactions are rolled back, clients are disconnected, all is written.
    Fast,
    /// Without putting anything in order: the next start recovers from the log.
    Immediate,
}

/// The process; it is there or it is not.
#[derive(Debug)]
pub(crate) struct Postmaster {
    directory: PathBuf,
    port: u16,
    /// How to reach it.
    admin: Config,
    child: Option<Child>,
}

impl Postmaster {
    /// Starts the server on `directory/data`, and gives its log when it does not come up.
    pub(crate) fn start(directory: &Path, port: u16, admin: Config) -> Result<Self, String> {
        let mut server = Self {
            directory: directory.to_owned(),
            port,
            admin,
            child: None,
        };
        server.try_start().map(|()| server)
    }

    /// Starts it again, on the same port.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "the server runs already");
        let end = Instant::now() + SAFETY_NET;
        // What a killed server left running holds its memory for a moment.
        while let Err(log) = self.try_start() {
            assert!(Instant::now() < end, "PostgreSQL does not start:\n{log}");
            sleep(Duration::from_millis(50));
        }
    }

    fn try_start(&mut self) -> Result<(), String> {
        let log = self.directory.join("log");
        let output = File::create(&log).expect("a log");
        let mut child = Programs::find()
            .command("postgres", &self.directory)
            .arg("-D")
            .arg(self.directory.join("data"))
            .args(["-p", &self.port.to_string()])
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            // Ctrl-C in the terminal is for the test; the watchdog does the rest.
            .process_group(0)
            .spawn()
            .expect("postgres runs");
        let end = Instant::now() + SAFETY_NET;
        while client::run(&self.admin, async |client| client.batch_execute("").await).is_err() {
            let exited = child.try_wait().expect("a child to ask").is_some();
            if exited || Instant::now() > end {
                let _ = child.kill();
                let _ = child.wait();
                return Err(fs::read_to_string(log).unwrap_or_default());
            }
            sleep(Duration::from_millis(10));
        }
        self.child = Some(child);
        Ok(())
    }

    /// Stops it, and returns when it has ended.
    pub(crate) fn stop(&mut self, how: Stop) {
        let mut child = self.child.take().expect("the server runs");
        let signal = match how {
            Stop::Smart => "-TERM",
            Stop::Fast => "-INT",
            Stop::Immediate => "-QUIT",
        };
        let status = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success(), "kill {signal}");
        child.wait().expect("a child to wait for");
    }

    /// SIGKILL to the process that watches over all the others.
    pub(crate) fn kill_9(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        child.kill().expect("a child to kill");
        child.wait().expect("a child to wait for");
    }

    pub(crate) fn is_running(&self) -> bool {
        self.child.is_some()
    }
}
