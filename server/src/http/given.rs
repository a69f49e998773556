//! A JSON value as a request gives it.
//!
//! Read by hand for what `serde_json::Value` does not do: members that come twice are
//! refused, and texts are wiped when they are dropped, for one may be a password. How deep
//! values may nest is bounded by serde_json.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// A JSON value as it was given; what is inside of an array does not matter.
pub(super) enum Given {
    Null,
    Bool,
    Integer(i64),
    Float(f64),
    Text(Zeroizing<String>),
    Array,
    Object(BTreeMap<String, Given>),
}

impl Given {
    /// The text, if it is one.
    pub(super) fn text(self) -> Option<Zeroizing<String>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number, or one in a string as HTML forms send it. `30.0` is whole. What an
    /// `i64` cannot hold becomes the end of its range.
    pub(super) fn whole_number(self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number),
            Self::Float(number) => whole(number),
            Self::Text(text) => digits(text.trim()),
            Self::Null | Self::Bool | Self::Array | Self::Object(_) => None,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` stops at the ends of the range, as is wanted"
)]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0).then_some(number as i64)
}

fn digits(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The only thing left that can go wrong is the range.
    Some(text.parse().unwrap_or(i64::MAX))
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GivenVisitor)
    }
}

struct GivenVisitor;

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated members")
    }

    fn visit_unit<E>(self) -> Result<Given, E> {
        Ok(Given::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Given, E> {
        Ok(Given::Bool)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Given, E> {
        Ok(Given::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Given, E> {
        Ok(Given::Integer(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Given, E> {
        Ok(Given::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Given, E> {
        Ok(Given::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Given, A::Error> {
        while elements.next_element::<Given>()?.is_some() {}
        Ok(Given::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a member comes twice"));
            }
        }
        Ok(Given::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(json: &str) -> Option<i64> {
        let given: Given = serde_json::from_str(json).expect(json);
        given.whole_number()
    }

    #[test]
    fn whole_numbers_come_in_many_spellings() {
        for json in ["30", "30.0", "3e1", r#""30""#, r#"" 30 ""#, r#""+30""#] {
            assert_eq!(number(json), Some(30), "{json}");
        }
        for json in ["1e300", "18446744073709551616", r#""99999999999999999999""#] {
            assert_eq!(number(json), Some(i64::MAX), "{json}");
        }
        for json in [
            "30.5",
            "true",
            "null",
            "[30]",
            r#"{"a":1}"#,
            r#""""#,
            r#""thirty""#,
            r#""inf""#,
            r#""3e1""#,
            r#""+-3""#,
        ] {
            assert_eq!(number(json), None, "{json}");
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        let deep = "[".repeat(50_000) + &"]".repeat(50_000);
        for json in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":1e400}"#,
            "\u{feff}{}",
            &deep,
        ] {
            assert!(serde_json::from_str::<Given>(json).is_err(), "{json:.40}");
        }
    }
}
