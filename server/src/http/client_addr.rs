//! The client's address, through the proxies that we trust.
//!
//! A proxy appends the address of whoever talked to it to `X-Forwarded-For`, so the list
//! is read from the right: as long as the one who wrote an entry is trusted, the entry is
//! believed. Anything further left may have been sent by the client itself.
//!
//! `Forwarded` (RFC 7239) is read only when there is no `X-Forwarded-For`. Proxies that
//! know the one usually pass the other on as the client sent it, and nearly all of them
//! write `X-Forwarded-For`. `X-Real-IP`, which holds one address, is read for the same
//! reason only when there is neither.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use warp::http::header::{FORWARDED, HeaderMap, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The peers whose word about the client's address is believed.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts the peers in `networks`.
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether the peer is one of them.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address for a request that `peer` sent with `headers`.
    ///
    /// An entry that is no address ends the walk: what is left of it cannot be reached
    /// by anybody's word that we trust.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.contain(client) {
            return client;
        }
        for entry in forwarded_for(headers).into_iter().rev() {
            let Some(address) = entry else { break };
            client = address.to_canonical();
            if !self.contain(client) {
                break;
            }
        }
        client
    }
}

/// The addresses that the headers list, the latest last; `None` for what is no address.
fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    if headers.contains_key(X_FORWARDED_FOR) {
        entries(headers, &X_FORWARDED_FOR, node)
    } else if headers.contains_key(FORWARDED) {
        entries(headers, &FORWARDED, forwarded_element)
    } else {
        entries(headers, &X_REAL_IP, node)
    }
}

/// What `read` makes of each entry of a list that may spread over several header lines.
fn entries(
    headers: &HeaderMap,
    name: &HeaderName,
    read: fn(&str) -> Option<IpAddr>,
) -> Vec<Option<IpAddr>> {
    let mut entries = Vec::new();
    for line in headers.get_all(name) {
        for entry in line.as_bytes().split(|byte| *byte == b',') {
            entries.push(std::str::from_utf8(entry).ok().and_then(read));
        }
    }
    entries
}

/// The address in the `for` parameter of one element of `Forwarded`; `None` when there is
/// none, or more than one, or when anything in the element is not well-formed.
///
/// A separator inside of quotes splits here, too, and leaves two halves that are not
/// well-formed. No address needs one, and so a quote that a client left open cannot
/// swallow what the proxy appended.
fn forwarded_element(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.split_once('=')?;
        let value = unquoted(value.trim())?;
        if name.trim().eq_ignore_ascii_case("for") {
            if found.is_some() {
                return None;
            }
            found = Some(node(value)?);
        }
    }
    found
}

/// A token as it is, or what is between two quotes; `None` for any other use of quotes.
fn unquoted(value: &str) -> Option<&str> {
    let inner = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    (!inner.contains('"')).then_some(inner)
}

