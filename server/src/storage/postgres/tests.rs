mod outages;
mod plans;
mod races;
mod refusals;
mod round_trips;
mod rows;
mod settings;

use latchkey_test_postgres::{Cluster, Database};

use super::transaction::Transaction;
use super::*;
use crate::config::DatabaseUrl;
use crate::domain::entropy::SystemEntropy;
use crate::domain::session::TokenHash;
use crate::domain::user::UserName;
use crate::storage::conformance::Fresh;
use crate::storage::{Pending, StorageError};

mod conforms_on_postgres {
    crate::storage::conformance::suite!(super::fresh);
}

async fn fresh() -> Fresh {
    let database = Cluster::shared().database();
    Fresh {
        storage: Arc::new(open(&database.url(), 4).await),
        _keep: Box::new(database),
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_007);

/// A database with the whole schema.
async fn migrated() -> Database {
    migrated_on(Cluster::shared()).await
}

async fn migrated_on(cluster: &Cluster) -> Database {
    let database = cluster.database();
    open(&database.url(), 1).await.close().await;
    database
}

fn parsed(url: &str) -> Box<PostgresUrl> {
    match url.parse().expect("a URL") {
        DatabaseUrl::Postgres(url) => url,
        other => panic!("{other}"),
    }
}

async fn open(url: &str, pool: u32) -> PostgresStorage {
    let options = OpenOptions {
        pool,
        pending: Pending::Apply,
        now: NOW,
    };
    PostgresStorage::open(&parsed(url), options)
        .await
        .expect("opens")
}

/// Opens for a test that waits until there is no more patience.
fn open_with(url: &str, pool: u32, patience: Patience) -> PostgresStorage {
    let connector = Connector::new(&parsed(url)).expect("no certificates to read");
    PostgresStorage {
        requests: Pool::new(connector.clone(), pool, patience),
        control: Pool::new(connector, 1, CONTROL_PATIENCE),
    }
}

fn cx() -> WriteContext {
    WriteContext::service(NOW)
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(text)
}

fn new_user(address: &str) -> NewUser {
    NewUser {
        id: UserId::new(NOW, &SystemEntropy),
        name: UserName::parse("Ada Lovelace").expect("a name"),
        email: Email::parse(address).expect("an address"),
        age: None,
        password: hash("first"),
    }
}

fn new_session() -> NewSession {
    NewSession {
        id: SessionId::new(NOW, &SystemEntropy),
        refresh: TokenHash([1; 32]),
        expires_at: NOW.plus(Duration::from_secs(900)),
        status: None,
    }
}

/// Ada, who has a session.
async fn signed_in(storage: &PostgresStorage) -> (User, SessionId) {
    let session = new_session();
    let id = session.id;
    let user = storage
        .create_user(&cx(), new_user("ada@example.com"), Some(session))
        .await
        .expect("created");
    (user, id)
}

/// Waits until as many connections to the database wait for somebody's lock.
async fn until_waiting(database: &Database, connections: usize) {
    let waiting = format!(
        "select 1 from pg_stat_activity \
         where datname = '{}' and wait_event_type = 'Lock'",
        database.name()
    );
    while database.rows(&waiting).len() < connections {
        tokio::task::yield_now().await;
    }
}
