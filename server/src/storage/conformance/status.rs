use super::*;
use crate::domain::session::{EndReason, RotationOutcome};
use crate::domain::status::{LIST_SIZE, StatusIndex};
use crate::storage::{Limits, Result};

const LONG_AGO: Timestamp = Timestamp::from_millis(0);

fn at(offset: u32) -> StatusIndex {
    StatusIndex::new(0, offset)
}

fn with_place(place: StatusIndex) -> NewSession {
    NewSession {
        status: Some(place),
        ..new_session()
    }
}

/// Starts a session of `user` that has this place.
async fn start(storage: &SharedStorage, user: &User, place: StatusIndex) -> Result<SessionId> {
    let session = with_place(place);
    let id = session.id;
    storage
        .start_session(&cx(NOW), user.id, &hash("first"), None, session)
        .await
        .map(|_| id)
}

async fn end(storage: &SharedStorage, user: &User, session: SessionId, now: Timestamp) {
    let cx = cx(now);
    let ended = storage.end_session(&cx, user.id, session, EndReason::Logout);
    assert!(ended.await.unwrap());
}

async fn revoked(storage: &SharedStorage, list: u32, since: Timestamp) -> Option<Vec<u32>> {
    let revoked = storage.revoked_places(list, since).await.unwrap();
    revoked.map(|mut offsets| {
        offsets.sort_unstable();
        offsets
    })
}

pub(in crate::storage) async fn a_list_holds_what_ended_early(storage: &SharedStorage) {
    let user = signed_up(storage, "ada@example.com").await;
    storage.open_status_list(&cx(NOW), 1).await.unwrap();
    let mut ids = Vec::new();
    for place in [at(0), at(7), at(LIST_SIZE - 1), StatusIndex::new(1, 0)] {
        ids.push(start(storage, &user, place).await.unwrap());
    }
    for list in [0, 1] {
        assert_eq!(revoked(storage, list, LONG_AGO).await, Some(vec![]));
    }
    assert_eq!(revoked(storage, 2, LONG_AGO).await, None);

    end(storage, &user, ids[1], NOW).await;
    end(storage, &user, ids[2], later(MINUTE)).await;
    let both = Some(vec![7, LIST_SIZE - 1]);
    assert_eq!(revoked(storage, 0, LONG_AGO).await, both);
    assert_eq!(revoked(storage, 0, NOW).await, both);
    let since = revoked(storage, 0, later(MINUTE)).await;
    assert_eq!(since, Some(vec![LIST_SIZE - 1]));
    assert_eq!(revoked(storage, 1, LONG_AGO).await, Some(vec![]));

    // Whatever the reason is.
    storage.set_disabled(&cx(NOW), user.id, true).await.unwrap();
    assert_eq!(revoked(storage, 1, LONG_AGO).await, Some(vec![0]));
    let all = Some(vec![0, 7, LIST_SIZE - 1]);
    assert_eq!(revoked(storage, 0, LONG_AGO).await, all);
    storage.delete_user(&cx(NOW), user.id, None).await.unwrap();
    assert_eq!(revoked(storage, 0, LONG_AGO).await, all);
}

pub(in crate::storage) async fn a_place_has_one_session_until_that_is_forgotten(
    storage: &SharedStorage,
) {
    let user = signed_up(storage, "ada@example.com").await;
    let first = start(storage, &user, at(7)).await.unwrap();
    let taken = |outcome| matches!(outcome, Err(StorageError::PlaceTaken));
    assert!(taken(start(storage, &user, at(7)).await.map(|_| ())));
    // The whole unit has not happened.
    let bob = new_user("bob@example.com");
    let created = storage
        .create_user(&cx(NOW), bob.clone(), Some(with_place(at(7))))
        .await;
    assert!(taken(created.map(|_| ())));
    assert!(storage.user(bob.id).await.unwrap().is_none());
    let session = Some(with_place(at(7)));
    let changed = storage
        .change_password(&cx(NOW), user.id, None, hash("second"), session)
        .await;
    assert!(taken(changed.map(|_| ())));
    assert!(is_alive(storage, first).await);

    // It is not free while verifiers may still hold a list that has it.
    end(storage, &user, first, NOW).await;
    assert!(taken(start(storage, &user, at(7)).await.map(|_| ())));
    let limits = Limits {
        sessions_over_before: later(MINUTE),
        rotated_before: LONG_AGO,
        audited_before: LONG_AGO,
    };
    storage.housekeep(&cx(NOW), limits).await.unwrap();
    assert!(start(storage, &user, at(7)).await.is_ok());
}

pub(in crate::storage) async fn of_twenty_sessions_for_a_place_one_gets_it(
    storage: &SharedStorage,
) {
    let user = signed_up(storage, "ada@example.com").await;
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let (storage, user) = (storage.clone(), user.clone());
            tokio::spawn(async move { start(&storage, &user, at(7)).await })
        })
        .collect();
    let mut started = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(_) => started += 1,
            Err(error) => assert!(matches!(error, StorageError::PlaceTaken), "{error}"),
        }
    }
    assert_eq!(started, 1);
    assert_eq!(storage.sessions(user.id, NOW).await.unwrap().len(), 1);
}

pub(in crate::storage) async fn a_session_without_a_place_gets_one_when_it_is_refreshed(
    storage: &SharedStorage,
) {
    let (user, id) = signed_in(storage).await;
    start(storage, &user, at(7)).await.unwrap();
    let rotate = async |presented: u8, place| {
        let rotation = crate::domain::session::Rotation {
            session: id,
            presented: token(presented),
            successor: token(presented + 1),
            sealed_successor: vec![1; 40],
            expires_at: later(30 * MINUTE),
            grace: MINUTE,
            status: Some(place),
        };
        storage.rotate_refresh(&cx(NOW), rotation).await
    };
    let place = |outcome: RotationOutcome| match outcome {
        RotationOutcome::Rotated(session) | RotationOutcome::Repeated { session, .. } => {
            session.status
        }
        other => panic!("{other:?}"),
    };
    let taken = rotate(1, at(7)).await;
    assert!(matches!(taken, Err(StorageError::PlaceTaken)), "{taken:?}");
    // The token is still the good one, and what a session has it keeps.
    assert_eq!(place(rotate(1, at(8)).await.unwrap()), Some(at(8)));
    assert_eq!(place(rotate(1, at(9)).await.unwrap()), Some(at(8)));
    assert_eq!(place(rotate(2, at(7)).await.unwrap()), Some(at(8)));
    assert_eq!(storage.taken_places(&[at(8), at(9)]).await.unwrap(), 1);
}

pub(in crate::storage) async fn lists_are_opened_once(storage: &SharedStorage) {
    assert_eq!(storage.status_lists().await.unwrap(), 1);
    for _ in 0..2 {
        storage.open_status_list(&cx(NOW), 1).await.unwrap();
        assert_eq!(storage.status_lists().await.unwrap(), 2);
    }
    let user = signed_up(storage, "ada@example.com").await;
    for place in [at(3), StatusIndex::new(1, 3)] {
        start(storage, &user, place).await.unwrap();
    }
    let asked: Vec<StatusIndex> = (0..512).map(at).chain([StatusIndex::new(1, 3)]).collect();
    assert_eq!(storage.taken_places(&asked).await.unwrap(), 2);
    assert_eq!(storage.taken_places(&[]).await.unwrap(), 0);
}
