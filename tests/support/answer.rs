//! What the server answered.

use std::fmt::Write as _;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::account::Tokens;
use crate::redact::redact;

/// The headers that say something about an answer; the rest is the same for all of them.
const TELLING: [&str; 7] = [
    "content-type",
    "www-authenticate",
    "allow",
    "retry-after",
    "cache-control",
    "location",
    "access-control-allow-origin",
];

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// `http://127.0.0.1:12345`
    pub(crate) origin: String,
}

impl Answer {
    /// This answer, if it has the status.
    ///
    /// # Panics
    ///
    /// When it has another.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.shown());
        self
    }

    /// A header's value, empty when it is not there.
    ///
    /// # Panics
    ///
    /// When it is no text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a header of text"))
    }

    /// The body as text.
    ///
    /// # Panics
    ///
    /// When it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is not JSON.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.shown()))
    }

    /// A member of the JSON body that is text.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    #[must_use]
    pub fn member(&self, pointer: &str) -> String {
        match self.json().pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            _ => panic!("no text at {pointer}: {}", self.shown()),
        }
    }

    /// The `code` of a problem.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[track_caller]
    #[must_use]
    pub fn code(&self) -> String {
        self.member("/code")
    }

    /// The tokens in it.
    ///
    /// # Panics
    ///
    /// When there are none.
    #[track_caller]
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        Tokens {
            access: self.member("/access_token"),
            refresh: self.member("/refresh_token"),
        }
    }

    /// The `field: code` pairs of a validation problem.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[track_caller]
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.json()["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("no validation problem: {}", self.shown()))
            .iter()
            .map(|error| {
                let word = |name: &str| error[name].as_str().unwrap_or("?").to_owned();
                format!("{}: {}", word("field"), word("code"))
            })
            .collect()
    }

    /// Status, telling headers and body, without what is different each time: for a
    /// snapshot.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut shown = self.status.to_string();
        for name in TELLING {
            for value in self.headers.get_all(name) {
                let value = String::from_utf8_lossy(value.as_bytes());
                let _ = write!(shown, "\n{name}: {value}");
            }
        }
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(mut body) => {
                redact(&mut body, &self.origin);
                let _ = write!(shown, "\n\n{body:#}");
            }
            Err(_) if self.body.is_empty() => {}
            Err(_) => {
                let _ = write!(shown, "\n\n{}", String::from_utf8_lossy(&self.body));
            }
        }
        shown
    }
}
