//! A network to PostgreSQL that is slow, silent or broken.

use std::time::Duration;

use latchkey_test_postgres::Cluster;
use latchkey_tests::{Backend, Home, Load, Network, Proxy, Server, on_postgres};
use tokio::time::Instant;

on_postgres![
    a_slow_network_makes_answers_slow_and_no_more,
    item_81_a_silent_network_is_503_in_time_and_recovers,
    a_silent_network_does_not_hold_up_a_stop,
    item_81_a_broken_network_is_503_and_recovers,
    a_start_over_a_silent_network_is_an_error_in_time,
];

/// No answer takes longer, whatever the network does. The documented limits are 5 s for a
/// connection, 10 s for a statement and 15 s for a unit of work with all its waits, whose
/// failure is the answer; the rest is room for a machine that is busy. It is less than
/// `server.request_timeout`, so that a limit that does not hold is not covered by that one.
const BOUND: Duration = Duration::from_secs(25);

/// A start gives up after 30 s, as the documentation says; with the same room.
const START_BOUND: Duration = Duration::from_secs(40);

/// The settings to run beyond a network.
fn beyond(proxy: &Proxy, backend: Backend) -> Home {
    let home = Home::new(backend).for_a_ledger();
    let url = home.database().postgres().url_at(&proxy.address());
    home.env("LATCHKEY_DATABASE__URL", url)
}

fn network() -> Proxy {
    Proxy::to(Cluster::shared().port())
}

async fn a_slow_network_makes_answers_slow_and_no_more(backend: Backend) {
    let proxy = network();
    proxy.becomes(Network::Slow(Duration::from_millis(50)));
    let server = beyond(&proxy, backend).start().await;
    let load = Load::new();
    let ledger = load
        .during(&[&server], 8, async {
            load.answers(201, 20).await;
            let _ = server.get("/health").await.expect(200);
        })
        .await;
    assert_eq!(load.count(503), 0, "answers of 503");
    assert!(load.slowest() < BOUND, "{:?}", load.slowest());
    ledger.check(&server).await;
}

/// The network goes in the middle of a load, and comes back.
async fn gone_and_back(backend: Backend, network: Network) {
    let proxy = self::network();
    let server = beyond(&proxy, backend).start().await;
    let alice = server.account_of("Alice").await;
    let load = Load::new();
    let ledger = load
        .during(&[&server], 20, async {
            load.answers(201, 20).await;
            proxy.becomes(network);
            // Counted from when the network goes.
            tokio::join!(server.health_becomes(503), load.answers(503, 20));
            let _ = server.get("/health/live").await.expect(200);
            let _ = server.get("/.well-known/jwks.json").await.expect(200);
            let began = Instant::now();
            let me = server.me(&alice.tokens.access).await.expect(503);
            assert_eq!(me.code(), "database_unavailable");
            assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());

            proxy.becomes(Network::Good);
            server.health_becomes(200).await;
            load.answers(201, 20).await;
            let _ = server.me(&alice.tokens.access).await.expect(200);
        })
        .await;
    assert_eq!(load.count(0), 0, "requests without an answer");
    assert!(load.slowest() < BOUND, "{:?}", load.slowest());
    ledger.check(&server).await;
}

async fn item_81_a_silent_network_is_503_in_time_and_recovers(backend: Backend) {
    gone_and_back(backend, Network::BlackHole).await;
}

async fn item_81_a_broken_network_is_503_and_recovers(backend: Backend) {
    gone_and_back(backend, Network::Cut).await;
}

async fn a_silent_network_does_not_hold_up_a_stop(backend: Backend) {
    let proxy = network();
    let server = beyond(&proxy, backend).start().await;
    let alice = server.account_of("Alice").await;
    proxy.becomes(Network::BlackHole);
    let waiting = tokio::spawn(server.me(&alice.tokens.access).into_future());
    server.health_becomes(503).await;
    let began = Instant::now();
    let _ = server.terminate().await;
    let _ = waiting.await.expect("an answer").expect(503);
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
}

async fn a_start_over_a_silent_network_is_an_error_in_time(backend: Backend) {
    let proxy = network();
    let home = beyond(&proxy, backend);
    let _ = home.cli(["migrate", "up"]).await.ok();
    proxy.becomes(Network::BlackHole);
    let began = Instant::now();
    let failed = home.fails_to_start().await;
    assert!(began.elapsed() < START_BOUND, "{:?}", began.elapsed());
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    let error = failed.stderr.lines().last().expect("an error");
    assert!(
        error.starts_with("error: ") && error.contains(&proxy.address()),
        "{failed:#?}"
    );
    proxy.becomes(Network::Good);
    let server: Server = home.start().await;
    let _ = server.account_of("Alice").await;
}
