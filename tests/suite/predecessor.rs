//! A resource server and an operator of the predecessor notice nothing.

use latchkey_test_postgres::Cluster;
use latchkey_tests::{Backend, Home, Jwt, Python, Server, on_each_backend, on_postgres};
use serde_json::{Value, json};

on_each_backend![
    python_jose_decodes_our_tokens,
    the_predecessors_variables_mean_what_they_meant,
    they_may_stand_in_dotenv,
    they_stand_below_our_own_names,
];
on_postgres![its_database_is_found];

const SECRET: &str = "3f6c0a9d5e7b4821964dc0ffb1a27e85";

/// What a resource server of the predecessor does with a token.
const DECODE: &str = "
import json, sys
from jose import jwt
print(json.dumps(jwt.decode(sys.argv[1], sys.argv[2], algorithms=['HS256'])))
";

/// The same, and whether it refuses.
const REFUSES: &str = "
import sys
from jose import jwt, JWTError
try:
    jwt.decode(sys.argv[1], sys.argv[2], algorithms=['HS256'])
    print('accepted')
except JWTError:
    print('refused')
";

async fn python_jose_decodes_our_tokens(backend: Backend) {
    let python = Python::with_jose();
    let server = Home::new(backend)
        .env("JWT_SECRET_KEY", SECRET)
        .start()
        .await;
    let alice = server.account_of("Alice").await;
    let refreshed = server.refresh(&alice.tokens.refresh).await.tokens();

    for (token, kind) in [
        (&alice.tokens.access, "access"),
        (&alice.tokens.refresh, "refresh"),
        (&refreshed.access, "access"),
        (&refreshed.refresh, "refresh"),
    ] {
        let decoded = python.run(DECODE, &[token, SECRET]);
        let claims: Value = serde_json::from_str(&decoded).expect("claims");
        assert_eq!(claims["sub"], alice.user_id);
        assert_eq!(claims["type"], kind);
        assert_eq!(claims, Jwt::read(token).claims);
        let other = python.run(REFUSES, &[token, "another secret of enough bytes.."]);
        assert_eq!(other.trim(), "refused");
    }
}

/// Algorithm and the lifetimes of the tokens in seconds.
async fn issued_by(server: &Server) -> (Value, i64, i64) {
    let tokens = server.account_of("Alice").await.tokens;
    let access = Jwt::read(&tokens.access);
    let refresh = Jwt::read(&tokens.refresh);
    (
        access.header["alg"].clone(),
        access.seconds("exp") - access.seconds("iat"),
        refresh.seconds("exp") - refresh.seconds("iat"),
    )
}

async fn the_predecessors_variables_mean_what_they_meant(backend: Backend) {
    let server = Home::new(backend)
        .env("JWT_SECRET_KEY", SECRET)
        .start()
        .await;
    assert_eq!(
        issued_by(&server).await,
        (json!("HS256"), 30 * 60, 24 * 60 * 60)
    );

    let server = Home::new(backend)
        .env("JWT_SECRET_KEY", SECRET.repeat(2))
        .env("JWT_ALGORITHM", "HS512")
        .env("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", "5")
        .env("JWT_REFRESH_TOKEN_EXPIRE_DAYS", "7")
        .start()
        .await;
    assert_eq!(
        issued_by(&server).await,
        (json!("HS512"), 5 * 60, 7 * 24 * 60 * 60)
    );
}

async fn they_may_stand_in_dotenv(backend: Backend) {
    let server = Home::new(backend)
        .dotenv(&format!(
            "# The predecessor's file\nJWT_SECRET_KEY={SECRET}\nexport JWT_ACCESS_TOKEN_EXPIRE_MINUTES=\"7\"\n"
        ))
        .start()
        .await;
    assert_eq!(issued_by(&server).await.1, 7 * 60);
    let access = server
        .sign_in("alice@example.com", "Kestrel-over-27-moors")
        .await
        .tokens()
        .access;
    let _ = Python::with_jose().run(DECODE, &[&access, SECRET]);
}

async fn they_stand_below_our_own_names(backend: Backend) {
    // In one layer ours counts; a higher layer counts whatever the name.
    let server = Home::new(backend)
        .env("JWT_SECRET_KEY", SECRET)
        .env("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", "5")
        .env("LATCHKEY_TOKENS__ACCESS_TTL", "6m")
        .dotenv("LATCHKEY_TOKENS__REFRESH_TTL=3h\n")
        .env("JWT_REFRESH_TOKEN_EXPIRE_DAYS", "2")
        .start()
        .await;
    assert_eq!(
        issued_by(&server).await,
        (json!("HS256"), 6 * 60, 2 * 24 * 60 * 60)
    );
}

async fn its_database_is_found(backend: Backend) {
    let home = Home::new(backend).without_env("LATCHKEY_DATABASE__URL");
    let database = home.database().postgres();
    let (name, port) = (database.name().to_owned(), database.port().to_string());
    let home = home
        .env("DB_NAME", name)
        .env("DB_PORT", port)
        .env("DB_USER", Cluster::USER)
        .env("DB_PASSWORD", Cluster::PASSWORD);
    // The host has a default.
    for home in [home.instance(), home.env("DB_HOST", "localhost")] {
        let server = home.start().await;
        let _ = server.get("/health").await.expect(200);
    }
}
