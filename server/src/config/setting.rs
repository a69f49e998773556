//! One value from one place, which is what the layers are made of.

use std::{fmt, path::Path};

use figment::{
    Error, Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};

use super::{
    error::ConfigError,
    keys::{self, Key, Shape},
};

/// Where a value stands, in words for people: `config.toml line 12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    pub(super) fn file(file: &Path, line: usize) -> Self {
        Self(format!("{} line {line}", file.display()))
    }

    pub(super) fn variable(name: &str) -> Self {
        Self(format!("environment variable {name}"))
    }

    pub(super) fn variable_in(file: &Path, line: usize, name: &str) -> Self {
        Self(format!("{} line {line}, {name}", file.display()))
    }

    /// A command-line flag, as in `--listen`.
    #[must_use]
    pub fn flag(name: &str) -> Self {
        Self(format!("flag {name}"))
    }

    /// A secret's own file, named by the setting at `self`.
    pub(super) fn secret_file(&self, file: &Path) -> Self {
        Self(format!("{}, named by {self}", file.display()))
    }

    /// Several places that make one value together.
    pub(super) fn joined<'a>(origins: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut parts: Vec<&str> = origins
            .into_iter()
            .map(|origin| origin.0.as_str())
            .collect();
        parts.dedup();
        Self(parts.join(", "))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One value from one place. It is a figment provider of its own, so that
/// figment can say of each value, and of each error, exactly where it stands.
#[derive(Clone)]
pub struct Setting {
    pub(super) path: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl Setting {
    /// A value for the key at `path`, which must be a known one.
    #[must_use]
    pub fn new(path: &'static str, value: impl Into<Value>, origin: Origin) -> Self {
        debug_assert!(keys::find(path).is_some(), "{path} is not a key");
        Self {
            path: path.to_owned(),
            value: value.into(),
            origin,
        }
    }

    /// Reads the text of a variable as its key's shape asks.
    pub(super) fn from_text(
        key: Key,
        is_file: bool,
        text: &str,
        origin: Origin,
    ) -> Result<Self, ConfigError> {
        let wrong = |what: &str| {
            Err(ConfigError::value(
                key.path,
                format!("{text:?} is not {what}"),
                &origin,
            ))
        };
        let value = match key.shape {
            _ if is_file => Value::from(text),
            Shape::Text | Shape::Secret => Value::from(text),
            Shape::Switch => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Value::from(true),
                "false" | "no" | "off" | "0" => Value::from(false),
                _ => return wrong("true or false"),
            },
            Shape::Number => match text.parse::<i64>() {
                Ok(number) => Value::from(number),
                Err(_) => return wrong("a whole number"),
            },
            Shape::List | Shape::Secrets => match list(text) {
                Some(list) => Value::from(list),
                None if key.is_secret() => {
                    let problem = "begins like a TOML array, but is not one of strings";
                    return Err(ConfigError::value(key.path, problem, &origin));
                }
                None => return wrong("a TOML array of strings"),
            },
        };
        let path = if is_file {
            format!("{}_file", key.path)
        } else {
            key.path.to_owned()
        };
        Ok(Self {
            path,
            value,
            origin,
        })
    }
}

/// `a, b` or `["a", "b"]`. The second form is for values with a comma in them.
fn list(text: &str) -> Option<Vec<String>> {
    if text.trim_start().starts_with('[') {
        #[derive(serde::Deserialize)]
        struct Wrapped {
            list: Vec<String>,
        }
        let wrapped: Wrapped = toml::from_str(&format!("list = {text}")).ok()?;
        return Some(wrapped.list);
    }
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    Some(items.map(str::to_owned).collect())
}

/// Without the value, which may be a secret.
impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path, self.origin)
    }
}

impl Provider for Setting {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut names = self.path.rsplit('.');
        let leaf = names.next().unwrap_or_default();
        let mut dict = Dict::from([(leaf.to_owned(), self.value.clone())]);
        for table in names {
            dict = Dict::from([(table.to_owned(), Value::from(dict))]);
        }
        Ok(Profile::Default.collect(dict))
    }
}
