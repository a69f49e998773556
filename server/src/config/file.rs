//! The layer of `config.toml`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use figment::value::Value;
use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::{
    error::ConfigError,
    keys,
    setting::{Origin, Setting},
};

/// The file that is read when it is there and no other is named.
const DEFAULT_FILE: &str = "config.toml";

/// Reads the named file, which must exist, or `config.toml` in the directory,
/// which need not.
pub(super) fn read(named: Option<&Path>, directory: &Path) -> Result<Vec<Setting>, ConfigError> {
    // Shown as it was typed, opened where it is.
    let shown = named.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
    match fs::read_to_string(directory.join(&shown)) {
        Ok(text) => parse(&text, &shown),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            Ok(Vec::new())
        }
        Err(error) => Err(ConfigError::new(format!(
            "cannot read {}: {error}",
            shown.display()
        ))),
    }
}

/// The settings in a TOML text. `file` is for messages.
pub(super) fn parse(text: &str, file: &Path) -> Result<Vec<Setting>, ConfigError> {
    let reader = Reader { text, file };
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let at = reader.origin(start);
        let hint = reader.hint(start);
        ConfigError::new(format!("{at} is not TOML: {}{hint}", error.message()))
    })?;
    let mut settings = Vec::new();
    reader.collect("", table.into_inner(), &mut settings)?;
    Ok(settings)
}

struct Reader<'a> {
    text: &'a str,
    file: &'a Path,
}

impl<'a> Reader<'a> {
    fn collect(
        &self,
        table_path: &str,
        table: DeTable<'a>,
        into: &mut Vec<Setting>,
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            let origin = self.origin(name.span().start);
            let name = name.into_inner();
            let path = if table_path.is_empty() {
                name.into_owned()
            } else {
                format!("{table_path}.{name}")
            };
            let span = value.span();
            match value.into_inner() {
                DeValue::Table(inner) if keys::is_table(&path) => {
                    self.collect(&path, inner, into)?;
                }
                value if keys::find(&path).is_some() => {
                    into.push(setting(path, Spanned::new(span, value), origin)?);
                }
                DeValue::Table(inner) => {
                    // An unknown table: its first key says best what was meant.
                    let path = inner.into_iter().next().map_or_else(
                        || path.clone(),
                        |(name, _)| format!("{path}.{}", name.into_inner()),
                    );
                    return Err(ConfigError::unknown_key(&path, &origin));
                }
                _ if keys::is_table(&path) => {
                    let problem = format!("is a section; write [{path}] and its keys below it");
                    return Err(ConfigError::value(&path, problem, &origin));
                }
                _ => return Err(ConfigError::unknown_key(&path, &origin)),
            }
        }
        Ok(())
    }

    /// The usual mistake: text without quotes.
    fn hint(&self, offset: usize) -> &'static str {
        let line = self
            .text
            .get(..offset)
            .map_or(0, |before| before.matches('\n').count());
        let line = self.text.lines().nth(line).unwrap_or_default();
        if line.contains('=') && !line.contains(['"', '\'']) {
            "; text needs quotes, as in listen = \"127.0.0.1:8000\""
        } else {
            ""
        }
    }

    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or(self.text);
        Origin::file(self.file, before.matches('\n').count() + 1)
    }
}

fn setting(
    path: String,
    value: Spanned<DeValue<'_>>,
    origin: Origin,
) -> Result<Setting, ConfigError> {
    // The error may quote the value, so that it is not repeated.
    match <Value as Deserialize>::deserialize(ValueDeserializer::from(value)) {
        Ok(value) => Ok(Setting {
            path,
            value,
            origin,
        }),
        Err(_) => Err(ConfigError::value(
            &path,
            "is of a kind that no key takes",
            &origin,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<String>, String> {
        let settings = parse(text, Path::new("config.toml")).map_err(|error| error.to_string())?;
        Ok(settings
            .iter()
            .map(|setting| format!("{} @ {}", setting.path, setting.origin))
            .collect())
    }

    #[test]
    fn each_value_knows_its_line() {
        let text = "[tokens]\naccess_ttl = \"5m\"\n\n[passwords]\nargon2 = { m = 8,\n t = 1 }\n";
        assert_eq!(
            read_text(text).expect("valid"),
            [
                "passwords.argon2.m @ config.toml line 5",
                "passwords.argon2.t @ config.toml line 6",
                "tokens.access_ttl @ config.toml line 2",
            ]
        );
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        for (text, message) in [
            (
                "[tokens]\nacess_ttl = '5m'",
                "unknown key tokens.acess_ttl (config.toml line 2); did you mean tokens.access_ttl?",
            ),
            (
                "[token]\naccess_ttl = '5m'",
                "unknown key token.access_ttl (config.toml line 1); did you mean tokens.access_ttl?",
            ),
            (
                "listen = ':80'",
                "unknown key listen (config.toml line 1); did you mean server.listen?",
            ),
            ("[tokens.access_ttl]\nminutes = 5", "tokens.access_ttl"),
            (
                "tokens = 5",
                "tokens: is a section; write [tokens] and its keys below it (config.toml line 1)",
            ),
        ] {
            match read_text(text) {
                Err(error) => assert_eq!(error, message),
                // A table where a value belongs is for the key's own type to refuse.
                Ok(settings) => assert_eq!(settings, [format!("{message} @ config.toml line 1")]),
            }
        }
    }

    #[test]
    fn broken_toml_names_the_line() {
        let error = read_text("[server]\nlisten = 127.0.0.1:8000\n").expect_err("not TOML");
        assert!(
            error.starts_with("config.toml line 2 is not TOML: "),
            "{error}"
        );
        assert!(
            error.ends_with("text needs quotes, as in listen = \"127.0.0.1:8000\""),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn only_a_named_file_must_exist() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(read(None, directory.path()).expect("no file").is_empty());
        let error = read(Some(Path::new("other.toml")), directory.path()).expect_err("missing");
        assert!(
            error.to_string().starts_with("cannot read other.toml: "),
            "{error}"
        );
    }
}
