//! `/status-lists/{id}`: how a verifier far away learns that a session ended early
//! (draft-ietf-oauth-status-list). The bits are read here by hand; that the verifier
//! package reads them too is tested in `tests/node`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey_tests::{Answer, Backend, Home, Jwt, Server, eventually, on_each_backend};
use serde_json::{Value, json};

on_each_backend![
    an_access_token_says_where_its_status_is,
    a_list_is_a_signed_token,
    a_list_can_be_cached,
    a_list_that_is_not_there_is_404,
    item_45_a_logout_shows_at_once,
    item_46_whatever_ends_a_session_shows_at_once,
    item_41_a_reuse_shows_at_once,
    a_logout_at_one_instance_shows_at_the_other,
    a_session_of_before_gets_a_place_when_it_is_refreshed,
    under_hmac_the_secret_signs_the_list,
    item_60_a_list_is_no_token,
    item_64_a_list_leaves_a_stolen_key_at_once,
];

/// Where the status of a token is.
fn reference(token: &str) -> (usize, String) {
    let reference = Jwt::read(token).claims["status"]["status_list"].clone();
    let place = reference["idx"].as_u64().expect("a place");
    let uri = reference["uri"].as_str().expect("a list");
    (usize::try_from(place).expect("small"), uri.to_owned())
}

async fn fetch(server: &Server, uri: &str) -> Answer {
    let path = uri.strip_prefix(server.origin()).expect("our own address");
    server.get(path).await.expect(200)
}

/// The status of a token, as its list has it now: 0 is good.
pub(crate) async fn status(server: &Server, token: &str) -> u8 {
    let (place, uri) = reference(token);
    let answer = fetch(server, &uri).await;
    let bits = bits(&Jwt::read(answer.text()).claims);
    bits[place / 8] >> (place % 8) & 1
}

fn bits(claims: &Value) -> Vec<u8> {
    assert_eq!(claims["status_list"]["bits"], 1);
    let list = claims["status_list"]["lst"].as_str().expect("a list");
    let compressed = URL_SAFE_NO_PAD.decode(list).expect("base64url");
    miniz_oxide::inflate::decompress_to_vec_zlib(&compressed).expect("zlib")
}

async fn an_access_token_says_where_its_status_is(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let (place, uri) = reference(&tokens.access);
    assert_eq!(uri, format!("{}/status-lists/0", server.origin()));
    assert!(place < 1 << 20, "{place}");
    // It is the session's, and a refresh token has none.
    let newer = server.refresh(&tokens.refresh).await.tokens();
    assert_eq!(reference(&newer.access), (place, uri));
    assert_eq!(Jwt::read(&newer.refresh).claims.get("status"), None);
    let other = server.account_of("Bobby").await.tokens;
    assert_ne!(reference(&other.access).0, place);
}

async fn a_list_is_a_signed_token(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.access;
    let (_, uri) = reference(&token);
    let answer = fetch(&server, &uri).await;
    assert_eq!(answer.header("content-type"), "application/statuslist+jwt");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let list = Jwt::read(answer.text());
    assert_eq!(list.header["typ"], "statuslist+jwt");
    assert_eq!(list.header["kid"], Jwt::read(&token).header["kid"]);
    assert_eq!(list.claims["sub"], json!(uri));
    assert_eq!(list.claims["ttl"], 60);
    assert_eq!(list.seconds("exp") - list.seconds("iat"), 15 * 60);
    let members: Vec<&String> = list.claims.as_object().expect("claims").keys().collect();
    assert_eq!(members, ["exp", "iat", "status_list", "sub", "ttl"]);
    let bits = bits(&list.claims);
    assert_eq!(bits.len(), (1 << 20) / 8);
    assert!(bits.iter().all(|byte| *byte == 0), "nobody has signed out");
    // Nearly all of it is zeros.
    assert!(answer.body.len() < 1000, "{}", answer.body.len());
}

async fn a_list_can_be_cached(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    let path = "/status-lists/0";
    let first = server.get(path).await.expect(200);
    assert_eq!(first.header("cache-control"), "public, max-age=10");
    let tag = first.header("etag").to_owned();
    let again = server.get(path).header("if-none-match", &tag).await;
    assert_eq!(again.expect(304).header("etag"), tag);
    let _ = server.log_out(&tokens.access).await.expect(200);
    let changed = server.get(path).header("if-none-match", &tag).await;
    assert_ne!(changed.expect(200).header("etag"), tag);
}

async fn a_list_that_is_not_there_is_404(backend: Backend) {
    let server = Server::start(backend).await;
    for list in ["1", "00", "-1", "4294967296", "x", "0.jwt", "%30"] {
        let answer = server.get(&format!("/status-lists/{list}")).await;
        assert_eq!(answer.expect(404).code(), "not_found", "{list}");
    }
    let _ = server.get("/status-lists/0").await.expect(200);
    let _ = server.post("/status-lists/0").await.expect(405);
}

