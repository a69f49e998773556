//! Where PostgreSQL's programs are, and who may run them.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The programs, and the user that runs them.
#[derive(Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    /// Another user than ourselves, because PostgreSQL refuses to run as root.
    owner: Option<(u32, u32)>,
}

impl Programs {
    /// Those of the newest PostgreSQL that is installed.
    pub(crate) fn find() -> &'static Self {
        static PROGRAMS: OnceLock<Programs> = OnceLock::new();
        PROGRAMS.get_or_init(|| {
            let folder = debian_folder().or_else(folder_on_path).expect(
                "PostgreSQL is needed to run this test: install Debian's package `postgresql`, \
                 or put the folder of `initdb` and `postgres` on PATH",
            );
            Self {
                folder,
                owner: (number(&["-u"]) == 0)
                    .then(|| (number(&["-u", "postgres"]), number(&["-g", "postgres"]))),
            }
        })
    }

    /// A command that runs one of them, with nothing of the developer's own environment.
    pub(crate) fn command(&self, program: &str, directory: &Path) -> Command {
        self.as_owner(&self.folder.join(program), directory)
    }

    /// A command that runs any program as the cluster's owner.
    pub(crate) fn as_owner(&self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(directory)
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", env::var_os("PATH").unwrap_or_default());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    /// Gives a file or directory to the cluster's owner.
    pub(crate) fn give(&self, path: &Path) {
        if let Some((user, group)) = self.owner {
            std::os::unix::fs::chown(path, Some(user), Some(group)).expect("root may chown");
        }
    }

    /// The folder of the programs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// `/usr/lib/postgresql/15/bin`, of the highest number.
fn debian_folder() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|version| {
            let version = version.ok()?;
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            let folder = version.path().join("bin");
            folder.join("initdb").exists().then_some((number, folder))
        })
        .max()
        .map(|(_, folder)| folder)
}

fn folder_on_path() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).find(|folder| folder.join("initdb").exists())
}

/// What `id` answers.
fn number(arguments: &[&str]) -> u32 {
    let output = Command::new("id")
        .args(arguments)
        .output()
        .expect("id runs");
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap_or_else(|_| {
            panic!(
                "id {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            )
        })
}
