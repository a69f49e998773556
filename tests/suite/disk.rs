//! The disk under SQLite: full, failing, read-only, and files that are taken away.
//!
//! What an operator sees of each is in `docs/faults.md`. A disk that is full by a limit of the
//! system, and a database that is locked, are in `health.rs`.

use std::fs;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use latchkey_tests::{
    Backend, DiskFault, Home, Ledger, Load, Person, Server, Signal, eventually, on_sqlite,
};

on_sqlite![
    item_81_a_disk_that_fails_is_503_loses_nothing_and_recovers,
    a_log_that_cannot_be_moved_grows_until_it_can,
    item_81_a_database_that_was_moved_is_503_until_it_is_back,
    item_81_a_deleted_database_can_be_had_back_while_the_server_runs,
    item_81_a_log_that_was_deleted_stops_the_server_and_nothing_is_lost,
    item_81_a_log_that_was_cut_stops_the_server_and_the_database_is_sound,
    item_81_a_log_that_was_cut_is_not_moved_by_half,
    a_log_that_is_not_needed_may_be_cut,
    an_index_that_was_cut_ends_the_server_and_nothing_is_lost,
    a_log_that_was_cut_while_nobody_ran_is_no_hindrance,
    item_81_a_damaged_database_is_500_and_says_nothing_of_the_inside,
    a_database_that_was_cut_while_in_use_ends_nobody,
    what_cannot_be_used_at_start_is_one_clear_error,
    writes_that_are_carried_out_in_part_change_nothing,
];

const CLIENTS: usize = 10;

/// One after another, while clients write and read.
async fn item_81_a_disk_that_fails_is_503_loses_nothing_and_recovers(backend: Backend) {
    let home = Home::new(backend).for_a_ledger().on_faulty_disk();
    let server = home.start().await;
    let alice = server.account_of("Alice").await;
    let load = Load::new();
    let ledger = load
        .during(&[&server], CLIENTS, async {
            for fault in [
                DiskFault::Full,
                DiskFault::SyncFails,
                DiskFault::ReadOnly,
                DiskFault::WriteFails,
            ] {
                load.answers(201, 10).await;
                server.home().set_disk_fault(Some(fault));
                // Until then there may be answers to what was written before.
                load.answers(503, 2 * CLIENTS).await;
                let done = load.count(201) + load.count(200);
                load.answers(503, 2 * CLIENTS).await;
                let nothing_more = load.count(201) + load.count(200);
                assert_eq!(nothing_more, done, "{fault:?}: 2xx for what is not on disk");

                let refused = server.sign_up(&Person::named("Bobby")).await.expect(503);
                assert_eq!(refused.code(), "database_unavailable");
                // Never a wrong 401, and reading goes on.
                let _ = server.me(&alice.tokens.access).await.expect(200);
                let _ = server.get("/health").await.expect(200);
                server.home().set_disk_fault(None);
            }
            load.answers(201, 10).await;
        })
        .await;
    assert_eq!(load.count(0), 0, "requests without an answer");
    let server = server.kill_9().start().await;
    server.database().assert_sound();
    ledger.check(&server).await;
}

async fn a_log_that_cannot_be_moved_grows_until_it_can(backend: Backend) {
    // Which also spares the syncs: it takes a thousand pages.
    let home = Home::new(backend).for_a_ledger().on_recorded_disk();
    let server = home.start().await;
    server
        .home()
        .set_disk_fault(Some(DiskFault::DatabaseWritesFail));
    let load = Load::new();
    let ledger = load
        .during(&[&server], CLIENTS, async {
            said(&server, "the write-ahead log cannot be moved").await;
            load.answers(201, CLIENTS).await;
            server.home().set_disk_fault(None);
            said(&server, "is moved into the database again").await;
        })
        .await;
    assert_eq!((load.count(0), load.count(503)), (0, 0), "as usual");
    let server = server.kill_9().start().await;
    server.database().assert_sound();
    ledger.is_there(&server).await;
}

async fn writes_that_are_carried_out_in_part_change_nothing(backend: Backend) {
    let server = Home::new(backend).on_faulty_disk().start().await;
    server.home().set_disk_fault(Some(DiskFault::ShortWrites));
    let alice = server.account_of("Alice").await;
    let server = server.kill_9().with_public_url().start().await;
    let person = &alice.person;
    let _ = server
        .sign_in(&person.email, &person.password)
        .await
        .expect(200);
    server.database().assert_sound();
}

