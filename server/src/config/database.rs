//! `[database]`: where the users are.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::postgres_url::PostgresUrl;

/// The `[database]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// Which database, and where.
    pub url: DatabaseUrl,
    /// How many connections are kept: readers on SQLite (it has one writer
    /// besides), those for requests on PostgreSQL (which has one besides).
    pub pool: u32,
    /// Whether `serve` applies pending migrations before it listens.
    pub migrate_on_start: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: DatabaseUrl::default(),
            pool: 8,
            migrate_on_start: true,
        }
    }
}

/// A database, parsed from its URL.
///
/// `Debug`, `Display` and `Serialize` replace a password by `***`.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite:FILE`; a relative path counts from the working directory.
    SqliteFile(PathBuf),
    /// `sqlite::memory:`, gone when the process ends.
    SqliteMemory,
    /// `postgres://…`.
    Postgres(Box<PostgresUrl>),
}

impl DatabaseUrl {
    /// The SQLite file, if it is one.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<&Path> {
        match self {
            Self::SqliteFile(path) => Some(path),
            Self::SqliteMemory | Self::Postgres(_) => None,
        }
    }
}

impl Default for DatabaseUrl {
    fn default() -> Self {
        Self::SqliteFile(PathBuf::from("latchkey.db"))
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str =
            "write sqlite:FILE, sqlite::memory: or postgres://USER:PASSWORD@HOST:PORT/NAME";
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(format!("is not a database URL; {FORMS}"));
        };
        match scheme {
            "sqlite" => sqlite(rest),
            "postgres" | "postgresql" => text.parse().map(Box::new).map(DatabaseUrl::Postgres),
            // SQLAlchemy's form, as in `postgresql+psycopg2://…`.
            _ if scheme.starts_with("postgresql+") || scheme.starts_with("postgres+") => Err(
                format!("names a Python driver; write postgres: instead of {scheme}:"),
            ),
            // The scheme may be half a secret in the wrong place: not shown.
            _ => Err(format!("is of an unknown kind; {FORMS}")),
        }
    }
}

fn sqlite(rest: &str) -> Result<DatabaseUrl, String> {
    if rest == ":memory:" {
        return Ok(DatabaseUrl::SqliteMemory);
    }
    // Other tools write `sqlite://FILE` and `sqlite:///ABSOLUTE/FILE`.
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err("names no file; write sqlite:FILE, for example sqlite:latchkey.db".to_owned());
    }
    if path.contains(['?', '\0']) {
        return Err("has parameters; a sqlite: URL is only a file name".to_owned());
    }
    Ok(DatabaseUrl::SqliteFile(PathBuf::from(path)))
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SqliteFile(path) => write!(f, "sqlite:{}", path.display()),
            Self::SqliteMemory => f.write_str("sqlite::memory:"),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_forms() {
        for (text, shown) in [
            ("sqlite:latchkey.db", "sqlite:latchkey.db"),
            ("sqlite:/var/lib/latchkey.db", "sqlite:/var/lib/latchkey.db"),
            ("sqlite://latchkey.db", "sqlite:latchkey.db"),
            (
                "sqlite:///var/lib/latchkey.db",
                "sqlite:/var/lib/latchkey.db",
            ),
            ("sqlite::memory:", "sqlite::memory:"),
            ("postgres://app@db/users", "postgres://app@db/users"),
            (
                "postgresql://app:s3cr3t@db:5433/users",
                "postgresql://app:***@db:5433/users",
            ),
            (
                "postgres:///users?host=/run/pg&password=s3cr3t",
                "postgres:///users?***",
            ),
        ] {
            let url: DatabaseUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("s3cr3t"));
        }
    }

    #[test]
    fn refuses_the_rest_without_repeating_it() {
        for (text, hint) in [
            ("latchkey.db", "sqlite:FILE"),
            ("sqlite:", "names no file"),
            ("sqlite:a.db?mode=ro", "parameters"),
            ("mysql://u:s3cr3t@h/d", "postgres://"),
            ("postgres://u:s3cr3t@h", "names no database"),
            ("postgres://u:s3cr3t@h:x/d", "option `port`"),
            ("postgresql+psycopg2://u:s3cr3t@h/d", "write postgres:"),
        ] {
            let error = text.parse::<DatabaseUrl>().expect_err(text);
            assert!(error.contains(hint) && !error.contains("s3cr3t"), "{error}");
        }
    }
}
