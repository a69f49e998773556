//! Signing keys, changed while the server runs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey_tests::{Backend, Home, Jwt, Server, SigningKey, eventually, forge, on_each_backend};
use serde_json::Value;

on_each_backend![
    item_64_a_standby_key_is_always_published,
    item_64_rotation_waits_until_the_key_has_been_public,
    item_64_rotation_at_once_signs_with_the_standby_key,
    item_64_a_retired_key_verifies_until_its_last_token_has_expired,
    item_64_a_key_is_forgotten_with_its_last_token,
    item_65_no_weak_key_is_made_or_imported,
    item_64_a_stolen_key_is_refused_at_once,
    a_key_of_ones_own_is_imported,
    item_64_another_algorithm_is_published_before_it_signs,
    instances_that_disagree_about_the_algorithm_do_not_take_turns,
    private_keys_are_encrypted_under_the_secret,
    a_wrong_key_encryption_secret_is_one_clear_error,
    the_key_encryption_secret_can_be_changed,
];

/// An Ed25519 key, made for this test with OpenSSL.
pub(crate) const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
MC4CAQAwBQYDK2VwBCIEIIho7wFg9zEduNx9yF3OnOEfWKlI4/gase7fK02gNvPL\n\
-----END PRIVATE KEY-----\n";

/// An RSA key of 1024 bits, made for this test with OpenSSL.
const RSA_1024: &str = "-----BEGIN PRIVATE KEY-----\n\
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBALHGsfNzOQnspRmr\n\
faZMIl8K6G/y/vZpL0GXDp5vSp+ILAwTgM24iTVGSiVoc9KSyxei65gvdxRnYjfk\n\
V0LFXn+WslowAhMz7YVOtWd9vQg0VnwqY2F4eQn8FYyCPB2yGV1eAdiCFot3PRud\n\
FvId9FUsUVyuBWOya3g1g+vjRgAPAgMBAAECgYBm201OS9YulcqYZY5XTyl7z/XX\n\
/8Hgk88RpfKBXGbSkpjZi9c0L5bDSh3QMvUAWopC7LJe5OeC2KYNLIIIUeVv+NUm\n\
/srmk/ZCoEKBryA8dG69hoq5swEDG35q7dUtIKs/4rBPikk4H9CGSvOQj9olePPN\n\
/5uu/hbf1KeIj/NsoQJBAOjOS53su7zmeDgVqFoPk35wqAxtyLMuJ3bm9nbfTHCF\n\
zr1XFI7+3pQ+ItNPFQ4ZgUOvA2lyk192u0eT8knBIFcCQQDDfN6YcaNAHpGuvTlC\n\
6P4fzksfS2DpTLvmFNjM9x8FG7PNIWnGEaZ6uQo8xY7Nsx7bAE70pwX/0e2jJknk\n\
FOsJAkBakacpUSfYXXD3oLVWFCk1T26RJ0SlMJd50nCf3k9Gl0fOsUn2N4Ev+txh\n\
iKqQSavYQQX6x/A9e1twhUYFG3URAkBVHnHt/s0OhkD4zPu53qmIP9MF9VRlQTwv\n\
mrQryw5+suk/UGU2EUlj9l42x+6+MlglE6VNccxy732BpJJX9aPBAkEAmG9KBP4r\n\
eoRhAHm4tY1Iyb8X3HgpH6FDwNXR0hd3UmXXWbJyjOQ1XE7JIANlxmPZzNbVtaNZ\n\
DfY2Iffgo98x3g==\n\
-----END PRIVATE KEY-----\n";

/// The `kid`s that the server publishes.
pub(crate) async fn published(server: &Server) -> Vec<String> {
    let set = server
        .get("/.well-known/jwks.json")
        .await
        .expect(200)
        .json();
    kids(&set["keys"])
}

fn kids(keys: &Value) -> Vec<String> {
    keys.as_array()
        .expect("keys")
        .iter()
        .map(|key| key["kid"].as_str().expect("a kid").to_owned())
        .collect()
}

/// The `kid` of the key in this state.
pub(crate) async fn in_state(server: &Server, state: &str) -> String {
    let listed = server.cli(["key", "list", "--json"]).await.json();
    let key = listed
        .as_array()
        .and_then(|keys| keys.iter().find(|key| key["state"] == state).cloned())
        .unwrap_or_else(|| panic!("no {state} key: {listed}"));
    key["kid"].as_str().expect("a kid").to_owned()
}

pub(crate) fn signed_by(token: &str) -> String {
    let kid = Jwt::read(token).header["kid"].clone();
    kid.as_str().expect("a kid").to_owned()
}

