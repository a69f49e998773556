use std::sync::Arc;

use latchkey_test_postgres::Cluster;

use super::*;
use crate::config::DatabaseUrl;
use crate::domain::clock::{Clock as _, SystemClock};
use crate::storage::Pending;
use crate::storage::conformance::Fresh;

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

#[tokio::test]
async fn the_database_has_a_clock_of_its_own() {
    let database = Cluster::shared().database();
    let storage = open(&database.url(), 1).await;
    // The cluster runs on this machine.
    let before = SystemClock.now();
    let now = storage.now().await.expect("an answer").expect("a clock");
    assert!(before <= now && now <= SystemClock.now(), "{now}");
    storage.close().await;
}
