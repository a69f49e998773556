use latchkey_verifier::Algorithm;
use serde_json::{Value, json};

use super::*;
use crate::config::Secret;
use crate::domain::encoding::from_base64url;
use crate::domain::entropy::SystemEntropy;
use crate::domain::keys::{KeyMaker, KeySettings, KeySnapshot, KeyState, PrivateKey};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_900);
const ISSUER: &str = "https://auth.example";

fn rules() -> TokenRules {
    TokenRules::new(ISSUER.to_owned(), ISSUER, &config::Tokens::default())
}

/// The keys of a server that signs with `algorithm`.
fn keys(algorithm: Algorithm) -> KeyView {
    let settings = KeySettings::new(&config::Tokens::default());
    let maker = KeyMaker::new(&settings.sealer, &SystemEntropy);
    let mut key = if algorithm.is_symmetric() {
        let secret = Secret::new("a secret that is long enough for it").expect("not empty");
        maker.hmac(&secret, algorithm, NOW)
    } else {
        let key = PrivateKey::generate(algorithm).expect("a key");
        maker.record(&key, NOW).expect("a record")
    };
    key.state = KeyState::Active;
    let stored = KeySnapshot {
        generation: 1,
        keys: vec![key],
    };
    KeyView::new(&stored, &settings, NOW).expect("a view")
}

fn subject() -> Subject {
    Subject {
        user: UserId::new(NOW, &SystemEntropy),
        session: SessionId::new(NOW, &SystemEntropy),
    }
}

fn access(tokens: &Tokens, keys: &KeyView, subject: Subject) -> String {
    let until = NOW.plus(tokens.rules().access_ttl);
    tokens
        .issue_access(keys.signer(NOW), subject, NOW, until, None, &SystemEntropy)
        .expect("signs")
}

fn refresh(tokens: &Tokens, keys: &KeyView, subject: Subject) -> IssuedRefresh {
    let until = NOW.plus(tokens.rules().refresh_ttl);
    tokens
        .issue_refresh(keys.signer(NOW), subject, NOW, until, &SystemEntropy)
        .expect("signs")
}

/// A segment of a token as JSON, with the names in their order.
fn segment(token: &str, index: usize) -> (Value, Vec<String>) {
    let text = token
        .split('.')
        .nth(index)
        .and_then(from_base64url)
        .expect("a segment");
    let text = String::from_utf8(text).expect("UTF-8");
    let names = text.split("\":").filter_map(|part| part.rsplit('"').next());
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.pop();
    (serde_json::from_str(&text).expect("JSON"), names)
}

fn code(refused: Result<impl fmt::Debug, Refused>) -> &'static str {
    match refused.expect_err("refused") {
        Refused::Verifier(error) => error.code(),
        Refused::WrongKind => "wrong kind",
    }
}

#[test]
fn every_algorithm_signs_what_the_verifier_accepts() {
    let tokens = Tokens::new(rules());
    for algorithm in Algorithm::ALL {
        let (keys, subject) = (keys(algorithm), subject());
        let token = access(&tokens, &keys, subject);
        assert_eq!(segment(&token, 0).0["alg"], algorithm.name());
        let facts = tokens.read_access(&keys, &token, NOW).expect("good");
        assert_eq!((facts.subject, facts.kind), (subject, Kind::Access));

        let issued = refresh(&tokens, &keys, subject);
        let read = tokens.read_refresh(&keys, &issued.token, NOW);
        let read = read.expect("good");
        assert_eq!((read.facts.subject, read.hash), (subject, issued.hash));
        assert_eq!(read.facts.kind, Kind::Refresh);
    }
}

#[test]
fn an_access_token_has_the_claims_of_rfc_9068() {
    let (keys, subject) = (keys(Algorithm::EdDsa), subject());
    let token = access(&Tokens::new(rules()), &keys, subject);
    let (header, names) = segment(&token, 0);
    assert_eq!(names, ["alg", "typ", "kid"]);
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["kid"], keys.signer(NOW).kid());
    let (claims, names) = segment(&token, 1);
    assert_eq!(
        names,
        [
            "iss",
            "sub",
            "exp",
            "iat",
            "jti",
            "sid",
            "client_id",
            "type"
        ]
    );
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER,
            "sub": subject.user.to_string(),
            "exp": 1_800_001_800,
            "iat": 1_800_000_000,
            "jti": claims["jti"],
            "sid": subject.session.to_string(),
            "client_id": "latchkey",
            "type": "access",
        })
    );
    assert_eq!(claims["jti"].as_str().map(str::len), Some(22));
}

#[test]
fn a_refresh_token_says_what_it_is() {
    let (keys, subject) = (keys(Algorithm::EdDsa), subject());
    let issued = refresh(&Tokens::new(rules()), &keys, subject);
    assert_eq!(segment(&issued.token, 0).0["typ"], "rt+jwt");
    let (claims, names) = segment(&issued.token, 1);
    assert_eq!(names, ["iss", "sub", "exp", "iat", "jti", "sid", "type"]);
    assert_eq!(claims["type"], "refresh");
    assert_eq!(claims["exp"], issued.expires_at.as_seconds());
    assert_eq!(hash(claims["jti"].as_str().expect("a jti")), issued.hash);
    assert!(!format!("{issued:?}").contains(&issued.token));
}

