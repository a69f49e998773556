//! Configurations as somebody wrote them: nothing panics, an error is one line that names
//! a place, a secret is never shown, and a higher layer wins.
//!
//! The input is `config.toml`, `.env` and an environment, one `NAME=value` a line, with
//! lines of `%%` between them.
#![no_main]

use std::time::Duration;

use latchkey::config::{Config, ConfigError, Loaded, effective, fuzzing};
use libfuzzer_sys::fuzz_target;

/// What no error and nothing that is shown may hold: in no seed, and too long to be found.
const SECRET: &str = "3f1c8e5b-a-secret-that-is-never-shown";

fuzz_target!(|input: &str| {
    let (toml, rest) = section(input);
    let (dotenv, rest) = section(rest);
    let environment: Vec<(&str, &str)> = rest
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let Some(result) = fuzzing::load(toml, dotenv, &environment) else {
        return;
    };
    match &result {
        Ok(loaded) => {
            hold(loaded);
            hold_above(toml, dotenv, &environment, loaded);
        }
        Err(error) => hold_error(error, toml, dotenv),
    }
    keep_secrets(toml, dotenv, &environment);
});

/// What stands before a line of `%%`, and what stands behind.
fn section(text: &str) -> (&str, &str) {
    text.split_once("%%\n").unwrap_or((text, ""))
}

fn hold_error(error: &ConfigError, toml: &str, dotenv: &str) {
    let message = error.to_string();
    assert!(!message.chars().any(char::is_control), "{message:?}");
    let line_in = |file: &str, text: &str| {
        let (_, rest) = message.split_once(&format!("{file} line "))?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        let line: usize = digits.parse().expect("a number");
        assert!(
            (1..=text.matches('\n').count() + 1).contains(&line),
            "{message}"
        );
        Some(())
    };
    let has_place = line_in("config.toml", toml).is_some()
        || line_in(".env", dotenv).is_some()
        || message.contains("environment variable ")
        || message.contains("(default)");
    assert!(has_place, "{message}");
}

fn hold(loaded: &Loaded) {
    let config = &loaded.config;
    assert!((1..=1000).contains(&config.database.pool));
    assert!(config.server.max_connections > 0);
    assert!((1024..=64 << 20).contains(&config.server.max_body.bytes()));
    let limits = &config.rate_limits;
    assert!(limits.account_tries <= limits.account_lock_after && limits.account_lock_after <= 100);
    let second = Duration::from_secs(1);
    assert!(config.tokens.access_ttl >= second && config.tokens.refresh_ttl >= second);

    let shown = effective(loaded);
    for pair in shown.windows(2) {
        assert_ne!(pair[0].key, pair[1].key);
    }
    match config.check_for_serving() {
        Ok(warnings) => assert!(warnings.iter().all(|warning| !warning.contains('\n'))),
        Err(error) => assert!(error.to_string().contains("tokens.allow_weak_secret")),
    }
}

/// One more variable in the environment decides its key and nothing else.
fn hold_above(toml: &str, dotenv: &str, environment: &[(&str, &str)], below: &Loaded) {
    let variable = ("LATCHKEY_TOKENS__ACCESS_TTL", "7m");
    let above = load_with(toml, dotenv, environment, &[variable]);
    let above = above.expect("the same and a value that does");
    let mut expected: Config = below.config.clone();
    expected.tokens.access_ttl = Duration::from_secs(7 * 60);
    assert_eq!(above.config, expected);
    let origin = above.origin("tokens.access_ttl");
    assert_eq!(
        origin,
        Some("environment variable LATCHKEY_TOKENS__ACCESS_TTL")
    );
}

/// Secrets in the highest layer are shown nowhere, whatever is below them.
fn keep_secrets(toml: &str, dotenv: &str, environment: &[(&str, &str)]) {
    let array = format!("[{SECRET}");
    let url = format!("postgres://me:{SECRET}@localhost/app");
    for secrets in [
        [
            ("LATCHKEY_TOKENS__SECRET_KEY", SECRET),
            ("LATCHKEY_TOKENS__PREVIOUS_SECRET_KEYS", SECRET),
            ("LATCHKEY_DATABASE__URL", &url),
        ],
        [
            ("JWT_SECRET_KEY", SECRET),
            ("LATCHKEY_TOKENS__PREVIOUS_SECRET_KEYS", &array),
            ("DB_PASSWORD", SECRET),
        ],
    ] {
        match load_with(toml, dotenv, environment, &secrets) {
            Ok(loaded) => {
                assert!(!format!("{loaded:?}").contains(SECRET));
                assert!(!format!("{:?}", effective(&loaded)).contains(SECRET));
                if let Ok(warnings) = loaded.config.check_for_serving() {
                    assert!(!warnings.join("\n").contains(SECRET));
                }
            }
            Err(error) => assert!(!error.to_string().contains(SECRET), "{error}"),
        }
    }
}

fn load_with(
    toml: &str,
    dotenv: &str,
    environment: &[(&str, &str)],
    more: &[(&str, &str)],
) -> Result<Loaded, ConfigError> {
    let is_new = |(name, _): &&(&str, &str)| more.iter().all(|(added, _)| added != name);
    let environment: Vec<_> = environment
        .iter()
        .filter(is_new)
        .chain(more)
        .copied()
        .collect();
    fuzzing::load(toml, dotenv, &environment).expect("no secret's file elsewhere")
}