/// Reads an address with or without brackets and port; what hides behind `unknown` or a
/// name of its own (RFC 7239 section 6) is none.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let bare = text.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use warp::http::HeaderValue;

    use super::*;

    /// The client for a peer and headers, with 10.0.0.0/8, ::1 and 127.0.0.1 trusted.
    fn client(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted = TrustedProxies::new(
            ["10.0.0.0/8", "::1/128", "127.0.0.1/32"]
                .map(|network| network.parse().expect("a network"))
                .to_vec(),
        );
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                *name,
                HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
            );
        }
        let peer = peer.parse().expect("an address");
        trusted.client(peer, &map).to_string()
    }

    fn xff(peer: &str, value: &str) -> String {
        client(peer, &[("x-forwarded-for", value)])
    }

    fn forwarded(value: &str) -> String {
        client("10.0.0.1", &[("forwarded", value)])
    }

    #[test]
    fn x_real_ip_is_believed_when_nothing_else_is_there() {
        let real = |peer, value| client(peer, &[("x-real-ip", value)]);
        assert_eq!(real("10.0.0.1", "203.0.113.7"), "203.0.113.7");
        assert_eq!(real("10.0.0.1", "2001:db8::1"), "2001:db8::1");
        assert_eq!(real("198.51.100.1", "203.0.113.7"), "198.51.100.1");
        assert_eq!(real("10.0.0.1", "somebody"), "10.0.0.1");
        // Two lines: the proxy wrote the last one.
        let twice = [("x-real-ip", "192.0.2.1"), ("x-real-ip", "203.0.113.7")];
        assert_eq!(client("10.0.0.1", &twice), "203.0.113.7");
        for (name, value) in [
            ("x-forwarded-for", "203.0.113.8"),
            ("x-forwarded-for", ""),
            ("forwarded", "for=203.0.113.8"),
            ("forwarded", "for=unknown"),
        ] {
            let both = [("x-real-ip", "192.0.2.1"), (name, value)];
            assert_eq!(client("10.0.0.1", &both), client("10.0.0.1", &both[1..]));
        }
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let headers = [
            ("x-forwarded-for", "192.0.2.1"),
            ("forwarded", "for=192.0.2.2"),
            ("x-real-ip", "192.0.2.3"),
        ];
        assert_eq!(client("203.0.113.9", &headers), "203.0.113.9");
    }

    #[test]
    fn without_a_header_the_proxy_itself_is_the_client() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_the_client_wrote_itself_is_left_of_what_counts() {
        assert_eq!(xff("10.0.0.1", "1.1.1.1, 192.0.2.1"), "192.0.2.1");
        assert_eq!(xff("10.0.0.1", "1.1.1.1,192.0.2.1,10.2.3.4"), "192.0.2.1");
        assert_eq!(
            xff("10.0.0.1", "10.9.9.9, 192.0.2.1 , 10.2.3.4"),
            "192.0.2.1"
        );
    }

    #[test]
    fn when_everybody_is_trusted_the_first_is_the_client() {
        assert_eq!(xff("10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3");
    }

    #[test]
    fn several_header_lines_are_one_list() {
        let lines = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "192.0.2.1, 10.2.3.4"),
        ];
        assert_eq!(client("10.0.0.1", &lines), "192.0.2.1");
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        for garbage in [
            "",
            ",",
            "unknown",
            "192.0.2.1.5",
            "300.1.1.1",
            "[::1",
            "fe80::1%eth0",
            "127.1",
            "0x7f.0.0.1",
            "192.0.2.1:99999",
            "é",
        ] {
            assert_eq!(xff("10.0.0.1", garbage), "10.0.0.1", "{garbage:?}");
            let list = format!("192.0.2.1, {garbage}, 10.0.0.2");
            assert_eq!(xff("10.0.0.1", &list), "10.0.0.2", "{garbage:?}");
        }
    }

    #[test]
    fn ports_and_brackets_are_taken_off() {
        for entry in ["2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:4711"] {
            assert_eq!(xff("10.0.0.1", entry), "2001:db8::7", "{entry}");
        }
        assert_eq!(xff("10.0.0.1", "192.0.2.1:4711"), "192.0.2.1");
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert_eq!(xff("::ffff:10.0.0.1", "192.0.2.1"), "192.0.2.1");
        assert_eq!(xff("10.0.0.1", "::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(xff("10.0.0.1", "192.0.2.1, ::ffff:10.0.0.9"), "192.0.2.1");
        assert_eq!(client("::ffff:203.0.113.9", &[]), "203.0.113.9");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        assert_eq!(forwarded("for=192.0.2.1"), "192.0.2.1");
        assert_eq!(forwarded("For=\"[2001:db8::7]:4711\""), "2001:db8::7");
        assert_eq!(
            forwarded("proto=https;for=192.0.2.1;by=10.0.0.1"),
            "192.0.2.1"
        );
        assert_eq!(
            forwarded("for=1.1.1.1, for=192.0.2.1, for=10.3.3.3"),
            "192.0.2.1"
        );
    }

    #[test]
    fn quotes_hide_nothing_and_reveal_nothing() {
        assert_eq!(forwarded("for=\", for=192.0.2.1"), "192.0.2.1");
        let smuggled = "for=192.0.2.1;host=\"x,for=6.6.6.6;a=\"";
        assert_eq!(forwarded(smuggled), "10.0.0.1");
    }

    #[test]
    fn forwarded_elements_without_an_address_end_the_walk() {
        for element in [
            "for=unknown",
            "for=_hidden",
            "by=10.0.0.1",
            "for",
            "for=\"192.0.2.9",
            "for=192.0.2.9;for=192.0.2.8",
        ] {
            let list = format!("for=192.0.2.1, {element}");
            assert_eq!(forwarded(&list), "10.0.0.1", "{element}");
        }
    }

    #[test]
    fn forwarded_counts_only_without_x_forwarded_for() {
        let headers = [
            ("forwarded", "for=6.6.6.6"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        assert_eq!(client("10.0.0.1", &headers), "192.0.2.1");
    }
}
