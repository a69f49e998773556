//! `server.cors_origins`: which web pages may read the API's answers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::public_url::PublicUrl;

/// One entry of `server.cors_origins`.
#[derive(Clone, PartialEq, Eq)]
pub enum CorsOrigin {
    /// `*`: every page may, without credentials.
    Any,
    /// This origin, as a browser sends it in `Origin` (RFC 6454 section 6.2).
    Origin(String),
}

/// What `server.cors_origins` comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsPolicy {
    /// No page of another origin.
    Nobody,
    /// Pages of this machine, on any port.
    Loopback,
    /// Every page, never with credentials.
    Everybody,
    /// Pages of these origins.
    Listed(Vec<String>),
}

impl CorsPolicy {
    /// The policy for a setting; left out, it allows loopback origins while
    /// the service itself is reached on loopback, and none otherwise.
    #[must_use]
    pub fn new(setting: Option<&[CorsOrigin]>, public_url: &PublicUrl) -> Self {
        let Some(entries) = setting else {
            return if public_url.is_loopback() {
                Self::Loopback
            } else {
                Self::Nobody
            };
        };
        let mut listed = Vec::new();
        for entry in entries {
            match entry {
                CorsOrigin::Any => return Self::Everybody,
                CorsOrigin::Origin(origin) => listed.push(origin.clone()),
            }
        }
        if listed.is_empty() {
            Self::Nobody
        } else {
            Self::Listed(listed)
        }
    }

    /// Whether a page of this origin may read answers. `origin` is the header's
    /// value as it came.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Listed(origins) => origins.iter().any(|listed| listed == origin),
            Self::Loopback => PublicUrl::parse(origin).is_ok_and(|url| url.is_loopback()),
        }
    }
}

impl fmt::Display for CorsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "*",
            Self::Origin(origin) => origin,
        })
    }
}

impl fmt::Debug for CorsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CorsOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CorsOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "*" {
            return Ok(Self::Any);
        }
        PublicUrl::parse(&text)
            .map(|url| Self::Origin(url.as_str().to_owned()))
            .map_err(|reason| D::Error::custom(format!("{reason}, or \"*\" for every origin")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(setting: Option<&[&str]>, public_url: &str) -> CorsPolicy {
        let setting: Option<Vec<CorsOrigin>> =
            setting.map(|list| serde_json::from_value(list.into()).expect("origins"));
        CorsPolicy::new(
            setting.as_deref(),
            &PublicUrl::parse(public_url).expect("a URL"),
        )
    }

    #[test]
    fn left_out_it_follows_the_public_url() {
        let local = policy(None, "http://127.0.0.1:8000");
        assert!(local.allows("http://localhost:5173") && local.allows("http://[::1]:3000"));
        assert!(!local.allows("https://evil.example") && !local.allows("null"));
        assert!(!policy(None, "https://auth.example.com").allows("http://localhost:5173"));
    }

    #[test]
    fn a_list_is_exact() {
        let listed = policy(
            Some(&["https://app.example.com/"]),
            "https://auth.example.com",
        );
        assert!(listed.allows("https://app.example.com"));
        for origin in [
            "https://app.example.com.evil.example",
            "http://app.example.com",
            "https://app.example.com:444",
        ] {
            assert!(!listed.allows(origin), "{origin}");
        }
        assert_eq!(policy(Some(&[]), "http://localhost:1"), CorsPolicy::Nobody);
        assert_eq!(
            policy(Some(&["*"]), "https://auth.example.com"),
            CorsPolicy::Everybody
        );
    }
}