/// Away, then another in its place, then back.
async fn item_81_a_database_that_was_moved_is_503_until_it_is_back(backend: Backend) {
    let server = Home::new(backend).for_a_ledger().start().await;
    let alice = server.account_of("Alice").await;
    let (file, aside) = (server.database().file(), server.home().path("aside.db"));
    let load = Load::new();
    let ledger = load
        .during(&[&server], CLIENTS, async {
            load.answers(201, 20).await;
            fs::rename(file, &aside).expect("moved");
            for another_in_its_place in [false, true] {
                if another_in_its_place {
                    fs::write(file, "").expect("another");
                }
                server.health_becomes(503).await;
                load.answers(503, CLIENTS).await;
                let done = load.count(201) + load.count(200);
                load.answers(503, CLIENTS).await;
                assert_eq!(load.count(201) + load.count(200), done, "written nowhere");
                let me = server.me(&alice.tokens.access).await.expect(503);
                assert_eq!(me.code(), "database_unavailable");
                let _ = server.get("/health/live").await.expect(200);
            }
            fs::rename(&aside, file).expect("moved back");
            server.health_becomes(200).await;
            load.answers(201, 20).await;
        })
        .await;
    assert_eq!(load.count(0), 0, "requests without an answer");
    assert!(says(&server, "was deleted or replaced while in use"));
    assert!(says(&server, "the database is back"));
    let server = server.kill_9().start().await;
    server.database().assert_sound();
    ledger.check(&server).await;
}

/// As `docs/faults.md` says: out of the process that has it open.
async fn item_81_a_deleted_database_can_be_had_back_while_the_server_runs(backend: Backend) {
    let server = Home::new(backend).for_a_ledger().start().await;
    let file = server.database().file().to_owned();
    let load = Load::new();
    let ledger = load
        .during(&[&server], CLIENTS, async {
            load.answers(201, 20).await;
            fs::remove_file(&file).expect("deleted");
            load.answers(503, 2 * CLIENTS).await;
        })
        .await;
    let rescued = fs::read(descriptor_of(&server, "test.db (deleted)")).expect("the open file");
    let home = server.kill_9();
    for left in home.database().files() {
        fs::remove_file(left).expect("removed");
    }
    fs::write(&file, rescued).expect("put back");
    let server = home.start().await;
    server.database().assert_sound();
    ledger.check(&server).await;
}

/// The open file of the server whose name ends like this.
fn descriptor_of(server: &Server, end: &str) -> PathBuf {
    let folder = format!("/proc/{}/fd", server.process_id());
    let open = fs::read_dir(folder).expect("the open files").flatten();
    let points_there = |path: &Path| {
        fs::read_link(path).is_ok_and(|target| target.to_string_lossy().ends_with(end))
    };
    open.map(|entry| entry.path())
        .find(|path| points_there(path))
        .expect("an open file")
}

/// Others would make a new log and not see what is in the old one.
async fn item_81_a_log_that_was_deleted_stops_the_server_and_nothing_is_lost(backend: Backend) {
    for suffix in ["-wal", "-shm"] {
        let server = Home::new(backend).for_a_ledger().start().await;
        let log = beside(&server, suffix);
        let (mut server, ledger) = during(server, || {
            fs::remove_file(log).expect("deleted");
        })
        .await;
        stopped(&mut server, "nothing is lost").await;
        let server = server.kill_9().start().await;
        server.database().assert_sound();
        ledger.check(&server).await;
    }
}

async fn item_81_a_log_that_was_cut_stops_the_server_and_the_database_is_sound(backend: Backend) {
    let server = Home::new(backend).for_a_ledger().start().await;
    let before = server.account_of("Alice").await;
    // From here on the log begins anew.
    server.database().execute("pragma wal_checkpoint(truncate)");
    let log = beside(&server, "-wal");
    let (mut server, ledger) = during(server, || cut(&log, 2)).await;
    assert!(ledger.len() > 1);
    stopped(&mut server, "was cut short while in use").await;

    let server = server.kill_9().start().await;
    server.database().assert_sound();
    let person = &before.person;
    let _ = server
        .sign_in(&person.email, &person.password)
        .await
        .expect(200);
    let _ = server.account_of("Bobby").await;
}

