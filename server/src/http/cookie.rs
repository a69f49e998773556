//! The cookie in which a browser keeps its refresh token for the pages.
//!
//! No script can read it (`HttpOnly`), no form of another site is sent with it
//! (`SameSite=Lax`), and over https nobody else can have set it: browsers take a name that
//! begins with `__Host-` only over TLS, for this very host and for all of its paths
//! (RFC 6265bis section 4.1.3.2). Over http, where browsers would refuse that name, it is
//! called `latchkey`. The API never looks at it.

use warp::http::header::{COOKIE, HeaderMap, HeaderValue};
use zeroize::Zeroizing;

/// The name and attributes of the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionCookie {
    https: bool,
}

impl SessionCookie {
    /// The cookie of a service that is reached over TLS, or is not.
    pub(crate) const fn new(https: bool) -> Self {
        Self { https }
    }

    const fn name(self) -> &'static str {
        if self.https {
            "__Host-latchkey"
        } else {
            "latchkey"
        }
    }

    /// What a request has under the name. Two values are none: nobody could say which of
    /// them is ours.
    pub(crate) fn read(self, request: &HeaderMap) -> Presented {
        let mut values = request
            .get_all(COOKIE)
            .into_iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name())
            .map(|(_, value)| value);
        match (values.next(), values.next()) {
            (None, _) => Presented::Nothing,
            (Some(token), None) => Presented::Token(Zeroizing::new(token.to_owned())),
            (Some(_), Some(_)) => Presented::Unclear,
        }
    }

    /// Has the browser keep `token` for so many seconds.
    pub(crate) fn keep(self, token: &str, seconds: u64) -> HeaderValue {
        self.header(token, seconds)
    }

    /// Has the browser forget it.
    pub(crate) fn forget(self) -> HeaderValue {
        self.header("", 0)
    }

    fn header(self, value: &str, max_age: u64) -> HeaderValue {
        let name = self.name();
        let secure = if self.https { "; Secure" } else { "" };
        let text =
            format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
        // A token is base64url and dots, which every header may hold.
        let mut header = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }
}

/// What a request has for a cookie.
pub(crate) enum Presented {
    Nothing,
    /// What may be a refresh token.
    Token(Zeroizing<String>),
    /// Several.
    Unclear,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(https: bool, cookies: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, cookie.parse().expect("a value"));
        }
        match SessionCookie::new(https).read(&headers) {
            Presented::Nothing => None,
            Presented::Token(token) => Some(token.to_string()),
            Presented::Unclear => Some("?".to_owned()),
        }
    }

    #[test]
    fn is_found_among_others_by_its_exact_name() {
        let found = |token: &str| Some(token.to_owned());
        assert_eq!(read(false, &["a=1; latchkey=x.y; b=2"]), found("x.y"));
        assert_eq!(read(false, &["a=1", "latchkey=x.y"]), found("x.y"));
        assert_eq!(read(true, &["latchkey=n; __Host-latchkey=y"]), found("y"));
        for other in ["", "xlatchkey=1", "Latchkey=1", "latchkey", "a=latchkey=1"] {
            assert_eq!(read(false, &[other]), None, "{other}");
        }
        assert_eq!(read(true, &["latchkey=x.y"]), None);
        assert_eq!(read(false, &["latchkey=1; latchkey=2"]), found("?"));
        assert_eq!(read(false, &["latchkey=1", "latchkey=2"]), found("?"));
    }

    #[test]
    fn has_the_attributes_that_its_name_asks_for() {
        assert_eq!(
            SessionCookie::new(true).keep("a.b.c", 86_400),
            "__Host-latchkey=a.b.c; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            SessionCookie::new(false).forget(),
            "latchkey=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
        assert!(SessionCookie::new(true).keep("a", 1).is_sensitive());
    }
}
