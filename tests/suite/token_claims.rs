//! Tokens whose signature is right: all that is wrong with them is what they say. With an
//! HMAC key a test can sign as well as the server.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey_tests::{
    Account, Backend, Home, Jwt, Server, SigningKey, forge, hmac_sha256, on_each_backend,
};
use serde_json::{Value, json};

use crate::keys::PEM;

on_each_backend![
    item_52_an_algorithm_is_that_of_its_key,
    item_54_no_extension_is_critical_and_understood,
    item_57_times_are_enforced_and_of_their_type,
    item_58_the_issuer_is_compared_exactly,
    item_59_the_audience_has_to_be_ours,
    item_60_only_an_access_token_is_one,
    item_66_extreme_claims_are_refused_and_harm_nothing,
    item_66_both_names_of_the_algorithm_are_taken,
    a_token_is_good_for_its_own_session_alone,
    members_that_come_twice_are_refused,
];

const SECRET: &str = "3f6c0a9d5e7b4821964dc0ffb1a27e85";

/// A server whose secret is known, with somebody who has signed up.
struct Scene {
    server: Server,
    alice: Account,
    real: Jwt,
}

impl Scene {
    async fn new(backend: Backend) -> Self {
        let home = Home::new(backend)
            .env("LATCHKEY_TOKENS__SECRET_KEY", SECRET)
            .env("LATCHKEY_TOKENS__AUDIENCE", "api");
        let server = home.start().await;
        let alice = server.account_of("Alice").await;
        let real = Jwt::read(&alice.tokens.access);
        let scene = Self {
            server,
            alice,
            real,
        };
        scene
            .takes(&sign(&scene.real.header, &scene.real.claims))
            .await;
        scene
    }

    async fn takes(&self, token: &str) {
        let _ = self.server.me(token).await.expect(200);
    }

    async fn refuses(&self, token: &str, why: &str) {
        let answer = self.server.me(token).await;
        assert_eq!(answer.status, 401, "{why}: {}", answer.shown());
        assert_eq!(answer.code(), "invalid_token", "{why}");
    }

    /// The real token with one claim changed.
    fn claiming(&self, claim: &str, value: &Value) -> String {
        let mut claims = self.real.claims.clone();
        claims[claim] = value.clone();
        sign(&self.real.header, &claims)
    }

    async fn refuses_claims(&self, claims: &[(&str, Value)]) {
        for (claim, value) in claims {
            let token = self.claiming(claim, value);
            self.refuses(&token, &format!("{claim} = {value}")).await;
        }
    }

    async fn refuses_without(&self, claim: &str) {
        let mut claims = self.real.claims.clone();
        claims.as_object_mut().expect("claims").remove(claim);
        let token = sign(&self.real.header, &claims);
        self.refuses(&token, &format!("no {claim}")).await;
    }

    /// The real token with one member of its header changed.
    fn headed(&self, name: &str, value: &Value) -> String {
        let mut header = self.real.header.clone();
        header[name] = value.clone();
        sign(&header, &self.real.claims)
    }
}

fn sign(header: &Value, claims: &Value) -> String {
    sign_text(&header.to_string(), &claims.to_string())
}

/// For what no JSON library would write.
fn sign_text(header: &str, claims: &str) -> String {
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let signed = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    );
    let mac = hmac_sha256(SECRET.as_bytes(), signed.as_bytes());
    format!("{signed}.{}", encode(&mac))
}

async fn item_52_an_algorithm_is_that_of_its_key(backend: Backend) {
    // A secret that was left behind: its tokens are good beside those of the key pair.
    let home = Home::new(backend).with_public_url();
    let before = home
        .env("LATCHKEY_TOKENS__SECRET_KEY", SECRET)
        .start()
        .await;
    let alice = before.account_of("Alice").await;
    let home = before.terminate().await;
    let home = home.without_env("LATCHKEY_TOKENS__SECRET_KEY");
    let server = home.start().await;
    let under_hmac = Jwt::read(&alice.tokens.access);
    let sign_in = server.sign_in(&alice.person.email, &alice.person.password);
    let under_pair = Jwt::read(&sign_in.await.expect(200).tokens().access);
    let (hmac, pair) = (&under_hmac.header["kid"], &under_pair.header["kid"]);
    assert_ne!(hmac, pair);

    let scene = Scene {
        server,
        alice,
        real: under_hmac.clone(),
    };
    for (alg, kid, is_good) in [
        ("HS256", hmac, true),
        ("HS256", pair, false),
        ("HS384", hmac, false),
        ("HS512", hmac, false),
        ("EdDSA", hmac, false),
        ("EdDSA", pair, false),
        ("ES256", pair, false),
        ("RS256", pair, false),
    ] {
        let header = json!({ "alg": alg, "kid": kid, "typ": "at+jwt" });
        let token = sign(&header, &under_hmac.claims);
        if is_good {
            scene.takes(&token).await;
        } else {
            scene.refuses(&token, &header.to_string()).await;
        }
        // The key pair's own signature, under every name but its own.
        if alg != "EdDSA" || kid != pair {
            let kept = |_: &[u8]| under_pair.signature.clone();
            let token = forge(&header, &under_pair.claims, kept);
            scene.refuses(&token, &header.to_string()).await;
        }
    }
}

