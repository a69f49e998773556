//! Fetching a small document: one GET with bounds on everything that a server chooses.
//!
//! The certificate is verified with the roots of the system, or those of `SSL_CERT_FILE`.
//! Redirects are not followed, since they would lead to a server that nobody named, and
//! proxies are not used.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, LOCATION};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Position, Url};

/// No document is larger.
const BODY_MAX: usize = 1024 * 1024;

/// A server that takes longer is not there.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The text at `url`, which is an `http` or `https` one.
///
/// # Errors
///
/// When it cannot be had, with what to do about it.
pub(super) async fn text(url: &Url, accept: &'static str) -> anyhow::Result<String> {
    let answer = tokio::time::timeout(TIMEOUT, get(url, accept)).await;
    answer
        .with_context(|| format!("{url} did not answer in time"))?
        .with_context(|| format!("cannot fetch {url}"))
}

async fn get(url: &Url, accept: &'static str) -> anyhow::Result<String> {
    let host = url.host().context("it names no server")?;
    let port = url.port_or_known_default().context("it names no port")?;
    let address = match host {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    };
    let stream = TcpStream::connect((address.as_str(), port)).await?;
    if url.scheme() == "https" {
        let name = ServerName::try_from(address)?;
        return exchange(encrypted(stream, name).await?, url, accept).await;
    }
    exchange(stream, url, accept).await
}

async fn encrypted(
    stream: TcpStream,
    name: ServerName<'static>,
) -> anyhow::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots()?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    connecting.await.map_err(|error| {
        if is_about_certificate(&error) {
            anyhow::anyhow!(
                "{error}; if the certificate is of an authority of your own, set SSL_CERT_FILE to \
                 the file of that one's"
            )
        } else {
            error.into()
        }
    })
}

fn is_about_certificate(error: &io::Error) -> bool {
    let inner = error.get_ref();
    let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

fn roots() -> anyhow::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if !roots.is_empty() {
        return Ok(roots);
    }
    match found.errors.into_iter().next() {
        Some(error) => Err(error).context("cannot read the trusted certificates"),
        None => bail!(
            "the system has no trusted certificates: install them (package ca-certificates), or \
             set SSL_CERT_FILE"
        ),
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    url: &Url,
    accept: &'static str,
) -> anyhow::Result<String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(ACCEPT, accept)
        .body(Empty::<Bytes>::new())?;
    // The sender moves in: when it is dropped after the answer, the connection ends too.
    let exchange = async move {
        let answer = sender.send_request(request).await?;
        refuse_failure(&answer)?;
        let body = Limited::new(answer.into_body(), BODY_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
        Ok(String::from_utf8(body.to_vec())?)
    };
    // That the connection ended badly says nothing once there is an answer: many servers
    // close it without the farewell that TLS asks for.
    let (text, _) = tokio::join!(exchange, connection);
    text
}

fn refuse_failure<B>(answer: &Response<B>) -> anyhow::Result<()> {
    let status = answer.status();
    if status == StatusCode::OK {
        return Ok(());
    }
    let location = answer.headers().get(LOCATION);
    match location.and_then(|location| location.to_str().ok()) {
        Some(location) if status.is_redirection() => {
            bail!("it redirects to {location}, which is not followed: name that if you trust it")
        }
        _ => bail!("the answer is {status}"),
    }
}
