//! Where a key set is read from: a file, or a server.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// No key set is larger.
const BODY_MAX: usize = 1024 * 1024;

/// A server that takes longer is not there.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A file or an `http` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JwksSource {
    /// A file.
    File(PathBuf),
    /// A server.
    Http(Url),
}

impl FromStr for JwksSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Url::parse(text) {
            Ok(url) if url.scheme() == "http" && url.has_host() => Ok(Self::Http(url)),
            Ok(url) if url.scheme() == "https" => Err(format!(
                "https is not spoken here: fetch the key set first, as with `curl -o jwks.json \
                 {url}`, and give the file"
            )),
            _ if text.contains("://") => Err("give an http URL or a file".to_owned()),
            _ => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for JwksSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Http(url) => url.fmt(f),
        }
    }
}

impl JwksSource {
    /// The text of the key set.
    ///
    /// # Errors
    ///
    /// When it cannot be had.
    pub(super) async fn read(&self) -> anyhow::Result<String> {
        match self {
            Self::File(path) => tokio::fs::read_to_string(path).await,
            Self::Http(url) => {
                let fetched = tokio::time::timeout(TIMEOUT, fetch(url)).await;
                return fetched
                    .with_context(|| format!("{url} did not answer in time"))?
                    .with_context(|| format!("cannot fetch {url}"));
            }
        }
        .with_context(|| format!("cannot read {self}"))
    }
}

async fn fetch(url: &Url) -> anyhow::Result<String> {
    let addresses = url.socket_addrs(|| None)?;
    let stream = TcpStream::connect(&*addresses).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = Request::get(target)
        .header(
            HOST,
            &url[url::Position::BeforeHost..url::Position::AfterPort],
        )
        .header(ACCEPT, "application/jwk-set+json, application/json")
        .body(Empty::<Bytes>::new())?;
    // The sender moves in: when it is dropped after the answer, the connection ends too.
    let exchange = async move {
        let answer = sender.send_request(request).await?;
        if answer.status() != StatusCode::OK {
            bail!("the answer is {}", answer.status());
        }
        let body = Limited::new(answer.into_body(), BODY_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
        Ok(String::from_utf8(body.to_vec())?)
    };
    let (text, _) = tokio::join!(exchange, connection);
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn tells_a_url_from_a_file() {
        let file = |path: &str| Ok(JwksSource::File(PathBuf::from(path)));
        assert_eq!("jwks.json".parse(), file("jwks.json"));
        assert_eq!("/tmp/http".parse(), file("/tmp/http"));
        assert!(matches!(
            "http://[::1]:1/x".parse(),
            Ok(JwksSource::Http(_))
        ));
        for text in ["https://auth.example/jwks", "ftp://auth.example/jwks"] {
            text.parse::<JwksSource>().expect_err(text);
        }
    }

    /// What `read` makes of a server's answer, and what the server was asked.
    async fn ask(answer: &'static [u8]) -> (anyhow::Result<String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.expect("a request"));
            }
            stream.write_all(answer).await.expect("answers");
            String::from_utf8(asked).expect("UTF-8")
        });
        let source: JwksSource = format!("http://127.0.0.1:{port}/jwks.json?x=1#y")
            .parse()
            .expect("a URL");
        let text = source.read().await;
        let asked = serving.await.expect("no panic");
        assert!(
            asked.contains(&format!("host: 127.0.0.1:{port}\r\n")),
            "{asked}"
        );
        (text, asked)
    }

    #[tokio::test]
    async fn fetches_a_key_set() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}";
        let (text, asked) = ask(answer).await;
        assert_eq!(text.expect("fetched"), r#"{"keys":[]}"#);
        assert!(
            asked.starts_with("GET /jwks.json?x=1 HTTP/1.1\r\n"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn an_error_or_half_an_answer_is_told() {
        for answer in [
            &b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{",
            b"no http",
        ] {
            let error = ask(answer).await.0.expect_err("told");
            assert!(
                format!("{error:#}").starts_with("cannot fetch http://127.0.0.1"),
                "{error:#}"
            );
        }
    }
}
