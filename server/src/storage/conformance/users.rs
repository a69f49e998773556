use super::*;
use crate::domain::session::EndReason;
use crate::domain::user::ProfileChange;
use crate::storage::Guarded;

pub(in crate::storage) async fn a_user_is_found_again_exactly(storage: &SharedStorage) {
    let new = NewUser {
        name: UserName::parse("Élöde \u{1F980} O'Brien").unwrap(),
        ..new_user(" Ada@Example.COM ")
    };
    let created = storage
        .create_user(&cx(NOW), new.clone(), None)
        .await
        .unwrap();
    assert_eq!(
        created,
        User {
            id: new.id,
            name: new.name.as_str().to_owned(),
            email: "Ada@Example.COM".to_owned(),
            age: Some(36),
            created_at: NOW,
            updated_at: NOW,
            disabled_at: None,
        }
    );
    assert_eq!(storage.user(new.id).await.unwrap(), Some(created.clone()));
    let by_id = storage.credentials(new.id).await.unwrap().unwrap();
    let by_email = storage
        .credentials_by_email(&email("aDA@example.com"))
        .await
        .unwrap()
        .unwrap();
    for found in [by_id, by_email] {
        assert_eq!(found.user, created);
        assert_eq!(found.password, new.password);
    }

    let ageless = NewUser {
        age: None,
        ..new_user("bob@example.com")
    };
    let created = storage.create_user(&cx(NOW), ageless, None).await.unwrap();
    assert_eq!(created.age, None);
    assert_eq!(storage.user(created.id).await.unwrap(), Some(created));
}

pub(in crate::storage) async fn who_is_not_there_is_not_found(storage: &SharedStorage) {
    let id = UserId::new(NOW, &SystemEntropy);
    let nobody = email("nobody@example.com");
    assert_eq!(storage.user(id).await.unwrap(), None);
    assert!(storage.credentials(id).await.unwrap().is_none());
    assert!(
        storage
            .credentials_by_email(&nobody)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(storage.users(None, 10).await.unwrap(), []);
    assert_eq!(storage.sessions(id, NOW).await.unwrap(), []);

    let cx = cx(NOW);
    let change = ProfileChange {
        age: Some(None),
        ..ProfileChange::default()
    };
    assert_eq!(storage.update_profile(&cx, id, change).await.unwrap(), None);
    assert_eq!(storage.change_email(&cx, id, nobody).await.unwrap(), None);
    assert_eq!(storage.set_disabled(&cx, id, true).await.unwrap(), None);
    assert_eq!(
        storage
            .change_password(&cx, id, None, hash("new"), Some(new_session()))
            .await
            .unwrap(),
        Guarded::NotFound
    );
    assert_eq!(
        storage.delete_user(&cx, id, None).await.unwrap(),
        Guarded::NotFound
    );
    assert_eq!(
        storage
            .start_session(&cx, id, &hash("first"), None, new_session())
            .await
            .unwrap(),
        Guarded::NotFound
    );
    let ended = storage.end_sessions(&cx, id, EndReason::Logout).await;
    assert_eq!(ended.unwrap(), 0);
}

pub(in crate::storage) async fn an_address_has_one_user_in_any_spelling(storage: &SharedStorage) {
    signed_up(storage, "ada@bücher.example").await;
    for address in ["Ada@Bücher.example", "ada@xn--bcher-kva.example"] {
        let user = new_user(address);
        let id = user.id;
        let outcome = storage.create_user(&cx(NOW), user, None).await;
        assert!(matches!(outcome, Err(StorageError::EmailTaken)));
        assert_eq!(storage.user(id).await.unwrap(), None);
    }
}

pub(in crate::storage) async fn fifty_sign_ups_of_one_address_make_one_user(
    storage: &SharedStorage,
) {
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let storage = storage.clone();
            tokio::spawn(async move {
                storage
                    .create_user(&cx(NOW), new_user("ada@example.com"), Some(new_session()))
                    .await
            })
        })
        .collect();
    let mut created = Vec::new();
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(user) => created.push(user),
            Err(error) => assert!(matches!(error, StorageError::EmailTaken), "{error}"),
        }
    }
    assert_eq!(created.len(), 1);
    assert_eq!(storage.users(None, 100).await.unwrap(), created);
}

pub(in crate::storage) async fn a_failure_undoes_the_whole_unit(storage: &SharedStorage) {
    let (_, taken) = signed_in(storage).await;
    let user = new_user("bob@example.com");
    let id = user.id;
    let session = NewSession {
        id: taken,
        ..new_session()
    };
    let outcome = storage.create_user(&cx(NOW), user, Some(session)).await;
    assert!(matches!(outcome, Err(StorageError::Failed(_))));
    assert_eq!(storage.user(id).await.unwrap(), None);
}

pub(in crate::storage) async fn users_are_listed_by_identifier_in_pages(storage: &SharedStorage) {
    let mut all = Vec::new();
    for number in 0..5 {
        let address = format!("user{number}@example.com");
        all.push(signed_up(storage, &address).await);
    }
    all.sort_by_key(|user| user.id);
    let mut listed = storage.users(None, 2).await.unwrap();
    assert_eq!(listed.len(), 2);
    while listed.len() < 5 {
        let last = listed[listed.len() - 1].id;
        let page = storage.users(Some(last), 2).await.unwrap();
        assert!(!page.is_empty() && page.len() <= 2);
        listed.extend(page);
    }
    assert_eq!(listed, all);
    assert_eq!(storage.users(Some(all[4].id), 2).await.unwrap(), []);
}

