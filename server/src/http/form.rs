//! Forms as HTML sends them: `application/x-www-form-urlencoded` (WHATWG URL section 5).
//!
//! Read by hand for what the URL crate's parser does not do. A name that comes twice is
//! refused, as in JSON. What is not UTF-8 is refused: replacing it would make one password
//! of many. Values are wiped when they are dropped, for one may be a password.
//!
//! HTML cannot leave a text field out. One that was left empty counts as not sent.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::error::{ApiError, Problem};
use super::fields::Fields;
use super::given::Given;

/// The fields of a form that have a value.
pub(crate) struct Form(BTreeMap<String, Zeroizing<String>>);

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Problem::InvalidForm`] for a name that comes twice and for what is not UTF-8.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let mut fields = BTreeMap::new();
        for pair in body.split(|byte| *byte == b'&') {
            if pair.is_empty() {
                continue;
            }
            let split = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = match split {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            let (name, value) = decode(name)
                .zip(decode(value))
                .ok_or(Problem::InvalidForm)?;
            if fields.insert(name.to_string(), value).is_some() {
                return Err(Problem::InvalidForm.into());
            }
        }
        fields.retain(|_, value| !value.is_empty());
        Ok(Self(fields))
    }

    /// What was typed into a field; empty when it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.as_str())
    }

    /// The fields, for the same rules as those of JSON.
    pub(crate) fn into_fields(self) -> Fields {
        let given = self.0.into_iter();
        Fields::new(
            given
                .map(|(name, value)| (name, Given::Text(value)))
                .collect(),
        )
    }
}

/// A name or a value: `+` is a space, `%` and two hexadecimal digits are a byte, and any
/// other `%` is itself.
pub(crate) fn decode(encoded: &[u8]) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(encoded.len()));
    let mut rest = encoded;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let byte = match (first, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => first,
            },
            _ => first,
        };
        bytes.push(byte);
    }
    let text = std::str::from_utf8(&bytes).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::Age;
    use crate::http::fields::{AGE, EMAIL, NAME, PASSWORD};

    fn form(body: &str) -> Form {
        Form::parse(body.as_bytes()).expect("a form")
    }

    #[test]
    fn decodes_as_browsers_encode() {
        let form = form("name=Ad%C3%A9le+%2B+1%25&&a%20b=c=d&flag&bad=%zz%4&empty=");
        for (name, value) in [
            ("name", "Adéle + 1%"),
            ("a b", "c=d"),
            ("bad", "%zz%4"),
            ("flag", ""),
            ("empty", ""),
            ("unknown", ""),
        ] {
            assert_eq!(form.text(name), value, "{name}");
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        for body in ["a=1&a=2", "a=1&%61=1", "a=&a=", "a=%ff", "%ff=a", "a=%C3"] {
            assert!(Form::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Form::parse(b"a=\xff").is_err());
    }

    #[test]
    fn the_rules_are_those_of_json() {
        let mut fields = form("name=Ada+Lovelace&age=36&password=+x+").into_fields();
        assert!(fields.required(&NAME).is_some());
        let age = fields.optional(&AGE).flatten().flatten();
        assert_eq!(age.map(Age::years), Some(36));
        let password = fields.required(&PASSWORD).expect("a password");
        assert_eq!(password.as_str(), " x ", "spaces belong to a password");
    }

    #[test]
    fn an_empty_field_was_not_sent() {
        let mut fields = form("email=&age=").into_fields();
        assert!(matches!(fields.optional(&AGE), Some(None)));
        assert!(fields.required(&EMAIL).is_none());
        assert!(format!("{:?}", fields.refusal()).contains("missing"));
    }
}
