//! The layers, from the lowest to the highest: defaults, `config.toml`, `.env`,
//! the environment, flags.

use std::{collections::BTreeMap, env, ffi::OsString, path::PathBuf};

use figment::Figment;

use super::{
    Config,
    error::ConfigError,
    file,
    keys::{KEYS, Key},
    predecessor, secret_files,
    setting::Setting,
    validate,
    variables::{self, Variables},
};

/// What the layers are read from. Arguments, so that tests change nothing that
/// other tests see. No `Debug`: the environment holds other programs' secrets.
#[derive(Clone, Default)]
pub struct Sources {
    /// The configuration file, if one was named.
    pub file: Option<PathBuf>,
    /// The working directory: `config.toml`, `.env` and relative paths.
    pub directory: PathBuf,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
    /// What flags on the command line set.
    pub flags: Vec<Setting>,
}

impl Sources {
    /// What a process is given: its working directory and its environment.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            file: None,
            directory: PathBuf::new(),
            variables: env::vars_os().collect(),
            flags: Vec::new(),
        }
    }

    /// A variable that is no configuration key, such as `LATCHKEY_LOG`, from
    /// the environment or else from `.env`; none when it is empty.
    ///
    /// # Errors
    /// When `.env` cannot be read.
    pub fn variable(&self, name: &str) -> Result<Option<String>, ConfigError> {
        variables::other(name, &self.directory, &self.variables)
    }
}

/// A configuration, and where each of its values stands.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    origins: BTreeMap<&'static str, String>,
}

impl Loaded {
    /// Where the value of a key stands; none for a default.
    #[must_use]
    pub fn origin(&self, path: &str) -> Option<&str> {
        self.origins.get(path).map(String::as_str)
    }
}

/// Takes out of figment where each value came from, and lets go of the values,
/// among which are secrets.
fn origins(figment: &Figment) -> BTreeMap<&'static str, String> {
    let origin = |key: &Key| {
        // A table may come from several places; what stands in it says where.
        figment
            .find_value(key.path)
            .ok()
            .filter(|value| value.as_dict().is_none())?;
        Some((key.path, figment.find_metadata(key.path)?.name.to_string()))
    };
    KEYS.iter().filter_map(origin).collect()
}

/// Reads all layers and checks what they come to.
///
/// # Errors
/// Names the first thing to change: a file that cannot be read, an unknown
/// key, a value that does not do.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let dotenv = variables::of_dotenv(&sources.directory, &sources.variables)?;
    let environment = variables::of_environment(&sources.variables)?;
    let file = file::read(sources.file.as_deref(), &sources.directory)?;
    let layers = layers(file, &dotenv, &environment, sources.flags.clone())?;
    combine(secret_files::resolve(layers, &sources.directory)?)
}

/// What was read, from the lowest layer to the highest.
pub(super) fn layers(
    file: Vec<Setting>,
    dotenv: &Variables,
    environment: &Variables,
    flags: Vec<Setting>,
) -> Result<[Vec<Setting>; 6], ConfigError> {
    Ok([
        file,
        predecessor::settings(dotenv, &Variables::new())?,
        variables::settings(dotenv)?,
        predecessor::settings(environment, dotenv)?,
        variables::settings(environment)?,
        flags,
    ])
}

/// Lays settings over each other, each over those before it, and checks what
/// they come to.
pub(super) fn combine(settings: Vec<Setting>) -> Result<Loaded, ConfigError> {
    refuse_mixed_policy(&settings)?;
    let figment = settings.into_iter().fold(Figment::new(), Figment::merge);
    let config: Config = figment
        .extract()
        .map_err(|error| ConfigError::extraction(&error))?;
    let loaded = Loaded {
        config,
        origins: origins(&figment),
    };
    validate::check(&loaded)?;
    Ok(loaded)
}

/// A preset by name and single rules cannot be laid over each other: rules that
/// are left out would silently come from the default, not from the preset.
fn refuse_mixed_policy(settings: &[Setting]) -> Result<(), ConfigError> {
    const POLICY: &str = "passwords.policy";
    let mut preset: Option<&Setting> = None;
    for setting in settings {
        if setting.path == POLICY {
            preset = setting
                .value
                .as_str()
                .filter(|name| *name != "default")
                .map(|_| setting);
        } else if let Some(preset) = preset.filter(|_| setting.path.starts_with(POLICY)) {
            let name = preset.value.as_str().unwrap_or_default();
            let problem = format!(
                "cannot change a rule of the preset \"{name}\" ({}); write every rule, or only the preset",
                preset.origin
            );
            return Err(ConfigError::value(&setting.path, problem, &setting.origin));
        }
    }
    Ok(())
}
