//! What must hold between values, and what an operator should be told.

use std::time::Duration;

use super::{
    Config, PublicUrl, algorithm::AlgorithmChoice, duration, error::ConfigError, load::Loaded,
    weak_secrets::weakness,
};
use crate::domain::hasher::CostError;

/// A grace longer than this would be a second life for a stolen token.
const MAX_GRACE: Duration = Duration::from_secs(5 * 60);

/// "No more than 100" consecutive failures of one account (SP 800-63B-4 section 3.2.2).
const MAX_FAILURES: u32 = 100;

/// Checks every value that its own type cannot.
pub(super) fn check(loaded: &Loaded) -> Result<(), ConfigError> {
    for rule in [server, database, tokens, passwords, rate_limits, audit] {
        if let Err((path, problem)) = rule(&loaded.config) {
            let origin = loaded.origin(path).unwrap_or("default");
            return Err(ConfigError::new(format!("{path}: {problem} ({origin})")));
        }
    }
    Ok(())
}

type Checked = Result<(), (&'static str, String)>;

fn require(holds: bool, path: &'static str, problem: impl Into<String>) -> Checked {
    if holds {
        Ok(())
    } else {
        Err((path, problem.into()))
    }
}

fn above_zero(value: Duration, path: &'static str) -> Checked {
    require(!value.is_zero(), path, "must be longer than 0s")
}

fn server(config: &Config) -> Checked {
    let server = &config.server;
    above_zero(server.request_timeout, "server.request_timeout")?;
    above_zero(server.header_timeout, "server.header_timeout")?;
    require(
        server.max_connections > 0,
        "server.max_connections",
        "must be at least 1",
    )?;
    let body = server.max_body.bytes();
    require(
        (1024..=64 << 20).contains(&body),
        "server.max_body",
        format!("{} is not between 1KiB and 64MiB", server.max_body),
    )
}

fn database(config: &Config) -> Checked {
    let pool = config.database.pool;
    require(
        (1..=1000).contains(&pool),
        "database.pool",
        format!("{pool} is not between 1 and 1000"),
    )
}

fn tokens(config: &Config) -> Checked {
    let tokens = &config.tokens;
    // Times in tokens are whole seconds (RFC 7519 section 2, NumericDate).
    let one_second = Duration::from_secs(1);
    require(
        tokens.access_ttl >= one_second,
        "tokens.access_ttl",
        "must be at least 1s",
    )?;
    require(
        tokens.refresh_ttl >= one_second,
        "tokens.refresh_ttl",
        "must be at least 1s",
    )?;
    require(
        tokens.session_max_age() >= one_second,
        "tokens.session_max_age",
        "must be at least 1s",
    )?;
    require(
        tokens.refresh_grace <= MAX_GRACE,
        "tokens.refresh_grace",
        format!("must be at most {}", duration::format(MAX_GRACE)),
    )?;
    for (path, text) in [
        ("tokens.issuer", &tokens.issuer),
        ("tokens.audience", &tokens.audience),
    ] {
        require(
            text.as_deref() != Some(""),
            path,
            "is empty; give it a value, or take it out",
        )?;
    }
    if let AlgorithmChoice::Fixed(algorithm) = tokens.algorithm {
        require(
            !algorithm.is_symmetric() || tokens.secret_key.is_some(),
            "tokens.algorithm",
            format!(
                "{algorithm} needs tokens.secret_key; set it, or leave tokens.algorithm at \"auto\""
            ),
        )?;
    }
    Ok(())
}

fn passwords(config: &Config) -> Checked {
    if let Err(error) = config.passwords.hasher_options() {
        let path = match error {
            CostError::Memory { .. } => "passwords.argon2.m",
            CostError::Passes => "passwords.argon2.t",
            CostError::Lanes => "passwords.argon2.p",
        };
        return Err((path, error.to_string()));
    }
    let slots = config.passwords.slots().get();
    require(
        slots <= 1024,
        "passwords.hashing_slots",
        format!("{slots} is more than 1024"),
    )?;
    let queue = config.passwords.hashing_queue;
    require(
        queue <= 100_000,
        "passwords.hashing_queue",
        format!("{queue} is more than 100000"),
    )?;
    above_zero(config.passwords.hashing_wait, "passwords.hashing_wait")
}

fn rate_limits(config: &Config) -> Checked {
    let limits = &config.rate_limits;
    let second = Duration::from_secs(1);
    require(
        (1..=MAX_FAILURES).contains(&limits.account_lock_after),
        "rate_limits.account_lock_after",
        format!(
            "{} is not between 1 and {MAX_FAILURES}, which is what NIST SP 800-63B allows",
            limits.account_lock_after
        ),
    )?;
    require(
        (1..=limits.account_lock_after).contains(&limits.account_tries),
        "rate_limits.account_tries",
        format!(
            "{} is not between 1 and rate_limits.account_lock_after, {}",
            limits.account_tries, limits.account_lock_after
        ),
    )?;
    // Each at least as long as the one before.
    let mut before = ("1s", second);
    for (path, time) in [
        ("rate_limits.account_pause", limits.account_pause),
        ("rate_limits.account_pause_max", limits.account_pause_max),
        ("rate_limits.account_lock", limits.account_lock),
        ("rate_limits.account_memory", limits.account_memory),
    ] {
        let problem = format!("must not be shorter than {}", before.0);
        require(time >= before.1, path, problem)?;
        before = (path, time);
    }
    for (path, quota) in [
        ("rate_limits.address_failures", limits.address_failures),
        ("rate_limits.address_sign_ups", limits.address_sign_ups),
    ] {
        require(
            (1..=1_000_000).contains(&quota),
            path,
            format!("{quota} is not between 1 and 1000000"),
        )?;
    }
    for (path, window, quota) in [
        (
            "rate_limits.address_failures_window",
            limits.address_failures_window,
            limits.address_failures,
        ),
        (
            "rate_limits.address_sign_ups_window",
            limits.address_sign_ups_window,
            limits.address_sign_ups,
        ),
    ] {
        require(
            window >= second && window.as_millis() >= u128::from(quota),
            path,
            "must be at least 1s, and 1ms for each that comes back in it",
        )?;
    }
    Ok(())
}

fn audit(config: &Config) -> Checked {
    let one_day = Duration::from_secs(24 * 60 * 60);
    require(
        config.audit.keep >= one_day,
        "audit.keep",
        "must be at least 1d",
    )
}

impl Config {
    /// What an operator should be told before the service listens.
    ///
    /// # Errors
    /// A weak HMAC key off loopback: anyone could sign tokens.
    pub fn check_for_serving(&self) -> Result<Vec<String>, ConfigError> {
        let mut warnings = self.secret_warnings()?;
        warnings.extend(self.address_warnings());
        if !self.rate_limits.enabled {
            warnings.push(
                "rate_limits.enabled is false: passwords can be guessed without end".to_owned(),
            );
        }
        let cost = self.passwords.argon2;
        if cost.is_below_recommendation() {
            warnings.push(format!(
                "passwords.argon2 (m={} t={} p={}) is cheaper than OWASP recommends; leave it at m=19456 t=2 p=1 or more",
                cost.m, cost.t, cost.p
            ));
        }
        Ok(warnings)
    }

    /// Whether only this machine can reach the service, as far as is known.
    #[must_use]
    pub fn is_loopback_only(&self) -> bool {
        self.server.listen.ip().is_loopback() && self.public_url(self.server.listen).is_loopback()
    }

    fn secret_warnings(&self) -> Result<Vec<String>, ConfigError> {
        let tokens = &self.tokens;
        let mut warnings = Vec::new();
        if let Some(weakness) = tokens.secret_key.as_ref().and_then(weakness) {
            let finding = format!(
                "tokens.secret_key {weakness}: whoever knows or guesses it can sign in as anyone"
            );
            let remedy = "make one with `openssl rand -hex 32`";
            if !self.is_loopback_only() && !tokens.allow_weak_secret {
                return Err(ConfigError::new(format!(
                    "{finding}; {remedy} (or set tokens.allow_weak_secret = true to serve all the same)"
                )));
            }
            warnings.push(format!("{finding}; {remedy}"));
        }
        for (at, weakness) in tokens.previous_secret_keys.iter().map(weakness).enumerate() {
            if let Some(weakness) = weakness {
                warnings.push(format!(
                    "tokens.previous_secret_keys[{at}] {weakness}; take it out as soon as its tokens have expired"
                ));
            }
        }
        if let Some(weakness) = tokens.key_encryption_secret.as_ref().and_then(weakness) {
            warnings.push(format!(
                "tokens.key_encryption_secret {weakness}; make one with `openssl rand -hex 32` and keep the old one in tokens.previous_key_encryption_secrets"
            ));
        }
        if tokens.secret_key.is_some() && !tokens.signing_algorithm().is_symmetric() {
            warnings.push(format!(
                "tokens.secret_key signs nothing while tokens.algorithm is {}; it only verifies tokens signed with it before",
                tokens.signing_algorithm()
            ));
        }
        Ok(warnings)
    }

    fn address_warnings(&self) -> Vec<String> {
        let server = &self.server;
        let mut warnings = Vec::new();
        let public_url = self.public_url(server.listen);
        if server.public_url.is_none() && server.listen.ip().is_unspecified() {
            warnings.push(format!(
                "server.public_url is not set, so that tokens and links say {}; set it to the address that clients use",
                PublicUrl::of_listener(server.listen)
            ));
        } else if !public_url.is_https() && !public_url.is_loopback() {
            warnings.push(format!(
                "server.public_url is {public_url}: passwords and tokens cross the network unencrypted; serve https, behind a TLS proxy"
            ));
        }
        if server
            .trusted_proxies
            .iter()
            .any(|network| network.prefix_len() == 0)
        {
            warnings.push(
                "server.trusted_proxies believes everyone, so that any client can claim any address".to_owned(),
            );
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Argon2Cost, RateLimits, Secret};

    const STRONG: &str = "b1946ac92492d2347c6235b4d2611184e1f3a0c45d6789ab";

    fn config(listen: &str, public_url: Option<&str>, secret: &str) -> Config {
        let mut config = Config::default();
        config.server.listen = listen.parse().expect("an address");
        config.server.public_url = public_url.map(|url| PublicUrl::parse(url).expect("a URL"));
        config.tokens.secret_key = Secret::new(secret);
        config
    }

    fn warnings(config: &Config) -> String {
        config.check_for_serving().expect("serves").join("\n")
    }

    #[test]
    fn the_defaults_give_no_warning() {
        assert_eq!(warnings(&Config::default()), "");
        assert_eq!(
            warnings(&config(
                "127.0.0.1:0",
                Some("https://auth.example.com"),
                STRONG
            )),
            ""
        );
    }

    #[test]
    fn a_weak_secret_warns_on_loopback_and_is_refused_off_it() {
        let weak = "your-secret-key-here";
        let local = warnings(&config("127.0.0.1:8000", None, weak));
        assert!(
            local.starts_with("tokens.secret_key is a placeholder"),
            "{local}"
        );
        for (listen, public_url) in [
            ("0.0.0.0:8000", None),
            ("0.0.0.0:8000", Some("http://localhost:8000")),
            ("127.0.0.1:8000", Some("https://auth.example.com")),
        ] {
            let mut config = config(listen, public_url, weak);
            let error = config.check_for_serving().expect_err("refused").to_string();
            assert!(error.contains("tokens.allow_weak_secret"), "{error}");
            assert!(!error.contains(weak), "{error}");
            config.tokens.allow_weak_secret = true;
            assert!(warnings(&config).contains("tokens.secret_key is a placeholder"));
        }
    }

    #[test]
    fn a_weak_previous_secret_only_warns() {
        let mut config = config("192.0.2.1:80", Some("https://auth.example.com"), STRONG);
        config.tokens.previous_secret_keys = Secret::new("secret").into_iter().collect();
        let told = warnings(&config);
        assert!(
            told.starts_with("tokens.previous_secret_keys[0] is a placeholder"),
            "{told}"
        );
    }

    #[test]
    fn addresses_that_clients_cannot_use_or_should_not_are_named() {
        let told = warnings(&config("0.0.0.0:8000", None, ""));
        assert!(
            told.starts_with("server.public_url is not set")
                && told.contains("http://localhost:8000")
        );
        let told = warnings(&config("192.0.2.1:8000", None, ""));
        assert!(
            told.starts_with("server.public_url is http://192.0.2.1:8000: "),
            "{told}"
        );
        let mut open = Config::default();
        open.server.trusted_proxies = vec!["0.0.0.0/0".parse().expect("a network")];
        assert!(warnings(&open).starts_with("server.trusted_proxies"));
    }

    #[test]
    fn pauses_only_grow_and_a_hundred_failures_are_the_most() {
        let refused = |change: fn(&mut RateLimits)| {
            let mut config = Config::default();
            change(&mut config.rate_limits);
            rate_limits(&config).err().map(|(path, _)| path)
        };
        let hour = Duration::from_secs(3600);
        assert_eq!(refused(|_| {}), None);
        assert_eq!(
            refused(|limits| limits.account_lock_after = 101),
            Some("rate_limits.account_lock_after")
        );
        assert_eq!(
            refused(|limits| limits.account_tries = 0),
            Some("rate_limits.account_tries")
        );
        assert_eq!(
            refused(|limits| limits.account_lock_after = 9),
            Some("rate_limits.account_tries")
        );
        for (change, path) in [
            (
                (|limits, time| limits.account_pause_max = time / 120) as fn(&mut RateLimits, _),
                "rate_limits.account_pause_max",
            ),
            (
                |limits, time| limits.account_lock = time / 2,
                "rate_limits.account_lock",
            ),
            (
                |limits, time| limits.account_memory = time,
                "rate_limits.account_memory",
            ),
            (
                |limits, _| limits.address_failures_window = Duration::ZERO,
                "rate_limits.address_failures_window",
            ),
        ] {
            let mut config = Config::default();
            change(&mut config.rate_limits, hour);
            let problem = rate_limits(&config).expect_err(path);
            assert_eq!(problem.0, path);
        }
    }

    #[test]
    fn cheap_hashes_are_named() {
        let mut config = Config::default();
        for (m, t, cheap) in [
            (19_456, 2, false),
            (47_104, 1, false),
            (19_456, 1, true),
            (4096, 3, true),
        ] {
            config.passwords.argon2 = Argon2Cost { m, t, p: 1 };
            assert_eq!(
                warnings(&config).contains("passwords.argon2"),
                cheap,
                "m={m} t={t}"
            );
        }
    }
}
