//! Settings from outside: each layer, and what is refused.

use latchkey_tests::{Backend, Home, Jwt, Server, hmac_sha256, on_each_backend, on_sqlite};
use serde_json::{Value, json};

on_each_backend![
    each_layer_stands_above_the_one_before,
    flags_stand_above_everything,
    secrets_may_stand_in_files,
    an_unknown_key_names_the_nearest,
    a_bad_value_is_one_line_that_names_the_key,
    item_65_a_weak_secret_is_a_warning_on_loopback,
    item_65_a_weak_secret_is_refused_off_loopback,
    exit_codes_tell_failure_from_usage,
    what_is_shown_holds_no_secret,
    the_documented_default_is_the_default,
    check_says_whether_it_would_start,
    http_off_loopback_is_a_warning,
    serving_is_what_it_does_when_nothing_is_said,
];
on_sqlite![
    a_database_in_memory_is_gone_with_the_process,
    a_file_that_cannot_be_opened_is_one_clear_error,
];

const SECRET: &str = "3f6c0a9d5e7b4821964dc0ffb1a27e85";

/// What `config show` tells of a key: value and origin.
async fn shown(home: &Home, key: &str) -> (Value, String) {
    let shown = home.cli(["config", "show", "--json"]).await.json();
    let entry = &shown[key];
    let origin = entry["origin"].as_str().expect("an origin").to_owned();
    (entry["value"].clone(), origin)
}

async fn each_layer_stands_above_the_one_before(backend: Backend) {
    const KEY: &str = "tokens.access_ttl";
    let home = Home::new(backend);
    assert_eq!(shown(&home, KEY).await, (json!("30m"), "default".into()));
    for (home, value, place) in [
        (home, "30m", "default"),
        (
            Home::new(backend).config("[tokens]\naccess_ttl = \"1m\"\n"),
            "1m",
            "config.toml",
        ),
        (
            Home::new(backend)
                .config("[tokens]\naccess_ttl = \"1m\"\n")
                .dotenv("LATCHKEY_TOKENS__ACCESS_TTL=2m\n"),
            "2m",
            ".env",
        ),
        (
            Home::new(backend)
                .config("[tokens]\naccess_ttl = \"1m\"\n")
                .dotenv("LATCHKEY_TOKENS__ACCESS_TTL=2m\n")
                .env("LATCHKEY_TOKENS__ACCESS_TTL", "3m"),
            "3m",
            "environment",
        ),
    ] {
        let (found, origin) = shown(&home, KEY).await;
        assert_eq!(found, value);
        assert!(origin.contains(place), "{origin}");
        // And the server does what `config show` says.
        let server = home.start().await;
        let answer = server.account_of("Alice").await.tokens.access;
        let token = Jwt::read(&answer);
        let minutes = (token.seconds("exp") - token.seconds("iat")) / 60;
        assert_eq!(format!("{minutes}m"), value);
    }
}

async fn flags_stand_above_everything(backend: Backend) {
    let home = Home::new(backend);
    let url = home.database().url();
    let server = home
        .env("LATCHKEY_SERVER__LISTEN", "127.0.0.1:1")
        .env("LATCHKEY_DATABASE__URL", "sqlite:never.db")
        .arg("--database")
        .arg(&url)
        .start()
        .await;
    let _ = server.get("/health").await.expect(200);
    assert!(!server.home().path("never.db").exists());
    assert!(
        server
            .stdout()
            .starts_with("listening on http://127.0.0.1:")
    );
}

async fn secrets_may_stand_in_files(backend: Backend) {
    let with_file = || Home::new(backend).file("hmac-key", format!("{SECRET}\n"));
    for home in [
        with_file().env("LATCHKEY_TOKENS__SECRET_KEY_FILE", "hmac-key"),
        with_file().config("[tokens]\nsecret_key_file = \"hmac-key\"\n"),
        with_file().dotenv("LATCHKEY_TOKENS__SECRET_KEY_FILE=hmac-key\n"),
    ] {
        let server = home.start().await;
        let access = server.account_of("Alice").await.tokens.access;
        let token = Jwt::read(&access);
        let mac = hmac_sha256(SECRET.as_bytes(), token.signed.as_bytes());
        assert_eq!(token.signature, mac);
    }
}

async fn an_unknown_key_names_the_nearest(backend: Backend) {
    for (home, wrong, right) in [
        (
            Home::new(backend).config("[tokens]\nacess_ttl = \"1m\"\n"),
            "acess_ttl",
            "access_ttl",
        ),
        (
            Home::new(backend).config("[token]\naccess_ttl = \"1m\"\n"),
            "token",
            "tokens",
        ),
        (
            Home::new(backend).env("LATCHKEY_SERVER__LISTNE", "x"),
            "LATCHKEY_SERVER__LISTNE",
            "LATCHKEY_SERVER__LISTEN",
        ),
        (
            Home::new(backend).dotenv("LATCHKEY_DATABASE__URI=x\n"),
            "LATCHKEY_DATABASE__URI",
            "LATCHKEY_DATABASE__URL",
        ),
        (
            Home::new(backend).config("[passwords.policy]\nmin_lenght = 9\n"),
            "min_lenght",
            "min_length",
        ),
        (
            Home::new(backend).config("[tokens]\n\"issuer\\n\\u001b[2J\" = 1\n"),
            r"issuer\n\u{1b}[2J",
            "config.toml line 2",
        ),
    ] {
        let failed = home.fails_to_start().await;
        assert_eq!(failed.code, Some(1), "{failed:#?}");
        assert_eq!(failed.stderr.trim_end().lines().count(), 1, "{failed:#?}");
        for word in [wrong, right] {
            assert!(failed.stderr.contains(word), "{word}: {failed:#?}");
        }
    }
}

