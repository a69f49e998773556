//! What the operating system knows of a running server, and allows it.

use std::fs;
use std::process::Command;

use crate::server::Server;

impl Server {
    /// What the system says of its memory, in bytes: `VmRSS` is what it has now, `VmHWM`
    /// the most that it had, `VmSize` what it has asked for.
    ///
    /// # Panics
    ///
    /// When the system does not say.
    #[must_use]
    pub fn memory(&self, what: &str) -> usize {
        let status = self.system_file("status");
        let line = status.lines().find(|line| line.starts_with(what));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        let kib: usize = kib.and_then(|kib| kib.parse().ok()).expect("a size in KiB");
        kib * 1024
    }

    /// The soft limit that the system calls so, such as `Max open files`.
    ///
    /// # Panics
    ///
    /// When there is no such limit.
    #[must_use]
    pub fn soft_limit(&self, name: &str) -> String {
        let limits = self.system_file("limits");
        let limit = limits.lines().find_map(|line| line.strip_prefix(name));
        let soft = limit.and_then(|limit| limit.split_whitespace().next());
        soft.expect("a limit").to_owned()
    }

    /// Sets the soft limit of a resource, as `prlimit` names it. The hard one stays, so that
    /// it can be lifted again.
    ///
    /// # Panics
    ///
    /// When `prlimit` does not do it.
    pub fn set_soft_limit(&self, resource: &str, value: &str) {
        let status = Command::new("prlimit")
            .args(["--pid", &self.process_id().to_string()])
            .arg(format!("--{resource}={value}:"))
            .status()
            .expect("prlimit of util-linux");
        assert!(status.success(), "prlimit");
    }

    fn system_file(&self, name: &str) -> String {
        let file = format!("/proc/{}/{name}", self.process_id());
        fs::read_to_string(file).expect("a process of ours")
    }
}