/// Nobody writes after the cut: what is left of the log is not moved when the server ends,
/// nor by a command beside it, since a change in it may be there by half.
async fn item_81_a_log_that_was_cut_is_not_moved_by_half(backend: Backend) {
    let server = Home::new(backend).for_a_ledger().start().await;
    server.database().execute(
        "create table halves (x text) strict; \
         insert into halves with recursive n (n) as (select 1 union select n + 1 from n \
             where n < 40) select printf('%02000d', 0) from n; \
         pragma wal_checkpoint(truncate)",
    );
    server
        .database()
        .execute("update halves set x = printf('%02000d', 1)");
    cut(&beside(&server, "-wal"), 4);
    let _ = server.cli(["user", "list"]).await;
    server.signal(Signal::Terminate);
    let mut server = server;
    let _ = server.exit().await;
    assert!(says(&server, "was cut short"), "{}", server.logs());

    let server = server.kill_9().start().await;
    server.database().assert_sound();
    let kinds = "select count(distinct x) from halves";
    assert_eq!(server.database().rows(kinds), [["1"]]);
}

/// All of it is in the database already: the server makes a new one and goes on.
async fn a_log_that_is_not_needed_may_be_cut(backend: Backend) {
    let server = Home::new(backend).for_a_ledger().start().await;
    let alice = server.account_of("Alice").await;
    server.database().execute("pragma wal_checkpoint(passive)");
    cut(&beside(&server, "-wal"), 3);
    let bobby = server.account_of("Bobby").await;
    assert!(says(&server, "was cut short; nothing is lost"));
    let server = server.kill_9().start().await;
    server.database().assert_sound();
    for account in [alice, bobby] {
        let _ = server.refresh(&account.tokens.refresh).await.expect(200);
    }
}

/// The system ends whoever reads memory that has no file behind it any more.
async fn an_index_that_was_cut_ends_the_server_and_nothing_is_lost(backend: Backend) {
    const SIGBUS: i32 = 7;
    let server = Home::new(backend).for_a_ledger().start().await;
    let index = beside(&server, "-shm");
    let (mut server, ledger) = during(server, || {
        fs::write(index, "").expect("cut");
    })
    .await;
    assert_eq!(server.exit().await.signal(), Some(SIGBUS));
    let server = server.kill_9().start().await;
    server.database().assert_sound();
    ledger.check(&server).await;
}

async fn a_log_that_was_cut_while_nobody_ran_is_no_hindrance(backend: Backend) {
    let server = Home::new(backend).for_a_ledger().start().await;
    let alice = server.account_of("Alice").await;
    server.database().execute("pragma wal_checkpoint(truncate)");
    let bobby = server.account_of("Bobby").await;
    let log = beside(&server, "-wal");
    let home = server.kill_9();
    let size = fs::metadata(&log).expect("the log").len();
    cut(&log, 2);

    let server = home.start().await;
    server.database().assert_sound();
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
    // What was in the part that is gone is gone, and whole.
    assert!(size > 3 * 1024);
    let _ = server.me(&bobby.tokens.access).await.expect(401);
    let _ = server.account(&bobby.person).await;
}

