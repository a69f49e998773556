//! What operators do while the service runs: rotate keys, read the trail, make copies.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use latchkey_tests::Backend;
use rusqlite::{Connection, OpenFlags};
use tokio::task::block_in_place;

use crate::random::Random;
use crate::run::Run;
use crate::windows::Allows;

/// How long an operator does something else, at most.
const BETWEEN: usize = 4000;

impl Run {
    /// Works until the run ends.
    pub(crate) async fn operator(self: Arc<Self>, mut random: Random) {
        loop {
            let millis = u64::try_from(random.below(BETWEEN)).unwrap_or(0);
            self.pause(Instant::now() + Duration::from_millis(millis))
                .await;
            if self.is_finished() {
                return;
            }
            match random.below(4) {
                0 => {
                    self.command("key rotate --now", &["key", "rotate", "--now"])
                        .await
                }
                1 => {
                    self.command("audit list", &["audit", "list", "--limit", "50", "--json"])
                        .await
                }
                2 => self.command("key list", &["key", "list", "--json"]).await,
                _ if self.fleet.backend == Backend::Sqlite => self.copy().await,
                _ => self.command("user list", &["user", "list", "--json"]).await,
            };
        }
    }

    /// Runs a command, which must succeed unless the database is away.
    async fn command(&self, name: &'static str, arguments: &[&str]) -> bool {
        let began = Instant::now();
        let output = self.fleet.office.cli(arguments).await;
        if output.code == Some(0) {
            self.tally.answered(name, began.elapsed());
            return true;
        }
        if self.windows.allow(0, began, Allows::Unavailable) {
            self.tally.command_failed.add();
        } else {
            self.fail(format!("{name}: {output:?}"));
        }
        false
    }

    /// A copy of the database in use is a sound database.
    async fn copy(&self) -> bool {
        let file = self.fleet.office.path("copy.db");
        let name = file.to_string_lossy().into_owned();
        let made = self.command("backup", &["backup", &name]).await;
        if made {
            let sound = block_in_place(|| {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
                let copy = Connection::open_with_flags(&file, flags)?;
                copy.query_row("pragma integrity_check(1)", [], |row| {
                    row.get::<_, String>(0)
                })
            });
            if sound.as_deref() != Ok("ok") {
                self.fail(format!("the copy is not sound: {sound:?}"));
            }
        }
        // What a failed command left, if anything.
        let _ = fs::remove_file(&file);
        made
    }
}
