//! What is wrong with a configuration, in one line that names what to change.

use std::fmt::Display;

use figment::error::{Actual, Kind};

use super::{keys, setting::Origin};

/// A configuration that cannot be used. The text names the key, what is wrong
/// with its value, and where it stands; it never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// Anything that is not about one value.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(one_line(message.into()))
    }

    /// A value that does not do.
    pub(super) fn value(path: &str, problem: impl Display, origin: &Origin) -> Self {
        Self::new(format!("{path}: {problem} ({origin})"))
    }

    /// A key that does not exist.
    pub(super) fn unknown_key(path: &str, origin: &Origin) -> Self {
        Self::new(format!(
            "unknown key {path} ({origin}){}",
            suggestion(keys::nearest(path))
        ))
    }

    /// A variable with our prefix that does not exist.
    pub(super) fn unknown_variable(name: &str, origin: &Origin) -> Self {
        let nearest = keys::path_of(name).and_then(|path| keys::nearest(&path));
        let nearest = nearest.map(|path| keys::variable(&path));
        let place = match origin.to_string() {
            process if process.starts_with("environment variable") => process,
            line => format!("variable at {line}"),
        };
        Self::new(format!("unknown {place}{}", suggestion(nearest)))
    }

    /// What serde found when the merged layers became a [`Config`](super::Config).
    pub(super) fn extraction(error: &figment::Error) -> Self {
        let path = known_prefix(&error.path);
        let secret = keys::find(&path).is_some_and(|(key, _)| key.is_secret());
        let problem = match &error.kind {
            Kind::Message(message) => message.clone(),
            Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) if secret => {
                format!("is not {expected}")
            }
            Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
                format!("{} is not {}", written(found), article(expected))
            }
            other => other.to_string(),
        };
        let origin = error
            .metadata
            .as_ref()
            .map_or("default", |metadata| &metadata.name);
        Self::new(format!("{path}: {problem} ({origin})"))
    }
}

/// The message with control characters written out: a name or a value may hold
/// any, and one line shall not become two or move a terminal's cursor.
fn one_line(message: String) -> String {
    if !message.contains(char::is_control) {
        return message;
    }
    let mut line = String::with_capacity(message.len() + 8);
    for character in message.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

fn suggestion(nearest: Option<String>) -> String {
    nearest.map_or_else(
        || "; `latchkey config default` lists every key".to_owned(),
        |nearest| format!("; did you mean {nearest}?"),
    )
}

/// The key that an error's path is in: an entry of a list adds its index.
fn known_prefix(path: &[String]) -> String {
    (1..=path.len())
        .rev()
        .map(|length| path[..length].join("."))
        .find(|prefix| keys::find(prefix).is_some())
        .unwrap_or_else(|| path.join("."))
}

/// A value as it is written in a file, where it has a short form.
fn written(found: &Actual) -> String {
    match found {
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(value) => value.to_string(),
        Actual::Signed(value) => value.to_string(),
        Actual::Float(value) => value.to_string(),
        Actual::Str(value) => format!("{value:?}"),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// Says what serde calls a "u32" as people do.
fn article(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number in range".to_owned(),
        "a nonzero usize" => "a whole number above 0".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        other => other.to_owned(),
    }
}