async fn a_bad_value_is_one_line_that_names_the_key(backend: Backend) {
    for (name, value, words) in [
        (
            "LATCHKEY_TOKENS__ACCESS_TTL",
            "soon",
            &["tokens.access_ttl", "30m"][..],
        ),
        ("LATCHKEY_SERVER__MAX_BODY", "-1", &["server.max_body"]),
        (
            "LATCHKEY_SERVER__TRUSTED_PROXIES",
            "10.0.0.0/99",
            &["server.trusted_proxies"],
        ),
        ("LATCHKEY_TOKENS__ALGORITHM", "none", &["tokens.algorithm"]),
        (
            "LATCHKEY_TOKENS__ALGORITHM",
            "HS256",
            &["tokens.algorithm", "tokens.secret_key"],
        ),
        (
            "LATCHKEY_DATABASE__URL",
            "mysql://u:s3cr3t@h/d",
            &["database.url"],
        ),
        ("LATCHKEY_PASSWORDS__POLICY", "lax", &["passwords.policy"]),
        ("LATCHKEY_PASSWORDS__ARGON2__T", "0", &["passwords.argon2"]),
        (
            "JWT_ACCESS_TOKEN_EXPIRE_MINUTES",
            "soon",
            &["JWT_ACCESS_TOKEN_EXPIRE_MINUTES"],
        ),
        ("JWT_ALGORITHM", "none", &["JWT_ALGORITHM"]),
        (
            "LATCHKEY_TOKENS__SECRET_KEY_FILE",
            "/nonexistent",
            &["/nonexistent"],
        ),
    ] {
        let failed = Home::new(backend).env(name, value).fails_to_start().await;
        assert_eq!(failed.code, Some(1), "{name}={value}: {failed:#?}");
        let text = failed.stderr.trim_end();
        assert_eq!(text.lines().count(), 1, "{name}={value}: {text}");
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert!(!text.contains("s3cr3t"), "{text}");
    }
    let doubling = (0..40).map(|at| format!("A{}=${{A{at}}}${{A{at}}}\n", at + 1));
    let too_much = Home::new(backend)
        .dotenv(&format!(
            "A0=0123456789abcdef\n{}",
            String::from_iter(doubling)
        ))
        .fails_to_start()
        .await;
    assert!(too_much.stderr.contains(".env line 14"), "{too_much:#?}");
    let broken = Home::new(backend)
        .config("[tokens\n")
        .fails_to_start()
        .await;
    assert!(broken.stderr.contains("config.toml"), "{broken:#?}");
}

const WEAK: [&str; 4] = [
    "short",
    "your-secret-key-here",
    "your-256-bit-secret",
    "supersecretkey",
];

async fn item_65_a_weak_secret_is_a_warning_on_loopback(backend: Backend) {
    for secret in WEAK {
        let server = Home::new(backend)
            .env("JWT_SECRET_KEY", secret)
            .start()
            .await;
        let _ = server.account_of("Alice").await;
        let logs = server.logs();
        assert!(logs.contains("WARN"), "{logs}");
        assert!(
            logs.contains("JWT_SECRET_KEY") || logs.contains("tokens.secret_key"),
            "{logs}"
        );
        assert!(!logs.contains(secret) || secret == "short", "{logs}");
    }
}

async fn item_65_a_weak_secret_is_refused_off_loopback(backend: Backend) {
    for secret in WEAK {
        let public = Home::new(backend)
            .env("JWT_SECRET_KEY", secret)
            .env("LATCHKEY_SERVER__PUBLIC_URL", "https://auth.example.com");
        let failed = public.fails_to_start().await;
        assert_eq!(failed.code, Some(1), "{failed:#?}");
        assert!(
            failed.stderr.contains("tokens.allow_weak_secret"),
            "{failed:#?}"
        );
        let listening = Home::new(backend)
            .env("JWT_SECRET_KEY", secret)
            .env("LATCHKEY_SERVER__PUBLIC_URL", "http://localhost:8000")
            .listen("0.0.0.0:0");
        let failed = listening.fails_to_start().await;
        assert!(
            failed.stderr.contains("tokens.allow_weak_secret"),
            "{failed:#?}"
        );
        let allowed = public.env("LATCHKEY_TOKENS__ALLOW_WEAK_SECRET", "true");
        let _ = allowed.start().await;
    }
    // A good one needs no permission.
    let _ = Home::new(backend)
        .env("JWT_SECRET_KEY", SECRET)
        .env("LATCHKEY_SERVER__PUBLIC_URL", "https://auth.example.com")
        .start()
        .await;
}

