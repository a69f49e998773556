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
            .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| self.value_in(pair));
        match (values.next(), values.next()) {
            (None, _) => Presented::Nothing,
            (Some(token), None) => Presented::Token(Zeroizing::new(token.to_owned())),
            (Some(_), Some(_)) => Presented::Unclear,
        }
    }

    /// The value in a pair of ours. Only that has to be text: what others keep in the same
    /// browser may be of any bytes.
    fn value_in(self, pair: &[u8]) -> Option<&str> {
        let named = pair.trim_ascii().strip_prefix(self.name().as_bytes())?;
        std::str::from_utf8(named.strip_prefix(b"=")?).ok()
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

    fn read<T: AsRef<[u8]>>(https: bool, cookies: &[T]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            let value = HeaderValue::from_bytes(cookie.as_ref()).expect("a value");
            headers.append(COOKIE, value);
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
    fn is_found_beside_what_is_no_text() {
        let found = Some("x.y".to_owned());
        assert_eq!(read(false, &["theme=h\u{e9}; latchkey=x.y"]), found);
        assert_eq!(read(false, &[b"latchkey=x.y; theme=\xff"]), found);
        assert_eq!(read(false, &[b"latchkey=\xff"]), None);
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