/// Signs in until a token is signed by another key than this one, and gives the token.
async fn signs_no_more_with(server: &Server, kid: &str) -> String {
    eventually("another key signs", async || {
        let answer = server.sign_in("alice@example.com", "Kestrel-over-27-moors");
        let token = answer.await.expect(200).tokens().access;
        (signed_by(&token) != kid).then_some(token)
    })
    .await
}

async fn item_64_a_standby_key_is_always_published(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.access;
    let (active, standby) = (
        in_state(&server, "active").await,
        in_state(&server, "standby").await,
    );
    assert_eq!(signed_by(&token), active);
    let public = published(&server).await;
    assert!(public.contains(&active) && public.contains(&standby));
    let exported = server.cli(["key", "export-public", "--json"]).await.json();
    assert_eq!(kids(&exported["keys"]), public);
    let pem = server
        .cli(["key", "export-public", "--format", "pem"])
        .await
        .ok();
    assert_eq!(pem.stdout.matches("BEGIN PUBLIC KEY").count(), 2);
    assert!(!pem.stdout.contains("PRIVATE"));
}

async fn item_64_rotation_waits_until_the_key_has_been_public(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let active = in_state(&server, "active").await;

    // The standby key has been public for less than caches may keep the key set.
    let rotated = server.cli(["key", "rotate", "--json"]).await.json();
    let standby = rotated
        .as_array()
        .and_then(|keys| keys.iter().find(|key| key["state"] == "standby"))
        .expect("a standby key")
        .clone();
    assert!(standby["activate_at"].is_string(), "{rotated}");
    let person = &alice.person;
    let answer = server.sign_in(&person.email, &person.password).await;
    assert_eq!(signed_by(&answer.tokens().access), active);
}

async fn item_64_rotation_at_once_signs_with_the_standby_key(backend: Backend) {
    let server = Server::start(backend).await;
    let old = server.account_of("Alice").await.tokens;
    let (active, standby) = (
        in_state(&server, "active").await,
        in_state(&server, "standby").await,
    );

    let _ = server.cli(["key", "rotate", "--now"]).await.ok();

    let token = signs_no_more_with(&server, &active).await;
    assert_eq!(signed_by(&token), standby);
    // The old key stays public, and there is a new one standing by.
    let next = in_state(&server, "standby").await;
    let public = published(&server).await;
    for kid in [&active, &standby, &next] {
        assert!(public.contains(kid), "{public:?}");
    }
    let _ = server.me(&old.access).await.expect(200);
    let _ = server.me(&token).await.expect(200);
    let _ = server.refresh(&old.refresh).await.expect(200);
}

async fn item_64_a_retired_key_verifies_until_its_last_token_has_expired(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__ACCESS_TTL", "1m")
        .env("LATCHKEY_TOKENS__REFRESH_TTL", "2m")
        .start()
        .await;
    let old = server.account_of("Alice").await.tokens;
    let kid = in_state(&server, "active").await;
    let _ = server.cli(["key", "retire", &kid]).await.ok();
    let _ = server.refresh(&old.refresh).await.expect(200);
    // The standby key was just made, so the retired one may have to sign a while longer.
    let listed = server.cli(["key", "list", "--json"]).await.json();
    let key = listed
        .as_array()
        .and_then(|keys| keys.iter().find(|key| key["kid"] == kid.as_str()))
        .expect("the key");
    assert!(
        key["expires_at"].is_string() || key["state"] == "active",
        "{listed}"
    );
}

/// With the key in hand a test can see that its tokens are refused then, and not only
/// expired.
async fn item_64_a_key_is_forgotten_with_its_last_token(backend: Backend) {
    let home = Home::new(backend);
    let _ = home.cli(["migrate", "up"]).await.ok();
    let _ = home.cli_with_input(PEM, ["key", "import"]).await.ok();
    let server = home.start().await;
    let person = server.account_of("Alice").await.person;
    let kid = in_state(&server, "active").await;
    let key = SigningKey::from_pem(PEM);
    // A token of a session that has just begun, signed with the old key for an hour.
    let signed_anew = async || {
        let sign_in = server.sign_in(&person.email, &person.password);
        let mut real = Jwt::read(&sign_in.await.expect(200).tokens().access);
        real.header["kid"] = kid.as_str().into();
        real.claims["exp"] = (real.seconds("iat") + 3600).into();
        forge(&real.header, &real.claims, |signed| key.sign(signed))
    };
    let _ = server.cli(["key", "rotate", "--now"]).await.ok();
    assert!(published(&server).await.contains(&kid));
    let _ = server.me(&signed_anew().await).await.expect(200);

    // Its end is a day and some seconds away, for which nobody can wait here.
    let ends = "update signing_keys set expires_at = retired_at where state = 'retired'; \
                update signing_key_generation set generation = generation + 1";
    server.database().execute(ends);
    eventually("the key's end", async || {
        let keys = published(&server).await;
        (!keys.contains(&kid)).then_some(())
    })
    .await;
    let refused = server.me(&signed_anew().await).await.expect(401);
    assert_eq!(refused.code(), "invalid_token");
    let sign_in = server.sign_in(&person.email, &person.password);
    let good = sign_in.await.expect(200).tokens();
    let _ = server.me(&good.access).await.expect(200);
}

