//! What the tokens say, and how they are signed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use insta::assert_snapshot;
use latchkey_tests::{Backend, Home, Jwt, Server, on_each_backend};
use serde_json::{Value, json};

on_each_backend![
    item_62_an_access_token_says_who_when_and_where,
    a_refresh_token_says_less,
    item_62_an_audience_is_named_only_when_configured,
    lifetimes_follow_the_configuration,
    item_39_identifiers_never_repeat,
    item_39_a_refresh_token_has_128_random_bits,
    item_62_every_algorithm_signs,
    item_57_an_expired_access_token_is_refused,
];

/// A secret that no list knows.
const SECRET: &str = "3f6c0a9d5e7b4821964dc0ffb1a27e85";

/// The names of the members.
fn names(value: &Value) -> Vec<&String> {
    value.as_object().expect("an object").keys().collect()
}

async fn item_62_an_access_token_says_who_when_and_where(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;

    let Jwt { header, claims, .. } = Jwt::read(&alice.tokens.access);

    assert_eq!(names(&header), ["alg", "kid", "typ"]);
    assert_eq!(header["alg"], "EdDSA");
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(
        names(&claims),
        [
            "client_id",
            "exp",
            "iat",
            "iss",
            "jti",
            "sid",
            "status",
            "sub",
            "type"
        ]
    );
    assert_eq!(claims["iss"], server.origin());
    assert_eq!(claims["sub"], alice.user_id);
    assert_eq!(claims["client_id"], "latchkey");
    assert_eq!(claims["type"], "access");
}

async fn a_refresh_token_says_less(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;

    let Jwt { header, claims, .. } = Jwt::read(&alice.tokens.refresh);

    assert_eq!(header["typ"], "rt+jwt");
    assert_eq!(
        names(&claims),
        ["exp", "iat", "iss", "jti", "sid", "sub", "type"]
    );
    assert_eq!(claims["type"], "refresh");
    assert_eq!(claims["sub"], alice.user_id);
    // 128 bits take 22 characters of base64url.
    let jti = claims["jti"].as_str().expect("text");
    assert!(jti.len() >= 22, "{jti}");
}

async fn item_62_an_audience_is_named_only_when_configured(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__AUDIENCE", "https://api.example.com")
        .env("LATCHKEY_TOKENS__ISSUER", "https://auth.example.com")
        .start()
        .await;
    let tokens = server.account_of("Alice").await.tokens;
    let claims = Jwt::read(&tokens.access).claims;
    assert_eq!(claims["aud"], "https://api.example.com");
    assert_eq!(claims["iss"], "https://auth.example.com");
    assert_eq!(Jwt::read(&tokens.refresh).claims["aud"], Value::Null);
    let _ = server.me(&tokens.access).await.expect(200);
    let _ = server.refresh(&tokens.refresh).await.expect(200);
}

async fn lifetimes_follow_the_configuration(backend: Backend) {
    let lifetimes = async |server: Server| {
        let answer = server
            .sign_up(&latchkey_tests::Person::named("Alice"))
            .await;
        let lifetime = |token: &str| {
            let token = Jwt::read(token);
            token.seconds("exp") - token.seconds("iat")
        };
        let tokens = answer.expect(201);
        (
            tokens.json()["expires_in"].clone(),
            lifetime(&tokens.tokens().access),
            lifetime(&tokens.tokens().refresh),
        )
    };
    let defaults = lifetimes(Server::start(backend).await).await;
    assert_eq!(defaults, (json!(1800), 1800, 86_400));
    let configured = Home::new(backend)
        .env("LATCHKEY_TOKENS__ACCESS_TTL", "5m")
        .env("LATCHKEY_TOKENS__REFRESH_TTL", "2h")
        .start()
        .await;
    assert_eq!(lifetimes(configured).await, (json!(300), 300, 7200));
}

async fn item_39_identifiers_never_repeat(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.person;
    let mut seen = Vec::new();
    for _ in 0..20 {
        let answer = server.sign_in(&alice.email, &alice.password).await;
        let tokens = answer.tokens();
        for token in [&tokens.access, &tokens.refresh] {
            seen.push(Jwt::read(token).claims["jti"].to_string());
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 40);
}

/// Each bit is now 0 and now 1: of forty tokens that is so in all but one of billions.
async fn item_39_a_refresh_token_has_128_random_bits(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let mut token = alice.tokens.refresh;
    let (mut ones, mut zeros) = (0_u128, 0_u128);
    for _ in 0..40 {
        let jti = Jwt::read(&token).claims["jti"].clone();
        let bytes = URL_SAFE_NO_PAD.decode(jti.as_str().expect("text"));
        let bits = bytes.expect("base64url").try_into().expect("16 bytes");
        let bits = u128::from_be_bytes(bits);
        ones |= bits;
        zeros |= !bits;
        token = server.refresh(&token).await.expect(200).tokens().refresh;
    }
    assert_eq!((ones, zeros), (u128::MAX, u128::MAX));
}

async fn item_62_every_algorithm_signs(backend: Backend) {
    for algorithm in [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "EdDSA",
    ] {
        let mut home = Home::new(backend).env("LATCHKEY_TOKENS__ALGORITHM", algorithm);
        if algorithm.starts_with("HS") {
            // As long as the longest digest.
            home = home.env("LATCHKEY_TOKENS__SECRET_KEY", SECRET.repeat(2));
        }
        let server = home.start().await;
        let tokens = server.account_of("Alice").await.tokens;
        let header = Jwt::read(&tokens.access).header;
        assert_eq!(header["alg"], algorithm);
        let _ = server.me(&tokens.access).await.expect(200);
        let tokens = server.refresh(&tokens.refresh).await.expect(200).tokens();
        let _ = server.me(&tokens.access).await.expect(200);

        let published = server.get("/.well-known/jwks.json").await.json();
        let published = published["keys"].as_array().expect("keys");
        if algorithm.starts_with("HS") {
            assert!(published.is_empty(), "a secret is not public");
            continue;
        }
        let key = published.iter().find(|key| key["kid"] == header["kid"]);
        assert_eq!(key.expect("the key that signed")["alg"], algorithm);
    }
}

async fn item_57_an_expired_access_token_is_refused(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__ACCESS_TTL", "1s")
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let access = &alice.tokens.access;
    server
        .wait_until(&alice.person, Jwt::read(access).seconds("exp"))
        .await;
    assert_snapshot!(server.me(access).await.shown(), @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer realm="latchkey", error="invalid_token", error_description="Invalid or expired access token"
    cache-control: no-store

    {
      "code": "invalid_token",
      "detail": "Invalid or expired access token",
      "msg": "Invalid or expired access token",
      "status": 401,
      "title": "Invalid or expired access token",
      "type": "/problems/invalid_token"
    }
    "#);
    // The refresh token lives on.
    let _ = server.refresh(&alice.tokens.refresh).await.expect(200);
}
