//! Tokens that somebody made, against an endpoint that takes an access token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey_tests::{
    Backend, Home, Jwt, Server, SigningKey, forge, hmac_sha256, on_each_backend, unsigned,
};
use serde_json::{Value, json};

on_each_backend![
    item_51_no_signature_is_no_signature_in_any_spelling,
    another_key_is_refused,
    item_53_a_public_key_is_no_secret,
    a_changed_token_is_refused,
    item_61_what_is_not_three_segments_is_refused,
    right_signature_wrong_claims,
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

    let mut headers = vec![real.header.clone()];
    for (name, value) in [
        ("kid", json!("unknown")),
        ("kid", json!("../../../../dev/null")),
        ("kid", json!("' or 1=1 --")),
        ("kid", json!(1)),
        ("jwk", key.jwk()),
        ("jku", json!("http://127.0.0.1:9/keys")),
        ("x5u", json!("http://127.0.0.1:9/chain")),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = real.header.clone();
        header[name] = value;
        headers.push(header);
    }
    let mut without_kid = real.header.clone();
    without_kid.as_object_mut().expect("a header").remove("kid");
    headers.push(without_kid);
    for header in headers {
        let token = forge(&header, &real.claims, sign);
        refused(&server, &token, &header.to_string()).await;
    }
}

async fn item_53_a_public_key_is_no_secret(backend: Backend) {
    let server = Server::start(backend).await;
    let real = Jwt::read(&server.account_of("Alice").await.tokens.access);
    let published = server.get("/.well-known/jwks.json").await;
    let key = published.json()["keys"]
        .as_array()
        .and_then(|keys| {
            keys.iter()
                .find(|key| key["kid"] == real.header["kid"])
                .cloned()
        })
        .expect("the key that signed");
    let x = key["x"].as_str().expect("x");

    let mut header = real.header.clone();
    header["alg"] = "HS256".into();
    for secret in [
        URL_SAFE_NO_PAD.decode(x).expect("base64url"),
        x.as_bytes().to_vec(),
        key.to_string().into_bytes(),
        published.body.clone(),
        Vec::new(),
    ] {
        let token = forge(&header, &real.claims, |signed| hmac_sha256(&secret, signed));
        refused(&server, &token, "HS256 with what is public").await;
    }
    let token = forge(&real.header, &real.claims, |signed| {
        hmac_sha256(x.as_bytes(), signed)
    });
    refused(&server, &token, "a MAC in the place of a signature").await;
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

/// With an HMAC key the test can sign as well as the server: all that is wrong with
/// these tokens is what they say.
async fn right_signature_wrong_claims(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__SECRET_KEY", SECRET)
        .env("LATCHKEY_TOKENS__AUDIENCE", "api")
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let bob = server.account_of("Bobby").await;
    let real = Jwt::read(&alice.tokens.access);
    let sign = |header: &Value, claims: &Value| {
        forge(header, claims, |signed| {
            hmac_sha256(SECRET.as_bytes(), signed)
        })
    };
    let control = sign(&real.header, &real.claims);
    let _ = server.me(&control).await.expect(200);

    let iat = real.seconds("iat");
    let changed_claims = [
        ("exp", json!(iat - 1)),
        ("exp", json!((iat + 3600).to_string())),
        ("exp", json!(null)),
        ("exp", json!(-1)),
        ("nbf", json!(iat + 3600)),
        ("nbf", json!("now")),
        ("iat", json!(iat + 3600)),
        ("iat", json!("now")),
        ("iss", json!("https://elsewhere.example")),
        ("iss", json!([server.origin()])),
        ("iss", json!(format!("{}/", server.origin()))),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(1)),
        ("sub", json!(bob.user_id)),
        ("sub", json!("")),
        ("sub", json!(1)),
        ("sid", Jwt::read(&bob.tokens.access).claims["sid"].clone()),
        ("sid", json!("garbage")),
        ("sid", json!(1)),
        ("type", json!("refresh")),
    ];
    for (claim, value) in changed_claims {
        let mut claims = real.claims.clone();
        claims[claim] = value.clone();
        let why = format!("{claim} = {value}");
        refused(&server, &sign(&real.header, &claims), &why).await;
    }
    for claim in ["exp", "iss", "aud", "sub", "sid"] {
        let mut claims = real.claims.clone();
        claims.as_object_mut().expect("claims").remove(claim);
        refused(
            &server,
            &sign(&real.header, &claims),
            &format!("no {claim}"),
        )
        .await;
    }
    for (name, value) in [
        ("typ", json!("rt+jwt")),
        ("typ", json!("JWT")),
        ("typ", json!(null)),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
        ("alg", json!("HS512")),
    ] {
        let mut header = real.header.clone();
        header[name] = value.clone();
        let why = format!("{name}: {value}");
        refused(&server, &sign(&header, &real.claims), &why).await;
    }
    // Two members of one name: which one counts is anybody's guess.
    let twice = real.claims.to_string().replacen('{', "{\"sub\":\"x\",", 1);
    let signed = format!(
        "{}.{}",
        real.signed.split('.').next().unwrap_or_default(),
        URL_SAFE_NO_PAD.encode(twice)
    );
    let mac = URL_SAFE_NO_PAD.encode(hmac_sha256(SECRET.as_bytes(), signed.as_bytes()));
    refused(&server, &format!("{signed}.{mac}"), "sub twice").await;
    let _ = server.me(&control).await.expect(200);
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
    let _ = server.me(&access).await.expect(200);
}
