//! Who takes part, each on a database of its own.

use std::path::Path;

use anyhow::Result;
use latchkey_test_postgres::Cluster;
use tempfile::TempDir;

use super::scenario::Scenario;
use super::sql::Sql;
use crate::load::Contestant;
use crate::servers::Signed;
use crate::servers::better_auth::BetterAuth;
use crate::servers::database::{Backend, Store, cluster};
use crate::servers::fastapi_users::FastapiUsers;
use crate::servers::latchkey::Latchkey;
use crate::servers::predecessor::{Predecessor, Scheme};
use crate::servers::subject::{Floor, Ours, Subject};

/// The floor that checks tokens, by its name.
pub(super) const CHECKED: &str = "bare warp with its check";

/// All servers of one back end; they end with this value.
pub(super) struct Stage {
    /// Ours is the first. Dropped before what they use.
    subjects: Vec<Box<dyn Subject>>,
    sql: Option<Sql>,
    databases: Databases,
}

/// The databases of one stage.
struct Databases {
    backend: Backend,
    stores: Vec<Store>,
    cluster: Option<Cluster>,
    folders: Vec<TempDir>,
}

impl Databases {
    fn new(backend: Backend) -> Self {
        Self {
            backend,
            stores: Vec::new(),
            cluster: (backend == Backend::Postgres).then(cluster),
            folders: Vec::new(),
        }
    }

    /// Another one, empty.
    fn another(&mut self) -> Result<&Store> {
        let folder = tempfile::tempdir()?;
        let store = Store::new(self.backend, folder.path(), self.cluster.as_ref());
        self.folders.push(folder);
        self.stores.push(store);
        Ok(&self.stores[self.stores.len() - 1])
    }
}

impl Stage {
    /// Starts everybody, with accounts for so many clients and so many tokens for all of
    /// them. Who signs with EdDSA has no peers but the floor.
    pub(super) fn set(
        backend: Backend,
        signed: Signed,
        accounts: usize,
        tokens: usize,
    ) -> Result<Self> {
        let mut databases = Databases::new(backend);
        let folder = tempfile::tempdir()?;
        let ours = Latchkey::start(databases.another()?, signed, &[])?;
        let ours = Ours::new("Latchkey".to_owned(), ours, accounts)?.with_tokens(tokens)?;
        let mut subjects = floor(&ours, folder.path())?;
        subjects.insert(0, Box::new(ours));
        databases.folders.push(folder);
        let mut sql = None;
        if signed == Signed::Hs256 {
            sql = Some(Sql::open(databases.another()?, accounts)?);
            for scheme in [Scheme::Argon2, Scheme::Bcrypt] {
                let predecessor = Predecessor::start(databases.another()?, scheme)?;
                subjects.push(Box::new(predecessor));
            }
            subjects.push(Box::new(FastapiUsers::start(databases.another()?)?));
            // Its SQLite driver is compiled while it is installed, for newer releases of Node.
            if let Store::Postgres(database) = databases.another()? {
                subjects.push(Box::new(BetterAuth::start(database)?));
            }
        }
        Ok(Self {
            subjects,
            sql,
            databases,
        })
    }

    pub(super) fn backend(&self) -> Backend {
        self.databases.backend
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = &dyn Subject> {
        self.subjects.iter().map(AsRef::as_ref)
    }

    /// The part of a scenario that is SQL, by so many clients in this process.
    pub(super) fn sql(
        &self,
        scenario: Scenario,
        clients: usize,
    ) -> Option<Box<dyn Contestant + '_>> {
        self.sql.as_ref()?.contestant(scenario, clients)
    }
}

fn floor(ours: &Ours, folder: &Path) -> Result<Vec<Box<dyn Subject>>> {
    let checked = Floor::checked(folder, ours, CHECKED.to_owned())?;
    Ok(vec![Box::new(Floor::plain(folder)?), Box::new(checked)])
}
