//! Tokens that somebody made, against an endpoint that takes an access token.

use std::io::ErrorKind;
use std::net::TcpListener;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use latchkey_tests::{
    Backend, Home, Jwt, Server, SigningKey, forge, hmac_sha256, on_each_backend, unsigned,
};
use serde_json::json;

on_each_backend![
    item_51_no_signature_is_no_signature_in_any_spelling,
    another_key_is_refused,
    item_53_a_public_key_is_no_secret,
    item_55_nobody_is_asked_for_a_key,
    item_56_a_kid_is_a_name_and_no_more,
    a_changed_token_is_refused,
    item_48_a_token_that_is_almost_right_is_refused,
    item_61_what_is_not_three_segments_is_refused,
    item_66_extreme_input_is_refused_and_harms_nothing,
];

const SECRET: &str = "3f6c0a9d5e7b4821964dc0ffb1a27e85";

async fn refused(server: &Server, token: &str, why: &str) {
    let answer = server.me(token).await;
    assert_eq!(answer.status, 401, "{why}: {}", answer.shown());
    assert_eq!(answer.code(), "invalid_token", "{why}");
}

async fn item_51_no_signature_is_no_signature_in_any_spelling(backend: Backend) {
    let server = Server::start(backend).await;
    let real = Jwt::read(&server.account_of("Alice").await.tokens.access);
    for algorithm in ["none", "None", "NONE", "nOnE", "", "null"] {
        let mut header = real.header.clone();
        header["alg"] = algorithm.into();
        refused(&server, &forge(&header, &real.claims, unsigned), algorithm).await;
        let kept = forge(&header, &real.claims, |_| real.signature.clone());
        refused(&server, &kept, algorithm).await;
    }
    for algorithm in [json!(null), json!(["EdDSA"]), json!({}), json!(0)] {
        let mut header = real.header.clone();
        header["alg"] = algorithm.clone();
        let token = forge(&header, &real.claims, unsigned);
        refused(&server, &token, &algorithm.to_string()).await;
    }
    refused(
        &server,
        &forge(&real.header, &real.claims, unsigned),
        "empty",
    )
    .await;
}

async fn another_key_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let real = Jwt::read(&server.account_of("Alice").await.tokens.access);
    let key = SigningKey::generate();
    let sign = |signed: &[u8]| key.sign(signed);
    let token = forge(&real.header, &real.claims, sign);
    refused(&server, &token, "another key under our kid").await;
    let mut without_kid = real.header.clone();
    without_kid.as_object_mut().expect("a header").remove("kid");
    let token = forge(&without_kid, &real.claims, sign);
    refused(&server, &token, "another key without a kid").await;
}

/// Where a token says that its key is, nobody looks: not even for one that is signed with
/// the right key.
async fn item_55_nobody_is_asked_for_a_key(backend: Backend) {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("it does not wait");
    let url = format!("http://{}/keys", elsewhere.local_addr().expect("a port"));
    let key = SigningKey::generate();
    for secret in [None, Some(SECRET)] {
        let mut home = Home::new(backend);
        if let Some(secret) = secret {
            home = home.env("LATCHKEY_TOKENS__SECRET_KEY", secret);
        }
        let server = home.start().await;
        let real = Jwt::read(&server.account_of("Alice").await.tokens.access);
        for (name, value) in [
            ("jku", json!(url)),
            ("x5u", json!(url)),
            ("jwk", key.jwk()),
            ("x5c", json!(["MIIB"])),
            ("kid", json!(url)),
        ] {
            let mut header = real.header.clone();
            header[name] = value.clone();
            if name == "jwk" {
                // As a library would need it that believes the token.
                header["alg"] = "EdDSA".into();
            }
            let token = forge(&header, &real.claims, |signed| key.sign(signed));
            refused(&server, &token, name).await;
            let Some(secret) = secret else { continue };
            header["alg"] = real.header["alg"].clone();
            let sign = |signed: &[u8]| hmac_sha256(secret.as_bytes(), signed);
            let answer = server.me(&forge(&header, &real.claims, sign)).await;
            // What is not known is not looked at, and a key that is not there is none.
            let expected = if name == "kid" { 401 } else { 200 };
            assert_eq!(answer.status, expected, "{name}: {}", answer.shown());
        }
        let asked = elsewhere.accept().map_err(|error| error.kind());
        assert_eq!(
            asked.map(drop),
            Err(ErrorKind::WouldBlock),
            "somebody asked"
        );
    }
}