async fn exit_codes_tell_failure_from_usage(backend: Backend) {
    let home = Home::new(backend);
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["config", "show"], 0),
        (&["nonsense"], 2),
        (&["serve", "--nonsense"], 2),
        (&["serve", "--listen", "nowhere"], 2),
        (&["user", "show"], 2),
        (&["--database", "mysql://h/d", "user", "list"], 2),
        (&["--config", "missing.toml", "config", "show"], 1),
        (&["user", "show", "nobody@example.com"], 1),
        (&["restore", "missing.db"], 1),
    ] {
        let output = home.cli(arguments).await;
        assert_eq!(output.code, Some(code), "{arguments:?}: {output:#?}");
        if code == 1 {
            assert_eq!(output.stderr.trim_end().lines().count(), 1, "{output:#?}");
            assert!(output.stdout.is_empty(), "{output:#?}");
        }
    }
    // The address is taken.
    let server = Server::start(backend).await;
    let taken = Home::new(backend)
        .listen(server.address())
        .fails_to_start()
        .await;
    assert_eq!(taken.code, Some(1));
    assert!(taken.stderr.contains(server.address()), "{taken:#?}");
}

async fn what_is_shown_holds_no_secret(backend: Backend) {
    let home = Home::new(backend)
        .env("LATCHKEY_TOKENS__SECRET_KEY", SECRET)
        .env("LATCHKEY_TOKENS__KEY_ENCRYPTION_SECRET", SECRET.repeat(2))
        .env("LATCHKEY_TOKENS__PREVIOUS_SECRET_KEYS", SECRET.repeat(3));
    for arguments in [
        &["config", "show"][..],
        &["config", "show", "--json"],
        &["config", "check"],
    ] {
        let output = home.cli(arguments).await.ok();
        assert!(!output.stdout.contains(SECRET), "{output:#?}");
        assert!(!output.stderr.contains(SECRET), "{output:#?}");
    }
}

async fn the_documented_default_is_the_default(backend: Backend) {
    let home = Home::new(backend);
    let documented = home.cli(["config", "default"]).await.ok().stdout;
    let plain = home.cli(["config", "show", "--json"]).await.json();
    let home = home.config(&documented);
    let with_file = home.cli(["config", "show", "--json"]).await.json();
    let values = |shown: &Value| {
        let entries = shown.as_object().expect("an object").iter();
        entries
            .map(|(key, entry)| (key.clone(), entry["value"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(values(&plain), values(&with_file));
}

async fn check_says_whether_it_would_start(backend: Backend) {
    let good = Home::new(backend)
        .cli(["config", "check", "--json"])
        .await
        .json();
    assert_eq!(good["ok"], true);
    let weak = Home::new(backend)
        .env("JWT_SECRET_KEY", "short")
        .env("LATCHKEY_SERVER__PUBLIC_URL", "https://auth.example.com");
    let output = weak.cli(["config", "check"]).await;
    assert!(output.failed(1).contains("tokens.allow_weak_secret"));
}

async fn http_off_loopback_is_a_warning(backend: Backend) {
    for home in [
        Home::new(backend).env("LATCHKEY_SERVER__PUBLIC_URL", "http://auth.example.com"),
        Home::new(backend).listen("0.0.0.0:0"),
    ] {
        let server = home.start().await;
        let logs = server.logs();
        assert!(
            logs.contains("WARN") && logs.contains("server.public_url"),
            "{logs}"
        );
        let _ = server.raw().await;
    }
}

async fn serving_is_what_it_does_when_nothing_is_said(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_SERVER__LISTEN", "127.0.0.1:0")
        .without_subcommand()
        .start()
        .await;
    let _ = server.account_of("Alice").await;
}

async fn a_database_in_memory_is_gone_with_the_process(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_DATABASE__URL", "sqlite::memory:")
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
    assert!(server.database().files().is_empty());
    let server = server.restart().await;
    let person = &alice.person;
    let _ = server
        .sign_in(&person.email, &person.password)
        .await
        .expect(401);
}

async fn a_file_that_cannot_be_opened_is_one_clear_error(backend: Backend) {
    let text = "this is not a database, however long it gets\n".repeat(500);
    for (url, word) in [
        ("sqlite:missing/folder/test.db", "missing/folder"),
        ("sqlite:.", "sqlite:."),
        ("sqlite:text.db", "text.db"),
    ] {
        let home = Home::new(backend).file("text.db", &text);
        let home = home.env("LATCHKEY_DATABASE__URL", url);
        let failed = home.fails_to_start().await;
        assert_eq!(failed.code, Some(1), "{failed:#?}");
        let error = failed.stderr.lines().last().expect("an error");
        assert!(
            error.starts_with("error: ") && error.contains(word),
            "{failed:#?}"
        );
        let kept = std::fs::read_to_string(home.path("text.db")).expect("the file");
        assert_eq!(kept, text);
    }
}