async fn item_65_no_weak_key_is_made_or_imported(backend: Backend) {
    let server = Home::new(backend)
        .env("LATCHKEY_TOKENS__ALGORITHM", "RS256")
        .start()
        .await;
    let set = server.get("/.well-known/jwks.json").await.json();
    for key in set["keys"].as_array().expect("keys") {
        let modulus = URL_SAFE_NO_PAD.decode(key["n"].as_str().expect("n"));
        assert_eq!(modulus.expect("base64url").len() * 8, 3072);
        assert_eq!(key["e"], "AQAB");
    }
    let before = published(&server).await;
    let weak = server
        .home()
        .cli_with_input(RSA_1024, ["key", "import"])
        .await;
    let error = weak.failed(1);
    assert!(error.contains("2048"), "{error}");
    // One that fits another algorithm is none for this one.
    let other = server.home().cli_with_input(PEM, ["key", "import"]).await;
    let _ = other.failed(1);
    assert_eq!(published(&server).await, before);
}

async fn item_64_a_stolen_key_is_refused_at_once(backend: Backend) {
    let server = Server::start(backend).await;
    let alice = server.account_of("Alice").await;
    let stolen = in_state(&server, "active").await;

    let _ = server.cli(["key", "retire", &stolen, "--now"]).await.ok();

    eventually("the refusal", async || {
        (server.me(&alice.tokens.access).await.status == 401).then_some(())
    })
    .await;
    let _ = server.refresh(&alice.tokens.refresh).await.expect(401);
    assert!(!published(&server).await.contains(&stolen));
    let token = signs_no_more_with(&server, &stolen).await;
    let _ = server.me(&token).await.expect(200);
    let _ = server.cli(["key", "retire", "unknown"]).await.failed(1);
}

async fn a_key_of_ones_own_is_imported(backend: Backend) {
    let server = Server::start(backend).await;
    let _ = server.account_of("Alice").await;
    let active = in_state(&server, "active").await;

    let _ = server
        .home()
        .cli_with_input(PEM, ["key", "import"])
        .await
        .ok();
    let imported = in_state(&server, "standby").await;
    let _ = server.cli(["key", "rotate", "--now"]).await.ok();

    let token = signs_no_more_with(&server, &active).await;
    assert_eq!(signed_by(&token), imported);
    let _ = server.me(&token).await.expect(200);
    let key = server.get("/.well-known/jwks.json").await.json()["keys"]
        .as_array()
        .and_then(|keys| {
            keys.iter()
                .find(|key| key["kid"] == imported.as_str())
                .cloned()
        })
        .expect("the imported key");
    assert_eq!(key["x"], "gs_g6SGycQPk_0FIgTMGRPCd77w6aCVObEcI5XqiXes");
    let garbage = server
        .home()
        .cli_with_input("garbage", ["key", "import"])
        .await;
    let _ = garbage.failed(1);
}

async fn item_64_another_algorithm_is_published_before_it_signs(backend: Backend) {
    let server = Home::new(backend).with_public_url().start().await;
    let alice = server.account_of("Alice").await;
    let old = in_state(&server, "active").await;
    let home = server.terminate().await;
    let server = home
        .env("LATCHKEY_TOKENS__ALGORITHM", "ES256")
        .start()
        .await;

    // The key of before goes on signing while the new one is public.
    let _ = server.me(&alice.tokens.access).await.expect(200);
    let tokens = server.refresh(&alice.tokens.refresh).await.expect(200);
    let tokens = tokens.tokens();
    assert_eq!(signed_by(&tokens.access), old);
    let listed = server.cli(["key", "list", "--json"]).await.json();
    let standby = listed
        .as_array()
        .and_then(|keys| keys.iter().find(|key| key["state"] == "standby").cloned())
        .expect("a standby key");
    assert_eq!(standby["algorithm"], "ES256");
    assert!(standby["activate_at"].is_string(), "{listed}");
    let new = in_state(&server, "standby").await;
    assert!(published(&server).await.contains(&new));

    let _ = server.cli(["key", "rotate", "--now"]).await.ok();
    let token = signs_no_more_with(&server, &old).await;
    assert_eq!(signed_by(&token), new);
    assert_eq!(Jwt::read(&token).header["alg"], "ES256");
    let _ = server.me(&token).await.expect(200);
    let _ = server.refresh(&tokens.refresh).await.expect(200);
    assert!(published(&server).await.contains(&old));
}

