//! Headers as strangers send them: nothing panics, the word of the proxy that we trust is
//! the last one about an address, and what other sites send is known as such.
#![no_main]

use std::net::IpAddr;

use latchkey::http::fuzzing::{Sender, sender};
use libfuzzer_sys::fuzz_target;

const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));
const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

type Line<'a> = (&'a str, &'a [u8]);

fuzz_target!(|input: &[u8]| {
    let lines: Vec<Line<'_>> = input
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..colon]).ok()?;
            Some((name, line[colon + 1..].trim_ascii()))
        })
        .filter(|(_, value)| is_header(value))
        .collect();
    hold_address(&lines);
    let sender = sender(STRANGER, lines.iter().copied());
    hold_token(&lines, &sender);
    hold_cookies(&lines, &sender);
    hold_site(&lines, &sender);
    if sender.prefers_html {
        let accept = values(&lines, "accept").map(<[u8]>::to_ascii_lowercase);
        let asks = accept.into_iter().any(|value| {
            let text = String::from_utf8_lossy(&value).into_owned();
            text.contains("text/html") || text.contains("text/*")
        });
        assert!(asks, "HTML for who did not ask for it");
    }
});

fn hold_address(lines: &[Line<'_>]) {
    assert_eq!(sender(STRANGER, lines.iter().copied()).address, STRANGER);

    // The proxy appends whom it talked to, in a line of its own or to the last one.
    let (name, told) = if values(lines, "x-forwarded-for").next().is_some() {
        ("x-forwarded-for", "203.0.113.9")
    } else {
        ("forwarded", "for=203.0.113.9")
    };
    let added = lines.iter().copied().chain([(name, told.as_bytes())]);
    assert_eq!(sender(PROXY, added).address, STRANGER);

    let last = lines
        .iter()
        .rposition(|(given, _)| given.eq_ignore_ascii_case(name));
    if let Some(last) = last {
        let value = [lines[last].1, b", ", told.as_bytes()].concat();
        let mut lines = lines.to_vec();
        lines[last].1 = &value;
        assert_eq!(sender(PROXY, lines).address, STRANGER);
    }
}

fn hold_token(lines: &[Line<'_>], sender: &Sender) {
    match &sender.bearer {
        Ok(None) => {}
        Ok(Some(token)) => {
            assert!(!token.is_empty() && token.trim() == token);
            assert_eq!(values(lines, "authorization").count(), 1);
        }
        Err(status) => {
            assert_eq!(*status, 400);
            assert!(values(lines, "authorization").count() > 1);
        }
    }
}

fn hold_cookies(lines: &[Line<'_>], sender: &Sender) {
    for cookie in &sender.cookies {
        assert!(!cookie.contains(';'), "{cookie:?}");
        let pair = format!("__Host-latchkey={cookie}");
        let contains = |value: &[u8]| {
            value
                .windows(pair.len())
                .any(|part| part == pair.as_bytes())
        };
        assert!(values(lines, "cookie").any(contains), "{cookie:?}");
    }
    let ours = ("cookie", &b"a=b; __Host-latchkey=x.y.z; c"[..]);
    let more = self::sender(STRANGER, lines.iter().copied().chain([ours]));
    assert_eq!(more.cookies.len(), sender.cookies.len() + 1);
    assert_eq!(more.cookies.last().map(String::as_str), Some("x.y.z"));
}

fn hold_site(lines: &[Line<'_>], sender: &Sender) {
    if sender.is_cross_site {
        let says = |name| values(lines, name).next().is_some();
        assert!(says("origin") || says("sec-fetch-site"));
    } else {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "null"),
        ] {
            // It replaces what is there, or comes twice.
            let foreign = lines.iter().copied().chain([(name, value.as_bytes())]);
            assert!(
                self::sender(STRANGER, foreign).is_cross_site,
                "{name}: {value}"
            );
        }
    }
}

/// The values of a header.
fn values<'a>(lines: &[Line<'a>], name: &str) -> impl Iterator<Item = &'a [u8]> {
    lines
        .iter()
        .filter(move |(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value)
}

/// Whether the HTTP library lets it through (RFC 9110 section 5.5).
fn is_header(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| *byte >= 0x20 && *byte != 0x7f || *byte == b'\t')
}
