use super::*;
use crate::domain::session::{EndReason, Rotation, RotationOutcome};
use crate::storage::{Housekept, Limits};

async fn housekeep(
    storage: &SharedStorage,
    sessions_over_before: Timestamp,
    rotated_before: Timestamp,
) -> Housekept {
    let limits = Limits {
        sessions_over_before,
        rotated_before,
        audited_before: LONG_AGO,
    };
    storage.housekeep(&cx(NOW), limits).await.unwrap()
}

const LONG_AGO: Timestamp = Timestamp::from_millis(0);

pub(in crate::storage) async fn housekeeping_deletes_what_is_over(storage: &SharedStorage) {
    let (user, alive) = signed_in(storage).await;
    let start = async |minutes: u32| {
        let session = NewSession {
            expires_at: later(minutes * MINUTE),
            ..new_session()
        };
        let id = session.id;
        storage
            .start_session(&cx(NOW), user.id, &hash("first"), None, session)
            .await
            .unwrap();
        id
    };
    start(1).await;
    let ended = start(15).await;
    storage
        .end_session(
            &cx(later(2 * MINUTE)),
            user.id,
            ended,
            EndReason::EndedByUser,
        )
        .await
        .unwrap();
    // A session outlives its user until then.
    let other = storage
        .create_user(&cx(NOW), new_user("bob@example.com"), Some(new_session()))
        .await
        .unwrap();
    storage
        .delete_user(&cx(later(3 * MINUTE)), other.id, None)
        .await
        .unwrap();

    for (minutes, sessions) in [(1, 0), (2, 1), (3, 1), (4, 1), (18, 0)] {
        let done = housekeep(storage, later(minutes * MINUTE), LONG_AGO).await;
        assert_eq!(
            done,
            Housekept {
                sessions,
                ..Housekept::default()
            },
            "before minute {minutes}"
        );
    }
    assert!(is_alive(storage, alive).await);
    let done = housekeep(storage, later(19 * MINUTE), LONG_AGO).await;
    assert_eq!(done.sessions, 1);
}

pub(in crate::storage) async fn housekeeping_deletes_sealed_successors(storage: &SharedStorage) {
    let (user, session) = signed_in(storage).await;
    let rotation = Rotation {
        session,
        presented: token(1),
        successor: token(2),
        sealed_successor: vec![7; 40],
        expires_at: later(30 * MINUTE),
        grace: 10 * MINUTE,
        status: None,
    };
    let rotate = async || {
        storage
            .rotate_refresh(&cx(NOW), rotation.clone())
            .await
            .unwrap()
    };
    assert!(matches!(rotate().await, RotationOutcome::Rotated(_)));
    assert_eq!(housekeep(storage, LONG_AGO, NOW).await.successors, 0);
    assert!(matches!(rotate().await, RotationOutcome::Repeated { .. }));

    let after = NOW.plus(Duration::from_millis(1));
    assert_eq!(housekeep(storage, LONG_AGO, after).await.successors, 1);
    assert_eq!(housekeep(storage, LONG_AGO, after).await.successors, 0);
    // What was forgotten cannot be given again.
    let outcome = rotate().await;
    assert!(
        matches!(outcome, RotationOutcome::Reused(id) if id == user.id),
        "{outcome:?}"
    );
}

/// What has been used is deleted at once, and not when housekeeping comes by.
pub(in crate::storage) async fn a_used_successor_is_not_kept(storage: &SharedStorage) {
    let (_, session) = signed_in(storage).await;
    for nth in 1..=5 {
        let at = later(u32::from(nth) * MINUTE);
        rotate_at(storage, session, nth, at, later(30 * MINUTE)).await;
    }
    let all = housekeep(storage, LONG_AGO, later(20 * MINUTE)).await;
    assert_eq!(all.successors, 1);
}

/// However far ahead the clock of one refresh was, or however long a session was to live then.
pub(in crate::storage) async fn the_last_refresh_says_how_long_a_session_is_kept(
    storage: &SharedStorage,
) {
    let (_, session) = signed_in(storage).await;
    for (nth, minutes) in [(1, 100_000), (2, 30)] {
        rotate_at(storage, session, nth, NOW, later(minutes * MINUTE)).await;
    }
    for (minutes, sessions) in [(30, 0), (40, 1)] {
        let done = housekeep(storage, later(minutes * MINUTE), LONG_AGO).await;
        assert_eq!(done.sessions, sessions, "before minute {minutes}");
    }
}

/// A session of the greatest age ends when it ended before. Its row does not move in the order
/// in which they are deleted until half of what it had left is over.
pub(in crate::storage) async fn what_a_session_is_kept_for_is_not_set_at_every_refresh(
    storage: &SharedStorage,
) {
    let (_, session) = signed_in(storage).await;
    let end = later(60 * MINUTE);
    for (nth, minutes) in [(1, 0), (2, 20)] {
        rotate_at(storage, session, nth, later(minutes * MINUTE), end).await;
    }
    // A quarter of the sixty minutes that were left at the first, not of forty.
    for (minutes, sessions) in [(74, 0), (76, 1)] {
        let done = housekeep(storage, later(minutes * MINUTE), LONG_AGO).await;
        assert_eq!(done.sessions, sessions, "before minute {minutes}");
    }
}

/// Exchanges the `nth` refresh token of a session for the next.
async fn rotate_at(
    storage: &SharedStorage,
    session: SessionId,
    nth: u8,
    at: Timestamp,
    expires_at: Timestamp,
) {
    let rotation = Rotation {
        session,
        presented: token(nth),
        successor: token(nth + 1),
        sealed_successor: vec![nth; 40],
        expires_at,
        grace: 10 * MINUTE,
        status: None,
    };
    let outcome = storage.rotate_refresh(&cx(at), rotation).await.unwrap();
    assert!(
        matches!(outcome, RotationOutcome::Rotated(_)),
        "{outcome:?}"
    );
}
