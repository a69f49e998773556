//! The fields of a JSON body or of a form, each with its rule and its schema, read leniently enough
//! that every one which does not fit is reported at once.
//!
//! Members that nobody asks for are ignored. A member that comes twice makes the body no
//! JSON that two parsers would agree upon (RFC 8259 section 4), and so do half a surrogate
//! pair and a number beyond all bounds: such a body is refused as a whole.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::error::{ApiError, Problem};
use super::given::Given;
use crate::domain::email::{self, Email, EmailError};
use crate::domain::error::Violation;
use crate::domain::password::Password;
use crate::domain::user::{Age, UserName};

/// A field: its name, how its value is read, and what the API's description says of it.
pub(crate) struct Field<T> {
    pub(crate) name: &'static str,
    read: fn(Given) -> Result<T, Fault>,
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

/// What a user's name looks like, as ECMA 262 writes patterns.
const NO_CONTROL_CHARACTER: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

/// An age in a string.
const AGE_IN_DIGITS: &str = r"^\s*\+?0*([1-9][0-9]?|1[0-4][0-9]|150)\s*$";

/// A user's name.
pub(crate) const NAME: Field<UserName> = Field {
    name: "name",
    read: |given| {
        let text = text(given)?;
        UserName::parse(&text).map_err(|error| Fault::new(error.code(), error))
    },
    schema: || {
        json!({
            "type": "string",
            "minLength": UserName::MIN,
            "maxLength": UserName::MAX,
            "pattern": NO_CONTROL_CHARACTER,
            "examples": ["Ada Lovelace"],
        })
    },
};

/// An e-mail address.
pub(crate) const EMAIL: Field<Email> = Field {
    name: "email",
    read: |given| {
        Email::parse(&text(given)?).map_err(|error| match error {
            EmailError::TooLong => Fault::new("too_long", error),
            _ => Fault::new("invalid_email", error),
        })
    },
    schema: || {
        json!({
            "type": "string",
            "format": "email",
            "maxLength": email::MAX_BYTES,
            "examples": ["ada@example.com"],
        })
    },
};

/// An age; `None` is JSON's null.
pub(crate) const AGE: Field<Option<Age>> = Field {
    name: "age",
    read: |given| {
        if matches!(given, Given::Null) {
            return Ok(None);
        }
        let years = given
            .whole_number()
            .ok_or_else(|| Fault::new("wrong_type", "must be a whole number"))?;
        Age::new(years)
            .map(Some)
            .map_err(|error| Fault::new(error.code(), error))
    },
    schema: || {
        json!({
            "anyOf": [
                { "type": "integer", "minimum": Age::MIN, "maximum": Age::MAX },
                {
                    "type": "string",
                    "pattern": AGE_IN_DIGITS,
                    "description": "The same number in a string.",
                },
                { "type": "null" },
            ],
            "examples": [36],
        })
    },
};

/// The password that somebody signs in with.
pub(crate) const PASSWORD: Field<Password> = password("password", password_schema);

/// The password that somebody wants to sign in with from now on.
pub(crate) const CHOSEN_PASSWORD: Field<Password> = password("password", new_password_schema);

/// The password that a signed-in user has.
pub(crate) const CURRENT_PASSWORD: Field<Password> = password("current_password", password_schema);

/// The password that a signed-in user wants to have.
pub(crate) const NEW_PASSWORD: Field<Password> = password("new_password", new_password_schema);

/// A refresh token; `None` is JSON's null.
pub(crate) const REFRESH_TOKEN: Field<Option<Zeroizing<String>>> = Field {
    name: "refresh_token",
    read: |given| match given {
        Given::Null => Ok(None),
        given => text(given).map(Some),
    },
    schema: || json!({ "type": ["string", "null"] }),
};

const fn password(name: &'static str, schema: fn() -> Value) -> Field<Password> {
    Field {
        name,
        read: |given| {
            let mut text = text(given)?;
            Ok(Password::new(std::mem::take(&mut *text)))
        },
        schema,
    }
}

fn password_schema() -> Value {
    json!({
        "type": "string",
        "format": "password",
        "examples": ["Kestrel-over-27-moors"],
    })
}

/// The rules are configured, and there are lists among them.
fn new_password_schema() -> Value {
    let mut schema = password_schema();
    schema["description"] = "The rules are those of `/api/v1/password-policy`.".into();
    schema
}

/// Why a value is not one of the field's.
struct Fault {
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
}

fn text(given: Given) -> Result<Zeroizing<String>, Fault> {
    given
        .text()
        .ok_or_else(|| Fault::new("wrong_type", "must be a string"))
}

/// The members of a body, and what was wrong with those that were asked for.
pub(crate) struct Fields {
    members: BTreeMap<String, Given>,
    violations: Vec<Violation>,
}

impl Fields {
    /// Reads a body, which must be an object.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let given: Given = serde_json::from_slice(body).map_err(|_| Problem::InvalidJson)?;
        let Given::Object(members) = given else {
            return Err(ApiError::invalid(vec![Violation {
                field: "body",
                code: "wrong_type",
                message: "must be a JSON object".to_owned(),
            }]));
        };
        Ok(Self::new(members))
    }

    /// The same for what did not come as JSON.
    pub(super) fn new(members: BTreeMap<String, Given>) -> Self {
        Self {
            members,
            violations: Vec::new(),
        }
    }

    /// The value of a field that must be there; `None` when it is noted as a violation.
    pub(crate) fn required<T>(&mut self, field: &Field<T>) -> Option<T> {
        if !self.members.contains_key(field.name) {
            self.refuse([Violation {
                field: field.name,
                code: "missing",
                message: "is required".to_owned(),
            }]);
        }
        self.optional(field)?
    }

    /// The value of a field that may be left out; the outer `None` when it is noted as a
    /// violation.
    pub(crate) fn optional<T>(&mut self, field: &Field<T>) -> Option<Option<T>> {
        let Some(given) = self.members.remove(field.name) else {
            return Some(None);
        };
        match (field.read)(given) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn age_of(json: &str) -> Result<Option<u8>, &'static str> {
        let body = format!(r#"{{"age":{json}}}"#);
        let mut fields = Fields::parse(body.as_bytes()).expect("an object");
        match fields.required(&AGE) {
            Some(age) => Ok(age.map(Age::years)),
            None => Err(fields.violations[0].code),
        }
    }

    #[test]
    fn ages_have_a_range_and_may_be_null() {
        assert_eq!(age_of("null"), Ok(None));
        assert_eq!(age_of("1"), Ok(Some(1)));
        assert_eq!(age_of(r#""150""#), Ok(Some(150)));
        for json in ["0", "151", "-1", "1e300", r#""999""#] {
            assert_eq!(age_of(json), Err("out_of_range"), "{json}");
        }
        assert_eq!(age_of("30.5"), Err("wrong_type"));
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
                ("password", "missing"),
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
        for body in [&b""[..], b"{", b"{} x", b"{\"a\":\"\xff\"}", b"nul"] {
            assert!(refusal(body).contains("InvalidJson"), "{body:?}");
        }
        for body in [&b"[]"[..], b"7", b"\"{}\"", b"null"] {
            assert!(refusal(body).contains("ValidationFailed"), "{body:?}");
        }
    }
}
