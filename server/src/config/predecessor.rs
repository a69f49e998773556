//! The variables of the service that Latchkey replaces. They mean what they
//! meant there, and stand just below our own names in each layer.

use std::net::Ipv6Addr;

use super::{
    error::ConfigError,
    setting::{Origin, Setting},
    variables::Variables,
};

/// Every variable that the predecessor read.
pub(super) const VARIABLES: [&str; 9] = [
    "DB_USER",
    "DB_PASSWORD",
    "DB_HOST",
    "DB_PORT",
    "DB_NAME",
    "JWT_SECRET_KEY",
    "JWT_ALGORITHM",
    "JWT_ACCESS_TOKEN_EXPIRE_MINUTES",
    "JWT_REFRESH_TOKEN_EXPIRE_DAYS",
];

const MINUTES_PER_YEAR: u64 = 365 * 24 * 60;
const DAYS_PER_YEAR: u64 = 365;

/// The settings that a layer's variables stand for. `below` are those of the
/// layer under it: a database is described by several variables together, and
/// each may stand in either.
pub(super) fn settings(layer: &Variables, below: &Variables) -> Result<Vec<Setting>, ConfigError> {
    let mut settings = Vec::new();
    settings.extend(database(layer, below)?);
    if let Some((secret, origin)) = value(layer, "JWT_SECRET_KEY") {
        settings.push(Setting::new("tokens.secret_key", secret, origin.clone()));
    }
    if let Some((algorithm, origin)) = value(layer, "JWT_ALGORITHM") {
        settings.push(Setting::new("tokens.algorithm", algorithm, origin.clone()));
    }
    let ttls = [
        (
            "JWT_ACCESS_TOKEN_EXPIRE_MINUTES",
            "tokens.access_ttl",
            'm',
            100 * MINUTES_PER_YEAR,
        ),
        (
            "JWT_REFRESH_TOKEN_EXPIRE_DAYS",
            "tokens.refresh_ttl",
            'd',
            100 * DAYS_PER_YEAR,
        ),
    ];
    for (name, path, unit, most) in ttls {
        let Some((text, origin)) = value(layer, name) else {
            continue;
        };
        let count = text
            .trim()
            .parse()
            .ok()
            .filter(|count| (1..=most).contains(count));
        let Some(count) = count else {
            let problem = format!("{text:?} is not a whole number from 1 to {most}");
            return Err(ConfigError::value(path, problem, origin));
        };
        settings.push(Setting::new(path, format!("{count}{unit}"), origin.clone()));
    }
    Ok(settings)
}

/// The PostgreSQL database that the `DB_` variables describe, if this layer
/// has a part in it.
fn database(layer: &Variables, below: &Variables) -> Result<Option<Setting>, ConfigError> {
    let names = ["DB_NAME", "DB_USER", "DB_PASSWORD", "DB_HOST", "DB_PORT"];
    if !names.iter().any(|name| value(layer, name).is_some()) {
        return Ok(None);
    }
    let parts = names.map(|name| value(layer, name).or_else(|| value(below, name)));
    let origin = Origin::joined(parts.iter().flatten().map(|(_, origin)| *origin));
    let [name, user, password, host, port] = parts.map(|part| part.map(|(text, _)| text));
    let Some(name) = name else {
        return Ok(None);
    };
    let problem = |problem: String| Err(ConfigError::value("database.url", problem, &origin));
    let credentials = match (user, password) {
        (None, None) => String::new(),
        (None, Some(_)) => return problem("DB_PASSWORD needs DB_USER beside it".to_owned()),
        (Some(user), None) => format!("{}@", percent_encode(user)),
        (Some(user), Some(password)) => {
            format!("{}:{}@", percent_encode(user), percent_encode(password))
        }
    };
    let host = match host.unwrap_or("127.0.0.1") {
        ipv6 if ipv6.parse::<Ipv6Addr>().is_ok() => format!("[{ipv6}]"),
        host => percent_encode(host),
    };
    let port = port.unwrap_or("5432");
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return problem(format!("DB_PORT {port:?} is not a port number"));
    }
    let url = format!(
        "postgres://{credentials}{host}:{port}/{}",
        percent_encode(name)
    );
    Ok(Some(Setting::new("database.url", url, origin)))
}