async fn item_54_no_extension_is_critical_and_understood(backend: Backend) {
    let scene = Scene::new(backend).await;
    for value in [
        json!(["exp"]),
        json!(["alg"]),
        json!(["http://example.invalid/ext"]),
        json!([]),
        json!([1]),
        json!("b64"),
        json!({}),
        json!(null),
    ] {
        let token = scene.headed("crit", &value);
        scene.refuses(&token, &format!("crit = {value}")).await;
    }
    for b64 in [true, false] {
        let token = scene.headed("b64", &json!(b64));
        scene.refuses(&token, "b64 alone").await;
    }
    // Signed as RFC 7797 has it: over the claims as they are.
    let mut header = scene.real.header.clone();
    header["b64"] = false.into();
    header["crit"] = json!(["b64"]);
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let claims = scene.real.claims.to_string();
    let mac = hmac_sha256(SECRET.as_bytes(), format!("{header}.{claims}").as_bytes());
    let claims = URL_SAFE_NO_PAD.encode(claims);
    let token = format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(mac));
    scene.refuses(&token, "b64 = false").await;
    // What says nothing of being critical is passed over.
    scene
        .takes(&scene.headed("ext", &json!({ "b64": false })))
        .await;
}

async fn item_57_times_are_enforced_and_of_their_type(backend: Backend) {
    let scene = Scene::new(backend).await;
    let iat = scene.real.seconds("iat");
    let later = json!(iat + 3600);
    scene.takes(&scene.claiming("exp", &later)).await;
    scene.takes(&scene.claiming("nbf", &json!(iat - 1))).await;
    scene
        .refuses_claims(&[
            ("exp", json!(iat - 1)),
            ("exp", json!(0)),
            ("exp", json!(-1)),
            ("exp", json!(later.to_string())),
            ("exp", json!(null)),
            ("exp", json!(true)),
            ("exp", json!([later])),
            ("exp", json!({ "exp": later })),
            ("nbf", later.clone()),
            ("nbf", json!((iat - 1).to_string())),
            ("nbf", json!("now")),
            ("nbf", json!(false)),
            ("nbf", json!([iat - 1])),
            ("iat", later.clone()),
            ("iat", json!(iat.to_string())),
            ("iat", json!("now")),
        ])
        .await;
    scene.refuses_without("exp").await;
    scene.refuses_without("iat").await;
}

async fn item_58_the_issuer_is_compared_exactly(backend: Backend) {
    let scene = Scene::new(backend).await;
    let own = scene.server.origin();
    scene
        .refuses_claims(&[
            ("iss", json!("https://elsewhere.example")),
            ("iss", json!(format!("{own}/"))),
            ("iss", json!(format!("{own}.evil.example"))),
            ("iss", json!(own.to_uppercase())),
            ("iss", json!(own.replace("http:", "https:"))),
            ("iss", json!(own.replace("127.0.0.1", "localhost"))),
            ("iss", json!(&own[..own.len() - 1])),
            ("iss", json!(format!(" {own}"))),
            ("iss", json!([own])),
            ("iss", json!([own, "https://elsewhere.example"])),
            ("iss", json!("")),
            ("iss", json!(1)),
            ("iss", json!(null)),
        ])
        .await;
    scene.refuses_without("iss").await;
}

async fn item_59_the_audience_has_to_be_ours(backend: Backend) {
    let scene = Scene::new(backend).await;
    for ours in [json!("api"), json!(["api"]), json!(["other", "api"])] {
        scene.takes(&scene.claiming("aud", &ours)).await;
    }
    scene
        .refuses_claims(&[
            ("aud", json!("other")),
            ("aud", json!("API")),
            ("aud", json!("api2")),
            ("aud", json!("ap")),
            ("aud", json!("other,api")),
            ("aud", json!("")),
            ("aud", json!([])),
            ("aud", json!(["other"])),
            ("aud", json!([["api"]])),
            ("aud", json!(["api", 1])),
            ("aud", json!({ "aud": "api" })),
            ("aud", json!(1)),
            ("aud", json!(null)),
        ])
        .await;
    scene.refuses_without("aud").await;
}

