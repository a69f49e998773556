//! Every key that exists: what the layers know before anything is parsed.
//!
//! A test holds this table and the structs together.

/// How a key's value is written in a variable, where everything is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As it stands.
    Text,
    /// As it stands, and never shown. Has a twin that ends in `_file`.
    Secret,
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Number,
    /// `a, b` or `["a", "b"]`.
    List,
    /// The same, and never shown. Has a twin that ends in `_file`, with one
    /// secret per line.
    Secrets,
}

/// A key that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Section and name, as in `tokens.access_ttl`.
    pub path: &'static str,
    /// How its value is written in a variable.
    pub shape: Shape,
}

const fn key(path: &'static str, shape: Shape) -> Key {
    Key { path, shape }
}

/// Every key, in the order of `config.toml`.
pub const KEYS: &[Key] = &[
    key("server.listen", Shape::Text),
    key("server.public_url", Shape::Text),
    key("server.trusted_proxies", Shape::List),
    key("server.cors_origins", Shape::List),
    key("server.request_timeout", Shape::Text),
    key("server.header_timeout", Shape::Text),
    key("server.shutdown_deadline", Shape::Text),
    key("server.max_connections", Shape::Number),
    key("server.max_body", Shape::Text),
    key("server.docs", Shape::Switch),
    key("database.url", Shape::Secret),
    key("database.pool", Shape::Number),
    key("database.migrate_on_start", Shape::Switch),
    key("tokens.issuer", Shape::Text),
    key("tokens.audience", Shape::Text),
    key("tokens.algorithm", Shape::Text),
    key("tokens.secret_key", Shape::Secret),
    key("tokens.previous_secret_keys", Shape::Secrets),
    key("tokens.allow_weak_secret", Shape::Switch),
    key("tokens.access_ttl", Shape::Text),
    key("tokens.refresh_ttl", Shape::Text),
    key("tokens.refresh_grace", Shape::Text),
    key("tokens.session_max_age", Shape::Text),
    key("tokens.key_encryption_secret", Shape::Secret),
    key("tokens.previous_key_encryption_secrets", Shape::Secrets),
    key("passwords.policy", Shape::Text),
    key("passwords.policy.min_length", Shape::Number),
    key("passwords.policy.max_length", Shape::Number),
    key("passwords.policy.require", Shape::List),
    key("passwords.policy.min_score", Shape::Number),
    key("passwords.policy.forbid_common", Shape::Switch),
    key("passwords.policy.forbid_context", Shape::Switch),
    key("passwords.policy.context_words", Shape::List),
    key("passwords.upgrade_foreign", Shape::Switch),
    key("passwords.argon2.m", Shape::Number),
    key("passwords.argon2.t", Shape::Number),
    key("passwords.argon2.p", Shape::Number),
    key("passwords.hashing_slots", Shape::Number),
    key("passwords.hashing_queue", Shape::Number),
    key("passwords.hashing_wait", Shape::Text),
    key("rate_limits.enabled", Shape::Switch),
    key("rate_limits.account_tries", Shape::Number),
    key("rate_limits.account_pause", Shape::Text),
    key("rate_limits.account_pause_max", Shape::Text),
    key("rate_limits.account_lock_after", Shape::Number),
    key("rate_limits.account_lock", Shape::Text),
    key("rate_limits.account_memory", Shape::Text),
    key("rate_limits.known_address_memory", Shape::Text),
    key("rate_limits.address_failures", Shape::Number),
    key("rate_limits.address_failures_window", Shape::Text),
    key("rate_limits.address_sign_ups", Shape::Number),
    key("rate_limits.address_sign_ups_window", Shape::Text),
    key("audit.keep", Shape::Text),
];

/// What every variable of ours begins with.
pub const PREFIX: &str = "LATCHKEY_";

impl Key {
    /// Whether its value must not be shown.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self.shape, Shape::Secret | Shape::Secrets)
    }

    /// The variable that sets it, as in `LATCHKEY_TOKENS__ACCESS_TTL`.
    #[must_use]
    pub fn variable(self) -> String {
        variable(self.path)
    }
}

