//! The layers together: which stands above which, and what each error says.

use std::{fs, time::Duration};

use super::{
    Algorithm, AlgorithmChoice, Config, DatabaseUrl, Loaded, Origin, PolicyChoice, Secret, Setting,
    Sources, load,
};

/// A working directory with files in it, and an environment.
struct Case {
    directory: tempfile::TempDir,
    sources: Sources,
}

impl Case {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let sources = Sources {
            directory: directory.path().to_path_buf(),
            ..Sources::default()
        };
        Self { directory, sources }
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.directory.path().join(name), text).expect("written");
        self
    }

    fn toml(self, text: &str) -> Self {
        self.file("config.toml", text)
    }

    fn dotenv(self, text: &str) -> Self {
        self.file(".env", text)
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.variables.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, path: &'static str, value: &str) -> Self {
        self.sources
            .flags
            .push(Setting::new(path, value, Origin::flag("--flag")));
        self
    }

    fn load(&self) -> Loaded {
        load(&self.sources).expect("a configuration")
    }

    fn error(&self) -> String {
        load(&self.sources).expect_err("an error").to_string()
    }
}

#[test]
fn without_anything_the_defaults_hold() {
    let loaded = Case::new().load();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.origin("tokens.access_ttl"), None);
}

#[test]
fn each_layer_stands_above_the_one_before() {
    const KEY: &str = "tokens.access_ttl";
    const VARIABLE: &str = "LATCHKEY_TOKENS__ACCESS_TTL";
    const OLD: &str = "JWT_ACCESS_TOKEN_EXPIRE_MINUTES";
    let expect = |case: &Case, minutes: u64, origin: &str| {
        let loaded = case.load();
        assert_eq!(
            loaded.config.tokens.access_ttl,
            Duration::from_secs(60 * minutes)
        );
        assert_eq!(loaded.origin(KEY), Some(origin));
    };
    let case = Case::new().toml("[tokens]\naccess_ttl = \"1m\"\n");
    expect(&case, 1, "config.toml line 2");
    let case = case.dotenv(&format!("{OLD}=2\n"));
    expect(&case, 2, ".env line 1, JWT_ACCESS_TOKEN_EXPIRE_MINUTES");
    let case = case.dotenv(&format!("{VARIABLE}=3m\n{OLD}=2\n"));
    expect(&case, 3, ".env line 1, LATCHKEY_TOKENS__ACCESS_TTL");
    let case = case.variable(OLD, "4");
    expect(
        &case,
        4,
        "environment variable JWT_ACCESS_TOKEN_EXPIRE_MINUTES",
    );
    let case = case.variable(VARIABLE, "5m");
    expect(&case, 5, "environment variable LATCHKEY_TOKENS__ACCESS_TTL");
    let case = case.flag(KEY, "6m");
    expect(&case, 6, "flag --flag");
}

#[test]
fn a_named_file_takes_the_place_of_the_one_in_the_directory() {
    let mut case = Case::new()
        .toml("[tokens]\naccess_ttl = \"1m\"")
        .file("other.toml", "[server]\ndocs = false");
    case.sources.file = Some("other.toml".into());
    let loaded = case.load();
    assert!(!loaded.config.server.docs);
    assert_eq!(
        loaded.config.tokens.access_ttl,
        Config::default().tokens.access_ttl
    );
}

#[test]
fn the_predecessors_dotenv_works_as_it_is() {
    let case = Case::new().dotenv(
        "DB_USER=postgres\nDB_PASSWORD=p@ss word/#1\nDB_HOST=db\nDB_PORT=5432\n\
         DB_NAME=expense_tracker\nJWT_SECRET_KEY=supersecretkey\nOTHER_SERVICE=whatever it is\n",
    );
    let config = case.load().config;
    let DatabaseUrl::Postgres(url) = &config.database.url else {
        panic!("{:?}", config.database.url);
    };
    assert_eq!(
        url.to_string(),
        "postgres://postgres:***@db:5432/expense_tracker"
    );
    assert_eq!(url.server().get_password(), Some(&b"p@ss word/#1"[..]));
    assert_eq!(config.tokens.signing_algorithm(), Algorithm::Hs256);
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("supersecret") && !shown.contains("p%40ss"),
        "{shown}"
    );
}

