//! `status-list`: what a list costs a server with few sessions and with ten million.
//!
//! The release binary serves two databases that are filled behind its back: one list with
//! a thousand sessions, and forty lists with ten million, of which as many have ended in
//! the last half hour as in a busy service. The peer is the list of the small one, and for
//! the database's part a query that reads every session.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail, ensure};
use rusqlite::Connection;

use crate::compare::Comparison;
use crate::servers::latchkey_binary;
use crate::servers::process::Process;

/// What a list holds, as in the server.
const LIST_SIZE: u64 = 1 << 20;

/// One in so many sessions has ended in the last half hour.
const ENDED: u64 = 50;

/// One filled database.
struct Size {
    sessions: u64,
    lists: u64,
}

/// Runs it; quick is with a tenth of the sessions.
pub(crate) fn run(quick: bool) -> Result<()> {
    let small = Size {
        sessions: 1_000,
        lists: 1,
    };
    let large = Size {
        sessions: if quick { 1_000_000 } else { 10_000_000 },
        lists: if quick { 4 } else { 40 },
    };
    let folder = tempfile::tempdir()?;
    let [small, large] = [small, large].map(|size| Served::start(folder.path(), size));
    let (small, large) = (small?, large?);

    println!("\n| sessions | lists | size of one list, bytes | first time | again |");
    println!("| --- | --- | --- | --- | --- |");
    for served in [&small, &large] {
        let first = Instant::now();
        let bytes = served.list(0)?;
        let first = first.elapsed();
        // Within half of the list's `ttl` it is not signed again.
        let again = Instant::now();
        served.list(0)?;
        println!(
            "| {} | {} | {bytes} | {first:.2?} | {:.2?} |",
            served.size.sessions,
            served.size.lists,
            again.elapsed()
        );
    }

    println!("\n| ours | peer | ratio | middle half |");
    println!("| --- | --- | --- | --- |");
    let mut next = 0;
    let asked = Comparison::of_waiting(
        quick,
        || {
            next = (next + 1) % large.size.lists;
            large.list(next)
        },
        || small.list(0),
    );
    row("a list of the large one", "of the small one", &asked);
    let database = Connection::open(&large.file)?;
    let since = now_millis() - 31 * 60 * 1000;
    let mut range = database.prepare(
        "SELECT count(*) FROM sessions INDEXED BY sessions_revoked \
         WHERE status_index >= ?1 AND status_index < ?2 AND ended_at IS NOT NULL AND ended_at >= ?3",
    )?;
    let mut all = database.prepare(
        // A column that no index has, so that none is read instead of the table.
        "SELECT count(refresh_hash) FROM sessions \
         WHERE +status_index >= ?1 AND +status_index < ?2 AND +ended_at >= ?3",
    )?;
    let bounds = (0, LIST_SIZE.cast_signed(), since);
    let count = |row: &rusqlite::Row| row.get::<_, i64>(0);
    let (ours, theirs) = (
        range.query_row(bounds, count)?,
        all.query_row(bounds, count)?,
    );
    ensure!(ours > 0 && ours == theirs, "{ours} places and {theirs}");
    let read = Comparison::of(
        true,
        || range.query_row(bounds, count),
        || all.query_row(bounds, count),
    );
    row("its places by the index", "by every session", &read);
    println!(
        "\nMedians; a ratio below 1 is faster. Each question goes over a connection of its own."
    );
    Ok(())
}

fn row(ours: &str, peer: &str, comparison: &Comparison) {
    let ratio = comparison.ratio();
    println!(
        "| {ours}: {:.2?} | {peer}: {:.2?} | {:.4} | {:.4} to {:.4} |",
        comparison.ours(),
        comparison.peers(),
        ratio.median,
        ratio.low,
        ratio.high
    );
}

/// A server on a filled database; it ends with this value.
struct Served {
    size: Size,
    file: PathBuf,
    server: Process,
}

impl Served {
    fn start(folder: &Path, size: Size) -> Result<Self> {
        let file = folder.join(format!("{}.db", size.sessions));
        let url = format!("sqlite:{}", file.display());
        let latchkey = latchkey_binary()?;
        let migrated = Command::new(&latchkey)
            .args(["--database", &url, "migrate", "up"])
            .current_dir(folder)
            .output()?;
        ensure!(migrated.status.success(), "{migrated:?}");
        let began = Instant::now();
        fill(&Connection::open(&file)?, &size)?;
        eprintln!("    {} sessions in {:.0?}", size.sessions, began.elapsed());

        let mut serve = Command::new(&latchkey);
        serve
            .args(["--database", &url, "serve", "--listen", "127.0.0.1:0"])
            .current_dir(folder);
        let log = folder.join(format!("{}.log", size.sessions));
        let server = Process::that_says_where(&serve, &log)?;
        Ok(Self { size, file, server })
    }

    /// Asks for a list; its size in bytes.
    fn list(&self, list: u64) -> Result<usize> {
        let mut stream = TcpStream::connect(self.server.address)?;
        let request = format!(
            "GET /status-lists/{list} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            bail!("no answer");
        };
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        Ok(body.len())
    }
}

fn fill(database: &Connection, size: &Size) -> Result<()> {
    let now = now_millis();
    database.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; BEGIN")?;
    database.execute(
        "INSERT INTO users (user_id, name, email, email_canonical, password, created_at, updated_at) \
         VALUES (zeroblob(16), 'Somebody', 'a@example.org', 'a@example.org', '', ?1, ?1)",
        [now],
    )?;
    for list in 1..size.lists {
        database.execute(
            "INSERT INTO status_lists (list_id) VALUES (?1)",
            [list.cast_signed()],
        )?;
    }
    let mut insert = database.prepare(
        "INSERT INTO sessions (session_id, user_id, refresh_hash, created_at, last_used_at, \
             expires_at, kept_until, ended_at, end_reason, status_index) \
         VALUES (?1, zeroblob(16), zeroblob(32), ?2, ?2, ?3, ?3, ?4, ?5, ?6)",
    )?;
    let month = 30 * 24 * 3600 * 1000;
    for number in 0..size.sessions {
        // Identifiers grow with time, as they do in life.
        let id = u128::from(number).to_be_bytes();
        let (list, place) = (number % size.lists, scattered(number / size.lists));
        let ended = place.is_multiple_of(ENDED);
        // Within the last ten minutes, so that none leaves the list while it is measured.
        let ended_at = ended.then(|| now - (number % 600_000).cast_signed());
        insert.execute((
            &id[..],
            now - 3_600_000,
            now + month,
            ended_at,
            ended.then_some("logout"),
            (list * LIST_SIZE + place).cast_signed(),
        ))?;
    }
    drop(insert);
    database.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

/// A place that looks like chance, another one for each number below the size of a list: an
/// odd factor and a shifted copy can each be undone.
fn scattered(number: u64) -> u64 {
    let mut place = number;
    for (factor, shift) in [(0x9_E377, 11), (0x5_BD1B, 9)] {
        place = place * factor % LIST_SIZE;
        place ^= place >> shift;
    }
    place
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server that is measured goes by the same clock"
)]
fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