pub(in crate::storage) async fn a_profile_changes_only_where_it_is_told_to(
    storage: &SharedStorage,
) {
    let user = signed_up(storage, "ada@example.com").await;
    let change = async |minutes: u32, change| {
        let cx = cx(later(minutes * MINUTE));
        let changed = storage.update_profile(&cx, user.id, change).await.unwrap();
        assert_eq!(storage.user(user.id).await.unwrap(), changed);
        changed.unwrap()
    };

    let renamed = change(
        1,
        ProfileChange {
            name: Some(UserName::parse("Grace Hopper").unwrap()),
            age: None,
        },
    )
    .await;
    assert_eq!(
        renamed,
        User {
            name: "Grace Hopper".to_owned(),
            updated_at: later(MINUTE),
            ..user.clone()
        }
    );
    let aged = change(
        2,
        ProfileChange {
            name: None,
            age: Some(Some(Age::new(150).unwrap())),
        },
    )
    .await;
    assert_eq!((aged.age, aged.name.as_str()), (Some(150), "Grace Hopper"));
    let ageless = change(
        3,
        ProfileChange {
            name: None,
            age: Some(None),
        },
    )
    .await;
    assert_eq!(ageless.age, None);
    let untouched = change(4, ProfileChange::default()).await;
    assert_eq!(untouched, ageless);
}

pub(in crate::storage) async fn an_address_can_be_changed_to_a_free_one(storage: &SharedStorage) {
    let user = signed_up(storage, "ada@example.com").await;
    signed_up(storage, "bob@example.com").await;
    let cx = cx(later(MINUTE));

    let taken = storage
        .change_email(&cx, user.id, email("BOB@example.com"))
        .await;
    assert!(matches!(taken, Err(StorageError::EmailTaken)));
    assert_eq!(storage.user(user.id).await.unwrap(), Some(user.clone()));

    // Another spelling of the user's own address is free.
    for address in ["ADA@example.com", "countess@example.com"] {
        let changed = storage
            .change_email(&cx, user.id, email(address))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(changed.email, address);
        assert_eq!(changed.updated_at, later(MINUTE));
    }
    let by_old = storage
        .credentials_by_email(&email("ada@example.com"))
        .await;
    assert!(by_old.unwrap().is_none());
}

pub(in crate::storage) async fn a_new_password_ends_every_session(storage: &SharedStorage) {
    let (user, old) = signed_in(storage).await;
    let session = new_session();
    let new = session.id;
    let outcome = storage
        .change_password(
            &cx(later(MINUTE)),
            user.id,
            Some(&hash("first")),
            hash("second"),
            Some(session),
        )
        .await
        .unwrap();
    let Guarded::Done(changed) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(changed.updated_at, later(MINUTE));
    assert!(!is_alive(storage, old).await);
    assert!(is_alive(storage, new).await);
    let stored = storage.credentials(user.id).await.unwrap().unwrap();
    assert_eq!(stored.password, hash("second"));

    // An operator need not know the old one.
    let outcome = storage
        .change_password(&cx(NOW), user.id, None, hash("third"), None)
        .await
        .unwrap();
    assert!(matches!(outcome, Guarded::Done(_)));
    assert!(!is_alive(storage, new).await);
}

pub(in crate::storage) async fn a_password_change_that_comes_too_late_does_nothing(
    storage: &SharedStorage,
) {
    let (user, session) = signed_in(storage).await;
    let late = async |expected: Option<PasswordHash>| {
        storage
            .change_password(
                &cx(NOW),
                user.id,
                expected.as_ref(),
                hash("second"),
                Some(new_session()),
            )
            .await
            .unwrap()
    };
    assert_eq!(late(Some(hash("older"))).await, Guarded::Stale);
    assert!(is_alive(storage, session).await);

    storage
        .set_disabled(&cx(NOW), user.id, true)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(late(Some(hash("first"))).await, Guarded::Stale);
    // Nobody starts a session for a disabled user, not even without a guard.
    assert_eq!(late(None).await, Guarded::Stale);
    let stored = storage.credentials(user.id).await.unwrap().unwrap();
    assert_eq!(stored.password, hash("first"));
}

pub(in crate::storage) async fn disabling_ends_every_session_and_is_idempotent(
    storage: &SharedStorage,
) {
    let (user, session) = signed_in(storage).await;
    let set = async |minutes: u32, disabled| {
        storage
            .set_disabled(&cx(later(minutes * MINUTE)), user.id, disabled)
            .await
            .unwrap()
            .unwrap()
    };
    let disabled = set(1, true).await;
    assert_eq!(disabled.disabled_at, Some(later(MINUTE)));
    assert!(!is_alive(storage, session).await);
    assert_eq!(set(2, true).await, disabled);

    let enabled = set(3, false).await;
    assert_eq!(enabled.disabled_at, None);
    assert!(!is_alive(storage, session).await, "what has ended stays so");
    assert_eq!(set(4, false).await, enabled);
}

pub(in crate::storage) async fn deleting_frees_the_address_and_ends_the_sessions(
    storage: &SharedStorage,
) {
    let (user, session) = signed_in(storage).await;
    let outcome = storage
        .delete_user(&cx(NOW), user.id, Some(&hash("first")))
        .await
        .unwrap();
    assert_eq!(outcome, Guarded::Done(()));
    assert_eq!(storage.user(user.id).await.unwrap(), None);
    assert!(!is_alive(storage, session).await);
    assert_eq!(storage.sessions(user.id, NOW).await.unwrap(), []);
    signed_up(storage, "ada@example.com").await;
}

pub(in crate::storage) async fn a_deletion_that_comes_too_late_does_nothing(
    storage: &SharedStorage,
) {
    let (user, session) = signed_in(storage).await;
    let late = storage
        .delete_user(&cx(NOW), user.id, Some(&hash("older")))
        .await
        .unwrap();
    assert_eq!(late, Guarded::Stale);
    assert!(is_alive(storage, session).await);
}
