//! What resource servers read: the key set and the metadata.

use insta::assert_snapshot;
use latchkey_tests::{Backend, Home, Server, on_each_backend};
use serde_json::Value;

on_each_backend![
    item_63_the_key_set_holds_public_keys_only,
    the_key_set_can_be_cached,
    item_63_the_key_set_is_empty_under_hmac,
    item_73_the_metadata_names_what_exists,
    item_77_every_page_may_read_them,
];

const KEYS: &str = "/.well-known/jwks.json";
const METADATA: &str = "/.well-known/oauth-authorization-server";

async fn item_63_the_key_set_holds_public_keys_only(backend: Backend) {
    for (algorithm, kty) in [("EdDSA", "OKP"), ("ES256", "EC"), ("RS256", "RSA")] {
        let server = Home::new(backend)
            .env("LATCHKEY_TOKENS__ALGORITHM", algorithm)
            .start()
            .await;
        let set = server.get(KEYS).await.expect(200).json();
        let keys = set["keys"].as_array().expect("keys");
        // One that signs, and one that stands by.
        assert_eq!(keys.len(), 2, "{set}");
        for key in keys {
            assert_eq!(key["kty"], kty);
            assert_eq!(key["alg"], algorithm);
            assert_eq!(key["use"], "sig");
            assert!(key["kid"].as_str().is_some_and(|kid| !kid.is_empty()));
            for secret in ["d", "p", "q", "dp", "dq", "qi", "k", "priv"] {
                assert_eq!(key[secret], Value::Null, "{secret}");
            }
        }
        assert_ne!(keys[0]["kid"], keys[1]["kid"]);
    }
}

async fn the_key_set_can_be_cached(backend: Backend) {
    let server = Server::start(backend).await;
    let answer = server.get(KEYS).await.expect(200);
    let caching = answer.header("cache-control");
    assert!(caching.contains("max-age="), "{caching}");
    let tag = answer.header("etag");
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");

    for matching in [
        tag.to_owned(),
        format!("\"other\", {tag}"),
        format!("W/{tag}"),
        "*".into(),
    ] {
        let again = server.get(KEYS).header("if-none-match", &matching).await;
        let again = again.expect(304);
        assert_eq!(again.header("etag"), tag);
        assert_eq!(again.header("cache-control"), caching);
    }
    let other = server.get(KEYS).header("if-none-match", "\"other\"").await;
    assert_eq!(other.expect(200).body, answer.body);
}

async fn item_63_the_key_set_is_empty_under_hmac(backend: Backend) {
    let server = Home::new(backend)
        .env("JWT_SECRET_KEY", "3f6c0a9d5e7b4821964dc0ffb1a27e85")
        .start()
        .await;
    let answer = server.get(KEYS).await.expect(200);
    assert_eq!(answer.text().replace([' ', '\n'], ""), r#"{"keys":[]}"#);
}

async fn item_73_the_metadata_names_what_exists(backend: Backend) {
    let server = Server::start(backend).await;
    let answer = server.get(METADATA).await;
    assert_snapshot!(answer.shown(), @r#"
    200
    content-type: application/json
    cache-control: public, max-age=300
    access-control-allow-origin: *

    {
      "grant_types_supported": [
        "refresh_token"
      ],
      "introspection_endpoint": "[origin]/oauth/introspect",
      "introspection_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post"
      ],
      "issuer": "[origin]",
      "jwks_uri": "[origin]/.well-known/jwks.json",
      "response_types_supported": [
        "none"
      ],
      "revocation_endpoint": "[origin]/oauth/revoke",
      "revocation_endpoint_auth_methods_supported": [
        "none",
        "client_secret_basic",
        "client_secret_post"
      ],
      "service_documentation": "[origin]/docs",
      "token_endpoint": "[origin]/oauth/token",
      "token_endpoint_auth_methods_supported": [
        "none"
      ]
    }
    "#);
    let metadata = answer.json();
    assert_eq!(metadata["issuer"], server.origin());
    for (name, value) in metadata.as_object().expect("an object") {
        assert_ne!(value.as_array().map(Vec::len), Some(0), "{name} is empty");
        if let Some(url) = value.as_str().filter(|_| name.ends_with("_uri")) {
            let path = url.strip_prefix(server.origin()).expect("our own address");
            let _ = server.get(path).await.expect(200);
        }
        if let Some(url) = value.as_str().filter(|_| name.ends_with("_endpoint")) {
            let path = url.strip_prefix(server.origin()).expect("our own address");
            let allow = server.get(path).await.expect(405);
            assert_eq!(allow.header("allow"), "POST, OPTIONS", "{name}");
        }
    }
    let elsewhere = Home::new(backend)
        .env("LATCHKEY_SERVER__PUBLIC_URL", "https://auth.example.com")
        .start()
        .await;
    // What the request calls the host does not matter.
    let metadata = elsewhere
        .get(METADATA)
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example;proto=http")
        .await
        .json();
    assert_eq!(metadata["issuer"], "https://auth.example.com");
    assert_eq!(
        metadata["jwks_uri"],
        "https://auth.example.com/.well-known/jwks.json"
    );
}

async fn item_77_every_page_may_read_them(backend: Backend) {
    let server = Home::new(backend)
        .config("[server]\ncors_origins = [\"https://app.example.com\"]\n")
        .start()
        .await;
    for path in [KEYS, METADATA, "/api/v1/password-policy"] {
        for origin in [
            "https://anywhere.example",
            "https://app.example.com",
            "null",
        ] {
            let answer = server.get(path).header("origin", origin).await.expect(200);
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
        }
    }
}