/// Escapes all but the unreserved characters of RFC 3986 section 2.3, so that
/// nothing in a password can end it.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A variable's value, unless it is empty, which is how templates write
/// "not set".
fn value<'a>(variables: &'a Variables, name: &str) -> Option<(&'a str, &'a Origin)> {
    let (value, origin) = variables.get(name)?;
    (!value.is_empty()).then_some((value.as_str(), origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(variables: &[(&str, &str)]) -> Variables {
        let entry = |(name, value): &(&str, &str)| {
            (
                (*name).to_owned(),
                ((*value).to_owned(), Origin::variable(name)),
            )
        };
        variables.iter().map(entry).collect()
    }

    fn url(above: &[(&str, &str)], below: &[(&str, &str)]) -> Option<String> {
        let setting = database(&layer(above), &layer(below)).expect("valid")?;
        setting.value.into_string()
    }

    #[test]
    fn a_database_name_makes_a_postgres_url() {
        assert_eq!(url(&[("DB_HOST", "db")], &[]), None);
        assert_eq!(url(&[("DB_NAME", "")], &[]), None);
        assert_eq!(
            url(&[("DB_NAME", "app")], &[]).as_deref(),
            Some("postgres://127.0.0.1:5432/app")
        );
        let all = [
            ("DB_NAME", "expense tracker"),
            ("DB_USER", "postgres"),
            ("DB_PASSWORD", "p@ss:w/rd?#%é"),
            ("DB_HOST", "::1"),
            ("DB_PORT", "5433"),
        ];
        assert_eq!(
            url(&all, &[]).as_deref(),
            Some("postgres://postgres:p%40ss%3Aw%2Frd%3F%23%25%C3%A9@[::1]:5433/expense%20tracker")
        );
    }

    #[test]
    fn each_variable_may_stand_in_either_layer() {
        let below = [("DB_NAME", "app"), ("DB_HOST", "old"), ("DB_USER", "me")];
        assert_eq!(
            url(&[("DB_HOST", "new")], &below).as_deref(),
            Some("postgres://me@new:5432/app")
        );
        assert_eq!(url(&[], &below), None, "the layer below says it already");
    }

    #[test]
    fn what_cannot_be_is_refused_without_the_password() {
        for (variable, hint) in [
            (
                ("DB_PORT", "http"),
                "database.url: DB_PORT \"http\" is not a port number",
            ),
            (
                ("DB_PASSWORD", "s3cr3t"),
                "database.url: DB_PASSWORD needs DB_USER beside it",
            ),
        ] {
            let error = database(&layer(&[("DB_NAME", "app"), variable]), &Variables::new());
            let error = error.expect_err("refused").to_string();
            assert!(
                error.starts_with(hint) && !error.contains("s3cr3t"),
                "{error}"
            );
        }
    }

    #[test]
    fn times_are_minutes_and_days() {
        let variables = layer(&[
            ("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", "15"),
            ("JWT_REFRESH_TOKEN_EXPIRE_DAYS", "7"),
        ]);
        let settings = settings(&variables, &Variables::new()).expect("valid");
        let shown: Vec<_> = settings
            .iter()
            .map(|s| (s.path.as_str(), s.value.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("tokens.access_ttl", Some("15m")),
                ("tokens.refresh_ttl", Some("7d"))
            ]
        );
        for text in ["0", "-1", "1.5", "15m", "99999999999"] {
            let variables = layer(&[("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", text)]);
            let error = super::settings(&variables, &Variables::new()).expect_err(text);
            assert!(
                error.to_string().starts_with("tokens.access_ttl: "),
                "{error}"
            );
        }
    }
}
