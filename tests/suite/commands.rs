//! The smaller subcommands: `token`, `password`, `completions`, and help for all of them.

use latchkey_tests::{Backend, Home, Jwt, Server, on_each_backend};

on_each_backend![
    a_token_is_inspected_without_trust,
    a_token_is_verified,
    a_token_is_verified_against_a_key_set,
    item_13_a_password_is_judged_as_at_sign_up,
    completions_for_every_shell,
    every_subcommand_explains_itself,
    whatever_prints_data_prints_json_as_well,
];

async fn a_token_is_inspected_without_trust(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.access;
    let shown = server
        .cli(["token", "inspect", &token, "--json"])
        .await
        .json();
    assert_eq!(shown["claims"]["sub"], Jwt::read(&token).claims["sub"]);
    assert_eq!(shown["verified"], false);
    let home = server.home();
    let piped = home.cli_with_input(&token, ["token", "inspect"]).await.ok();
    assert!(piped.stdout.contains("at+jwt"), "{piped:#?}");
    let garbage = home.cli(["token", "inspect", "garbage"]).await;
    let _ = garbage.failed(1);
}

async fn a_token_is_verified(backend: Backend) {
    // The issuer is known beside the server as well.
    let server = Home::new(backend).with_public_url().start().await;
    let tokens = server.account_of("Alice").await.tokens;
    let verified = server
        .cli(["token", "verify", &tokens.access, "--json"])
        .await
        .json();
    assert_eq!(verified["valid"], true);
    let _ = server
        .cli(["token", "verify", &tokens.refresh, "--typ", "rt+jwt"])
        .await
        .ok();

    let refused = async |arguments: &[&str], code: &str| {
        let error = server.cli(arguments).await.failed(1);
        assert!(error.contains(code), "{error}");
    };
    refused(&["token", "verify", &tokens.refresh], "wrong_type").await;
    refused(&["token", "verify", "garbage"], "malformed").await;
    let (signed, _) = tokens.access.rsplit_once('.').expect("segments");
    let forged = format!("{signed}.{}", "A".repeat(86));
    refused(&["token", "verify", &forged], "bad_signature").await;
    let elsewhere = [
        "token",
        "verify",
        &tokens.access,
        "--issuer",
        "https://other",
    ];
    refused(&elsewhere, "wrong_issuer").await;
}

async fn a_token_is_verified_against_a_key_set(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.access;
    let url = format!("{}/.well-known/jwks.json", server.origin());
    // Somewhere else, without the database.
    let elsewhere = Home::new(backend);
    let from_url = elsewhere
        .cli(["token", "verify", &token, "--jwks", &url])
        .await;
    let _ = from_url.ok();
    let elsewhere = elsewhere.file(
        "keys.json",
        server.get("/.well-known/jwks.json").await.text(),
    );
    let from_file = elsewhere
        .cli(["token", "verify", &token, "--jwks", "keys.json"])
        .await;
    let _ = from_file.ok();
    let other = Server::start(backend).await;
    let other_url = format!("{}/.well-known/jwks.json", other.origin());
    let refused = elsewhere
        .cli(["token", "verify", &token, "--jwks", &other_url])
        .await;
    assert!(refused.failed(1).contains("unknown_key"));
}

async fn item_13_a_password_is_judged_as_at_sign_up(backend: Backend) {
    let server = Server::start(backend).await;
    for (password, codes) in [
        ("Kestrel-over-27-moors", &[][..]),
        ("Password1", &["too_common"]),
        (
            "short",
            &["too_short", "missing_upper", "missing_digit", "too_common"],
        ),
        ("Alice-Example-1", &["contains_context"]),
    ] {
        let person = latchkey_tests::Person::named("Alice").with_password(password);
        let home = server.home();
        let arguments = [
            "password",
            "check",
            "--json",
            "--email",
            &person.email,
            "--name",
            &person.name,
        ];
        let output = home.cli_with_input(password, arguments).await;
        assert_eq!(
            output.code,
            Some(i32::from(!codes.is_empty())),
            "{output:#?}"
        );
        let verdict: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
        let found: Vec<_> = verdict["violations"]
            .as_array()
            .expect("violations")
            .iter()
            .map(|violation| violation["code"].as_str().unwrap_or("?"))
            .collect();
        assert_eq!(found, codes, "{password}");
        let answer = server.sign_up(&person).await;
        assert_eq!(answer.status == 201, codes.is_empty(), "{}", answer.shown());
    }
}

async fn completions_for_every_shell(backend: Backend) {
    let home = Home::new(backend);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = home.cli(["completions", shell]).await.ok().stdout;
        assert!(
            script.contains("latchkey") && script.contains("migrate"),
            "{shell}"
        );
    }
    let _ = home.cli(["completions", "none"]).await.failed(2);
}

async fn every_subcommand_explains_itself(backend: Backend) {
    let home = Home::new(backend);
    let help = home.cli(["--help"]).await.ok().stdout;
    for command in [
        "serve",
        "migrate",
        "user",
        "key",
        "token",
        "password",
        "config",
        "backup",
        "restore",
        "completions",
    ] {
        assert!(help.contains(command), "{command} is not in {help}");
        let own = home.cli([command, "--help"]).await.ok().stdout;
        assert!(own.contains("Usage:"), "{own}");
    }
    let version = home.cli(["--version"]).await.ok().stdout;
    assert!(version.starts_with("latchkey "), "{version}");
}

async fn whatever_prints_data_prints_json_as_well(backend: Backend) {
    let home = Home::new(backend);
    for command in [
        "migrate up",
        "migrate down",
        "migrate status",
        "migrate verify",
        "user add",
        "user list",
        "user show",
        "user set-password",
        "user set-email",
        "user sign-out",
        "user disable",
        "user enable",
        "user unlock",
        "user delete",
        "user import",
        "user export",
        "key list",
        "key rotate",
        "key retire",
        "key import",
        "key export-public",
        "token inspect",
        "token verify",
        "password check",
        "password tune",
        "config show",
        "config check",
        "config default",
        "backup",
        "restore",
    ] {
        let help = home.cli(command.split(' ').chain(["--help"])).await.ok();
        assert!(help.stdout.contains("--json"), "{command}: {}", help.stdout);
    }
}
