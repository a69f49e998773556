//! `[server]`: the listener and what surrounds a request.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{cors::CorsOrigin, duration, public_url::PublicUrl, size::ByteSize};

/// The `[server]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address and port to listen on; port 0 lets the system choose one.
    #[serde(deserialize_with = "listen_address")]
    pub listen: SocketAddr,
    /// The origin under which clients reach the service. Use
    /// [`Config::public_url`](super::Config::public_url), which knows what
    /// holds when it is left out.
    pub public_url: Option<PublicUrl>,
    /// Peers whose `X-Forwarded-For` and the like are believed.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Which web pages may call the API. Use
    /// [`CorsPolicy::new`](super::CorsPolicy::new).
    pub cors_origins: Option<Vec<CorsOrigin>>,
    /// How long a request may take, from its last header to its answer.
    #[serde(with = "duration")]
    pub request_timeout: Duration,
    /// How long a client may take to send a request's headers.
    #[serde(with = "duration")]
    pub header_timeout: Duration,
    /// How long a stopping server waits for requests that are running.
    #[serde(with = "duration")]
    pub shutdown_deadline: Duration,
    /// How many connections are open at once; for another, one on which nothing runs is
    /// closed.
    pub max_connections: u32,
    /// The largest request body.
    pub max_body: ByteSize,
    /// Whether `/docs` and `/openapi.json` are served.
    pub docs: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            public_url: None,
            trusted_proxies: Vec::new(),
            cors_origins: None,
            request_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            shutdown_deadline: Duration::from_secs(25),
            max_connections: 512,
            max_body: ByteSize::kib(64),
            docs: true,
        }
    }
}

/// Reads `ADDRESS:PORT`; `localhost:PORT` and `:PORT` mean 127.0.0.1.
///
/// # Errors
/// Says how an address looks.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost").unwrap_or(text);
    if let Some(port) = local.strip_prefix(':')
        && let Ok(port) = port.parse::<u16>()
    {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| {
        format!(
            "{text:?} is not an address to listen on; write one like 127.0.0.1:8000 or [::1]:8000"
        )
    })
}

fn listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    parse_listen(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Networks in CIDR notation; an address alone is a network of one.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|text| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map(|network| network.trunc())
                .map_err(|_| {
                    D::Error::custom(format!(
                        "{text:?} is not a network; write one like 10.0.0.0/8, or an address"
                    ))
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(json: serde_json::Value) -> Result<Server, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn listens_where_people_say() {
        for (text, address) in [
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:8000", "[::1]:8000"),
            ("localhost:0", "127.0.0.1:0"),
            (":8000", "127.0.0.1:8000"),
        ] {
            assert_eq!(parse_listen(text).expect(text).to_string(), address);
        }
        for text in [
            "",
            "8000",
            "localhost",
            "127.0.0.1",
            "::1:8000x",
            "example.com:80",
            "127.0.0.1:99999",
        ] {
            assert!(
                parse_listen(text)
                    .expect_err(text)
                    .contains("127.0.0.1:8000")
            );
        }
    }

    #[test]
    fn proxies_are_networks_or_addresses() {
        let server = server(serde_json::json!({ "trusted_proxies": ["10.1.2.3/8", "::1"] }));
        let proxies = server.expect("networks").trusted_proxies;
        assert_eq!(
            proxies,
            [
                "10.0.0.0/8".parse::<IpNet>().expect("v4"),
                "::1/128".parse().expect("v6")
            ]
        );
    }
}
