//! A measured server: its processes, their CPU time and their memory.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::load::{ask_once, script};

/// Runs a server in a process group of its own, and ends all of it when nobody holds the
/// other end of the pipe any more: the benchmark has let go of it, or is gone, however.
const KEEPER: &str = r#"
"$@" </dev/null &
server=$!
trap '' INT TERM HUP
read -r _
kill -TERM 0
{ sleep 2; kill -KILL 0; } &
wait "$server"
kill -KILL 0
"#;

/// How long a server may take to answer for the first time.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    keeper: Child,
    // Dropped, it ends the server.
    pipe: Option<ChildStdin>,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts a server that prints `listening on http://ADDRESS`.
    pub(crate) fn that_says_where(command: &Command, log: &Path) -> Result<Self> {
        let mut keeper = kept(command, log)?;
        let pipe = keeper.stdin.take();
        let stdout = keeper.stdout.take().context("a piped stdout")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.with_context(|| {
            let log = fs::read_to_string(log).unwrap_or_default();
            format!("the server said {line:?}, and: {log}")
        })?;
        let address = address.parse()?;
        // What it may print later has to go somewhere.
        thread::spawn(move || {
            let _ = stdout.read_to_end(&mut Vec::new());
        });
        Ok(Self {
            keeper,
            pipe,
            address,
        })
    }

    /// Starts a server that was told to listen on `address`, and waits until `path` is
    /// answered with 2xx.
    pub(crate) fn on(
        address: SocketAddr,
        path: &str,
        command: &Command,
        log: &Path,
    ) -> Result<Self> {
        let mut keeper = kept(command, log)?;
        let pipe = keeper.stdin.take();
        let server = Self {
            keeper,
            pipe,
            address,
        };
        let began = Instant::now();
        let request = script::get(path, "");
        loop {
            match ask_once(address, &request) {
                Ok(answer) if answer.status == 200 => return Ok(server),
                answer if began.elapsed() > READY_WITHIN => {
                    let log = fs::read_to_string(log).unwrap_or_default();
                    bail!("no server on {address}: {answer:?}, and: {log}");
                }
                _ => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// CPU time that its processes have used; `None` where the system does not tell.
    pub(crate) fn computed(&self) -> Option<Duration> {
        let processes = self.processes();
        let each = processes.iter().map(|process| computed_by(*process));
        each.sum()
    }

    /// Memory that its processes have for themselves and their part of what they share, in
    /// bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let processes = self.processes();
        ensure!(!processes.is_empty(), "the server is gone");
        processes.iter().map(|process| memory_of(*process)).sum()
    }

    /// The server's processes, without the shell that keeps them.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let parents = parents();
        let mut found = vec![self.keeper.id()];
        let mut at = 0;
        while let Some(parent) = found.get(at).copied() {
            let children = parents.iter().filter(|(_, of)| **of == parent);
            found.extend(children.map(|(child, _)| *child));
            at += 1;
        }
        found.split_off(1)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.pipe.take();
        // It may have ended already.
        let _ = self.keeper.wait();
    }
}

fn kept(command: &Command, log: &Path) -> Result<Child> {
    let log = fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut keeper = Command::new("/bin/sh");
    keeper
        .args(["-c", KEEPER, "keeper"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .process_group(0);
    if let Some(folder) = command.get_current_dir() {
        keeper.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => keeper.env(name, value),
            None => keeper.env_remove(name),
        };
    }
    keeper.spawn().context("cannot start /bin/sh")
}

/// A port on this machine that was free a moment ago, for servers that cannot choose one
/// and say which.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The parent of each process.
fn parents() -> BTreeMap<u32, u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    let processes = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes
        .filter_map(|process: u32| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            Some((process, field(&stat, 4)?))
        })
        .collect()
}

/// A field of `/proc/PID/stat`, counted from 1; those after the name, which may hold spaces.
fn field(stat: &str, number: usize) -> Option<u32> {
    let (_, after) = stat.rsplit_once(") ")?;
    after.split(' ').nth(number - 3)?.parse().ok()
}

/// CPU time of all threads of a process, to a nanosecond where the kernel counts them.
fn computed_by(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let mut nanoseconds = 0;
    for thread in threads.flatten() {
        // A thread may end meanwhile; none of those measured does.
        let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else {
            continue;
        };
        nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds))
}

/// A process's proportional set size, in bytes.
fn memory_of(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    kilobytes(&text, "Pss:").context("a Pss in smaps_rollup")
}

/// A figure in kB of a file in `/proc`, in bytes.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_moves_no_field() {
        let stat = "42 (a ) b) S 7 42 42 0";
        assert_eq!(field(stat, 4), Some(7));
        assert_eq!(field("", 4), None);
    }

    #[test]
    fn kilobytes_are_read_by_their_name() {
        let text = "Rss:   12 kB\nPss:     3 kB\nPss_Dirty: 9 kB\n";
        assert_eq!(kilobytes(text, "Pss:"), Some(3 * 1024));
        assert_eq!(kilobytes(text, "Swap:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn every_process_has_a_parent_but_the_first() {
        let own = std::process::id();
        assert!(parents().get(&own).is_some_and(|parent| *parent != own));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_server_and_its_children_end_with_the_value() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            "sleep 600 & echo listening on http://127.0.0.1:9; wait",
        ]);
        let server = Process::that_says_where(&command, &folder.path().join("log"));
        let server = server.expect("it says where");
        let processes = server.processes();
        assert_eq!(processes.len(), 2, "the shell and what it has started");
        drop(server);
        // What has ended and is not waited for is no process to anybody.
        let stat = |process| fs::read_to_string(format!("/proc/{process}/stat"));
        let runs = |process| stat(process).is_ok_and(|stat| !stat.contains(") Z "));
        let began = Instant::now();
        while processes.iter().any(|process| runs(*process)) {
            assert!(began.elapsed() < READY_WITHIN, "{processes:?}");
            thread::yield_now();
        }
    }
}