async fn item_56_a_kid_is_a_name_and_no_more(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__SECRET_KEY", SECRET)
        .start()
        .await;
    let real = Jwt::read(&server.account_of("Alice").await.tokens.access);
    let long = "k".repeat(5000);
    for kid in [
        json!("unknown"),
        json!(""),
        json!("../../../../dev/null"),
        json!("/dev/null"),
        json!("file:///dev/null"),
        json!("' or 1=1 --"),
        json!("x'; drop table users; --"),
        json!("x' union select 'AAAA' --"),
        json!("\0"),
        json!("${jndi:ldap://127.0.0.1/a}"),
        json!(long),
        json!(1),
        json!(true),
        json!([real.header["kid"]]),
        json!({ "kid": real.header["kid"] }),
    ] {
        let mut header = real.header.clone();
        header["kid"] = kid.clone();
        // With the right key, and with those that a file or a query could have given.
        for secret in [SECRET, "", "AAAA"] {
            let sign = |signed: &[u8]| hmac_sha256(secret.as_bytes(), signed);
            let token = forge(&header, &real.claims, sign);
            refused(&server, &token, &kid.to_string()).await;
        }
    }
    assert_eq!(
        server.database().rows("select count(*) from users"),
        [["1"]]
    );
    let logs = server.logs().to_lowercase();
    for word in ["error", "syntax", "panic"] {
        assert!(!logs.contains(word), "{word} is in {logs}");
    }
}

async fn item_53_a_public_key_is_no_secret(backend: Backend) {
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let server = Home::new(backend)
            .env("LATCHKEY_TOKENS__ALGORITHM", algorithm)
            .start()
            .await;
        let real = Jwt::read(&server.account_of("Alice").await.tokens.access);
        let published = server.get("/.well-known/jwks.json").await;
        let key = published.json()["keys"]
            .as_array()
            .and_then(|keys| keys.iter().find(|key| key["kid"] == real.header["kid"]))
            .cloned()
            .expect("the key that signed");
        let mut secrets = vec![
            key.to_string().into_bytes(),
            published.body.clone(),
            Vec::new(),
        ];
        for member in ["x", "y", "n"] {
            if let Some(text) = key[member].as_str() {
                secrets.push(text.as_bytes().to_vec());
                secrets.push(URL_SAFE_NO_PAD.decode(text).expect("base64url"));
            }
        }
        // As it stands in a file, with and without its last line break, and in DER.
        let exported = server
            .cli(["key", "export-public", "--format", "pem"])
            .await;
        for pem in exported
            .ok()
            .stdout
            .split_inclusive("-----END PUBLIC KEY-----\n")
        {
            let pem = &pem[pem.find("-----BEGIN").unwrap_or_default()..];
            let lines = pem.lines().filter(|line| !line.starts_with('-'));
            let der = STANDARD.decode(lines.collect::<String>()).expect("base64");
            secrets.extend([pem.into(), pem.trim_end().into(), der]);
        }
        assert!(secrets.len() >= 11, "{}", secrets.len());
        let mut header = real.header.clone();
        header["alg"] = "HS256".into();
        for secret in &secrets {
            let sign = |signed: &[u8]| hmac_sha256(secret, signed);
            for header in [&header, &real.header] {
                let token = forge(header, &real.claims, sign);
                refused(&server, &token, "an HMAC under what is public").await;
            }
        }
    }
}

async fn a_changed_token_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let access = server.account_of("Alice").await.tokens.access;
    let bob = server.account_of("Bobby").await;
    let real = Jwt::read(&access);
    let keep = |_: &[u8]| real.signature.clone();

    for (claim, value) in [
        ("sub", json!(bob.user_id)),
        ("exp", json!(4_102_444_800_i64)),
        ("sid", Jwt::read(&bob.tokens.access).claims["sid"].clone()),
    ] {
        let mut claims = real.claims.clone();
        claims[claim] = value;
        refused(&server, &forge(&real.header, &claims, keep), claim).await;
    }
    // Every single byte of the signature counts.
    for index in [0, 31, 32, 63] {
        let mut signature = real.signature.clone();
        signature[index] ^= 1;
        let token = format!("{}.{}", real.signed, URL_SAFE_NO_PAD.encode(signature));
        refused(&server, &token, "a bit of the signature").await;
    }
    let _ = server.me(&access).await.expect(200);
}

