//! The fields of a JSON body, each with its rule and its schema, read leniently enough
//! that every one which does not fit is reported at once.
//!
//! Members that nobody asks for are ignored. A member that comes twice makes the body no
//! JSON that two parsers would agree upon, and is refused (RFC 8259 section 4).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::error::{ApiError, Problem};
use crate::domain::email::{self, Email};
use crate::domain::error::Violation;
use crate::domain::password::Password;
use crate::domain::user::{Age, UserName};

/// A field: its name, how its value is read, and what the API's description says of it.
pub(crate) struct Field<T> {
    pub(crate) name: &'static str,
    read: fn(&RawValue) -> Result<T, Fault>,
    schema: fn() -> Value,
}

/// A field of a certain body.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) schema: fn() -> Value,
}

impl<T> Field<T> {
    /// A member that a body must have.
    pub(crate) const fn required(&self) -> Member {
        Member {
            name: self.name,
            required: true,
            schema: self.schema,
        }
    }

    /// A member that a body may have.
    pub(crate) const fn optional(&self) -> Member {
        Member {
            name: self.name,
            required: false,
            schema: self.schema,
        }
    }
}

/// A user's name.
pub(crate) const NAME: Field<UserName> = Field {
    name: "name",
    read: |raw| UserName::parse(&text(raw)?).map_err(|error| Fault::new(error.code(), error)),
    schema: || {
        json!({
            "type": "string",
            "minLength": UserName::MIN,
            "maxLength": UserName::MAX,
        })
    },
};

/// An e-mail address.
pub(crate) const EMAIL: Field<Email> = Field {
    name: "email",
    read: |raw| Email::parse(&text(raw)?).map_err(|error| Fault::new("invalid_email", error)),
    schema: || json!({ "type": "string", "format": "email", "maxLength": email::MAX_BYTES }),
};

/// An age; `None` is JSON's null.
pub(crate) const AGE: Field<Option<Age>> = Field {
    name: "age",
    read: age,
    schema: || {
        json!({
            "anyOf": [
                { "type": "integer", "minimum": Age::MIN, "maximum": Age::MAX },
                { "type": "string", "pattern": "^[0-9]+$", "description": "The same number in a string." },
                { "type": "null" },
            ],
        })
    },
};

/// A password that somebody signs in with, or wants to.
pub(crate) const PASSWORD: Field<Password> = password_field("password");

/// The password that a signed-in user has.
pub(crate) const CURRENT_PASSWORD: Field<Password> = password_field("current_password");

/// The password that a signed-in user wants to have.
pub(crate) const NEW_PASSWORD: Field<Password> = password_field("new_password");

/// A refresh token; `None` is JSON's null.
pub(crate) const REFRESH_TOKEN: Field<Option<String>> = Field {
    name: "refresh_token",
    read: |raw| {
        if raw.get() == "null" {
            Ok(None)
        } else {
            text(raw).map(Some)
        }
    },
    schema: || json!({ "type": ["string", "null"] }),
};

const fn password_field(name: &'static str) -> Field<Password> {
    Field {
        name,
        read: |raw| text(raw).map(Password::new),
        schema: || json!({ "type": "string", "format": "password" }),
    }
}

/// Why a value is not one of the field's.
pub(crate) struct Fault {
    code: &'static str,
    message: String,
}

impl Fault {
    fn new(code: &'static str, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }

    fn wrong_type(message: &str) -> Self {
        Self::new("wrong_type", message)
    }
}

fn text(raw: &RawValue) -> Result<String, Fault> {
    serde_json::from_str(raw.get()).map_err(|_| Fault::wrong_type("must be a string"))
}

/// A whole number, or one in a string as HTML forms send it. `30.0` is whole.
fn age(raw: &RawValue) -> Result<Option<Age>, Fault> {
    if raw.get() == "null" {
        return Ok(None);
    }
    let number: Cow<'_, str> = match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => text.trim().to_owned().into(),
        Err(_) => raw.get().into(),
    };
    let years = whole(&number).ok_or_else(|| Fault::wrong_type("must be a whole number"))?;
    Age::new(years)
        .map(Some)
        .map_err(|error| Fault::new(error.code(), error))
}

/// The whole number that a text is, as far as it matters: what does not fit in an `i64`
/// is the end of the range.
fn whole(text: &str) -> Option<i64> {
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    // Rust also reads "inf" and "nan", which JSON does not know.
    if !text.ends_with(|last: char| last.is_ascii_digit()) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, as is wanted"
    )]
    (number.fract() == 0.0 || number.is_infinite()).then_some(number as i64)
}

/// The members of a body, and what was wrong with those that were asked for.
pub(crate) struct Fields<'a> {
    members: Members<'a>,
    violations: Vec<Violation>,
}

