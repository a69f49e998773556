use super::*;
use crate::domain::session::{EndReason, Session};
use crate::storage::Guarded;

pub(in crate::storage) async fn a_session_starts_only_on_what_was_checked(storage: &SharedStorage) {
    let user = signed_up(storage, "ada@example.com").await;
    let start = async |expected: &str| {
        let session = new_session();
        let id = session.id;
        let outcome = storage
            .start_session(&cx(NOW), user.id, &hash(expected), None, session)
            .await
            .unwrap();
        (outcome, is_alive(storage, id).await)
    };
    assert_eq!(start("older").await, (Guarded::Stale, false));
    assert_eq!(start("first").await, (Guarded::Done(user.clone()), true));
    storage
        .set_disabled(&cx(NOW), user.id, true)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(start("first").await, (Guarded::Stale, false));
}

pub(in crate::storage) async fn an_upgraded_hash_is_stored_silently(storage: &SharedStorage) {
    let user = signed_up(storage, "ada@example.com").await;
    let start = async |expected: &str, upgraded: &str| {
        storage
            .start_session(
                &cx(later(MINUTE)),
                user.id,
                &hash(expected),
                Some(hash(upgraded)),
                new_session(),
            )
            .await
            .unwrap()
    };
    assert_eq!(start("first", "better").await, Guarded::Done(user.clone()));
    assert_eq!(start("first", "worse").await, Guarded::Stale);
    let stored = storage.credentials(user.id).await.unwrap().unwrap();
    assert_eq!(stored.password, hash("better"));
    assert_eq!(stored.user, user, "the account has not changed");
}

pub(in crate::storage) async fn a_session_is_found_until_it_expires(storage: &SharedStorage) {
    let (user, id) = signed_in(storage).await;
    let end = later(15 * MINUTE);
    let (session, owner) = storage
        .session(id, end.minus(Duration::from_millis(1)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(owner, user);
    assert_eq!((session.id, session.user), (id, user.id));
    assert!(storage.session(id, end).await.unwrap().is_none());
    let unknown = SessionId::new(NOW, &SystemEntropy);
    assert!(storage.session(unknown, NOW).await.unwrap().is_none());
}

pub(in crate::storage) async fn a_session_keeps_where_it_came_from(storage: &SharedStorage) {
    let user = signed_up(storage, "ada@example.com").await;
    for address in [None, Some("192.0.2.7"), Some("2001:db8::7")] {
        let cx = WriteContext {
            address: address.map(|address| address.parse().unwrap()),
            user_agent: address.map(|_| "Browser".to_owned()),
            ..cx(later(MINUTE))
        };
        let new = new_session();
        storage
            .start_session(&cx, user.id, &hash("first"), None, new.clone())
            .await
            .unwrap();
        let (session, _) = storage.session(new.id, NOW).await.unwrap().unwrap();
        assert_eq!(
            session,
            Session {
                id: new.id,
                user: user.id,
                created_at: later(MINUTE),
                last_used_at: later(MINUTE),
                expires_at: new.expires_at,
                address: cx.address,
                user_agent: cx.user_agent,
            }
        );
    }
}

pub(in crate::storage) async fn sessions_are_listed_latest_first(storage: &SharedStorage) {
    let user = signed_up(storage, "ada@example.com").await;
    let mut ids = Vec::new();
    for minutes in 0..4 {
        let session = NewSession {
            expires_at: later((10 + minutes) * MINUTE),
            ..new_session()
        };
        ids.push(session.id);
        let cx = cx(later(minutes * MINUTE));
        storage
            .start_session(&cx, user.id, &hash("first"), None, session)
            .await
            .unwrap();
    }
    storage
        .end_session(&cx(NOW), user.id, ids[2], EndReason::EndedByUser)
        .await
        .unwrap();
    let listed = storage.sessions(user.id, later(10 * MINUTE)).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|session| session.id).collect();
    assert_eq!(listed, [ids[3], ids[1]], "one has ended, one has expired");
}

pub(in crate::storage) async fn only_its_user_can_end_a_session_and_only_once(
    storage: &SharedStorage,
) {
    let (user, session) = signed_in(storage).await;
    let other = signed_up(storage, "bob@example.com").await;
    let end = async |by: &User, now| {
        storage
            .end_session(&cx(now), by.id, session, EndReason::EndedByUser)
            .await
            .unwrap()
    };
    assert!(!end(&other, NOW).await);
    assert!(!end(&user, later(15 * MINUTE)).await, "it has expired");
    assert!(is_alive(storage, session).await);
    assert!(end(&user, NOW).await);
    assert!(!is_alive(storage, session).await);
    assert!(!end(&user, NOW).await);
}

pub(in crate::storage) async fn ending_every_session_leaves_none_to_any_clock(
    storage: &SharedStorage,
) {
    let (user, first) = signed_in(storage).await;
    let second = new_session();
    // Where a clock is behind, or when this one is set right, it is alive.
    let expired = NewSession {
        expires_at: NOW.minus(60 * MINUTE),
        ..new_session()
    };
    let (second_id, expired_id) = (second.id, expired.id);
    for session in [second, expired] {
        storage
            .start_session(&cx(NOW), user.id, &hash("first"), None, session)
            .await
            .unwrap();
    }
    let end_all = async || {
        storage
            .end_sessions(&cx(NOW), user.id, EndReason::EndedByOperator)
            .await
            .unwrap()
    };
    assert_eq!(end_all().await, 3);
    assert!(!is_alive(storage, first).await && !is_alive(storage, second_id).await);
    let before = NOW.minus(61 * MINUTE);
    let found = storage.session(expired_id, before).await.unwrap();
    assert!(found.is_none());
    assert_eq!(end_all().await, 0);
}
