//! Power that goes while clients write: whatever the disk was still to write, what was
//! answered is there, and the next start needs no help.

use latchkey_tests::{Backend, DiskFault, Home, Ledger, Load, Survival, eventually, on_sqlite};

on_sqlite![
    a_power_cut_loses_nothing_that_was_answered,
    a_power_cut_while_the_log_is_moved_loses_nothing,
    a_power_cut_after_syncs_that_failed_loses_nothing,
    a_restart_after_a_sync_that_failed_builds_on_nothing_that_is_lost,
    a_sync_of_the_database_that_fails_stops_the_server_and_nothing_is_lost,
];

const CLIENTS: usize = 10;

async fn a_power_cut_loses_nothing_that_was_answered(backend: Backend) {
    for answers in [1, 15, 40] {
        let home = Home::new(backend).for_a_ledger().on_recorded_disk();
        let server = home.start().await;
        let load = Load::new();
        let ledger = load
            .during(&[&server], CLIENTS, async {
                load.answers(201, answers).await;
                server.send_kill_9();
                load.answers(0, CLIENTS).await;
            })
            .await;
        let _ = survives(server.kill_9(), &ledger, answers as u64).await;
    }
}

async fn a_power_cut_while_the_log_is_moved_loses_nothing(backend: Backend) {
    for round in 0..2 {
        let home = Home::new(backend).for_a_ledger().on_recorded_disk();
        let server = home.start().await;
        let load = Load::new();
        let ledger = load
            .during(&[&server], CLIENTS, async {
                load.answers(201, 10).await;
                server.home().set_disk_fault(Some(DiskFault::Dies));
                load.answers(0, CLIENTS).await;
            })
            .await;
        let _ = survives(server.kill_9(), &ledger, 1000 + round).await;
    }
}

async fn a_power_cut_after_syncs_that_failed_loses_nothing(backend: Backend) {
    let home = Home::new(backend).for_a_ledger().on_recorded_disk();
    let server = home.start().await;
    let load = Load::new();
    let ledger = load
        .during(&[&server], CLIENTS, async {
            for _ in 0..5 {
                load.answers(201, 5).await;
                server.home().set_disk_fault(Some(DiskFault::SyncFails));
                load.answers(503, CLIENTS).await;
                server.home().set_disk_fault(None);
            }
            load.answers(201, 5).await;
            server.send_kill_9();
            load.answers(0, CLIENTS).await;
        })
        .await;
    let _ = survives(server.kill_9(), &ledger, 2000).await;
}

/// The next start finds in the log what the system remembers and the disk has not.
async fn a_restart_after_a_sync_that_failed_builds_on_nothing_that_is_lost(backend: Backend) {
    let home = Home::new(backend).for_a_ledger().on_recorded_disk();
    let server = home.start().await;
    let load = Load::new();
    let before = load
        .during(&[&server], CLIENTS, async {
            load.answers(201, 5).await;
            server.home().set_disk_fault(Some(DiskFault::SyncFails));
            load.answers(503, CLIENTS).await;
            server.send_kill_9();
            load.answers(0, CLIENTS).await;
        })
        .await;
    let home = server.kill_9();
    let failed = home.fails_to_start().await;
    let last = failed.stderr.lines().last().expect("an error");
    assert!(last.contains("the disk did not sync"), "{failed:#?}");

    home.set_disk_fault(None);
    let server = home.start().await;
    let load = Load::new();
    let after = load
        .during(&[&server], CLIENTS, async {
            load.answers(201, 5).await;
            server.send_kill_9();
            load.answers(0, CLIENTS).await;
        })
        .await;
    let home = survives(server.kill_9(), &after, 4000).await;
    let _ = survives(home, &before, 5000).await;
}

async fn a_sync_of_the_database_that_fails_stops_the_server_and_nothing_is_lost(backend: Backend) {
    let home = Home::new(backend).for_a_ledger().on_recorded_disk();
    let mut server = home.start().await;
    server
        .home()
        .set_disk_fault(Some(DiskFault::DatabaseSyncFails));
    let load = Load::new();
    let ledger = load
        .during(&[&server], CLIENTS, load.answers(0, CLIENTS))
        .await;
    assert_eq!(server.exit().await.code(), Some(1), "{}", server.logs());
    eventually("the last line", async || {
        let logs = server.logs();
        let last = logs.lines().last()?;
        last.starts_with("error: the disk did not sync the database")
            .then_some(())
    })
    .await;
    let _ = survives(server.kill_9(), &ledger, 3000).await;
}

/// On disks that have kept nothing, all or anything of what was not synced, a server starts,
/// the database is sound, and everything that was answered is there.
async fn survives(mut home: Home, ledger: &Ledger, seed: u64) -> Home {
    for survival in [
        Survival::Nothing,
        Survival::Chance(seed),
        Survival::Chance(seed + 1_000_000),
        Survival::Everything,
    ] {
        eprintln!("{survival:?}");
        let image = home.after_power_cut(survival);
        let server = home.with_image(&image).start().await;
        server.database().assert_sound();
        ledger.is_there(&server).await;
        home = server.kill_9();
    }
    home
}
