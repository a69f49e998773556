//! `latchkey token verify` with a key set from a server that offers TLS.

use std::collections::HashMap;
use std::sync::Arc;

use latchkey_test_postgres::Authority;
use latchkey_tests::{Backend, Home, Server, on_each_backend};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

on_each_backend![
    a_key_set_is_fetched_over_tls,
    an_issuer_says_where_its_keys_are,
    a_certificate_that_is_not_trusted_is_refused,
    a_redirect_is_not_followed,
];

const KEYS: &str = "/keys.json";
const METADATA: &str = "/.well-known/oauth-authorization-server";

/// The answers to the paths that exist.
type Answers = HashMap<&'static str, String>;

/// A server with a certificate for `localhost`, which answers for as long as the test runs.
struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Secure {
    async fn new(authority: &Authority) -> Self {
        let (certificate, key) = authority.certify(&["localhost"]);
        let chain = CertificateDer::from_pem_slice(certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain.expect("a certificate")], key.expect("a key"))
            .expect("a configuration");
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.expect("a port"),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    fn origin(&self, host: &str) -> String {
        let port = self.listener.local_addr().expect("an address").port();
        format!("https://{host}:{port}")
    }

    /// Answers one request for each connection.
    fn serve(self, answers: Answers) {
        tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                // A client that has no trust hangs up.
                let Ok(stream) = self.acceptor.accept(stream).await else {
                    continue;
                };
                let mut stream = BufReader::new(stream);
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") {
                    stream.read_line(&mut request).await.expect("a request");
                }
                let path = request.split(' ').nth(1).expect("a path");
                let missing = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned();
                let answer = answers.get(path).unwrap_or(&missing);
                stream.write_all(answer.as_bytes()).await.expect("written");
                stream.shutdown().await.expect("ended");
            }
        });
    }
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// A place without a database that trusts `authority` alone, and the token and key set of a
/// server.
async fn scene(backend: Backend, authority: &Authority) -> (Home, String, String) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.access;
    let keys = server.get("/.well-known/jwks.json").await.text().to_owned();
    let elsewhere = Home::new(backend).file("authority.pem", authority.pem());
    let file = elsewhere.directory().join("authority.pem");
    let elsewhere = elsewhere.env("SSL_CERT_FILE", file.display().to_string());
    (elsewhere, token, keys)
}

async fn a_key_set_is_fetched_over_tls(backend: Backend) {
    let authority = Authority::new("Own");
    let (elsewhere, token, keys) = scene(backend, &authority).await;
    let secure = Secure::new(&authority).await;
    let url = format!("{}{KEYS}", secure.origin("localhost"));
    secure.serve(HashMap::from([(KEYS, ok(&keys))]));

    let verified = elsewhere.cli(["token", "verify", &token, "--jwks", &url]);
    let _ = verified.await.ok();
    let missing = url.replace(KEYS, "/missing");
    let failed = elsewhere.cli(["token", "verify", &token, "--jwks", &missing]);
    assert!(failed.await.failed(1).contains("404"));
}

async fn an_issuer_says_where_its_keys_are(backend: Backend) {
    let authority = Authority::new("Own");
    let (elsewhere, token, keys) = scene(backend, &authority).await;
    let secure = Secure::new(&authority).await;
    let issuer = secure.origin("localhost");
    let metadata = format!(r#"{{"issuer": "{issuer}", "jwks_uri": "{issuer}{KEYS}"}}"#);
    secure.serve(HashMap::from([
        (KEYS, ok(&keys)),
        (METADATA, ok(&metadata)),
    ]));

    // The token is of another issuer, and of the one that is named expressly.
    let verified = elsewhere.cli(["token", "verify", &token, "--jwks", &issuer]);
    assert!(verified.await.failed(1).contains("wrong_issuer"));
    let named = latchkey_tests::Jwt::read(&token).claims["iss"].clone();
    let named = named.as_str().expect("an issuer");
    let verify = [
        "token", "verify", &token, "--jwks", &issuer, "--issuer", named,
    ];
    let _ = elsewhere.cli(verify).await.ok();
    let other = format!("{issuer}/");
    let refused = elsewhere.cli(["token", "verify", &token, "--jwks", &other]);
    assert!(refused.await.failed(1).contains("is of the issuer"));
}

async fn a_certificate_that_is_not_trusted_is_refused(backend: Backend) {
    let (authority, stranger) = (Authority::new("Own"), Authority::new("Stranger"));
    let (elsewhere, token, keys) = scene(backend, &authority).await;
    let unknown = Secure::new(&stranger).await;
    let misnamed = Secure::new(&authority).await;
    let origins = [unknown.origin("localhost"), misnamed.origin("127.0.0.1")];
    for secure in [unknown, misnamed] {
        secure.serve(HashMap::from([(KEYS, ok(&keys))]));
    }
    for origin in origins {
        let url = format!("{origin}{KEYS}");
        let refused = elsewhere.cli(["token", "verify", &token, "--jwks", &url]);
        let refused = refused.await.failed(1);
        assert!(refused.contains("certificate"), "{refused}");
        assert!(refused.contains("SSL_CERT_FILE"), "{refused}");
    }
}

async fn a_redirect_is_not_followed(backend: Backend) {
    let authority = Authority::new("Own");
    let (elsewhere, token, keys) = scene(backend, &authority).await;
    let secure = Secure::new(&authority).await;
    let url = format!("{}/moved", secure.origin("localhost"));
    let moved = format!("HTTP/1.1 301 Moved\r\nlocation: {KEYS}\r\ncontent-length: 0\r\n\r\n");
    secure.serve(HashMap::from([("/moved", moved), (KEYS, ok(&keys))]));

    let refused = elsewhere.cli(["token", "verify", &token, "--jwks", &url]);
    let refused = refused.await.failed(1);
    assert!(refused.contains("it redirects to /keys.json"), "{refused}");
    let plain = ["token", "verify", &token, "--jwks", "http://192.0.2.1/keys"];
    let refused = elsewhere.cli(plain).await;
    assert_eq!(refused.code, Some(2), "{refused:#?}");
}
