use super::*;
use crate::domain::session::{EndReason, Rotation, RotationOutcome};

const GRACE: Duration = Duration::from_secs(10);

/// Presents `token(presented)`, to be followed by `token(successor)`.
fn rotation(session: SessionId, presented: u8, successor: u8) -> Rotation {
    Rotation {
        session,
        presented: token(presented),
        successor: token(successor),
        sealed_successor: vec![successor; 40],
        expires_at: later(30 * MINUTE),
        grace: GRACE,
        status: None,
    }
}

async fn rotate(
    storage: &SharedStorage,
    now: Timestamp,
    session: SessionId,
    presented: u8,
    successor: u8,
) -> RotationOutcome {
    storage
        .rotate_refresh(&cx(now), rotation(session, presented, successor))
        .await
        .unwrap()
}

#[track_caller]
fn assert_rotated(outcome: &RotationOutcome) {
    assert!(
        matches!(outcome, RotationOutcome::Rotated(_)),
        "{outcome:?}"
    );
}

#[track_caller]
fn assert_repeated(outcome: &RotationOutcome, successor: u8) {
    match outcome {
        RotationOutcome::Repeated {
            sealed_successor, ..
        } => assert_eq!(sealed_successor, &vec![successor; 40]),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_reused(outcome: &RotationOutcome, by: &User) {
    match outcome {
        RotationOutcome::Reused(user) => assert_eq!(*user, by.id),
        other => panic!("{other:?}"),
    }
}

pub(in crate::storage) async fn a_rotation_moves_the_session_on(storage: &SharedStorage) {
    let (user, id) = signed_in(storage).await;
    let cx = WriteContext {
        address: Some("192.0.2.9".parse().unwrap()),
        user_agent: None,
        ..cx(later(MINUTE))
    };
    let outcome = storage
        .rotate_refresh(&cx, rotation(id, 1, 2))
        .await
        .unwrap();
    match outcome {
        RotationOutcome::Rotated(session) => assert_eq!(session.user, user),
        other => panic!("{other:?}"),
    }
    let (session, _) = storage.session(id, NOW).await.unwrap().unwrap();
    assert_eq!(session.created_at, NOW);
    assert_eq!(session.last_used_at, later(MINUTE));
    assert_eq!(session.expires_at, later(30 * MINUTE));
    assert_eq!((session.address, session.user_agent), (cx.address, None));
    assert_rotated(&rotate(storage, later(2 * MINUTE), id, 2, 3).await);
}

pub(in crate::storage) async fn a_predecessor_gets_the_same_successor_within_the_grace(
    storage: &SharedStorage,
) {
    let (user, id) = signed_in(storage).await;
    assert_rotated(&rotate(storage, NOW, id, 1, 2).await);
    let last_moment = later(GRACE).minus(Duration::from_millis(1));
    for now in [NOW, last_moment] {
        assert_repeated(&rotate(storage, now, id, 1, 9).await, 2);
    }
    assert!(is_alive(storage, id).await);
    assert_reused(&rotate(storage, later(GRACE), id, 1, 9).await, &user);
    assert!(!is_alive(storage, id).await);
    // The successor dies with the session.
    let outcome = rotate(storage, later(GRACE), id, 2, 9).await;
    assert!(matches!(outcome, RotationOutcome::Ended), "{outcome:?}");
}

pub(in crate::storage) async fn without_grace_a_predecessor_is_reuse(storage: &SharedStorage) {
    let (user, id) = signed_in(storage).await;
    let rotation = Rotation {
        grace: Duration::ZERO,
        ..rotation(id, 1, 2)
    };
    let rotate = async || {
        storage
            .rotate_refresh(&cx(NOW), rotation.clone())
            .await
            .unwrap()
    };
    assert_rotated(&rotate().await);
    assert_reused(&rotate().await, &user);
    assert!(!is_alive(storage, id).await);
}

pub(in crate::storage) async fn an_older_token_is_reuse_whatever_the_grace(
    storage: &SharedStorage,
) {
    let (user, id) = signed_in(storage).await;
    assert_rotated(&rotate(storage, NOW, id, 1, 2).await);
    assert_rotated(&rotate(storage, NOW, id, 2, 3).await);
    assert_repeated(&rotate(storage, NOW, id, 2, 9).await, 3);
    assert_reused(&rotate(storage, NOW, id, 1, 9).await, &user);
    assert!(!is_alive(storage, id).await);
}

pub(in crate::storage) async fn an_unknown_token_of_a_session_is_reuse(storage: &SharedStorage) {
    let (user, id) = signed_in(storage).await;
    assert_reused(&rotate(storage, NOW, id, 7, 8).await, &user);
    assert!(!is_alive(storage, id).await);
}

pub(in crate::storage) async fn what_has_ended_is_not_rotated(storage: &SharedStorage) {
    let (user, ended) = signed_in(storage).await;
    let start = async || {
        let session = new_session();
        let id = session.id;
        storage
            .start_session(&cx(NOW), user.id, &hash("first"), None, session)
            .await
            .unwrap();
        id
    };
    let expired = start().await;
    let disabled = start().await;
    storage
        .end_session(&cx(NOW), user.id, ended, EndReason::Logout)
        .await
        .unwrap();
    let unknown = SessionId::new(NOW, &SystemEntropy);
    for (session, now) in [(ended, NOW), (unknown, NOW), (expired, later(15 * MINUTE))] {
        let outcome = rotate(storage, now, session, 1, 2).await;
        assert!(matches!(outcome, RotationOutcome::Ended), "{outcome:?}");
    }
    storage.set_disabled(&cx(NOW), user.id, true).await.unwrap();
    let outcome = rotate(storage, NOW, disabled, 1, 2).await;
    assert!(matches!(outcome, RotationOutcome::Ended), "{outcome:?}");
}

pub(in crate::storage) async fn refresh_tokens_can_be_looked_at(storage: &SharedStorage) {
    let (user, id) = signed_in(storage).await;
    assert_rotated(&rotate(storage, NOW, id, 1, 2).await);
    for _ in 0..3 {
        let (session, tokens) = storage.refresh_tokens(id, NOW).await.unwrap().unwrap();
        assert_eq!((session.id, session.user), (id, user.id));
        assert_eq!((&tokens.user, tokens.current), (&user, token(2)));
        let previous = tokens.previous.as_ref().unwrap();
        assert_eq!((previous.hash, previous.rotated_at), (token(1), NOW));
        assert_eq!(tokens.sealed_successor, Some(vec![2; 40]));
    }
    let seen = storage.session(id, NOW).await.unwrap().unwrap().0;
    assert_eq!(seen.last_used_at, NOW, "looking is no use of the session");
    assert_rotated(&rotate(storage, NOW, id, 2, 3).await);

    let unknown = SessionId::new(NOW, &SystemEntropy);
    for (session, now) in [(unknown, NOW), (id, later(30 * MINUTE))] {
        assert!(
            storage
                .refresh_tokens(session, now)
                .await
                .unwrap()
                .is_none()
        );
    }
    storage.set_disabled(&cx(NOW), user.id, true).await.unwrap();
    assert!(storage.refresh_tokens(id, NOW).await.unwrap().is_none());
}

pub(in crate::storage) async fn twenty_rotations_at_once_have_one_successor(
    storage: &SharedStorage,
) {
    let (user, id) = signed_in(storage).await;
    let tries: Vec<_> = (100..120)
        .map(|successor| {
            let storage = storage.clone();
            let now = NOW;
            tokio::spawn(async move { (successor, rotate(&storage, now, id, 1, successor).await) })
        })
        .collect();
    let mut winner = None;
    let mut repeated = Vec::new();
    for attempt in tries {
        match attempt.await.unwrap() {
            (successor, RotationOutcome::Rotated(_)) => {
                assert_eq!(winner.replace(successor), None);
            }
            (
                _,
                RotationOutcome::Repeated {
                    sealed_successor, ..
                },
            ) => repeated.push(sealed_successor),
            (_, other) => panic!("{other:?}"),
        }
    }
    let winner = winner.unwrap();
    assert_eq!(repeated, vec![vec![winner; 40]; 19]);
    assert_rotated(&rotate(storage, NOW, id, winner, 2).await);
    assert_reused(&rotate(storage, NOW, id, 1, 3).await, &user);
}
