//! Why there is no connection, and with whom there is one.

use std::path::PathBuf;

use latchkey_test_postgres::Authority;
use tempfile::TempDir;

use super::*;

/// What has a word for TLS, unlike `DB_HOST` and its like.
const VARIABLE: &str = "LATCHKEY_DATABASE__URL";

async fn refusal(url: &str) -> String {
    let options = OpenOptions {
        pool: 1,
        pending: Pending::Apply,
        now: NOW,
    };
    match PostgresStorage::open(&parsed(url), options).await {
        Ok(_) => panic!("opened {url}"),
        Err(error) => error.to_string(),
    }
}

async fn assert_refused(url: &str, hints: &[&str]) {
    let error = refusal(url).await;
    for hint in hints {
        assert!(error.contains(hint), "{error}");
    }
    assert!(
        !error.contains("sesame") && !error.contains('\n'),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_names_what_to_change() {
    let database = Cluster::shared().database();
    let (name, port) = (database.name(), database.port());
    let user = Cluster::USER;
    assert_refused(
        &format!("postgres://{user}:sesame@127.0.0.1:{port}/{name}"),
        &["127.0.0.1", "password authentication failed", "DB_PASSWORD"],
    )
    .await;
    assert_refused(
        &format!("postgres://{user}@127.0.0.1:{port}/{name}"),
        &["asks for a password", "DB_PASSWORD"],
    )
    .await;
    assert_refused(
        &database.url().replace(name, "no_such_thing"),
        &["no database \"no_such_thing\"", "createdb", "DB_NAME"],
    )
    .await;
    assert_refused(
        "postgres://u:sesame@no-such-host.invalid/db",
        &["no-such-host.invalid:5432", "no address", "DB_HOST"],
    )
    .await;
    // Nobody listens on the port of TCPMUX.
    assert_refused(
        "postgres://u:sesame@127.0.0.1:1/db",
        &["nothing answers", "127.0.0.1:1", "DB_PORT"],
    )
    .await;
    assert_refused(
        "postgres://u:sesame@/db?host=/nowhere/at/all",
        &["no socket", "/nowhere/at/all"],
    )
    .await;
}

/// A cluster that offers TLS, and the certificates that one may trust.
struct Encrypted {
    cluster: Cluster,
    folder: TempDir,
}

impl Encrypted {
    fn start() -> Self {
        let authority = Authority::new("the database's");
        let folder = tempfile::tempdir().expect("a folder");
        for (file, pem) in [
            ("ours.pem", authority.pem()),
            ("others.pem", Authority::new("another").pem()),
            ("empty.pem", String::new()),
        ] {
            std::fs::write(folder.path().join(file), pem).expect("written");
        }
        Self {
            cluster: Cluster::own().only_tls(authority).start(),
            folder,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_asked_who_it_is() {
    let encrypted = Encrypted::start();
    let database = migrated_on(&encrypted.cluster).await;
    let localhost = database.url_at(&format!("localhost:{}", database.port()));
    let elsewhere = database.url_at(&format!("db.example.com:{}", database.port()));
    let elsewhere = format!("{elsewhere}?hostaddr=127.0.0.1");
    let ours = encrypted.file("ours.pem").display().to_string();
    let others = encrypted.file("others.pem").display().to_string();

    for url in [
        localhost.clone(),
        format!("{localhost}?sslmode=require"),
        format!("{localhost}?sslrootcert={ours}"),
        format!("{localhost}?sslmode=verify-full&sslrootcert={ours}"),
        format!("{elsewhere}&sslmode=verify-ca&sslrootcert={ours}"),
        format!("{elsewhere}&sslmode=require"),
    ] {
        let storage = open(&url, 1).await;
        assert_eq!(storage.users(None, 1).await.expect("found"), [], "{url}");
    }

    let untrusted = ["not of an authority", "sslrootcert=FILE", VARIABLE];
    assert_refused(&format!("{localhost}?sslmode=verify-full"), &untrusted).await;
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = format!("{localhost}?sslmode={mode}&sslrootcert={others}");
        assert_refused(&url, &untrusted).await;
    }
    assert_refused(
        &format!("{elsewhere}&sslmode=verify-full&sslrootcert={ours}"),
        &["another name", "sslmode=verify-ca", VARIABLE],
    )
    .await;
    assert_refused(
        &format!("{localhost}?sslmode=disable"),
        &["does not let us in", "no encryption"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_refused_where_it_is_asked_for() {
    let database = Cluster::shared().database();
    for mode in ["require", "verify-ca", "verify-full"] {
        assert_refused(
            &format!("{}?sslmode={mode}", database.url()),
            &["does not offer TLS", "sslmode=disable", VARIABLE],
        )
        .await;
    }
    for url in [
        format!("{}?sslmode=disable", database.url()),
        format!("{}?sslmode=prefer", database.url()),
        database.url(),
        database.socket_url(),
    ] {
        open(&url, 1).await.ping().await.expect("answered");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("written");
    let empty = empty.display();
    for (parameters, hints) in [
        (
            "sslrootcert=/no/such.pem".to_owned(),
            ["/no/such.pem", "sslrootcert"],
        ),
        (format!("sslrootcert={empty}"), ["empty.pem", "holds none"]),
        (
            format!("sslmode=require&sslcert=/no/such.pem&sslkey={empty}"),
            ["/no/such.pem", "sslcert"],
        ),
    ] {
        assert_refused(&format!("postgres://u@db/x?{parameters}"), &hints).await;
    }
}