/// The key at a path, and whether the path names its `_file` twin.
pub(super) fn find(path: &str) -> Option<(Key, bool)> {
    let named = |wanted: &str| KEYS.iter().copied().find(|key| key.path == wanted);
    if let Some(key) = named(path) {
        return Some((key, false));
    }
    let twin = path.strip_suffix("_file").and_then(named)?;
    twin.is_secret().then_some((twin, true))
}

/// Whether a path is a table of keys, as in `tokens` or `passwords.argon2`.
pub(super) fn is_table(path: &str) -> bool {
    KEYS.iter()
        .filter_map(|key| key.path.strip_prefix(path))
        .any(|rest| rest.starts_with('.'))
}

/// The variable for a path, known or not.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_ascii_uppercase())
}

/// The path for a variable of ours, known or not.
pub(super) fn path_of(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix(PREFIX)?;
    Some(rest.to_ascii_lowercase().replace("__", "."))
}

/// The known path that an unknown one most likely means.
pub(super) fn nearest(path: &str) -> Option<String> {
    let name = path.rsplit('.').next().unwrap_or(path);
    KEYS.iter()
        .flat_map(|key| {
            let twin = key.is_secret().then(|| format!("{}_file", key.path));
            [Some(key.path.to_owned()), twin].into_iter().flatten()
        })
        .map(|known| {
            let known_name = known.rsplit('.').next().unwrap_or_default();
            // A right name in the wrong section is as near as a slip in spelling.
            let likeness = if known_name == name {
                0.95
            } else {
                strsim::jaro_winkler(path, &known)
            };
            (likeness, known)
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, PolicyChoice};

    /// The paths of everything that a serialised configuration holds.
    fn leaves(value: &serde_json::Value, path: &str, into: &mut Vec<String>) {
        match value.as_object() {
            None => into.push(path.to_owned()),
            Some(members) => {
                for (name, member) in members {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    leaves(member, &path, into);
                }
            }
        }
    }

    #[test]
    fn the_table_names_exactly_what_the_structs_hold() {
        let mut config = Config::default();
        assert_eq!(config.passwords.policy, PolicyChoice::Default);
        let mut held = Vec::new();
        leaves(
            &serde_json::to_value(&config).expect("serialises"),
            "",
            &mut held,
        );
        config.passwords.policy = PolicyChoice::Own(
            serde_json::from_str(
                r#"{"min_length": 8, "max_length": 256, "require": [], "min_score": 0,
                    "forbid_common": true, "forbid_context": true, "context_words": []}"#,
            )
            .expect("a policy"),
        );
        leaves(
            &serde_json::to_value(&config).expect("serialises"),
            "",
            &mut held,
        );
        held.sort_unstable();
        held.dedup();
        let mut known: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
        known.sort_unstable();
        assert_eq!(held, known);
    }

    #[test]
    fn a_secret_has_a_twin_and_nothing_else_has() {
        let secret = find("tokens.secret_key_file").expect("a twin");
        assert_eq!((secret.0.path, secret.1), ("tokens.secret_key", true));
        assert_eq!(find("tokens.access_ttl_file"), None);
        assert!(is_table("tokens") && is_table("passwords.argon2") && !is_table("tokens.issuer"));
    }

    #[test]
    fn the_nearest_name_is_the_one_meant() {
        for (wrong, right) in [
            ("tokens.acess_ttl", "tokens.access_ttl"),
            ("token.access_ttl", "tokens.access_ttl"),
            ("tokens.secret", "tokens.secret_key"),
            ("tokens.listen", "server.listen"),
            ("access_ttl", "tokens.access_ttl"),
            ("server.publicurl", "server.public_url"),
            ("tokens.secret_keyfile", "tokens.secret_key_file"),
            ("passwords.argon2.mem", "passwords.argon2.m"),
            ("ratelimits.enabled", "rate_limits.enabled"),
        ] {
            assert_eq!(nearest(wrong).as_deref(), Some(right), "{wrong}");
        }
        assert_eq!(nearest("zzz"), None);
    }

    #[test]
    fn a_variable_and_a_path_name_each_other() {
        for key in KEYS {
            assert_eq!(path_of(&key.variable()).as_deref(), Some(key.path));
        }
        assert_eq!(variable("tokens.access_ttl"), "LATCHKEY_TOKENS__ACCESS_TTL");
    }
}