#[test]
fn our_name_for_the_database_stands_above_the_predecessors() {
    let case = Case::new().dotenv("DB_NAME=app\nLATCHKEY_DATABASE__URL=sqlite:mine.db\n");
    assert_eq!(
        case.load().config.database.url.to_string(),
        "sqlite:mine.db"
    );
    let case = case.variable("DB_HOST", "elsewhere");
    let loaded = case.load();
    assert_eq!(
        loaded.config.database.url.to_string(),
        "postgres://elsewhere:5432/app"
    );
    assert_eq!(
        loaded.origin("database.url"),
        Some(".env line 1, DB_NAME, environment variable DB_HOST")
    );
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    let case = Case::new()
        .file("secret", "from a file\r\n")
        .file("old", "one, with a comma\ntwo\n")
        .toml("[tokens]\nsecret_key_file = \"secret\"\n")
        .variable("LATCHKEY_TOKENS__PREVIOUS_SECRET_KEYS_FILE", "old");
    let loaded = case.load();
    let secrets: Vec<_> = loaded
        .config
        .tokens
        .hmac_secrets()
        .map(Secret::expose)
        .collect();
    assert_eq!(secrets, ["from a file", "one, with a comma", "two"]);
    assert_eq!(
        loaded.origin("tokens.secret_key"),
        Some("secret, named by config.toml line 2")
    );
}

#[test]
fn a_higher_layer_overrides_a_secret_file_unread() {
    let case = Case::new()
        .toml("[tokens]\nsecret_key_file = \"/nonexistent\"\n")
        .variable("JWT_SECRET_KEY", "in the environment");
    let secret = case.load().config.tokens.secret_key.expect("a secret");
    assert_eq!(secret.expose(), "in the environment");
}

#[test]
fn secret_files_that_cannot_be_used_are_named() {
    for (toml, message) in [
        (
            "secret_key_file = \"gone\"",
            "tokens.secret_key_file: cannot read gone: No such file or directory (os error 2) (config.toml line 2)",
        ),
        (
            "secret_key_file = \"empty\"",
            "tokens.secret_key_file: empty is empty (config.toml line 2)",
        ),
        (
            "secret_key_file = 5",
            "tokens.secret_key_file: is not the name of a file (config.toml line 2)",
        ),
        (
            "secret_key_file = \"/dev/zero\"",
            "tokens.secret_key_file: /dev/zero is larger than 65536 bytes (config.toml line 2)",
        ),
        (
            "secret_key = \"x\"\nsecret_key_file = \"empty\"",
            "tokens.secret_key: is set, and tokens.secret_key_file too (config.toml line 3); keep one of them (config.toml line 2)",
        ),
    ] {
        let case = Case::new()
            .file("empty", "\n")
            .toml(&format!("[tokens]\n{toml}\n"));
        assert_eq!(case.error(), message);
    }
}

#[test]
fn errors_name_key_problem_and_place() {
    for (toml, message) in [
        (
            "[tokens]\naccess_ttl = \"fast\"",
            "tokens.access_ttl: \"fast\" is not a duration; write one like 30m, 1d, 10s or 1h30m (config.toml line 2)",
        ),
        (
            "[tokens]\naccess_ttl = 900",
            "tokens.access_ttl: 900 is not a duration like \"30m\" or \"1d\" (config.toml line 2)",
        ),
        (
            "[tokens]\naccess_ttl = \"0s\"",
            "tokens.access_ttl: must be at least 1s (config.toml line 2)",
        ),
        (
            "[tokens]\nrefresh_grace = \"1h\"",
            "tokens.refresh_grace: must be at most 5m (config.toml line 2)",
        ),
        (
            "[tokens]\nalgorithm = \"none\"",
            "tokens.algorithm: \"none\" is not one of auto, HS256, HS384, HS512, RS256, RS384, RS512, ES256, EdDSA (config.toml line 2)",
        ),
        (
            "[tokens]\nalgorithm = \"HS512\"",
            "tokens.algorithm: HS512 needs tokens.secret_key; set it, or leave tokens.algorithm at \"auto\" (config.toml line 2)",
        ),
        (
            "[tokens]\nsecret_key = 12345678",
            "tokens.secret_key: is not a string (config.toml line 2)",
        ),
        (
            "[tokens]\nsecret_key = \"\"",
            "tokens.secret_key: is empty; give it a value, or take it out (config.toml line 2)",
        ),
        (
            "[tokens]\nprevious_secret_keys = [\"s3cr3t\", 7]",
            "tokens.previous_secret_keys: is not a string (config.toml line 2)",
        ),
        (
            "[database]\npool = 0",
            "database.pool: 0 is not between 1 and 1000 (config.toml line 2)",
        ),
        (
            "[database]\npool = -1",
            "database.pool: -1 is not a whole number in range (config.toml line 2)",
        ),
        (
            "[database]\nurl = \"mysql://root:s3cr3t@h/d\"",
            "database.url: is of an unknown kind; write sqlite:FILE, sqlite::memory: or postgres://USER:PASSWORD@HOST:PORT/NAME (config.toml line 2)",
        ),
        (
            "[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"proxy\"]",
            "server.trusted_proxies: \"proxy\" is not a network; write one like 10.0.0.0/8, or an address (config.toml line 2)",
        ),
        (
            "[server]\ndocs = \"on\"",
            "server.docs: \"on\" is not true or false (config.toml line 2)",
        ),
        (
            "[passwords]\nargon2 = { m = 4 }",
            "passwords.argon2.m: the Argon2 memory must be 8 to 4194304 KiB (config.toml line 2)",
        ),
        (
            "[passwords]\npolicy = \"strict\"",
            "passwords.policy: \"strict\" is not \"default\", \"nist\" or a table of rules (config.toml line 2)",
        ),
        (
            "[passwords.policy]\nmin_length = 300",
            "passwords.policy: min_length must be 1 to max_length (config.toml line 2)",
        ),
    ] {
        assert_eq!(Case::new().toml(toml).error(), message);
    }
}

