//! Signing with a secret, changing it, and leaving it behind.

use latchkey_tests::{Backend, Home, Jwt, hmac_sha256, on_each_backend};

on_each_backend![
    the_secret_is_the_key,
    a_new_secret_signs_nobody_out,
    item_64_an_old_secret_is_refused_when_it_is_not_listed,
    leaving_hmac_signs_nobody_out,
    coming_to_hmac_signs_nobody_out,
];

const ONE: &str = "3f6c0a9d5e7b4821964dc0ffb1a27e85";
const TWO: &str = "a1d94be07c5f46328fd02e6b7795c3ea";
const SECRET: &str = "LATCHKEY_TOKENS__SECRET_KEY";
const PREVIOUS: &str = "LATCHKEY_TOKENS__PREVIOUS_SECRET_KEYS";

async fn the_secret_is_the_key(backend: Backend) {
    let server = Home::new(backend).env(SECRET, ONE).start().await;
    let tokens = server.account_of("Alice").await.tokens;
    for token in [&tokens.access, &tokens.refresh] {
        let token = Jwt::read(token);
        assert_eq!(token.header["alg"], "HS256");
        assert_eq!(
            token.signature,
            hmac_sha256(ONE.as_bytes(), token.signed.as_bytes())
        );
    }
}

async fn a_new_secret_signs_nobody_out(backend: Backend) {
    let server = Home::new(backend)
        .with_public_url()
        .env(SECRET, ONE)
        .start()
        .await;
    let old = server.account_of("Alice").await.tokens;
    let home = server.terminate().await;
    let server = home.env(SECRET, TWO).env(PREVIOUS, ONE).start().await;

    let _ = server.me(&old.access).await.expect(200);
    let new = server.refresh(&old.refresh).await.expect(200).tokens();
    let token = Jwt::read(&new.access);
    assert_eq!(
        token.signature,
        hmac_sha256(TWO.as_bytes(), token.signed.as_bytes())
    );
    let _ = server.me(&new.access).await.expect(200);
}

async fn item_64_an_old_secret_is_refused_when_it_is_not_listed(backend: Backend) {
    let server = Home::new(backend)
        .with_public_url()
        .env(SECRET, ONE)
        .start()
        .await;
    let old = server.account_of("Alice").await.tokens;
    let home = server.terminate().await;
    let server = home.env(SECRET, TWO).start().await;
    let _ = server.me(&old.access).await.expect(401);
    let _ = server.refresh(&old.refresh).await.expect(401);
}

async fn leaving_hmac_signs_nobody_out(backend: Backend) {
    let server = Home::new(backend)
        .with_public_url()
        .env(SECRET, ONE)
        .start()
        .await;
    let old = server.account_of("Alice").await.tokens;
    let home = server.terminate().await;
    let server = home.without_env(SECRET).start().await;

    let _ = server.me(&old.access).await.expect(200);
    let new = server.refresh(&old.refresh).await.expect(200).tokens();
    assert_eq!(Jwt::read(&new.access).header["alg"], "EdDSA");
    let _ = server.me(&new.access).await.expect(200);
    // A secret never becomes public.
    let keys = server.get("/.well-known/jwks.json").await;
    assert!(!keys.text().contains("oct") && !keys.text().contains(ONE));
}

async fn coming_to_hmac_signs_nobody_out(backend: Backend) {
    let server = Home::new(backend).with_public_url().start().await;
    let old = server.account_of("Alice").await.tokens;
    let home = server.terminate().await;
    let server = home.env(SECRET, ONE).start().await;

    let _ = server.me(&old.access).await.expect(200);
    let new = server.refresh(&old.refresh).await.expect(200).tokens();
    assert_eq!(Jwt::read(&new.access).header["alg"], "HS256");
}
