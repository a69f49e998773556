//! TLS on the way to PostgreSQL.

use latchkey_test_postgres::{Authority, Cluster};
use latchkey_tests::{Backend, Home, on_postgres};

on_postgres![
    a_server_is_verified_as_far_as_is_asked,
    a_server_of_another_name_or_authority_is_refused,
    what_the_two_sides_cannot_agree_on_is_named,
];

/// The URL of the home's database by this host, `localhost` or an address, and with these
/// parameters.
fn at(home: &Home, host: &str, parameters: &str) -> String {
    let database = home.database().postgres();
    let url = database.url_at(&format!("{host}:{}", database.port()));
    format!("{url}?{parameters}")
}

/// It runs, and each of its connections is encrypted.
async fn serves(home: Home, host: &str, parameters: &str) {
    let url = at(&home, host, parameters);
    let server = home.env("LATCHKEY_DATABASE__URL", url).start().await;
    let _ = server.account_of("Alice").await;
    let plain = "select count(*) from pg_stat_activity join pg_stat_ssl using (pid) \
                 where datname = current_database() and client_addr is not null and not ssl";
    assert_eq!(server.database().rows(plain), [["0"]], "{parameters}");
}

/// It does not start, and its error has these words.
async fn refuses(home: &Home, host: &str, parameters: &str, words: &[&str]) {
    let failed = home
        .instance()
        .env("LATCHKEY_DATABASE__URL", at(home, host, parameters))
        .fails_to_start()
        .await;
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    let error = failed.stderr.lines().last().expect("an error");
    assert!(error.starts_with("error: "), "{failed:#?}");
    for word in words {
        assert!(error.contains(word), "{word}: {failed:#?}");
    }
}

async fn a_server_is_verified_as_far_as_is_asked(_: Backend) {
    let authority = Authority::new("Known");
    let pem = authority.pem();
    let cluster = Cluster::own().tls(authority).start();
    for (host, parameters) in [
        ("localhost", "sslmode=verify-full&sslrootcert=ca.pem"),
        // The certificate is for the name alone.
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert=ca.pem"),
        ("127.0.0.1", "sslmode=require"),
        // The default on this machine, where nobody is between.
        ("127.0.0.1", ""),
    ] {
        let home = Home::on(cluster.database()).file("ca.pem", &pem);
        serves(home, host, parameters).await;
    }
}

async fn a_server_of_another_name_or_authority_is_refused(_: Backend) {
    let (known, unknown) = (Authority::new("Known"), Authority::new("Unknown"));
    let (known_pem, unknown_pem) = (known.pem(), unknown.pem());
    let cluster = Cluster::own().tls(known).start();
    let home = Home::on(cluster.database());
    let path = |name: &str| format!("sslrootcert={}", home.path(name).display());
    std::fs::write(home.path("known.pem"), known_pem).expect("a file");
    std::fs::write(home.path("unknown.pem"), unknown_pem).expect("a file");

    let full = format!("sslmode=verify-full&{}", path("known.pem"));
    refuses(&home, "127.0.0.1", &full, &["another name"]).await;
    for mode in ["verify-full", "verify-ca"] {
        for authority in [path("unknown.pem"), String::new()] {
            let parameters = format!("sslmode={mode}&{authority}");
            refuses(&home, "localhost", &parameters, &["sslrootcert"]).await;
        }
    }
    let missing = format!("sslmode=verify-full&{}", path("missing.pem"));
    refuses(&home, "localhost", &missing, &["missing.pem"]).await;
}

async fn what_the_two_sides_cannot_agree_on_is_named(_: Backend) {
    let only_tls = Cluster::own().only_tls(Authority::new("Known")).start();
    let home = Home::on(only_tls.database());
    refuses(&home, "127.0.0.1", "sslmode=disable", &["no encryption"]).await;

    let without = Cluster::own().start();
    let home = Home::on(without.database());
    for mode in ["require", "verify-full"] {
        let parameters = format!("sslmode={mode}");
        refuses(&home, "localhost", &parameters, &["TLS", "sslmode=disable"]).await;
    }
}