#[test]
fn an_error_is_one_line_whatever_it_names() {
    let tokens = "[tokens]\n\"issuer\\n\\u001b[2J\" = 'x'";
    assert_eq!(
        Case::new().toml(tokens).error(),
        "unknown key tokens.issuer\\n\\u{1b}[2J (config.toml line 2); did you mean tokens.issuer?"
    );
    assert_eq!(
        Case::new().variable("LATCHKEY_TOKENS\u{8}", "x").error(),
        "unknown environment variable LATCHKEY_TOKENS\\u{8}; did you mean LATCHKEY_TOKENS__ISSUER?"
    );
}

#[test]
fn a_secret_without_a_value_is_refused_and_anything_else_is_not_set() {
    let case = Case::new().variable("LATCHKEY_TOKENS__SECRET_KEY", "");
    assert_eq!(
        case.error(),
        "tokens.secret_key: is empty; give it a value, or take it out (environment variable LATCHKEY_TOKENS__SECRET_KEY)"
    );
    let case = Case::new()
        .variable("LATCHKEY_TOKENS__ISSUER", "")
        .variable("JWT_SECRET_KEY", "");
    assert_eq!(case.load().config, Config::default());
}

#[test]
fn an_asymmetric_algorithm_beside_a_secret_is_a_way_out_of_hmac() {
    let case = Case::new()
        .variable("JWT_SECRET_KEY", "0f9c8b7a6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a")
        .variable("LATCHKEY_TOKENS__ALGORITHM", "EdDSA");
    let config = case.load().config;
    assert_eq!(
        config.tokens.algorithm,
        AlgorithmChoice::Fixed(Algorithm::EdDsa)
    );
    let warnings = config.check_for_serving().expect("serves");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("tokens.secret_key signs nothing"),
        "{warnings:?}"
    );
}

#[test]
fn rules_of_a_policy_are_laid_over_the_default_but_not_over_a_preset() {
    let case = Case::new()
        .toml("[passwords]\npolicy = \"default\"\n")
        .variable("LATCHKEY_PASSWORDS__POLICY__MIN_LENGTH", "12")
        .variable("LATCHKEY_PASSWORDS__POLICY__REQUIRE", "upper,digit");
    let PolicyChoice::Own(policy) = case.load().config.passwords.policy else {
        panic!("not a policy of one's own");
    };
    let written = serde_json::json!({ "min_length": 12, "require": ["upper", "digit"] });
    assert_eq!(
        policy,
        serde_json::from_value(written).expect("the same policy")
    );

    let case = Case::new()
        .toml("[passwords]\npolicy = \"nist\"\n")
        .variable("LATCHKEY_PASSWORDS__POLICY__MIN_LENGTH", "12");
    assert_eq!(
        case.error(),
        "passwords.policy.min_length: cannot change a rule of the preset \"nist\" (config.toml line 2); write every rule, or only the preset (environment variable LATCHKEY_PASSWORDS__POLICY__MIN_LENGTH)"
    );

    let case = Case::new()
        .toml("[passwords.policy]\nmin_length = 12\n")
        .variable("LATCHKEY_PASSWORDS__POLICY", "nist");
    assert_eq!(case.load().config.passwords.policy, PolicyChoice::Nist);
}

#[test]
fn variables_that_are_no_keys_may_stand_in_dotenv_too() {
    let case = Case::new().dotenv("LATCHKEY_LOG=debug\nLATCHKEY_LOG=trace\n");
    let log = |case: &Case| case.sources.variable("LATCHKEY_LOG").expect("readable");
    assert_eq!(log(&case).as_deref(), Some("trace"));
    assert_eq!(
        log(&case.variable("LATCHKEY_LOG", "warn")).as_deref(),
        Some("warn")
    );
    assert_eq!(log(&Case::new().variable("LATCHKEY_LOG", "")), None);
}
