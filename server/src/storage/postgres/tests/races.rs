//! Units of work that meet at the same rows.

use super::*;
use crate::domain::session::EndReason;

/// Runs a change of the account against four sign-ins with what was good before it, again
/// and again: whichever comes first, no session is left.
async fn against_sign_ins<F>(change: impl Fn(Arc<PostgresStorage>, UserId, u32) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let database = migrated().await;
    let storage = Arc::new(open(&database.url(), 8).await);
    let mut started = 0;
    for round in 0..60 {
        let new = NewUser {
            password: hash(&round.to_string()),
            ..new_user(&format!("user{round}@example.com"))
        };
        let user = storage
            .create_user(&cx(), new, None)
            .await
            .expect("created");
        let sign_ins: Vec<_> = (0..4)
            .map(|number| {
                let storage = storage.clone();
                // Half of them replace the hash, as after a change of its costs.
                let upgraded = (number % 2 == 0).then(|| hash(&round.to_string()));
                tokio::spawn(async move {
                    let expected = hash(&round.to_string());
                    storage
                        .start_session(&cx(), user.id, &expected, upgraded, new_session())
                        .await
                        .expect("answered")
                })
            })
            .collect();
        tokio::spawn(change(storage.clone(), user.id, round))
            .await
            .expect("no panic");
        for sign_in in sign_ins {
            let outcome = sign_in.await.expect("no panic");
            started += u32::from(matches!(outcome, Guarded::Done(_)));
        }
        let left = storage.sessions(user.id, NOW).await.expect("answered");
        assert_eq!(left, [], "round {round}");
    }
    let alive = "select 1 from sessions where ended_at is null";
    assert_eq!(database.rows(alive).len(), 0);
    assert!(started > 0, "no sign-in ever came first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_outlives_a_change_of_the_password() {
    against_sign_ins(|storage, user, round| async move {
        let expected = hash(&round.to_string());
        let outcome = storage
            .change_password(&cx(), user, Some(&expected), hash("new"), None)
            .await
            .expect("answered");
        assert!(matches!(outcome, Guarded::Done(_)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_outlives_the_disabling_of_its_user() {
    against_sign_ins(|storage, user, _| async move {
        let disabled = storage.set_disabled(&cx(), user, true).await;
        assert!(disabled.expect("answered").is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_outlives_its_user() {
    against_sign_ins(|storage, user, round| async move {
        let expected = hash(&round.to_string());
        let outcome = storage.delete_user(&cx(), user, Some(&expected)).await;
        assert_eq!(outcome.expect("answered"), Guarded::Done(()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_meets_a_change_of_the_password_does_not_survive_it() {
    let database = migrated().await;
    let storage = Arc::new(open(&database.url(), 8).await);
    let (user, _) = signed_in(&storage).await;
    for round in 0_u8..60 {
        let session = new_session();
        let rotation = Rotation {
            session: session.id,
            presented: session.refresh,
            successor: TokenHash([2; 32]),
            sealed_successor: vec![2; 40],
            expires_at: session.expires_at,
            grace: Duration::ZERO,
            status: None,
        };
        let now = format!("hash {round}");
        storage
            .change_password(&cx(), user.id, None, hash(&now), Some(session))
            .await
            .expect("answered");
        let refresh = tokio::spawn({
            let storage = storage.clone();
            async move { storage.rotate_refresh(&cx(), rotation).await }
        });
        storage
            .change_password(&cx(), user.id, None, hash("next"), None)
            .await
            .expect("answered");
        refresh.await.expect("no panic").expect("answered");
        let left = storage.sessions(user.id, NOW).await.expect("answered");
        assert_eq!(left, [], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_victim_of_a_deadlock_is_done_again() {
    let cluster = Cluster::shared();
    let database = migrated().await;
    // Long enough for somebody to come, however busy the machine is.
    cluster.execute(&format!(
        "alter role {} in database {} set deadlock_timeout = '4s'",
        Cluster::USER,
        database.name()
    ));
    let unlimited = "options=-clock_timeout%3D0%20-cstatement_timeout%3D0";
    let url = format!("{}?{unlimited}", database.url());
    let storage = Arc::new(open(&url, 2).await);
    let (user, session) = signed_in(&storage).await;

    // Somebody locks in the other order, and is patient enough not to be the victim.
    let superuser = format!(
        "postgres://postgres@/{}?host={}&port={}",
        database.name(),
        cluster.directory().display(),
        cluster.port()
    );
    let somebody = Connector::new(&parsed(&superuser)).expect("no certificates");
    let somebody = somebody.connect().await.expect("connects");
    somebody
        .batch_execute(
            "set deadlock_timeout = '1min'; begin; update sessions set user_agent = 'held'",
        )
        .await
        .expect("locked");
    let change = tokio::spawn({
        let storage = storage.clone();
        async move {
            storage
                .change_password(&cx(), user.id, None, hash("second"), None)
                .await
        }
    });
    until_waiting(&database, 1).await;
    somebody
        .batch_execute("select from users for update; commit")
        .await
        .expect("is not the victim");

    let outcome = change.await.expect("no panic").expect("done again");
    assert!(matches!(outcome, Guarded::Done(_)));
    let found = storage.session(session, NOW).await.expect("answered");
    assert!(found.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn housekeeping_waits_for_nobody() {
    let database = migrated().await;
    let storage = open(&database.url(), 2).await;
    let (user, held) = signed_in(&storage).await;
    storage
        .start_session(&cx(), user.id, &hash("first"), None, new_session())
        .await
        .expect("started");
    let ended = storage
        .end_sessions(&cx(), user.id, EndReason::Logout)
        .await;
    assert_eq!(ended.expect("ended"), 2);
    let lock = database.hold(&format!(
        "select from sessions where session_id = '{held}' for update"
    ));
    let limits = Limits {
        sessions_over_before: NOW.plus(Duration::from_secs(1)),
        rotated_before: NOW,
        audited_before: Timestamp::from_millis(0),
    };
    let housekept = storage.housekeep(&cx(), limits).await.expect("done");
    assert_eq!(housekept.sessions, 1);
    drop(lock);
    let housekept = storage.housekeep(&cx(), limits).await.expect("done");
    assert_eq!(housekept.sessions, 1);
}

/// The change has the user's row and waits for a session's, its statement begun: what is
/// inserted now, it would not see.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_waits_for_a_change_of_the_password_that_is_not_done() {
    let database = migrated().await;
    let storage = Arc::new(open(&database.url(), 2).await);
    let (user, _) = signed_in(&storage).await;
    let held = database.hold("select from sessions for update");
    let change = tokio::spawn({
        let storage = storage.clone();
        async move {
            storage
                .change_password(&cx(), user.id, None, hash("second"), None)
                .await
        }
    });
    until_waiting(&database, 1).await;
    let mut sign_in = tokio::spawn({
        let storage = storage.clone();
        async move {
            storage
                .start_session(&cx(), user.id, &hash("first"), None, new_session())
                .await
        }
    });
    tokio::select! {
        outcome = &mut sign_in => panic!("did not wait: {outcome:?}"),
        () = until_waiting(&database, 2) => {}
    }
    drop(held);
    let changed = change.await.expect("no panic").expect("answered");
    assert!(matches!(changed, Guarded::Done(_)));
    let started = sign_in.await.expect("no panic").expect("answered");
    assert_eq!(started, Guarded::Stale);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_refreshes_that_wait_for_the_session_one_goes_by_what_the_other_left() {
    let database = migrated().await;
    let storage = Arc::new(open(&database.url(), 2).await);
    let (_, session) = signed_in(&storage).await;
    let held = database.hold("select from sessions for update");
    let refreshes = [2, 3].map(|successor| {
        let storage = storage.clone();
        let rotation = Rotation {
            session,
            presented: TokenHash([1; 32]),
            successor: TokenHash([successor; 32]),
            sealed_successor: vec![successor; 40],
            expires_at: NOW.plus(Duration::from_secs(900)),
            grace: Duration::from_secs(10),
            status: None,
        };
        tokio::spawn(async move { storage.rotate_refresh(&cx(), rotation).await })
    });
    until_waiting(&database, 2).await;
    drop(held);
    let (mut rotated, mut repeated) = (0, 0);
    for refresh in refreshes {
        match refresh.await.expect("no panic").expect("answered") {
            RotationOutcome::Rotated(_) => rotated += 1,
            RotationOutcome::Repeated { .. } => repeated += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((rotated, repeated), (1, 1));
}
