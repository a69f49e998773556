//! The layers of `.env` and of the environment. In each, our own variables
//! stand above the predecessor's.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::Path,
};

use super::{
    dotenv,
    error::ConfigError,
    keys::{self, PREFIX, Shape},
    predecessor,
    setting::{Origin, Setting},
};

/// Variables with our prefix that are not configuration keys: they are needed
/// before there is a configuration.
const OTHER_VARIABLES: [&str; 2] = ["LATCHKEY_CONFIG", "LATCHKEY_LOG"];

/// Variables by name, each with where it stands.
pub(super) type Variables = BTreeMap<String, (String, Origin)>;

/// The variables of the process, as it was started with them.
pub(super) fn of_environment(variables: &[(OsString, OsString)]) -> Result<Variables, ConfigError> {
    let mut known = Variables::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| is_ours(name)) else {
            continue;
        };
        let origin = Origin::variable(name);
        let Some(value) = value.to_str() else {
            return Err(ConfigError::new(format!("{origin} is not valid UTF-8")));
        };
        known.insert(name.to_owned(), (value.to_owned(), origin));
    }
    Ok(known)
}

/// A variable that is no configuration key, from the environment or else from
/// `.env`; none when it is empty.
pub(super) fn other(
    name: &str,
    directory: &Path,
    environment: &[(OsString, OsString)],
) -> Result<Option<String>, ConfigError> {
    let of_environment = lookup(environment);
    if let Some(value) = of_environment(name).filter(|value| !value.is_empty()) {
        return Ok(Some(value));
    }
    let lines = dotenv::read(directory, &of_environment)?;
    let line = lines.into_iter().rfind(|line| line.name == name);
    Ok(line
        .map(|line| line.value)
        .filter(|value| !value.is_empty()))
}

fn lookup(environment: &[(OsString, OsString)]) -> impl Fn(&str) -> Option<String> {
    |wanted| {
        let found = environment
            .iter()
            .find(|(name, _)| name == OsStr::new(wanted));
        found
            .and_then(|(_, value)| value.to_str())
            .map(str::to_owned)
    }
}

/// The variables of `.env` in the directory.
pub(super) fn of_dotenv(
    directory: &Path,
    environment: &[(OsString, OsString)],
) -> Result<Variables, ConfigError> {
    Ok(of_lines(dotenv::read(directory, &lookup(environment))?))
}

/// Those of its lines that mean something to us.
pub(super) fn of_lines(lines: Vec<dotenv::Line>) -> Variables {
    lines
        .into_iter()
        .filter(|line| is_ours(&line.name))
        .map(|line| {
            let origin = Origin::variable_in(Path::new(".env"), line.line, &line.name);
            (line.name, (line.value, origin))
        })
        .collect()
}

/// Whether a variable means something to us: our prefix, unless it is what
/// Kubernetes sets for a service of our name, or one of the predecessor's.
fn is_ours(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return predecessor::VARIABLES.contains(&name);
    };
    let of_kubernetes = rest == "PORT"
        || rest.starts_with("PORT_")
        || rest.starts_with("SERVICE_HOST")
        || rest.starts_with("SERVICE_PORT");
    !of_kubernetes && !OTHER_VARIABLES.contains(&name)
}

/// The settings under our own names.
pub(super) fn settings(variables: &Variables) -> Result<Vec<Setting>, ConfigError> {
    let mut settings = Vec::new();
    for (name, (value, origin)) in variables {
        let Some(path) = keys::path_of(name) else {
            continue;
        };
        let Some((key, is_file)) = keys::find(&path).filter(|_| keys::variable(&path) == *name)
        else {
            return Err(ConfigError::unknown_variable(name, origin));
        };
        // `NAME=` is how templates write "not set". An empty secret is refused
        // instead: what should have filled it in is missing.
        if value.is_empty() && (is_file || !matches!(key.shape, Shape::Secret)) {
            continue;
        }
        settings.push(Setting::from_text(key, is_file, value, origin.clone())?);
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let pairs: Vec<_> = variables
            .iter()
            .map(|(n, v)| (n.into(), v.into()))
            .collect();
        let settings = of_environment(&pairs).and_then(|known| settings(&known));
        let settings = settings.map_err(|error| error.to_string())?;
        Ok(settings
            .iter()
            .map(|s| format!("{} = {:?}", s.path, s.value))
            .collect())
    }

    #[test]
    fn others_variables_are_none_of_our_business() {
        let others = [
            ("PATH", "/bin"),
            ("LATCHKEY_LOG", "debug"),
            ("LATCHKEY_CONFIG", "x.toml"),
            ("LATCHKEY_PORT", "tcp://10.0.0.1:8000"),
            ("LATCHKEY_PORT_8000_TCP_ADDR", "10.0.0.1"),
            ("LATCHKEY_SERVICE_HOST", "10.0.0.1"),
            ("LATCHKEY_SERVICE_PORT_HTTP", "8000"),
            ("LATCHKEY_TOKENS__ISSUER", ""),
        ];
        assert_eq!(read(&others), Ok(Vec::new()));
    }

    #[test]
    fn unknown_ones_name_the_nearest() {
        for (name, nearest) in [
            (
                "LATCHKEY_TOKENS__ACESS_TTL",
                "did you mean LATCHKEY_TOKENS__ACCESS_TTL?",
            ),
            (
                "LATCHKEY_TOKENS_ACCESS_TTL",
                "did you mean LATCHKEY_TOKENS__ACCESS_TTL?",
            ),
            ("LATCHKEY_LISTEN", "did you mean LATCHKEY_SERVER__LISTEN?"),
            (
                "LATCHKEY_tokens__access_ttl",
                "did you mean LATCHKEY_TOKENS__ACCESS_TTL?",
            ),
            ("LATCHKEY_QQQ", "`latchkey config default` lists every key"),
        ] {
            assert_eq!(
                read(&[(name, "x")]),
                Err(format!("unknown environment variable {name}; {nearest}"))
            );
        }
    }

    #[test]
    fn text_becomes_what_the_key_takes() {
        let variables = [
            ("LATCHKEY_DATABASE__POOL", "4"),
            ("LATCHKEY_SERVER__CORS_ORIGINS", "[]"),
            ("LATCHKEY_SERVER__DOCS", "off"),
            ("LATCHKEY_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
            ("LATCHKEY_TOKENS__SECRET_KEY", "12345"),
        ];
        let shown = read(&variables).expect("valid").join("\n");
        for part in [
            "Num",
            "Array",
            "Bool",
            "\"10.0.0.0/8\"",
            "\"::1\"",
            "\"12345\"",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        for (name, value, message) in [
            (
                "LATCHKEY_DATABASE__POOL",
                "many",
                "database.pool: \"many\" is not a whole number",
            ),
            (
                "LATCHKEY_SERVER__DOCS",
                "maybe",
                "server.docs: \"maybe\" is not true or false",
            ),
            (
                "LATCHKEY_SERVER__CORS_ORIGINS",
                "[a]",
                "server.cors_origins: \"[a]\" is not a TOML array of strings",
            ),
        ] {
            let error = read(&[(name, value)]).expect_err(value);
            assert_eq!(error, format!("{message} (environment variable {name})"));
        }
        let error =
            read(&[("LATCHKEY_TOKENS__PREVIOUS_SECRET_KEYS", "[s3cr3t]")]).expect_err("no TOML");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}