async fn instances_that_disagree_about_the_algorithm_do_not_take_turns(backend: Backend) {
    const ALGORITHM: &str = "LATCHKEY_TOKENS__ALGORITHM";
    let home = Home::new(backend).with_public_url();
    let old = home.instance().start().await;
    let alice = old.account_of("Alice").await;
    let first = in_state(&old, "active").await;

    // One instance after the other is updated; one that was not is restarted in between.
    let new = home.instance().env(ALGORITHM, "ES256").start().await;
    let old = old.restart().await;
    let newer = home.instance().env(ALGORITHM, "ES256").start().await;
    let next = in_state(&new, "standby").await;
    for server in [&old, &new, &newer] {
        eventually("all publish the new key", async || {
            published(server).await.contains(&next).then_some(())
        })
        .await;
        let answer = server.sign_in(&alice.person.email, &alice.person.password);
        let token = answer.await.expect(200).tokens().access;
        assert_eq!(signed_by(&token), first);
    }

    // Whichever configuration the command reads.
    let _ = old.cli(["key", "rotate", "--now"]).await.ok();
    for server in [&old, &new, &newer] {
        let token = signs_no_more_with(server, &first).await;
        assert_eq!(signed_by(&token), next);
        let _ = old.me(&token).await.expect(200);
        let _ = server.me(&alice.tokens.access).await.expect(200);
    }
}

const ENCRYPTION: &str = "LATCHKEY_TOKENS__KEY_ENCRYPTION_SECRET";
const OLD_ENCRYPTION: &str = "LATCHKEY_TOKENS__PREVIOUS_KEY_ENCRYPTION_SECRETS";
const ONE: &str = "c2b7f0e19a6d4e3581724d6b90ffac13";
const TWO: &str = "0d84e6aa1f3b4c7790c5be216d9873fe";

async fn private_keys_are_encrypted_under_the_secret(backend: Backend) {
    let server = Home::new(backend)
        .with_public_url()
        .env(ENCRYPTION, ONE)
        .start()
        .await;
    let tokens = server.account_of("Alice").await.tokens;
    let listed = server.cli(["key", "list", "--json"]).await.json();
    for key in listed.as_array().expect("keys") {
        assert_eq!(key["encrypted"], true, "{listed}");
    }
    let server = server.restart().await;
    let _ = server.me(&tokens.access).await.expect(200);
}

async fn a_wrong_key_encryption_secret_is_one_clear_error(backend: Backend) {
    let server = Home::new(backend)
        .with_public_url()
        .env(ENCRYPTION, ONE)
        .start()
        .await;
    let tokens = server.account_of("Alice").await.tokens;
    let home = server.terminate().await;
    let home = home.env(ENCRYPTION, TWO);
    let wrong = home.fails_to_start().await;
    let home = home.without_env(ENCRYPTION);
    let missing = home.fails_to_start().await;
    for failed in [wrong, missing] {
        assert_eq!(failed.code, Some(1), "{failed:#?}");
        assert!(
            failed.stderr.contains("key_encryption_secret"),
            "{failed:#?}"
        );
    }
    let server = home.env(ENCRYPTION, ONE).start().await;
    let _ = server.me(&tokens.access).await.expect(200);
}

async fn the_key_encryption_secret_can_be_changed(backend: Backend) {
    // Keys from before there was a secret, then one secret, then another.
    let server = Home::new(backend).with_public_url().start().await;
    let tokens = server.account_of("Alice").await.tokens;
    let home = server.terminate().await;
    let server = home.env(ENCRYPTION, ONE).start().await;
    let _ = server.me(&tokens.access).await.expect(200);
    let home = server.terminate().await;
    let server = home
        .env(ENCRYPTION, TWO)
        .env(OLD_ENCRYPTION, ONE)
        .start()
        .await;
    let _ = server.me(&tokens.access).await.expect(200);
    // By now everything is encrypted under the new one.
    let home = server.terminate().await;
    let server = home.without_env(OLD_ENCRYPTION).start().await;
    let _ = server.me(&tokens.access).await.expect(200);
    let _ = server.refresh(&tokens.refresh).await.expect(200);
    assert_eq!(published(&server).await.len(), 2);
}
