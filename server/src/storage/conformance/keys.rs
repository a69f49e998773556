use super::*;
use crate::domain::keys::{KeyChange, KeyRecord, KeyState};

fn active(kid: &str) -> KeyRecord {
    KeyRecord {
        kid: kid.to_owned(),
        algorithm: "EdDSA".to_owned(),
        state: KeyState::Active,
        public_jwk: Some(r#"{"kty":"OKP"}"#.to_owned()),
        private_key: vec![0, 255, 7],
        sealed_under: Some("v1".to_owned()),
        created_at: NOW,
        published_at: later(MINUTE),
        token_life: 1440 * MINUTE,
        activate_at: Some(later(2 * MINUTE)),
        retired_at: None,
        expires_at: None,
    }
}

fn retired_hmac(kid: &str) -> KeyRecord {
    KeyRecord {
        algorithm: "HS256".to_owned(),
        state: KeyState::Retired,
        public_jwk: None,
        private_key: Vec::new(),
        sealed_under: None,
        token_life: Duration::ZERO,
        activate_at: None,
        retired_at: Some(later(3 * MINUTE)),
        expires_at: Some(later(4 * MINUTE)),
        ..active(kid)
    }
}

async fn change(storage: &SharedStorage, generation: u64, changes: Vec<KeyChange>) -> bool {
    storage
        .change_keys(&cx(NOW), generation, changes, Vec::new())
        .await
        .unwrap()
}

async fn stored(storage: &SharedStorage) -> (u64, Vec<KeyRecord>) {
    let mut snapshot = storage.keys().await.unwrap();
    snapshot.keys.sort_by(|one, other| one.kid.cmp(&other.kid));
    assert_eq!(storage.key_generation().await.unwrap(), snapshot.generation);
    (snapshot.generation, snapshot.keys)
}

pub(in crate::storage) async fn keys_are_found_again_exactly(storage: &SharedStorage) {
    let (empty, keys) = stored(storage).await;
    assert_eq!(keys, []);
    let standby = KeyRecord {
        state: KeyState::Standby,
        ..active("c")
    };
    let all = vec![active("a"), retired_hmac("b"), standby];
    let puts = all.iter().cloned().map(KeyChange::Put).collect();
    assert!(change(storage, empty, puts).await);
    assert_eq!(stored(storage).await, (empty + 1, all.clone()));
}

pub(in crate::storage) async fn a_key_change_names_its_generation(storage: &SharedStorage) {
    let (first, _) = stored(storage).await;
    let puts = vec![KeyChange::Put(active("a")), KeyChange::Put(active("b"))];
    assert!(change(storage, first, puts).await);
    let before = stored(storage).await;

    let remove = vec![KeyChange::Remove("a".to_owned())];
    for wrong in [first, first + 2] {
        assert!(!change(storage, wrong, remove.clone()).await);
        assert_eq!(stored(storage).await, before);
    }
    let changes = vec![
        KeyChange::Remove("a".to_owned()),
        KeyChange::Put(retired_hmac("b")),
        KeyChange::Remove("unknown".to_owned()),
    ];
    assert!(change(storage, first + 1, changes).await);
    assert_eq!(stored(storage).await, (first + 2, vec![retired_hmac("b")]));
}

pub(in crate::storage) async fn of_two_key_changes_at_once_one_wins(storage: &SharedStorage) {
    let (generation, _) = stored(storage).await;
    let tries: Vec<_> = (0..8)
        .map(|number| {
            let storage = storage.clone();
            let put = vec![KeyChange::Put(active(&number.to_string()))];
            tokio::spawn(async move { change(&storage, generation, put).await })
        })
        .collect();
    let mut won = 0;
    for attempt in tries {
        won += usize::from(attempt.await.unwrap());
    }
    assert_eq!(won, 1);
    let (after, keys) = stored(storage).await;
    assert_eq!((after, keys.len()), (generation + 1, 1));
}
