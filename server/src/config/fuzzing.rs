//! The readers of what an operator writes, for the fuzz targets `dotenv` and
//! `config` alone: from texts, where the service reads files.

use std::path::Path;

use super::{
    dotenv,
    error::ConfigError,
    file,
    load::{self, Loaded},
    secret_files,
    setting::Setting,
    variables,
};

/// One variable of a `.env` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, with other variables put in.
    pub value: String,
    /// The line that it begins on.
    pub line: usize,
}

/// Reads the text of a `.env` file.
///
/// # Errors
/// The line that is malformed.
pub fn dotenv(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Variable>, ConfigError> {
    let lines = dotenv::parse(text, environment)?;
    let variable = |line: dotenv::Line| Variable {
        name: line.name,
        value: line.value,
        line: line.line,
    };
    Ok(lines.into_iter().map(variable).collect())
}

/// Lays the texts of `config.toml` and `.env` and an environment over each
/// other. `None` when one of them names a secret's file in another directory:
/// there is none to read in this one.
///
/// # Errors
/// As [`load`](super::load).
#[must_use]
pub fn load(
    toml: &str,
    dotenv: &str,
    environment: &[(&str, &str)],
) -> Option<Result<Loaded, ConfigError>> {
    let layers = match layers(toml, dotenv, environment) {
        Ok(layers) => layers,
        Err(error) => return Some(Err(error)),
    };
    let leads_elsewhere = |setting: &Setting| {
        let file = setting.value.as_str().unwrap_or_default();
        setting.path.ends_with("_file") && file.contains('/')
    };
    if layers.iter().flatten().any(leads_elsewhere) {
        return None;
    }
    let nowhere = Path::new("/nonexistent");
    Some(secret_files::resolve(layers, nowhere).and_then(load::combine))
}

fn layers(
    toml: &str,
    dotenv: &str,
    environment: &[(&str, &str)],
) -> Result<[Vec<Setting>; 6], ConfigError> {
    let value = |wanted: &str| {
        let found = environment.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    };
    let pairs: Vec<_> = environment
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let dotenv = variables::of_lines(dotenv::parse(dotenv, &value)?);
    let environment = variables::of_environment(&pairs)?;
    let file = file::parse(toml, Path::new("config.toml"))?;
    load::layers(file, &dotenv, &environment, Vec::new())
}
