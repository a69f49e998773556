//! Where a key set is read from: a file, a server, or an issuer that says where.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use url::{Host, Url};

use super::fetch;

/// Where the key set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JwksSource {
    /// In a file.
    File(PathBuf),
    /// At this URL.
    Remote(Url),
    /// Where the metadata of this issuer say (RFC 8414). With the issuer as it was given,
    /// since it is compared as text.
    Issuer(Url, String),
}

/// What was read.
pub(super) struct Jwks {
    /// The text of the key set.
    pub(super) text: String,
    /// The issuer whose keys these are, if that is what was named.
    pub(super) issuer: Option<String>,
    /// Whether it came over the network, where only public keys are to be trusted.
    pub(super) is_remote: bool,
}

/// What is needed of authorization server metadata (RFC 8414 section 2).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl FromStr for JwksSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = match Url::parse(text) {
            Ok(url) if text.contains("://") => url,
            _ if text.contains("://") => return Err("give a URL or a file".to_owned()),
            _ => return Ok(Self::File(PathBuf::from(text))),
        };
        check(&url)?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        Ok(if is_bare {
            Self::Issuer(url, text.to_owned())
        } else {
            Self::Remote(url)
        })
    }
}

/// Keys come from whom one asked only where the server proves who it is.
fn check(url: &Url) -> Result<(), String> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with a user or a password is not used".to_owned());
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err("http is for this machine alone: give an https URL or a file".to_owned()),
        _ => Err("give an https URL or a file".to_owned()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    }
}

impl fmt::Display for JwksSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Remote(url) | Self::Issuer(url, _) => url.fmt(f),
        }
    }
}

impl JwksSource {
    /// The key set.
    ///
    /// # Errors
    ///
    /// When it cannot be had.
    pub(super) async fn read(&self) -> anyhow::Result<Jwks> {
        let remote =
            async |url: &Url| fetch::text(url, "application/jwk-set+json, application/json").await;
        let (text, issuer) = match self {
            Self::File(path) => {
                let text = tokio::fs::read_to_string(path).await;
                (text.with_context(|| format!("cannot read {self}"))?, None)
            }
            Self::Remote(url) => (remote(url).await?, None),
            Self::Issuer(url, issuer) => (
                remote(&keys_of(url, issuer).await?).await?,
                Some(issuer.clone()),
            ),
        };
        Ok(Jwks {
            text,
            issuer,
            is_remote: !matches!(self, Self::File(_)),
        })
    }
}

/// Where the keys of an issuer are. The metadata must name it exactly (RFC 8414 section
/// 3.3).
async fn keys_of(url: &Url, issuer: &str) -> anyhow::Result<Url> {
    let place = url.join("/.well-known/oauth-authorization-server")?;
    let text = fetch::text(&place, "application/json").await?;
    let metadata: Metadata = serde_json::from_str(&text)
        .with_context(|| format!("{place} is no metadata of an issuer"))?;
    if metadata.issuer != issuer {
        bail!(
            "{place} is of the issuer {}: give that as it stands there",
            metadata.issuer
        );
    }
    let keys = Url::parse(&metadata.jwks_uri)
        .ok()
        .filter(|keys| check(keys).is_ok() && (keys.scheme() == "https" || url.scheme() == "http"));
    keys.with_context(|| format!("{place} has no jwks_uri that is an https URL"))
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
        for text in [
            "http://[::1]:1/x",
            "https://auth.example/jwks",
            "https://a.example/?x",
        ] {
            let source = text.parse();
            assert!(matches!(source, Ok(JwksSource::Remote(_))), "{text}");
        }
        for text in ["https://auth.example", "http://localhost:8000/"] {
            let source = text.parse();
            assert!(
                matches!(&source, Ok(JwksSource::Issuer(_, issuer)) if issuer == text),
                "{text}"
            );
        }
        for text in [
            "ftp://auth.example/jwks",
            "http://auth.example/jwks",
            "http://10.0.0.1/jwks",
            "https://user@auth.example/jwks",
            "https://",
        ] {
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
        let text = source.read().await.map(|jwks| jwks.text);
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
            b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n",
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