async fn item_81_a_damaged_database_is_500_and_says_nothing_of_the_inside(backend: Backend) {
    let home = Home::new(backend).with_public_url();
    let server = home.start().await;
    let alice = server.account_of("Alice").await;
    let root = "select rootpage from sqlite_schema where name = 'users'";
    let page: u64 = server.database().rows(root)[0][0].parse().expect("a page");
    let home = server.terminate().await;
    overwrite(home.database().file(), (page - 1) * 4096, 4096);

    let server = home.start().await;
    let me = server.me(&alice.tokens.access).await;
    assert_snapshot!(me.shown(), @r#"
    500
    content-type: application/problem+json
    cache-control: no-store

    {
      "code": "internal_error",
      "detail": "Something went wrong on our side",
      "msg": "Something went wrong on our side",
      "status": 500,
      "title": "Something went wrong on our side",
      "type": "/problems/internal_error"
    }
    "#);
    let sign_in = server.sign_in(&alice.person.email, &alice.person.password);
    let _ = sign_in.await.expect(500);
    let sign_up = server.sign_up(&Person::named("Bobby"));
    let _ = sign_up.await.expect(500);
    assert!(says(&server, "malformed"));
}

/// The database is read, not mapped into memory: there the system would end the server.
async fn a_database_that_was_cut_while_in_use_ends_nobody(backend: Backend) {
    let server = Home::new(backend).start().await;
    let alice = server.account_of("Alice").await;
    server.database().execute("pragma wal_checkpoint(truncate)");
    let database = fs::OpenOptions::new()
        .write(true)
        .open(server.database().file());
    database
        .and_then(|file| file.set_len(4096))
        .expect("only the first page is left");

    let _ = server.me(&alice.tokens.access).await.expect(500);
    assert!(says(&server, "malformed"));
    let _ = server.get("/health/live").await.expect(200);
}

async fn what_cannot_be_used_at_start_is_one_clear_error(backend: Backend) {
    let server = Home::new(backend).start().await;
    let home = server.terminate().await.on_faulty_disk();

    home.set_disk_fault(Some(DiskFault::ReadOnly));
    let error = refusal(&home).await;
    assert_snapshot!(error, @"error: cannot open the database sqlite:/test.db: /test.db: unable to open database file: make it and its folder writable for this user, and see whether the disk is read-only");
    // Nor is there one to be made.
    let whole = fs::read(home.database().file()).expect("the database");
    fs::remove_file(home.database().file()).expect("removed");
    let error = refusal(&home).await;
    assert_snapshot!(error, @"error: cannot open the database sqlite:/test.db: cannot use the database file /test.db: Read-only file system (os error 30)");

    home.set_disk_fault(Some(DiskFault::Full));
    let error = refusal(&home).await;
    assert_snapshot!(error, @"error: cannot open the database sqlite:/test.db: /test.db: database or disk is full");

    home.set_disk_fault(None);
    fs::write(home.database().file(), whole).expect("put back");
    overwrite(home.database().file(), 0, 100);
    let error = refusal(&home).await;
    assert_snapshot!(error, @"error: cannot open the database sqlite:/test.db: /test.db: file is not a database");
}

/// The last line of a server that does not start.
async fn refusal(home: &Home) -> String {
    let failed = home.fails_to_start().await;
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    let error = failed.stderr.lines().last().expect("an error");
    assert!(error.starts_with("error: "), "{failed:#?}");
    error.replace(&home.directory().display().to_string(), "")
}

/// Something happens to the files in the middle of a load, and the server goes.
async fn during(server: Server, what: impl FnOnce()) -> (Server, Ledger) {
    let load = Load::new();
    let ledger = load
        .during(&[&server], CLIENTS, async {
            load.answers(201, 20).await;
            what();
            load.answers(0, CLIENTS).await;
        })
        .await;
    (server, ledger)
}

/// It has ended by itself and has said why, last of all.
async fn stopped(server: &mut Server, why: &str) {
    let status = server.exit().await;
    let logs = eventually("the last line", async || {
        let logs = server.logs();
        let last = logs.lines().last()?;
        (last.starts_with("error: ") && last.contains(why)).then_some(logs)
    })
    .await;
    assert_eq!(status.code(), Some(1), "{logs}");
}

async fn said(server: &Server, words: &str) {
    eventually(words, async || says(server, words).then_some(())).await;
}

fn says(server: &Server, words: &str) -> bool {
    server.logs().contains(words)
}

fn beside(server: &Server, suffix: &str) -> PathBuf {
    let mut name = server.database().file().to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

/// Leaves so many whole pages of a log, and half of one more.
fn cut(log: &Path, pages: u64) {
    let file = fs::OpenOptions::new().write(true).open(log);
    file.and_then(|file| file.set_len(32 + pages * (24 + 4096) + 2048))
        .expect("cut");
}

fn overwrite(file: &Path, place: u64, count: usize) {
    let file = fs::OpenOptions::new().write(true).open(file);
    file.and_then(|file| file.write_all_at(&vec![0x5a; count], place))
        .expect("overwritten");
}
