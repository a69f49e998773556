//! `latchkey client`: the programs that may ask about tokens at `/oauth/introspect`,
//! changed while the server runs. Each request is checked against what is stored then.

use std::sync::Arc;

use clap::Subcommand;
use serde::Serialize;

use super::open::{self, Missing};
use super::{Context, output, runtime};
use crate::domain::clients::{Client, ClientName, ClientSecret, Clients};
use crate::domain::clock::Timestamp;
use crate::domain::context::WriteContext;
use crate::domain::entropy::SystemEntropy;

/// `latchkey client …`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a client and print its secret, which cannot be shown again
    Add {
        /// What to call it, 1 to 100 characters
        #[arg(value_parser = ClientName::parse)]
        name: ClientName,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the clients by name
    List {
        /// Print JSON: one array
        #[arg(long)]
        json: bool,
    },
    /// Forget a client; its next request is refused
    Remove {
        /// Which one
        #[arg(value_parser = ClientName::parse)]
        name: ClientName,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        runtime::command(async {
            let missing = match self {
                Self::Add { .. } => Missing::Create,
                Self::List { .. } | Self::Remove { .. } => Missing::Refuse,
            };
            let opened = open::storage(cx, missing).await?;
            let storage = Arc::clone(&opened.storage);
            let cx = opened.operator();
            let clients = Clients::new(opened.storage, Arc::new(SystemEntropy));
            let done = self.apply(&clients, &cx).await;
            storage.close().await;
            done
        })
    }

    async fn apply(self, clients: &Clients, cx: &WriteContext) -> anyhow::Result<()> {
        match self {
            Self::Add { name, json } => {
                let Some((client, secret)) = clients.add(cx, name.clone()).await? else {
                    anyhow::bail!(
                        "there is a client {name} already: choose another name, or remove that one"
                    );
                };
                print_new(&client, &secret, json)
            }
            Self::List { json } => print_all(&clients.list().await?, json),
            Self::Remove { name, json } => {
                if !clients.remove(cx, &name).await? {
                    anyhow::bail!("there is no client {name}; `latchkey client list` shows them");
                }
                if json {
                    return output::json(&serde_json::json!({ "removed": name.as_str() }));
                }
                output::line(&format!("removed {name}"))
            }
        }
    }
}

/// What its owner has to keep; nobody can find out the secret later.
#[derive(Serialize)]
struct NewClient<'a> {
    client_id: String,
    client_secret: &'a str,
    name: &'a str,
}

fn print_new(client: &Client, secret: &ClientSecret, json: bool) -> anyhow::Result<()> {
    let new = NewClient {
        client_id: client.id.to_string(),
        client_secret: secret.expose(),
        name: client.name.as_str(),
    };
    if json {
        return output::json(&new);
    }
    output::line(&format!("client_id      {}", new.client_id))?;
    output::line(&format!("client_secret  {}", new.client_secret))?;
    output::line("The secret is not kept and cannot be shown again.")
}

/// A client without its secret.
#[derive(Serialize)]
struct Shown<'a> {
    client_id: String,
    name: &'a str,
    created_at: Timestamp,
}

fn print_all(clients: &[Client], json: bool) -> anyhow::Result<()> {
    let shown = clients.iter().map(|client| Shown {
        client_id: client.id.to_string(),
        name: client.name.as_str(),
        created_at: client.created_at,
    });
    if json {
        return output::json(&shown.collect::<Vec<_>>());
    }
    let mut table = output::Table::new(["name", "client id", "created"]);
    for client in shown {
        table.row([
            client.name,
            &client.client_id,
            &client.created_at.to_string(),
        ]);
    }
    table.print()
}