async fn item_48_a_token_that_is_almost_right_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    for token in [&tokens.access, &tokens.refresh] {
        let (signed, signature) = token.rsplit_once('.').expect("segments");
        let last = signature.chars().next_back().expect("a character");
        // Two characters that stand for the same bytes: the last four bits are padding.
        let twin = char::from(u8::try_from(last).expect("ASCII") + 1);
        let mut others = vec![
            format!("{signed}.{}{twin}", &signature[..signature.len() - 1]),
            format!("{token}A"),
            format!("{token}AA"),
            format!("{token}\n"),
            format!("{token}="),
            format!("{token}.{signature}"),
            format!("{signed}.{}", signature.to_lowercase()),
            format!("{}.{signature}", signed.to_uppercase()),
            token.to_lowercase(),
        ];
        others.extend((1..6).map(|cut| token[..token.len() - cut].to_owned()));
        others.extend((1..6).map(|cut| token[cut..].to_owned()));
        for other in others {
            let body = json!({ "refresh_token": other });
            let refresh = server.post("/api/v1/users/refresh").json(&body).await;
            assert_eq!(
                refresh.expect(401).code(),
                "invalid_refresh_token",
                "{other}"
            );
            if !other.contains('\n') {
                refused(&server, &other, &other).await;
                let _ = server.log_out(&other).await.expect(401);
            }
        }
    }
    let _ = server.me(&tokens.access).await.expect(200);
    let _ = server.refresh(&tokens.refresh).await.expect(200);
}

async fn item_61_what_is_not_three_segments_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let access = server.account_of("Alice").await.tokens.access;
    let Jwt { signed, .. } = Jwt::read(&access);
    for token in [
        signed.clone(),
        format!("{signed}."),
        format!("{access}."),
        format!(".{access}"),
        format!("{access}.x.y"),
        format!("{access}="),
        format!("{access}%"),
        access.replace('.', ".."),
        access.to_uppercase(),
        ".".to_owned(),
        "..".to_owned(),
        "....".to_owned(),
    ] {
        refused(&server, &token, &token).await;
    }
}

async fn item_66_extreme_input_is_refused_and_harms_nothing(backend: Backend) {
    let server = Server::start(backend).await;
    let access = server.account_of("Alice").await.tokens.access;
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let deep = "[".repeat(5_000) + &"]".repeat(5_000);
    for token in [
        ".".repeat(10_000),
        "A".repeat(10_000),
        format!("{}.e30.", encode(deep.clone())),
        format!(
            "{}.{}.AAAA",
            encode("{\"alg\":\"EdDSA\"}".into()),
            encode(deep)
        ),
        format!(
            "{}.e30.AAAA",
            encode("{\"alg\":\"EdDSA\",\"x\":1e400}".into())
        ),
        format!(
            "{}.e30.AAAA",
            encode(format!(
                "{{\"alg\":\"EdDSA\",\"kid\":\"{}\"}}",
                "k".repeat(5000)
            ))
        ),
        "\u{1f5dd}.\u{1f5dd}.\u{1f5dd}".to_owned(),
    ] {
        refused(&server, &token, "an extreme token").await;
        let answer = server
            .post("/api/v1/users/refresh")
            .json(&json!({ "refresh_token": token }))
            .await;
        assert_eq!(answer.expect(401).code(), "invalid_refresh_token");
    }
    // In a header there is less room than in a body.
    for (token, statuses) in [
        (".".repeat(100_000), [401, 431]),
        ("A".repeat(1 << 20), [431, 431]),
    ] {
        let mut raw = server.raw().await;
        let request = format!(
            "GET /api/v1/users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        raw.send(request).await;
        let status = raw.answer().await.expect("an answer").status;
        assert!(statuses.contains(&status), "{status}");
    }
    let body = json!({ "refresh_token": ".".repeat(1 << 20) });
    let answer = server.post("/api/v1/users/refresh").json(&body).await;
    let _ = answer.expect(413);
    let _ = server.me(&access).await.expect(200);
}
