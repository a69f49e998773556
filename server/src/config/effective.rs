//! What `latchkey config show` tells: each key, the value that holds, and the
//! place it came from.

use serde_json::{Value, json};

use super::{
    AlgorithmChoice, Config, PolicyChoice,
    keys::{KEYS, Key},
    load::Loaded,
};

/// A key and the value that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// The key, as in `tokens.access_ttl`.
    pub key: &'static str,
    /// Its value, without secrets; null when there is none.
    pub value: Value,
    /// Where it stands, or what it follows from.
    pub origin: String,
}

/// Every key with the value that holds. What is left out and follows from
/// another key is filled in.
#[must_use]
pub fn effective(loaded: &Loaded) -> Vec<Effective> {
    let config = &loaded.config;
    let own_policy = matches!(config.passwords.policy, PolicyChoice::Own(_));
    // A policy is either one name or several rules: the other form is not there.
    let applies = |key: &&Key| match key.path.strip_prefix("passwords.policy") {
        Some("") => !own_policy,
        Some(_) => own_policy,
        None => true,
    };
    // Only the section structs serialise here: text, numbers, lists and tables.
    let values = serde_json::to_value(config).unwrap_or_default();
    let entry = |key: &Key| {
        let value = values.pointer(&format!("/{}", key.path.replace('.', "/")));
        let given = loaded.origin(key.path);
        let (value, origin) = derived(config, key.path, given).unwrap_or_else(|| {
            (
                value.cloned().unwrap_or_default(),
                given.unwrap_or("default").to_owned(),
            )
        });
        Effective {
            key: key.path,
            value,
            origin,
        }
    };
    KEYS.iter().filter(applies).map(entry).collect()
}

/// The value of a key that follows from others, because it was left out or
/// says so.
fn derived(config: &Config, path: &str, given: Option<&str>) -> Option<(Value, String)> {
    if path == "tokens.algorithm" && config.tokens.algorithm == AlgorithmChoice::Auto {
        let value = json!(config.tokens.signing_algorithm().name());
        return Some((value, format!("auto ({})", given.unwrap_or("default"))));
    }
    if given.is_some() {
        return None;
    }
    let listen = config.server.listen;
    let (value, from) = match path {
        // The port is only known once it is listened on.
        "server.public_url" | "tokens.issuer"
            if config.server.public_url.is_none() && listen.port() == 0 =>
        {
            (Value::Null, "server.listen")
        }
        "server.public_url" => (json!(config.public_url(listen)), "server.listen"),
        "server.cors_origins" if config.public_url(listen).is_loopback() => {
            (Value::Null, "server.public_url: pages on this machine")
        }
        "server.cors_origins" => (Value::Null, "server.public_url: no page"),
        "tokens.issuer" => (json!(config.public_url(listen)), "server.public_url"),
        "tokens.session_max_age" => {
            let age = super::duration::format(config.tokens.session_max_age());
            (json!(age), "tokens.refresh_ttl")
        }
        "passwords.hashing_slots" => (json!(config.passwords.slots()), "the number of cores"),
        _ => return None,
    };
    Some((value, format!("default, from {from}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn shown(variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect();
        let directory = "/nonexistent".into();
        let loaded = load(&Sources {
            directory,
            variables,
            ..Sources::default()
        })
        .expect("loads");
        let line = |entry: Effective| format!("{} = {} ({})", entry.key, entry.value, entry.origin);
        effective(&loaded).into_iter().map(line).collect()
    }

    #[test]
    fn what_follows_from_another_key_is_filled_in() {
        let shown = shown(&[("LATCHKEY_SERVER__LISTEN", "0.0.0.0:80")]);
        for line in [
            r#"server.listen = "0.0.0.0:80" (environment variable LATCHKEY_SERVER__LISTEN)"#,
            r#"server.public_url = "http://localhost" (default, from server.listen)"#,
            r#"tokens.issuer = "http://localhost" (default, from server.public_url)"#,
            r#"tokens.algorithm = "EdDSA" (auto (default))"#,
            r#"server.cors_origins = null (default, from server.public_url: pages on this machine)"#,
            r#"tokens.session_max_age = "30d" (default, from tokens.refresh_ttl)"#,
            r#"tokens.access_ttl = "30m" (default)"#,
            r#"passwords.policy = "default" (default)"#,
        ] {
            assert!(
                shown.iter().any(|shown| shown == line),
                "{line} in {shown:#?}"
            );
        }
    }

    #[test]
    fn secrets_are_not_among_it() {
        let shown = shown(&[
            ("JWT_SECRET_KEY", "s3cr3t-1"),
            ("LATCHKEY_TOKENS__PREVIOUS_SECRET_KEYS", "s3cr3t-2,s3cr3t-3"),
            ("LATCHKEY_TOKENS__KEY_ENCRYPTION_SECRET", "s3cr3t-4"),
            ("LATCHKEY_DATABASE__URL", "postgres://me:s3cr3t-5@db/app"),
        ])
        .join("\n");
        assert!(!shown.contains("s3cr3t"), "{shown}");
        assert!(
            shown.contains(
                r#"tokens.secret_key = "[redacted]" (environment variable JWT_SECRET_KEY)"#
            )
        );
        assert!(shown.contains("postgres://me:***@db/app"));
    }

    #[test]
    fn a_policy_of_ones_own_is_shown_rule_by_rule() {
        let shown = shown(&[("LATCHKEY_PASSWORDS__POLICY__MIN_LENGTH", "12")]).join("\n");
        assert!(
            shown.contains("passwords.policy.min_length = 12 (environment"),
            "{shown}"
        );
        assert!(!shown.contains("passwords.policy = "), "{shown}");
    }
}
