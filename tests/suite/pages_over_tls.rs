//! The pages behind a proxy that ends TLS: `public_url` is https, and so is the cookie.

use std::io;
use std::sync::Arc;

use latchkey_test_postgres::Authority;
use latchkey_tests::{Backend, Home, Server, on_each_backend};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

on_each_backend![item_50_a_person_signs_in_over_tls];

/// A proxy with a certificate for `localhost`, and a browser that trusts it.
struct Secure {
    origin: String,
    port: u16,
    listener: Option<TcpListener>,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl Secure {
    async fn new() -> Self {
        let authority = Authority::new("Own");
        let (certificate, key) = authority.certify(&["localhost"]);
        let pem = |text: String| CertificateDer::from_pem_slice(text.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![pem(certificate).expect("a certificate")], key)
            .expect("a configuration");
        let mut roots = RootCertStore::empty();
        let root = pem(authority.pem()).expect("a certificate");
        roots.add(root).expect("a root");
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        Self {
            origin: format!("https://localhost:{port}"),
            port,
            listener: Some(listener),
            acceptor: TlsAcceptor::from(Arc::new(server)),
            connector: TlsConnector::from(Arc::new(client)),
        }
    }

    /// Carries what is decrypted to the server, for as long as the test runs.
    fn lead_to(&mut self, server: &Server) {
        let listener = self.listener.take().expect("led once");
        let (acceptor, address) = (self.acceptor.clone(), server.address().to_owned());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let mut near = acceptor.accept(near).await.expect("a handshake");
                let mut far = TcpStream::connect(&address).await.expect("the server");
                // Either may hang up without a word.
                let _: io::Result<_> = copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }

    /// What is answered to a request with these headers and this form.
    async fn ask(&self, line: &str, headers: &[(&str, &str)], form: &str) -> String {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await;
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = self.connector.connect(name, stream.expect("a connection"));
        let mut stream = stream.await.expect("a certificate that is trusted");
        let mut request = format!(
            "{line} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\
             Accept: text/html\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n",
            self.port,
            form.len()
        );
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("\r\n{form}");
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("sent");
        let mut answer = Vec::new();
        // The end comes without TLS's own good-bye.
        let _: io::Result<_> = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).expect("UTF-8")
    }
}

async fn item_50_a_person_signs_in_over_tls(backend: Backend) {
    let mut secure = Secure::new().await;
    let home = Home::new(backend).env("LATCHKEY_SERVER__PUBLIC_URL", &*secure.origin);
    let server = home.start().await;
    secure.lead_to(&server);
    let person = server.account_of("Alice").await.person;
    let form = format!(
        "email={}&password={}",
        person.email.replace('@', "%40"),
        person.password
    );

    let own = [("Origin", &*secure.origin)];
    let done = secure.ask("POST /signin", &own, &form).await;
    assert!(done.starts_with("HTTP/1.1 303"), "{done}");
    assert!(done.contains("strict-transport-security: "), "{done}");
    let (_, cookie) = done.split_once("set-cookie: ").expect("a cookie");
    let cookie = cookie.lines().next().expect("a line");
    let (pair, attributes) = cookie.split_once("; ").expect("attributes");
    assert!(pair.starts_with("__Host-latchkey="), "{pair}");
    // What the prefix asks for: Secure, every path, and no Domain.
    let expected = "Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure";
    assert_eq!(attributes, expected);

    let page = secure.ask("GET /account", &[("Cookie", pair)], "").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains(&person.email), "{page}");
    // The name of plain http is not ours here.
    let plain = pair.replace("__Host-", "");
    let away = secure.ask("GET /account", &[("Cookie", &plain)], "").await;
    assert!(away.starts_with("HTTP/1.1 303"), "{away}");

    let foreign = [("Cookie", pair), ("Origin", "https://evil.example")];
    let refused = secure.ask("POST /signout", &foreign, "").await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let own = [("Cookie", pair), ("Origin", &*secure.origin)];
    let gone = secure.ask("POST /signout", &own, "").await;
    assert!(gone.starts_with("HTTP/1.1 303"), "{gone}");
    let forgotten = "set-cookie: __Host-latchkey=; Path=/; Max-Age=0;";
    assert!(gone.contains(forgotten), "{gone}");
    let away = secure.ask("GET /account", &[("Cookie", pair)], "").await;
    assert!(away.starts_with("HTTP/1.1 303"), "{away}");
}