impl<'a> Fields<'a> {
    /// Reads the outermost object of a body; the values are only checked to be JSON.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ApiError> {
        let text = std::str::from_utf8(body).map_err(|_| Problem::InvalidJson)?;
        let whole: &RawValue = serde_json::from_str(text).map_err(|_| Problem::InvalidJson)?;
        if !whole.get().starts_with('{') {
            return Err(ApiError::invalid(vec![Violation {
                field: "body",
                code: "wrong_type",
                message: "must be a JSON object".to_owned(),
            }]));
        }
        let members = serde_json::from_str(whole.get()).map_err(|_| Problem::InvalidJson)?;
        Ok(Self {
            members,
            violations: Vec::new(),
        })
    }

    /// The value of a field that must be there; `None` when it is noted as a violation.
    pub(crate) fn required<T>(&mut self, field: &Field<T>) -> Option<T> {
        if !self.members.0.contains_key(field.name) {
            self.refuse([Violation {
                field: field.name,
                code: "required",
                message: "is required".to_owned(),
            }]);
        }
        self.optional(field)?
    }

    /// The value of a field that may be left out; the outer `None` when it is noted as a
    /// violation.
    pub(crate) fn optional<T>(&mut self, field: &Field<T>) -> Option<Option<T>> {
        let Some(raw) = self.members.0.get(field.name) else {
            return Some(None);
        };
        match (field.read)(raw) {
            Ok(value) => Some(Some(value)),
            Err(fault) => {
                self.refuse([Violation {
                    field: field.name,
                    code: fault.code,
                    message: fault.message,
                }]);
                None
            }
        }
    }

    /// Notes violations that were found elsewhere.
    pub(crate) fn refuse(&mut self, violations: impl IntoIterator<Item = Violation>) {
        self.violations.extend(violations);
    }

    /// The answer that lists every violation.
    pub(crate) fn refusal(self) -> ApiError {
        ApiError::invalid(self.violations)
    }
}

/// The members of an object by name, values unread.
struct Members<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object without repeated members")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    if members.insert(name, value).is_some() {
                        return Err(de::Error::custom("a member comes twice"));
                    }
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// A member's name, borrowed from the body unless it holds an escape.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn age_of(json: &str) -> Result<Option<u8>, &'static str> {
        let body = format!(r#"{{"age":{json}}}"#);
        let Ok(mut fields) = Fields::parse(body.as_bytes()) else {
            return Err("invalid_json");
        };
        match fields.required(&AGE) {
            Some(age) => Ok(age.map(Age::years)),
            None => Err(fields.violations[0].code),
        }
    }

    #[test]
    fn ages_come_as_numbers_and_as_strings() {
        for json in ["30", "30.0", "3e1", r#""30""#, r#"" 30 ""#, r#""+30""#] {
            assert_eq!(age_of(json), Ok(Some(30)), "{json}");
        }
        assert_eq!(age_of("null"), Ok(None));
        assert_eq!(age_of("1"), Ok(Some(1)));
        assert_eq!(age_of("150"), Ok(Some(150)));
    }

    #[test]
    fn other_ages_are_refused() {
        for json in [
            "0",
            "151",
            "-1",
            "1e400",
            "-1e400",
            "18446744073709551616",
            r#""999""#,
            "9223372036854775808.0",
        ] {
            assert_eq!(age_of(json), Err("out_of_range"), "{json}");
        }
        for json in [
            "30.5",
            "true",
            "[30]",
            r#"{"a":1}"#,
            r#""""#,
            r#""thirty""#,
            r#""inf""#,
            r#""NaN""#,
            r#""\ud800""#,
        ] {
            assert_eq!(age_of(json), Err("wrong_type"), "{json}");
        }
    }

    #[test]
    fn everything_wrong_is_reported_at_once() {
        let body = br#"{"name":"Al","email":7,"age":"x","unknown":[1]}"#;
        let mut fields = Fields::parse(body).expect("an object");
        assert!(fields.required(&NAME).is_none());
        assert!(fields.required(&EMAIL).is_none());
        assert!(fields.required(&PASSWORD).is_none());
        assert!(fields.optional(&AGE).is_none());
        let found: Vec<_> = fields
            .violations
            .iter()
            .map(|v| (v.field, v.code))
            .collect();
        assert_eq!(
            found,
            [
                ("name", "too_short"),
                ("email", "wrong_type"),
                ("password", "required"),
                ("age", "wrong_type"),
            ]
        );
    }

    #[test]
    fn names_may_be_escaped() {
        let mut fields = Fields::parse(br#"{"\u0061ge":7}"#).expect("an object");
        assert_eq!(fields.required(&AGE).flatten().map(Age::years), Some(7));
    }

    #[test]
    fn what_is_no_json_is_told_from_what_does_not_fit() {
        let refusal = |body: &[u8]| {
            let error = Fields::parse(body).err().expect("refused");
            format!("{error:?}")
        };
        let deep = format!("{{\"a\":{}", "[".repeat(50_000));
        for body in [
            &b""[..],
            b"{",
            b"{\"a\":1,}",
            b"{\"a\":1} x",
            b"{\"a\":\"\xff\"}",
            b"nul",
            b"{\"a\":1,\"a\":2}",
            b"{\"a\":1,\"\\u0061\":2}",
            b"\xef\xbb\xbf{}",
            deep.as_bytes(),
        ] {
            assert!(refusal(body).contains("InvalidJson"), "{body:?}");
        }
        for body in [&b"[]"[..], b"7", b"\"{}\"", b"null"] {
            assert!(refusal(body).contains("ValidationFailed"), "{body:?}");
        }
    }
}
