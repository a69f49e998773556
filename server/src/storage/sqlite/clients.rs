//! Clients of the OAuth endpoints.

use rusqlite::{Connection, OptionalExtension, Result as SqlResult, Row, params};

use super::audit;
use super::rows::Stored;
use crate::domain::audit::{Event, Word};
use crate::domain::clients::{Client, ClientName, SecretHash};
use crate::domain::ids::ClientId;
use crate::storage::Result;
use crate::storage::journal::Journal;

/// The columns of [`client`], in its order.
const CLIENT: &str = "client_id, name, secret_hash, created_at";

pub(super) fn add(connection: &Connection, journal: &Journal, client: &Client) -> Result<bool> {
    let added = connection
        .prepare_cached(
            "INSERT INTO clients (client_id, name, secret_hash, created_at) \
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO NOTHING",
        )?
        .execute(params![
            Stored(client.id),
            client.name.as_str(),
            client.secret.0,
            Stored(client.created_at)
        ])?;
    if added > 0 {
        let event = Event::new(Word::ClientAdded).about(client.name.as_str());
        audit::record(connection, journal, event)?;
    }
    Ok(added > 0)
}

pub(super) fn list(connection: &Connection) -> Result<Vec<Client>> {
    Ok(connection
        .prepare_cached(sql!("SELECT {CLIENT} FROM clients ORDER BY name"))?
        .query_map([], client)?
        .collect::<SqlResult<_>>()?)
}

pub(super) fn find(connection: &Connection, id: ClientId) -> Result<Option<Client>> {
    Ok(connection
        .prepare_cached(sql!("SELECT {CLIENT} FROM clients WHERE client_id = ?1"))?
        .query_row([Stored(id)], client)
        .optional()?)
}

pub(super) fn remove(
    connection: &Connection,
    journal: &Journal,
    name: &ClientName,
) -> Result<bool> {
    let removed = connection
        .prepare_cached("DELETE FROM clients WHERE name = ?1")?
        .execute([name.as_str()])?;
    if removed > 0 {
        let event = Event::new(Word::ClientRemoved).about(name.as_str());
        audit::record(connection, journal, event)?;
    }
    Ok(removed > 0)
}

fn client(row: &Row<'_>) -> SqlResult<Client> {
    Ok(Client {
        id: row.get::<_, Stored<ClientId>>(0)?.0,
        name: ClientName::from_stored(row.get(1)?),
        secret: SecretHash(row.get(2)?),
        created_at: row.get::<_, Stored<_>>(3)?.0,
    })
}
