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

    /// What a request has under the name: what may be refresh tokens. Of several nobody can
    /// say which is ours; over http another service on this host can add one.
    pub(crate) fn read(self, request: &HeaderMap) -> Vec<Zeroizing<String>> {
        request
            .get_all(COOKIE)
            .into_iter()
            .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| self.value_in(pair))
            .map(|value| Zeroizing::new(value.to_owned()))
            .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(https: bool, cookies: &[&[u8]]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            let value = HeaderValue::from_bytes(cookie).expect("a value");
            headers.append(COOKIE, value);
        }
        let values = SessionCookie::new(https).read(&headers);
        values.iter().map(|value| value.to_string()).collect()
    }

    #[test]
    fn is_found_among_others_by_its_exact_name() {
        assert_eq!(read(false, &[b"a=1; latchkey=x.y; b=2"]), ["x.y"]);
        assert_eq!(read(false, &[b"a=1", b"latchkey=x.y"]), ["x.y"]);
        assert_eq!(read(true, &[b"latchkey=n; __Host-latchkey=y"]), ["y"]);
        assert!(read(true, &[b"latchkey=x.y"]).is_empty());
        for other in ["", "xlatchkey=1", "Latchkey=1", "latchkey", "a=latchkey=1"] {
            assert!(read(false, &[other.as_bytes()]).is_empty(), "{other}");
        }
    }

    #[test]
    fn several_are_all_found() {
        assert_eq!(read(false, &[b"latchkey=1; latchkey=2"]), ["1", "2"]);
        assert_eq!(read(false, &[b"latchkey=1", b"latchkey=2"]), ["1", "2"]);
    }

    #[test]
    fn is_found_beside_what_is_no_text() {
        let accented = "theme=h\u{e9}; latchkey=x.y";
        assert_eq!(read(false, &[accented.as_bytes()]), ["x.y"]);
        assert_eq!(read(false, &[b"latchkey=x.y; theme=\xff"]), ["x.y"]);
        assert!(read(false, &[b"latchkey=\xff"]).is_empty());
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
