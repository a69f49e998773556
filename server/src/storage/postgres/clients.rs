//! Clients of the OAuth endpoints. Each function is one statement.

use tokio_postgres::{Error, Row};

use super::audit;
use super::error::Failure;
use super::pool::Connection;
use super::rows::{Parameters, Stored};
use crate::domain::audit::{Event, Word};
use crate::domain::clients::{Client, ClientName, SecretHash};
use crate::domain::ids::ClientId;
use crate::storage::journal::Journal;

type Result<T, E = Failure> = std::result::Result<T, E>;

/// The columns of [`client`], in its order.
const CLIENT: &str = "client_id, name, secret_hash, created_at";

/// The unique index lets one of two of the same name through.
pub(super) async fn add(db: &Connection, journal: &Journal, client: &Client) -> Result<bool> {
    let name = client.name.as_str();
    let parameters: Parameters<4> = [
        &Stored(client.id),
        &name,
        &Stored(client.secret),
        &Stored(client.created_at),
    ];
    let add = sql!(
        "{}",
        audit::recording(
            "INSERT INTO clients (client_id, name, secret_hash, created_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING RETURNING client_id",
            4
        )
    );
    let event = Event::new(Word::ClientAdded).about(name);
    let added = audit::recorded(db, journal, add, &parameters, event).await?;
    Ok(added.is_some())
}

/// In the order of the bytes, whatever the collation of the database is.
pub(super) async fn list(db: &Connection) -> Result<Vec<Client>> {
    let list = db
        .prepared(sql!(
            "SELECT {CLIENT} FROM clients ORDER BY name COLLATE \"C\""
        ))
        .await?;
    let rows = db.query(&list, &[]).await?;
    let clients: Result<_, Error> = rows.iter().map(client).collect();
    Ok(clients?)
}

pub(super) async fn find(db: &Connection, id: ClientId) -> Result<Option<Client>> {
    let find = db
        .prepared(sql!("SELECT {CLIENT} FROM clients WHERE client_id = $1"))
        .await?;
    let row = db.query_opt(&find, &[&Stored(id)]).await?;
    Ok(row.map(|row| client(&row)).transpose()?)
}

pub(super) async fn remove(db: &Connection, journal: &Journal, name: &ClientName) -> Result<bool> {
    let name = name.as_str();
    let remove = sql!(
        "{}",
        audit::recording("DELETE FROM clients WHERE name = $1 RETURNING client_id", 1)
    );
    let event = Event::new(Word::ClientRemoved).about(name);
    let removed = audit::recorded(db, journal, remove, &[&name], event).await?;
    Ok(removed.is_some())
}

fn client(row: &Row) -> Result<Client, Error> {
    Ok(Client {
        id: row.try_get::<_, Stored<ClientId>>(0)?.0,
        name: ClientName::from_stored(row.try_get(1)?),
        secret: row.try_get::<_, Stored<SecretHash>>(2)?.0,
        created_at: row.try_get::<_, Stored<_>>(3)?.0,
    })
}