async fn item_60_only_an_access_token_is_one(backend: Backend) {
    let scene = Scene::new(backend).await;
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        scene.takes(&scene.headed("typ", &json!(typ))).await;
    }
    for typ in [
        json!("rt+jwt"),
        json!("JWT"),
        json!("id+jwt"),
        json!("logout+jwt"),
        json!("statuslist+jwt"),
        json!("at"),
        json!("at+jwt2"),
        json!("text/at+jwt"),
        json!("application/jwt"),
        json!(""),
        json!(null),
        json!(["at+jwt"]),
    ] {
        let token = scene.headed("typ", &typ);
        scene.refuses(&token, &format!("typ = {typ}")).await;
    }
    let mut untyped = scene.real.header.clone();
    untyped.as_object_mut().expect("a header").remove("typ");
    let token = sign(&untyped, &scene.real.claims);
    scene.refuses(&token, "no typ").await;
    // What the claims say is looked at too.
    let types = [
        "refresh",
        "id",
        "verify_email",
        "reset_password",
        "ACCESS",
        "",
    ];
    let types = types.map(|kind| ("type", json!(kind)));
    scene.refuses_claims(&types).await;
    scene.refuses_without("type").await;
    let refresh = scene.alice.tokens.refresh.as_str();
    scene.refuses(refresh, "a refresh token").await;
    // Nor is an access token a refresh token, whatever its header says.
    let mut header = scene.real.header.clone();
    header["typ"] = "rt+jwt".into();
    for token in [
        sign(&header, &scene.real.claims),
        scene.alice.tokens.access.clone(),
    ] {
        let _ = scene.server.refresh(&token).await.expect(401);
    }
    let _ = scene.server.refresh(refresh).await.expect(200);
}

async fn item_66_extreme_claims_are_refused_and_harm_nothing(backend: Backend) {
    let scene = Scene::new(backend).await;
    let header = scene.real.header.to_string();
    let claims = scene.real.claims.to_string();
    let exp = format!("\"exp\":{}", scene.real.claims["exp"]);
    assert!(claims.contains(&exp), "{claims}");
    let digits = "9".repeat(1000);
    for number in [
        "1e400",
        "-1e400",
        "18446744073709551616",
        "9223372036854775808",
        "-9223372036854775809",
        "NaN",
        "Infinity",
        "1e",
        "0x7fffffff",
        &digits,
    ] {
        let claims = claims.replace(&exp, &format!("\"exp\":{number}"));
        let token = sign_text(&header, &claims);
        scene.refuses(&token, &format!("exp = {number}")).await;
    }
    let deep = "[".repeat(5000) + &"]".repeat(5000);
    let inside = claims.replacen('{', &format!("{{\"x\":{deep},"), 1);
    for (header, claims) in [
        (&*header, &*deep),
        (&*header, &*inside),
        (&*deep, &*claims),
        (&*header, "\"text\""),
        (&*header, "null"),
        (&*header, ""),
        ("", &*claims),
        (&*header, &*format!("{claims}{claims}")),
        (&*header, &*format!("\u{feff}{claims}")),
    ] {
        let token = sign_text(header, claims);
        scene.refuses(&token, "a form that is none").await;
    }
    scene.takes(&scene.alice.tokens.access).await;
    assert!(!scene.server.logs().contains("panic"));
}

/// The server writes `EdDSA`, and takes `Ed25519` (RFC 9864) for the same key.
async fn item_66_both_names_of_the_algorithm_are_taken(backend: Backend) {
    let home = Home::new(backend);
    let _ = home.cli(["migrate", "up"]).await.ok();
    let _ = home.cli_with_input(PEM, ["key", "import"]).await.ok();
    let server = home.start().await;
    let alice = server.account_of("Alice").await;
    let real = Jwt::read(&alice.tokens.access);
    assert_eq!(real.header["alg"], "EdDSA");
    let scene = Scene {
        server,
        alice,
        real,
    };
    let key = SigningKey::from_pem(PEM);
    for (name, is_good) in [
        ("EdDSA", true),
        ("Ed25519", true),
        ("Ed448", false),
        ("eddsa", false),
        ("ED25519", false),
    ] {
        let mut header = scene.real.header.clone();
        header["alg"] = name.into();
        let token = forge(&header, &scene.real.claims, |signed| key.sign(signed));
        if is_good {
            scene.takes(&token).await;
        } else {
            scene.refuses(&token, name).await;
        }
    }
}

async fn a_token_is_good_for_its_own_session_alone(backend: Backend) {
    let scene = Scene::new(backend).await;
    let bob = scene.server.account_of("Bobby").await;
    let session = Jwt::read(&bob.tokens.access).claims["sid"].clone();
    scene
        .refuses_claims(&[
            ("sub", json!(bob.user_id)),
            ("sub", json!("")),
            ("sub", json!(1)),
            ("sid", session),
            ("sid", json!("garbage")),
            ("sid", json!(1)),
        ])
        .await;
    scene.refuses_without("sub").await;
    scene.refuses_without("sid").await;
}

/// Which of two counts is anybody's guess.
async fn members_that_come_twice_are_refused(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (header, claims) = (&scene.real.header, &scene.real.claims);
    for (member, value) in [("sub", json!("x")), ("exp", claims["exp"].clone())] {
        let first = format!("{{\"{member}\":{value},");
        let twice = claims.to_string().replacen('{', &first, 1);
        let token = sign_text(&header.to_string(), &twice);
        scene.refuses(&token, &format!("{member} twice")).await;
    }
    let twice = header.to_string().replacen('{', "{\"alg\":\"none\",", 1);
    let token = sign_text(&twice, &claims.to_string());
    scene.refuses(&token, "alg twice").await;
}
