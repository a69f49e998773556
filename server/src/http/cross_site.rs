//! Whether a page of another site sent a request: such a form must not act.
//!
//! No hidden token is woven into the forms. A browser says itself where a request comes
//! from, in headers that no page can set, and that is enough:
//!
//! - `Sec-Fetch-Site` (W3C Fetch Metadata) tells how the sender relates to us. All
//!   browsers since 2023 send it to https and to loopback. `same-origin` is one of our own
//!   pages, `none` the person. `same-site` is not enough: another port of this machine or
//!   another subdomain is of the same site, and the cookie goes with its requests.
//! - `Origin` (RFC 6454 section 7) comes with every form that is posted, from older
//!   browsers and over http too. It has to be ours. `null` is the origin of documents that
//!   are to have none, such as sandboxed frames, and never ours: the pages ask for
//!   `Referrer-Policy: same-origin`, under which their own forms tell it.
//! - Whatever sends neither is no browser, and has no cookie but the one that its user
//!   gave it.
//!
//! Beside that, `SameSite=Lax` keeps the cookie from what other sites post, and the body
//! of a form has to be of the media type of forms (OWASP ASVS 5.0 requirements 3.5.1 to
//! 3.5.3). `POST /account/token` reads no body: there the headers and the cookie decide.

use warp::http::HeaderName;
use warp::http::header::{HOST, HeaderMap, ORIGIN};

use crate::config::PublicUrl;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a page of another site, or one that hides where it is from, sent the request.
pub(crate) fn is_cross_site(request: &HeaderMap, public_url: &PublicUrl) -> bool {
    let (site, origin) = (One::of(request, &SEC_FETCH_SITE), One::of(request, &ORIGIN));
    match (site, origin) {
        (One::Several, _) | (_, One::Several | One::Value("null")) => true,
        (One::Value(site), _) => !matches!(site, "same-origin" | "none"),
        (One::Nothing, One::Nothing) => false,
        (One::Nothing, One::Value(origin)) => {
            origin != public_url.as_str() && !is_asked_on_loopback(origin, request, public_url)
        }
    }
}

/// Whether `origin` is the address that was asked, when the service and that address are
/// both on this machine: `localhost` and `127.0.0.1` are then the same to a person.
fn is_asked_on_loopback(origin: &str, request: &HeaderMap, public_url: &PublicUrl) -> bool {
    if !public_url.is_loopback() {
        return false;
    }
    let One::Value(host) = One::of(request, &HOST) else {
        return false;
    };
    let asked = PublicUrl::parse(&format!("http://{host}"));
    asked.is_ok_and(|asked| asked.is_loopback() && asked.as_str() == origin)
}

/// A header that should come once.
enum One<'a> {
    Nothing,
    Value(&'a str),
    /// It comes several times, or as something that is no text.
    Several,
}

impl<'a> One<'a> {
    fn of(headers: &'a HeaderMap, name: &HeaderName) -> Self {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Nothing,
            (Some(value), None) => value.to_str().map_or(Self::Several, Self::Value),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "https://auth.example.com";
    const LOCAL: &str = "http://127.0.0.1:8000";

    fn refused(public_url: &str, request: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in request {
            headers.append(*name, value.parse().expect("a value"));
        }
        is_cross_site(&headers, &PublicUrl::parse(public_url).expect("an origin"))
    }

    #[test]
    fn a_browser_that_says_how_it_relates_is_believed() {
        for (site, is_refused) in [
            ("same-origin", false),
            ("none", false),
            ("same-site", true),
            ("cross-site", true),
            ("Same-Origin", true),
            ("", true),
            ("same-origin, cross-site", true),
        ] {
            let request = [("sec-fetch-site", site), ("origin", PUBLIC)];
            assert_eq!(refused(PUBLIC, &request), is_refused, "{site}");
        }
        let twice = [("sec-fetch-site", "same-origin"); 2];
        assert!(refused(PUBLIC, &twice));
    }

    #[test]
    fn otherwise_the_origin_has_to_be_ours() {
        assert!(!refused(PUBLIC, &[]));
        assert!(!refused(PUBLIC, &[("origin", PUBLIC)]));
        for origin in [
            "null",
            "",
            "http://auth.example.com",
            "https://auth.example.com:444",
            "https://auth.example.com.evil.example",
            "https://evil.example",
            "https://example.com",
        ] {
            assert!(refused(PUBLIC, &[("origin", origin)]), "{origin}");
        }
        assert!(refused(PUBLIC, &[("origin", PUBLIC), ("origin", PUBLIC)]));
        let hidden = [("sec-fetch-site", "same-origin"), ("origin", "null")];
        assert!(refused(PUBLIC, &hidden));
    }

    #[test]
    fn this_machine_has_several_names() {
        for (origin, host, is_refused) in [
            ("http://localhost:8000", "localhost:8000", false),
            ("http://[::1]:8000", "[::1]:8000", false),
            ("http://localhost:8000", "127.0.0.1:8000", true),
            ("http://localhost:5173", "localhost:8000", true),
            ("https://localhost:8000", "localhost:8000", true),
            // A name of somebody else's that leads here.
            ("http://evil.example:8000", "evil.example:8000", true),
        ] {
            let request = [("origin", origin), ("host", host)];
            assert_eq!(refused(LOCAL, &request), is_refused, "{origin} {host}");
        }
        let elsewhere = [("origin", "http://localhost"), ("host", "localhost")];
        assert!(refused(PUBLIC, &elsewhere));
    }
}