async fn item_45_a_logout_shows_at_once(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await.tokens;
    let bob = server.account_of("Bobby").await.tokens;
    assert_eq!(status(&server, &alice.access).await, 0);
    let _ = server.log_out(&alice.access).await.expect(200);
    assert_eq!(status(&server, &alice.access).await, 1);
    assert_eq!(status(&server, &bob.access).await, 0);
    let _ = server.revoke(&bob.refresh).await.expect(200);
    assert_eq!(status(&server, &bob.access).await, 1);
}

async fn item_46_whatever_ends_a_session_shows_at_once(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let bob = server.account_of("Bobby").await;
    let carol = server.account_of("Carol").await;
    let dave = server.account_of("David").await;

    let new = server
        .change_password(
            &alice.tokens.access,
            &alice.person.password,
            "Walrus-12-under-ice",
        )
        .await
        .tokens();
    let _ = server
        .cli(["user", "disable", &bob.person.email])
        .await
        .ok();
    let _ = server
        .cli(["user", "delete", &carol.person.email, "--yes"])
        .await
        .ok();
    let _ = server.end_sessions(&dave.tokens.access).await.expect(204);

    for ended in [alice, bob, carol, dave] {
        assert_eq!(status(&server, &ended.tokens.access).await, 1);
    }
    assert_eq!(status(&server, &new.access).await, 0);
}

async fn item_41_a_reuse_shows_at_once(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__REFRESH_GRACE", "0s")
        .start()
        .await;
    let old = server.account_of("Alice").await.tokens;
    let new = server.refresh(&old.refresh).await.tokens();
    assert_eq!(status(&server, &new.access).await, 0);
    let _ = server.refresh(&old.refresh).await.expect(401);
    assert_eq!(status(&server, &new.access).await, 1);
}

async fn a_logout_at_one_instance_shows_at_the_other(backend: Backend) {
    let home = Home::new(backend).with_public_url();
    let other = home.instance();
    let (one, other) = (home.start().await, other.start().await);
    let token = one.account_of("Alice").await.tokens.access;
    let (place, _) = reference(&token);
    let is_revoked = async |server: &Server| {
        let answer = server.get("/status-lists/0").await.expect(200);
        let bits = bits(&Jwt::read(answer.text()).claims);
        bits[place / 8] >> (place % 8) & 1 == 1
    };
    assert!(!is_revoked(&one).await && !is_revoked(&other).await);
    let _ = other.log_out(&token).await.expect(200);
    assert!(is_revoked(&one).await && is_revoked(&other).await);
}

/// As one has that was started by a release before.
async fn a_session_of_before_gets_a_place_when_it_is_refreshed(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = server.account_of("Alice").await.tokens;
    server
        .database()
        .execute("update sessions set status_index = null");
    let newer = server.refresh(&tokens.refresh).await.tokens();
    assert_eq!(status(&server, &newer.access).await, 0);
    let _ = server.log_out(&newer.access).await.expect(200);
    assert_eq!(status(&server, &newer.access).await, 1);
}

async fn under_hmac_the_secret_signs_the_list(backend: Backend) {
    let secret = "3f6c0a9d5e7b4821964dc0ffb1a27e85";
    let server = Home::new(backend)
        .env("JWT_SECRET_KEY", secret)
        .start()
        .await;
    let token = server.account_of("Alice").await.tokens.access;
    assert_eq!(status(&server, &token).await, 0);
    let answer = server.get("/status-lists/0").await;
    let list = Jwt::read(answer.text());
    assert_eq!(list.header["alg"], "HS256");
    let signature = latchkey_tests::hmac_sha256(secret.as_bytes(), list.signed.as_bytes());
    assert_eq!(list.signature, signature);
}

/// It is signed with the same key, and taken for nothing else.
async fn item_60_a_list_is_no_token(backend: Backend) {
    for secret in [None, Some("3f6c0a9d5e7b4821964dc0ffb1a27e85")] {
        let mut home = Home::new(backend);
        if let Some(secret) = secret {
            home = home.env("JWT_SECRET_KEY", secret);
        }
        let server = home.start().await;
        let client = server.client("gateway").await;
        let list = server.get("/status-lists/0").await.text().to_owned();
        let _ = server.me(&list).await.expect(401);
        let _ = server.refresh(&list).await.expect(401);
        let answer = server.introspect(&client, &list).await.expect(200);
        assert_eq!(answer.json(), json!({ "active": false }));
    }
}

/// What was signed with it before is not given out any more.
async fn item_64_a_list_leaves_a_stolen_key_at_once(backend: Backend) {
    let server = Server::start(backend).await;
    let kid = async || {
        let answer = server.get("/status-lists/0").await.expect(200);
        Jwt::read(answer.text()).header["kid"].clone()
    };
    let stolen = kid().await;
    let name = stolen.as_str().expect("text");
    let _ = server.cli(["key", "retire", name, "--now"]).await.ok();
    let next = eventually("another key", async || {
        let now = kid().await;
        (now != stolen).then_some(now)
    })
    .await;
    let keys = server.get("/.well-known/jwks.json").await.json();
    let published = keys["keys"].as_array().expect("keys");
    assert!(published.iter().any(|key| key["kid"] == next), "{keys}");
    assert!(!published.iter().any(|key| key["kid"] == stolen), "{keys}");
}
