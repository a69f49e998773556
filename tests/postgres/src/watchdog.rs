//! What ends a cluster when its test process has ended.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};

use crate::programs::Programs;

/// `cat` returns when nobody has the other end of the pipe any more: the test process
/// has let go of it, or is gone. What was killed has left a stale `postmaster.pid`, about
/// which `pg_ctl` may complain.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
"$1/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null 2>&1
cd /
rm -rf "$2"
"#;

/// A process of its own that outlives ours, stops the server and removes the directory.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
    // The only writing end there is: nothing that we start inherits it.
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Watches over a cluster whose data are in `directory/data`.
    pub(crate) fn over(directory: &Path) -> Self {
        let programs = Programs::find();
        let mut shell = programs
            .as_owner(Path::new("/bin/sh"), directory)
            .args(["-c", SCRIPT, "watchdog"])
            .args([programs.folder(), directory])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal is not for it.
            .process_group(0)
            .spawn()
            .expect("a shell");
        let pipe = shell.stdin.take();
        Self { shell, pipe }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.pipe.take();
        let _ = self.shell.wait();
    }
}
