//! The address under which clients reach the service.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use url::{Host, Url};

/// An origin, `scheme://host[:port]`, without a trailing slash: the API's paths
/// are fixed and a proxy must keep them, so that a path here could only be a
/// mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    url: Url,
    origin: String,
}

impl PublicUrl {
    /// Reads an `http` or `https` origin. One trailing slash is forgiven.
    ///
    /// # Errors
    /// Says what has to go or to come.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text.trim()).map_err(|_| {
            format!("{text:?} is not a URL; write one like https://auth.example.com")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{text:?} does not start with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "has a user name or a password in it; write only scheme, host and port".to_owned(),
            );
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(format!(
                "{text:?} goes on after the host; write only {}",
                url.origin().ascii_serialization()
            ));
        }
        let origin = url.origin().ascii_serialization();
        Ok(Self { url, origin })
    }

    /// `http://` and the address listened on, or `localhost` for an address
    /// that stands for every interface.
    #[must_use]
    pub fn of_listener(address: SocketAddr) -> Self {
        let text = if address.ip().is_unspecified() {
            format!("http://localhost:{}", address.port())
        } else if let SocketAddr::V6(v6) = address {
            // Without the zone of a link-local address, which no URL can hold.
            format!("http://[{}]:{}", v6.ip(), v6.port())
        } else {
            format!("http://{address}")
        };
        match Self::parse(&text) {
            Ok(url) => url,
            Err(reason) => unreachable!("{text} is an origin, yet: {reason}"),
        }
    }

    /// The origin, for example `https://auth.example.com`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// Whether it is reached over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host is this machine: `localhost` and names under it
    /// (RFC 6761 section 6.3), 127.0.0.0/8, or `::1`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip).to_canonical().is_loopback(),
            None => false,
        }
    }

    /// An absolute URL under it. `path` starts with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl Serialize for PublicUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_an_origin_and_nothing_more() {
        for (text, origin) in [
            ("https://auth.example.com", "https://auth.example.com"),
            ("https://auth.example.com/", "https://auth.example.com"),
            ("HTTPS://Auth.Example.com:443", "https://auth.example.com"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ] {
            assert_eq!(PublicUrl::parse(text).expect(text).as_str(), origin);
        }
        for (text, hint) in [
            ("auth.example.com", "https://auth.example.com"),
            ("ftp://example.com", "http:// or https://"),
            ("https://example.com/auth", "write only https://example.com"),
            ("https://example.com?x", "write only https://example.com"),
            ("https://me:pw@example.com", "user name"),
        ] {
            let error = PublicUrl::parse(text).expect_err(text);
            assert!(error.contains(hint) && !error.contains("pw@"), "{error}");
        }
    }

    #[test]
    fn follows_the_address_listened_on() {
        for (address, origin) in [
            ("127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("[::1]:8000", "http://[::1]:8000"),
            ("0.0.0.0:8000", "http://localhost:8000"),
            ("[::]:9", "http://localhost:9"),
            ("[fe80::1%2]:9", "http://[fe80::1]:9"),
            ("192.0.2.7:80", "http://192.0.2.7"),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(PublicUrl::of_listener(address).as_str(), origin);
        }
    }

    #[test]
    fn knows_this_machine() {
        for text in [
            "http://localhost:1",
            "http://a.localhost",
            "http://127.9.9.9",
            "http://[::1]",
            "http://[::ffff:127.0.0.1]",
        ] {
            assert!(PublicUrl::parse(text).expect(text).is_loopback(), "{text}");
        }
        for text in [
            "http://localhost.example.com",
            "http://10.0.0.1",
            "https://auth.example.com",
        ] {
            assert!(!PublicUrl::parse(text).expect(text).is_loopback(), "{text}");
        }
    }
}
