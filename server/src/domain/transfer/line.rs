//! One user as one line of JSON.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::{Given, ImportedUser};
use crate::domain::clock::Timestamp;
use crate::domain::email::Email;
use crate::domain::hasher::{self, Argon2Cost};
use crate::domain::ids::UserId;
use crate::domain::password_hash::PasswordHash;
use crate::domain::user::{Age, Credentials, UserName};

/// The most bytes of a line. The longest that an export writes has a third of it.
pub const MAX_BYTES: usize = 16 * 1024;

/// What stands for the members that a line leaves out.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// The identifier of a user who brings none.
    pub id: UserId,
    /// The time of the import.
    pub now: Timestamp,
}

/// Why a line cannot be taken: everything that is wrong with it, on one line. It never
/// holds the hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(String);

/// Reads a line. A hash may cost as much as a new one, `cost`, or what is affordable.
///
/// # Errors
///
/// [`LineError`].
pub fn read(line: &str, defaults: Defaults, cost: Argon2Cost) -> Result<ImportedUser, LineError> {
    let mut members: Members = serde_json::from_str(line).map_err(|error| not_json(&error))?;
    let mut problems = std::mem::take(&mut members.problems);

    let id = members.optional(&mut problems, "user_id", str::parse::<UserId>);
    let name = members.required(&mut problems, "name", UserName::parse_imported);
    let email = members.required(&mut problems, "email", Email::parse);
    let age = age(&mut members, &mut problems);
    let created_at = members.optional(&mut problems, "created_at", str::parse::<Timestamp>);
    let updated_at = members.optional(&mut problems, "updated_at", str::parse::<Timestamp>);
    let disabled_at = members.optional(&mut problems, "disabled_at", str::parse::<Timestamp>);
    let password = password(&mut members, &mut problems, cost);

    match (name, email, password) {
        (Some(name), Some(email), Some(password)) if problems.is_empty() => Ok(ImportedUser {
            id: id.unwrap_or(defaults.id),
            name,
            email,
            age,
            created_at: created_at.unwrap_or(defaults.now),
            updated_at: updated_at.unwrap_or(defaults.now),
            disabled_at,
            password,
            given: Given {
                id: id.is_some(),
                created_at: created_at.is_some(),
                updated_at: updated_at.is_some(),
            },
        }),
        _ => Err(LineError(problems.join("; "))),
    }
}

/// Writes a user as a line, without the line break. The members always come in the same
/// order, and all of them, so that two exports of the same users are equal byte by byte.
#[must_use]
pub fn write(credentials: &Credentials) -> String {
    let Credentials { user, password } = credentials;
    let line = Line {
        user_id: user.id,
        name: &user.name,
        email: &user.email,
        age: user.age,
        created_at: user.created_at,
        updated_at: user.updated_at,
        disabled_at: user.disabled_at,
        password_hash: (!password.is_none()).then(|| password.as_str()),
    };
    // Text, numbers and nulls can always be written.
    serde_json::to_string(&line).unwrap_or_default()
}

#[derive(Serialize)]
struct Line<'a> {
    user_id: UserId,
    name: &'a str,
    email: &'a str,
    age: Option<u8>,
    created_at: Timestamp,
    updated_at: Timestamp,
    disabled_at: Option<Timestamp>,
    password_hash: Option<&'a str>,
}

/// Every member that a line may have.
const MEMBERS: [&str; 8] = [
    "user_id",
    "name",
    "email",
    "age",
    "created_at",
    "updated_at",
    "disabled_at",
    "password_hash",
];

fn age(members: &mut Members, problems: &mut Vec<String>) -> Option<Age> {
    let value = members.take("age")?;
    let age = match value.as_i64() {
        Some(years) => Age::new(years).map_err(|error| error.to_string()),
        None => Err("must be a whole number".to_owned()),
    };
    age.map_err(|problem| problems.push(format!("age: {problem}")))
        .ok()
}

/// Null stands for somebody without a password. Leaving the member out does not: it
/// would make a mistake in the file a loss of every password.
fn password(
    members: &mut Members,
    problems: &mut Vec<String>,
    cost: Argon2Cost,
) -> Option<PasswordHash> {
    let is_null = members.get("password_hash") == Some(&Value::Null);
    if is_null {
        return Some(PasswordHash::none());
    }
    members.required(problems, "password_hash", |text| {
        let hash = PasswordHash::new(text);
        if text.len() > PasswordHash::MAX_BYTES {
            let most = PasswordHash::MAX_BYTES;
            return Err(format!("must be at most {most} bytes long"));
        }
        match hasher::inspect(&hash, cost) {
            Ok(_) => Ok(hash),
            Err(hasher::HashError::Unreadable(problem)) => Err(problem.to_owned()),
            Err(error) => Err(error.to_string()),
        }
    })
}

/// The members of a line, each read as JSON and no further.
#[derive(Default)]
struct Members {
    values: [Option<Value>; MEMBERS.len()],
    /// Members that are not known or come twice.
    problems: Vec<String>,
}

impl Members {
    fn get(&self, member: &str) -> Option<&Value> {
        self.values.get(position(member)?)?.as_ref()
    }

    /// The value; `None` when it is not there or null.
    fn take(&mut self, member: &str) -> Option<Value> {
        let value = self.values.get_mut(position(member)?)?.take();
        value.filter(|value| !value.is_null())
    }

    fn required<T, E: fmt::Display>(
        &mut self,
        problems: &mut Vec<String>,
        member: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if self.get(member).is_none_or(Value::is_null) {
            problems.push(format!("{member}: is missing"));
            return None;
        }
        self.optional(problems, member, parse)
    }

    fn optional<T, E: fmt::Display>(
        &mut self,
        problems: &mut Vec<String>,
        member: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = match self.take(member)? {
            Value::String(text) => parse(&text).map_err(|error| error.to_string()),
            _ => Err("must be a string".to_owned()),
        };
        parsed
            .map_err(|problem| problems.push(format!("{member}: {problem}")))
            .ok()
    }
}

fn position(member: &str) -> Option<usize> {
    MEMBERS.iter().position(|known| *known == member)
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                while let Some(member) = map.next_key::<String>()? {
                    let Some(position) = position(&member) else {
                        map.next_value::<IgnoredAny>()?;
                        members.problems.push(unknown(&member));
                        continue;
                    };
                    let value = map.next_value()?;
                    if let Some(slot) = members.values.get_mut(position)
                        && slot.replace(value).is_some()
                    {
                        members.problems.push(format!("{member}: comes twice"));
                    }
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

fn unknown(member: &str) -> String {
    let nearest = MEMBERS
        .iter()
        .map(|known| (strsim::jaro_winkler(member, known), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(left, _), (right, _)| left.total_cmp(right));
    let shown: String = member.chars().take(40).collect();
    match nearest {
        Some((_, known)) => format!("unknown member {shown:?}, did you mean {known}?"),
        None => format!("unknown member {shown:?}"),
    }
}

/// serde_json counts lines from the start of what it reads, which is this one line.
fn not_json(error: &serde_json::Error) -> LineError {
    let text = error.to_string();
    let problem = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(problem, _)| problem);
    LineError(match error.column() {
        0 => format!("is not a JSON object: {problem}"),
        column => format!("is not a JSON object: {problem} at column {column}"),
    })
}
