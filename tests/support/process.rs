//! A running `latchkey serve`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::wait::eventually;

/// Everything that the servers of one test wrote to stderr.
///
/// It is a file without a name, not a pipe: what was written before an answer is there when
/// the answer is, and no thread has to have read it first.
#[derive(Clone, Debug)]
pub(crate) struct Logs(Arc<File>);

impl Logs {
    pub(crate) fn new() -> Self {
        Self(Arc::new(tempfile::tempfile().expect("a temporary file")))
    }

    pub(crate) fn text(&self) -> String {
        self.text_from(0)
    }

    /// What was written after the first `start` bytes.
    fn text_from(&self, start: u64) -> String {
        // Reading at a position leaves alone the one that the servers write at.
        let mut text = vec![0; usize::try_from(self.len() - start).expect("a length")];
        self.0.read_exact_at(&mut text, start).expect("the log");
        // What comes after the last line is one that is being written.
        text.truncate(
            text.iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1),
        );
        String::from_utf8_lossy(&text).into_owned()
    }

    fn len(&self) -> u64 {
        self.0.metadata().expect("the log's metadata").len()
    }

    /// A process's end of it. All of them share one position, so that none overwrites another.
    fn stdio(&self) -> Stdio {
        self.0.try_clone().expect("one more handle").into()
    }
}

/// What a server that did not start left behind.
#[derive(Debug)]
pub struct Failed {
    /// The exit code.
    pub code: Option<i32>,
    /// What it wrote to stderr, and others of the same home meanwhile.
    pub stderr: String,
}

/// What an operating system tells a process.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// Please finish.
    Terminate,
    /// Ctrl-C.
    Interrupt,
    /// The end, at once.
    Kill,
    /// The end, with a core file if the limits allow one.
    Abort,
}

/// The process; it dies with this value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    logs: Logs,
    stdout: Arc<Mutex<String>>,
    /// `http://127.0.0.1:12345`
    pub(crate) origin: String,
}

impl Process {
    /// Starts `command` and waits for the line that says where it listens.
    pub(crate) async fn start(mut command: Command, logs: Logs) -> Result<Self, Failed> {
        let written_before = logs.len();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(logs.stdio())
            .spawn()
            .expect("the binary starts");
        let stdout = Arc::new(Mutex::new(String::new()));
        let first_line = read_stdout(child.stdout.take().expect("a piped stdout"), stdout.clone());

        let mut process = Self {
            child,
            logs,
            stdout,
            origin: String::new(),
        };
        match first_line.await {
            Ok(line) => {
                process.origin = line
                    .strip_prefix("listening on ")
                    .unwrap_or_else(|| panic!("the first line is {line:?}"))
                    .trim_end()
                    .to_owned();
                Ok(process)
            }
            // Its stdout is closed: it has ended, or is about to.
            Err(_) => {
                let code = process.exit().await.code();
                let stderr = process.logs.text_from(written_before);
                Err(Failed { code, stderr })
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child to ask").is_none()
    }

    /// All that it wrote to stdout so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Terminate => "-TERM",
            Signal::Interrupt => "-INT",
            Signal::Kill => "-KILL",
            Signal::Abort => "-ABRT",
        };
        let status = Command::new("kill")
            .args([name, &self.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success(), "kill {name}");
    }

    /// SIGKILL: no time to put anything in order.
    pub(crate) fn kill_9(&mut self) {
        self.child.kill().expect("a child to kill");
        self.child.wait().expect("a child to wait for");
    }

    /// Waits until it ends.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        eventually("the end of the process", async || {
            self.child.try_wait().expect("a child to ask")
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the server's log ---\n{}---", self.logs.text());
        }
    }
}

/// Gives the first line as soon as it is there, and keeps all of them.
fn read_stdout(
    stdout: impl Read + Send + 'static,
    kept: Arc<Mutex<String>>,
) -> oneshot::Receiver<String> {
    let (first, receiver) = oneshot::channel();
    thread::spawn(move || {
        let mut first = Some(first);
        let mut lines = BufReader::new(stdout).lines();
        while let Some(Ok(line)) = lines.next() {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_str(&line);
            kept.push('\n');
            if let Some(first) = first.take() {
                // Nobody listens any more when the test has failed meanwhile.
                let _ = first.send(line);
            }
        }
    });
    receiver
}
