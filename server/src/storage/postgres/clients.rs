//! Clients of the OAuth endpoints. Each function is one statement.

use tokio_postgres::{Error, Row};

use super::error::Failure;
use super::pool::Connection;
use super::rows::Stored;
use crate::domain::clients::{Client, ClientName, SecretHash};
use crate::domain::ids::ClientId;

type Result<T, E = Failure> = std::result::Result<T, E>;

/// The columns of [`client`], in its order.
const CLIENT: &str = "client_id, name, secret_hash, created_at";

/// The unique index lets one of two of the same name through.
pub(super) async fn add(db: &Connection, client: &Client) -> Result<bool> {
    let add = db
        .prepared(
            "INSERT INTO clients (client_id, name, secret_hash, created_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING",
        )
        .await?;
    let added = db
        .execute(
            &add,
            &[
                &Stored(client.id),
                &client.name.as_str(),
                &Stored(client.secret),
                &Stored(client.created_at),
            ],
        )
        .await?;
    Ok(added > 0)
}

/// In the order of the bytes, whatever the collation of the database is.
pub(super) async fn list(db: &Connection) -> Result<Vec<Client>> {
    let list = format!("SELECT {CLIENT} FROM clients ORDER BY name COLLATE \"C\"");
    let list = db.prepared(&list).await?;
    let rows = db.query(&list, &[]).await?;
    let clients: Result<_, Error> = rows.iter().map(client).collect();
    Ok(clients?)
}

pub(super) async fn find(db: &Connection, id: ClientId) -> Result<Option<Client>> {
    let find = format!("SELECT {CLIENT} FROM clients WHERE client_id = $1");
    let find = db.prepared(&find).await?;
    let row = db.query_opt(&find, &[&Stored(id)]).await?;
    Ok(row.map(|row| client(&row)).transpose()?)
}

pub(super) async fn remove(db: &Connection, name: &ClientName) -> Result<bool> {
    let remove = db.prepared("DELETE FROM clients WHERE name = $1").await?;
    let removed = db.execute(&remove, &[&name.as_str()]).await?;
    Ok(removed > 0)
}

fn client(row: &Row) -> Result<Client, Error> {
    Ok(Client {
        id: row.try_get::<_, Stored<ClientId>>(0)?.0,
        name: ClientName::from_stored(row.try_get(1)?),
        secret: row.try_get::<_, Stored<SecretHash>>(2)?.0,
        created_at: row.try_get::<_, Stored<_>>(3)?.0,
    })
}
