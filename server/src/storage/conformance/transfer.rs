use super::*;
use crate::domain::transfer::{Given, ImportOutcome, ImportedUser};
use crate::domain::user::Credentials;

fn imported(address: &str) -> ImportedUser {
    ImportedUser {
        id: UserId::new(NOW, &SystemEntropy),
        name: UserName::parse_imported("Zo\u{eb}").unwrap(),
        email: email(address),
        age: Some(Age::new(150).unwrap()),
        created_at: Timestamp::from_millis(-62_135_596_800_000),
        updated_at: Timestamp::from_millis(1_700_000_000_123),
        disabled_at: Some(NOW),
        password: hash("$2b$04$5pAD7ltDyGgdT78q7NOHiOgfh60S/97GIK8dooRppc1Tpf7B3ndP2"),
        given: Given {
            id: true,
            created_at: true,
            updated_at: true,
        },
    }
}

/// As it has to lie in the database.
fn stored(user: &ImportedUser) -> Credentials {
    Credentials {
        user: User {
            id: user.id,
            name: user.name.as_str().to_owned(),
            email: user.email.as_str().to_owned(),
            age: user.age.map(Age::years),
            created_at: user.created_at,
            updated_at: user.updated_at,
            disabled_at: user.disabled_at,
        },
        password: user.password.clone(),
    }
}

async fn import(storage: &SharedStorage, users: &[ImportedUser]) -> Vec<ImportOutcome> {
    let imported = storage.import_users(&cx(NOW), users.to_vec(), false).await;
    imported.unwrap()
}

async fn judge(storage: &SharedStorage, users: &[ImportedUser]) -> Vec<ImportOutcome> {
    let judged = storage.import_users(&cx(NOW), users.to_vec(), true).await;
    judged.unwrap()
}

async fn exported(storage: &SharedStorage) -> Vec<(User, PasswordHash)> {
    let all = storage.export_users(None, 1000).await.unwrap();
    all.into_iter()
        .map(|found| (found.user, found.password))
        .collect()
}

pub(in crate::storage) async fn imported_users_are_found_again_exactly(storage: &SharedStorage) {
    let plain = ImportedUser {
        name: UserName::parse_imported("").unwrap(),
        age: None,
        disabled_at: None,
        password: PasswordHash::none(),
        ..imported("Bob@B\u{fc}cher.example")
    };
    let mut users = [imported("Ada@Example.com"), plain];
    users.sort_by_key(|user| user.id);
    assert_eq!(
        import(storage, &users).await,
        [ImportOutcome::Imported, ImportOutcome::Imported]
    );
    let expected: Vec<_> = users
        .iter()
        .map(|user| (stored(user).user, user.password.clone()))
        .collect();
    assert_eq!(exported(storage).await, expected);

    let by_address = storage
        .credentials_by_email(&email("bob@xn--bcher-kva.example"))
        .await
        .unwrap();
    assert!(by_address.is_some());
    assert_eq!(import(storage, &[]).await, []);
}

pub(in crate::storage) async fn an_import_that_is_run_again_changes_nothing(
    storage: &SharedStorage,
) {
    let users = [imported("ada@example.com"), imported("bob@example.com")];
    let _ = import(storage, &users[..1]).await;
    let outcomes = [ImportOutcome::Unchanged, ImportOutcome::Imported];
    assert_eq!(judge(storage, &users).await, outcomes);
    assert_eq!(import(storage, &users).await, outcomes);
    let before = exported(storage).await;
    assert_eq!(
        import(storage, &users).await,
        [ImportOutcome::Unchanged, ImportOutcome::Unchanged]
    );
    assert_eq!(exported(storage).await, before);
}

pub(in crate::storage) async fn who_is_in_the_way_of_an_import_stays(storage: &SharedStorage) {
    let ada = imported("ada@example.com");
    let bob = imported("bob@example.com");
    let _ = import(storage, &[ada.clone(), bob.clone()]).await;
    let before = exported(storage).await;

    let with_another_id = imported("ADA@example.com");
    let without_an_id = ImportedUser {
        id: UserId::new(NOW, &SystemEntropy),
        email: email("Bob@example.com"),
        given: Given {
            id: false,
            created_at: false,
            updated_at: false,
        },
        ..bob.clone()
    };
    let elsewhere = ImportedUser {
        email: email("carol@example.com"),
        age: None,
        ..ada.clone()
    };
    // Ada by the identifier and Bob by the address.
    let both = ImportedUser {
        email: bob.email.clone(),
        ..ada.clone()
    };
    let free = imported("dora@example.com");
    let expected = [
        ImportOutcome::EmailTaken(Some(ada.id)),
        ImportOutcome::Differs(vec!["email"]),
        ImportOutcome::Differs(vec!["email", "age"]),
        ImportOutcome::Imported,
    ];
    let users = [with_another_id, without_an_id, elsewhere, free.clone()];
    assert_eq!(judge(storage, &users).await, expected);
    assert_eq!(exported(storage).await, before);
    assert_eq!(import(storage, &users).await, expected);
    let both_differ = [ImportOutcome::Differs(vec!["email"])];
    assert_eq!(
        judge(storage, std::slice::from_ref(&both)).await,
        both_differ
    );
    assert_eq!(import(storage, &[both]).await, both_differ);

    let mut after = before;
    after.push((stored(&free).user, free.password));
    after.sort_by_key(|(user, _)| user.id);
    assert_eq!(exported(storage).await, after);
}

pub(in crate::storage) async fn users_are_exported_by_identifier_in_pages(storage: &SharedStorage) {
    let mut users: Vec<_> = (0..5)
        .map(|number| imported(&format!("user{number}@example.com")))
        .collect();
    let _ = import(storage, &users).await;
    users.sort_by_key(|user| user.id);
    let page = storage.export_users(Some(users[1].id), 2).await.unwrap();
    let ids: Vec<_> = page.iter().map(|found| found.user.id).collect();
    assert_eq!(ids, [users[2].id, users[3].id]);
    let end = storage.export_users(Some(users[4].id), 2).await.unwrap();
    assert!(end.is_empty());
}
