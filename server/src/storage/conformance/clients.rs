use super::*;
use crate::domain::clients::{Client, ClientName, SecretHash};
use crate::domain::ids::ClientId;

fn new_client(name: &str) -> Client {
    Client {
        id: ClientId::new(NOW, &SystemEntropy),
        name: ClientName::parse(name).unwrap(),
        secret: SecretHash([7; 32]),
        created_at: NOW,
    }
}

pub(in crate::storage) async fn clients_are_found_again_exactly(storage: &SharedStorage) {
    let clients = ["API gateway", "Zebra", "api gateway"].map(new_client);
    for client in clients.iter().rev() {
        assert!(storage.add_client(&cx(NOW), client).await.unwrap());
    }
    for client in &clients {
        let found = storage.client(client.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(client));
    }
    assert_eq!(storage.clients().await.unwrap(), clients);
    let unknown = ClientId::new(NOW, &SystemEntropy);
    assert_eq!(storage.client(unknown).await.unwrap(), None);
}

pub(in crate::storage) async fn of_twenty_clients_of_one_name_one_is_added(
    storage: &SharedStorage,
) {
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let storage = storage.clone();
            tokio::spawn(async move {
                let client = new_client("gateway");
                storage.add_client(&cx(NOW), &client).await.unwrap()
            })
        })
        .collect();
    let mut added = 0;
    for attempt in tries {
        added += usize::from(attempt.await.unwrap());
    }
    assert_eq!(added, 1);
    assert_eq!(storage.clients().await.unwrap().len(), 1);
}

pub(in crate::storage) async fn a_removed_client_is_gone(storage: &SharedStorage) {
    let client = new_client("gateway");
    storage.add_client(&cx(NOW), &client).await.unwrap();
    let remove = async || storage.remove_client(&cx(NOW), &client.name).await.unwrap();
    assert!(remove().await);
    assert_eq!(storage.client(client.id).await.unwrap(), None);
    assert!(!remove().await);
    assert!(storage.add_client(&cx(NOW), &client).await.unwrap());
}