#[test]
fn one_kind_of_token_does_not_pass_for_the_other() {
    let (tokens, keys, subject) = (Tokens::new(rules()), keys(Algorithm::EdDsa), subject());
    let token = access(&tokens, &keys, subject);
    assert_eq!(code(tokens.read_refresh(&keys, &token, NOW)), "wrong_type");
    let token = refresh(&tokens, &keys, subject).token;
    assert_eq!(code(tokens.read_access(&keys, &token, NOW)), "wrong_type");

    // Not even with the other's header.
    let claims = segment(&token, 1).0;
    let forged = keys
        .signer(NOW)
        .sign(TokenType::Access, &claims)
        .expect("signs");
    assert_eq!(code(tokens.read_access(&keys, &forged, NOW)), "wrong kind");
}

#[test]
fn a_token_is_good_until_its_exp_and_no_longer() {
    let (tokens, keys, subject) = (Tokens::new(rules()), keys(Algorithm::EdDsa), subject());
    let token = access(&tokens, &keys, subject);
    let exp = Timestamp::from_seconds(NOW.as_seconds()).plus(tokens.rules().access_ttl);
    let before = exp.minus(Duration::from_millis(1));
    let good = tokens.read_access(&keys, &token, before).expect("good");
    assert_eq!((good.subject, good.expires_at), (subject, exp));
    assert_eq!(code(tokens.read_access(&keys, &token, exp)), "expired");
}

#[test]
fn a_clock_that_is_a_little_behind_still_reads_what_was_just_issued() {
    let (tokens, keys, subject) = (Tokens::new(rules()), keys(Algorithm::EdDsa), subject());
    let token = access(&tokens, &keys, subject);
    let issued_at = Timestamp::from_seconds(NOW.as_seconds());
    let behind = issued_at.minus(CLOCK_SKEW);
    let good = tokens.read_access(&keys, &token, behind).expect("good");
    assert_eq!(good.subject, subject);
    let further = behind.minus(Duration::from_millis(1));
    let refused = tokens.read_access(&keys, &token, further);
    assert_eq!(code(refused), "issued_in_future");
}

#[test]
fn another_issuer_audience_or_key_is_refused() {
    let (keys, subject) = (keys(Algorithm::EdDsa), subject());
    let token = access(&Tokens::new(rules()), &keys, subject);
    let read = |rules| Tokens::new(rules).read_access(&keys, &token, NOW);
    let issuer = "https://auth.example/".to_owned();
    assert_eq!(code(read(TokenRules { issuer, ..rules() })), "wrong_issuer");

    let audience = |name: &str| TokenRules {
        audience: Some(name.to_owned()),
        ..rules()
    };
    assert_eq!(code(read(audience("api"))), "missing_claim");
    let for_api = access(&Tokens::new(audience("api")), &keys, subject);
    assert_eq!(segment(&for_api, 1).0["aud"], "api");
    let read = |rules| Tokens::new(rules).read_access(&keys, &for_api, NOW);
    let good = read(audience("api")).expect("good");
    assert_eq!(good.subject, subject);
    assert_eq!(code(read(audience("another"))), "wrong_audience");

    let others = super::tests::keys(Algorithm::EdDsa);
    let refused = Tokens::new(rules()).read_access(&others, &token, NOW);
    assert!(refused.expect_err("refused").is_unknown_key());
}

/// What one thread reads by its keys is never answered by the keys of another.
#[test]
fn keys_that_change_meanwhile_are_not_mixed_up() {
    let tokens = Tokens::new(rules());
    let both = [keys(Algorithm::EdDsa), keys(Algorithm::EdDsa)];
    let token = access(&tokens, &both[0], subject());
    let read = |with: usize| {
        for _ in 0..2_000 {
            let read = tokens.read_access(&both[with], &token, NOW);
            assert_eq!(read.is_ok(), with == 0, "{read:?}");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| read(0));
        scope.spawn(|| read(1));
    });
}

/// What is remembered of a token is that it was good, not that it is.
#[test]
fn a_known_token_expires_like_any_other() {
    let (tokens, keys) = (Tokens::new(rules()), keys(Algorithm::EdDsa));
    let token = access(&tokens, &keys, subject());
    let first = tokens.read_access(&keys, &token, NOW).expect("good");
    assert_eq!(tokens.read_access(&keys, &token, NOW), Ok(first));
    let over = NOW.plus(tokens.rules().access_ttl);
    assert_eq!(code(tokens.read_access(&keys, &token, over)), "expired");
    let early = NOW.minus(Duration::from_secs(3600));
    assert_eq!(
        code(tokens.read_access(&keys, &token, early)),
        "issued_in_future"
    );
}

#[test]
fn a_known_token_is_forgotten_with_its_keys() {
    let (tokens, both) = (
        Tokens::new(rules()),
        [keys(Algorithm::EdDsa), keys(Algorithm::EdDsa)],
    );
    let token = access(&tokens, &both[0], subject());
    assert!(tokens.read_access(&both[0], &token, NOW).is_ok());
    assert_eq!(
        code(tokens.read_access(&both[1], &token, NOW)),
        "unknown_key"
    );
}

#[test]
fn one_that_resembles_a_known_token_is_another() {
    let (tokens, keys) = (Tokens::new(rules()), keys(Algorithm::EdDsa));
    let token = access(&tokens, &keys, subject());
    assert!(tokens.read_access(&keys, &token, NOW).is_ok());
    // The last character has two bits of the signature, which leaves it four spellings; the one
    // before is all signature.
    let (rest, last) = token.split_at(token.len() - 2);
    for other in ["AA", "QQ", "gg", "ww"] {
        if other != last {
            let forged = format!("{rest}{other}");
            assert!(tokens.read_access(&keys, &forged, NOW).is_err(), "{other}");
        }
    }
    assert!(tokens.read_refresh(&keys, &token, NOW).is_err());
}
