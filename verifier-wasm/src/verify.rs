//! Verifying a token.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    ErrorKind, KeySet, NumericDate, Options, RegisteredClaims, VerifierError, encoding,
    header::Header, json,
};

/// Checks tokens against a set of keys and a set of expectations.
///
/// Cloning is cheap, and a new key set is put in place with
/// [`with_keys`](Self::with_keys) without reading anything again.
///
/// # The order of the checks
///
/// The first check that fails names the error, so a token always gets the same
/// one:
///
/// 1. `too_large`: the length.
/// 2. `malformed`: three segments; the header is canonical base64url of a JSON
///    object with distinct members, `alg` a string, `kid` a string if present.
/// 3. `critical_header`: `crit` or `b64` is there.
/// 4. `unsupported_algorithm`: `alg` is unknown or not accepted.
/// 5. `malformed`: the other two segments are canonical base64url.
/// 6. `unknown_key`, `bad_key`, `algorithm_mismatch`: the key of the token
///    (the [`KeySet`] says which that is).
/// 7. `bad_signature`.
/// 8. `malformed`: the payload is a JSON object with distinct members. Nothing
///    of it is read before its signature has been found good.
/// 9. `wrong_type`: the header's `typ`.
/// 10. `invalid_claim`: the JSON types of `iss`, `sub`, `aud`, `exp`, `nbf`,
///     `iat`, `jti`, expected or not.
/// 11. `missing_claim`: `exp`, `iss`, `aud`, `iat`, then the required ones.
/// 12. `wrong_issuer`, `wrong_audience`.
/// 13. `not_yet_valid`, `issued_in_future`, `expired`.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: Arc<KeySet>,
    options: Arc<Options>,
}

/// A token that passed every check.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// The claims set as it stands in the token.
    pub payload: Map<String, Value>,
    /// The registered ones among them, typed.
    pub claims: RegisteredClaims,
    /// The header as it stands in the token.
    pub protected_header: Map<String, Value>,
    payload_json: String,
}

/// A token whose signature is right. Its claims have not been looked at.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VerifiedSignature {
    /// What was signed, which need not be JSON.
    pub payload: Vec<u8>,
    /// The header as it stands in the token.
    pub protected_header: Map<String, Value>,
}

impl Verified {
    /// Reads the claims into a type of the caller's, without reading the text
    /// again.
    ///
    /// # Errors
    /// `invalid_claim` when they do not fit.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, VerifierError> {
        T::deserialize(&self.payload).map_err(|_| {
            VerifierError::new(
                ErrorKind::InvalidClaim,
                "the claims do not have the expected form",
            )
        })
    }

    /// The claims set, byte for byte as it was signed.
    #[must_use]
    pub fn payload_json(&self) -> &str {
        &self.payload_json
    }
}

impl Verifier {
    /// A verifier for these keys and expectations.
    pub fn new(keys: impl Into<Arc<KeySet>>, options: Options) -> Self {
        Self {
            keys: keys.into(),
            options: Arc::new(options),
        }
    }

    /// The same expectations with other keys.
    #[must_use]
    pub fn with_keys(&self, keys: impl Into<Arc<KeySet>>) -> Self {
        Self {
            keys: keys.into(),
            options: Arc::clone(&self.options),
        }
    }

    /// The keys in use.
    #[must_use]
    pub fn keys(&self) -> &Arc<KeySet> {
        &self.keys
    }

    /// The expectations in use.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Checks a token as of `now`.
    ///
    /// # Errors
    /// The first check that fails, in the order above.
    pub fn verify(&self, token: &str, now: NumericDate) -> Result<Verified, VerifierError> {
        let (header, payload) = self.check_signature(token)?;
        let not_an_object =
            || VerifierError::malformed("the payload is not a JSON object with distinct members");
        let payload_json = String::from_utf8(payload).map_err(|_| not_an_object())?;
        let payload = json::parse_object(payload_json.as_bytes()).ok_or_else(not_an_object)?;
        self.check_type(&header)?;
        let claims = RegisteredClaims::read(&payload)?;
        claims.check(&payload, &self.options, now)?;
        Ok(Verified {
            payload,
            claims,
            protected_header: header.members,
            payload_json,
        })
    }

    /// Checks the signature alone: neither the header's `typ` nor any claim.
    ///
    /// # Errors
    /// The first of checks 1 to 7 that fails.
    pub fn verify_signature(&self, token: &str) -> Result<VerifiedSignature, VerifierError> {
        let (header, payload) = self.check_signature(token)?;
        Ok(VerifiedSignature {
            payload,
            protected_header: header.members,
        })
    }

    fn check_signature(&self, token: &str) -> Result<(Header, Vec<u8>), VerifierError> {
        if token.len() > self.options.max_token_length {
            return Err(VerifierError::new(
                ErrorKind::TooLarge,
                "the token is too long",
            ));
        }
        let segments = Segments::split(token)?;
        let header = Header::parse(segments.header)?;
        let is_accepted = |accepted: &Vec<_>| accepted.contains(&header.algorithm);
        if !self.options.algorithms.as_ref().is_none_or(is_accepted) {
            return Err(VerifierError::new(
                ErrorKind::UnsupportedAlgorithm,
                "the token's `alg` is not among the accepted ones",
            ));
        }
        let payload = encoding::decode(segments.payload)
            .ok_or_else(|| VerifierError::malformed("the payload is not canonical base64url"))?;
        let signature = encoding::decode(segments.signature)
            .ok_or_else(|| VerifierError::malformed("the signature is not canonical base64url"))?;
        self.keys.verify(
            header.key_id.as_deref(),
            header.algorithm,
            segments.signed.as_bytes(),
            &signature,
        )?;
        Ok((header, payload))
    }

    fn check_type(&self, header: &Header) -> Result<(), VerifierError> {
        match &self.options.typ {
            Some(expected) if !header.has_type(expected) => Err(VerifierError::new(
                ErrorKind::WrongType,
                "the token's `typ` is not the expected one",
            )),
            _ => Ok(()),
        }
    }
}

/// The parts of a compact serialization (RFC 7515 section 7.1).
struct Segments<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// Header and payload with the dot between them: what is signed.
    signed: &'a str,
}

impl<'a> Segments<'a> {
    /// Two passes over the text and no list of pieces, however many dots
    /// there are.
    fn split(token: &'a str) -> Result<Self, VerifierError> {
        let three = || VerifierError::malformed("the token is not three segments joined by dots");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(three)?;
        let (header, payload) = signed.split_once('.').ok_or_else(three)?;
        if payload.contains('.') {
            return Err(three());
        }
        Ok(Self {
            header,
            payload,
            signature,
            signed,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::{Verified, Verifier};
    use crate::{
        Algorithm, KeySet, NumericDate, Options, VerifierError,
        testing::{SECRET, TestKey, hs256},
    };

    const NOW: NumericDate = NumericDate::from_seconds(1_800_000_000);
    const GOOD: &str = r#"{"sub": "s", "exp": 1800000060, "n": 1.0}"#;

    fn verifier(options: Options) -> Verifier {
        let mut keys = KeySet::new();
        keys.add_secret(Some("k"), SECRET, &Algorithm::HMAC)
            .expect("a secret");
        Verifier::new(keys, options)
    }

    fn token(payload: &str) -> String {
        hs256(
            &json!({"alg": "HS256", "kid": "k", "typ": "at+jwt"}),
            payload,
        )
    }

    fn code(verdict: Result<Verified, VerifierError>) -> &'static str {
        verdict.map_or_else(|error| error.code(), |_| "good")
    }

    #[test]
    fn a_good_token_is_returned_as_it_stands() {
        let verified = verifier(Options::default())
            .verify(&token(GOOD), NOW)
            .expect("a good token");
        assert_eq!(verified.payload_json(), GOOD);
        assert_eq!(
            json!(verified.payload),
            json!({"sub": "s", "exp": 1_800_000_060, "n": 1.0})
        );
        assert_eq!(
            json!(verified.protected_header),
            json!({"alg": "HS256", "kid": "k", "typ": "at+jwt"})
        );
        assert_eq!(verified.claims.subject.as_deref(), Some("s"));
        assert_eq!(
            verified.claims.expires_at,
            Some(NumericDate::from_seconds(1_800_000_060))
        );
    }

    #[test]
    fn claims_are_read_into_a_type_of_the_callers() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Claims {
            sub: String,
            exp: u64,
        }
        #[derive(Debug, Deserialize)]
        struct Others {
            #[expect(dead_code, reason = "never there")]
            sub: u64,
        }
        let verified = verifier(Options::default())
            .verify(&token(GOOD), NOW)
            .expect("a good token");
        let claims = verified.deserialize::<Claims>();
        assert_eq!(
            claims,
            Ok(Claims {
                sub: "s".to_owned(),
                exp: 1_800_000_060
            })
        );
        let refusal = verified
            .deserialize::<Others>()
            .expect_err("`sub` is a string");
        assert_eq!(refusal.code(), "invalid_claim");
    }

    #[test]
    fn the_first_failing_check_names_the_error() {
        let verifier = verifier(Options {
            issuer: Some("us".to_owned()),
            algorithms: Some(vec![Algorithm::Hs256, Algorithm::EdDsa]),
            max_token_length: 400,
            ..Options::default()
        });
        let sign = |header, payload: &str| hs256(&header, payload);
        let forge = |token: String| format!("{}AAAA", &token[..token.len() - 4]);
        let payload =
            |claims| json!({"iss": "us", "exp": 1_800_000_060_i64, "x": claims}).to_string();
        let good = json!({"alg": "HS256", "kid": "k", "typ": "at+jwt"});
        // Each token fails its own check and as many later ones as can be.
        for (expected, token) in [
            ("too_large", ".".repeat(401)),
            ("malformed", ".".repeat(400)),
            ("malformed", "a.b".to_owned()),
            ("malformed", format!("e30.{}", sign(good.clone(), GOOD))),
            ("malformed", forge(sign(json!({"alg": 1, "crit": []}), ""))),
            (
                "critical_header",
                forge(sign(json!({"alg": "none", "crit": []}), "")),
            ),
            (
                "unsupported_algorithm",
                forge(sign(json!({"alg": "none", "kid": "x"}), "")),
            ),
            (
                "unsupported_algorithm",
                forge(sign(json!({"alg": "HS384", "kid": "x"}), "")),
            ),
            (
                "malformed",
                format!("{}=", sign(json!({"alg": "HS256", "kid": "x"}), "")),
            ),
            (
                "unknown_key",
                forge(sign(json!({"alg": "HS256", "kid": "x"}), "")),
            ),
            (
                "algorithm_mismatch",
                forge(sign(json!({"alg": "EdDSA", "kid": "k"}), "")),
            ),
            (
                "bad_signature",
                forge(sign(json!({"alg": "HS256", "kid": "k"}), "")),
            ),
            ("malformed", sign(json!({"alg": "HS256", "kid": "k"}), "[]")),
            (
                "malformed",
                sign(json!({"alg": "HS256", "kid": "k"}), r#"{"a":1,"a":1}"#),
            ),
            (
                "wrong_type",
                sign(json!({"alg": "HS256", "kid": "k"}), r#"{"jti":1}"#),
            ),
            ("invalid_claim", sign(good.clone(), r#"{"jti":1}"#)),
            ("missing_claim", sign(good.clone(), r#"{"iss":"them"}"#)),
            (
                "wrong_issuer",
                sign(good.clone(), r#"{"iss":"them","exp":1}"#),
            ),
            (
                "not_yet_valid",
                sign(
                    good.clone(),
                    r#"{"iss":"us","exp":1,"nbf":1900000000,"iat":1900000000}"#,
                ),
            ),
            (
                "issued_in_future",
                sign(good.clone(), r#"{"iss":"us","exp":1,"iat":1900000000}"#),
            ),
            ("expired", sign(good.clone(), r#"{"iss":"us","exp":1}"#)),
            ("good", sign(good.clone(), &payload(1))),
        ] {
            assert_eq!(code(verifier.verify(&token, NOW)), expected, "{token}");
        }
    }

    #[test]
    fn a_signature_alone_says_nothing_of_claims() {
        let verifier = verifier(Options::default());
        let token = hs256(&json!({"alg": "HS256"}), "not JSON");
        let signed = verifier.verify_signature(&token).expect("a good signature");
        assert_eq!(signed.payload, b"not JSON");
        assert_eq!(json!(signed.protected_header), json!({"alg": "HS256"}));
        assert_eq!(code(verifier.verify(&token, NOW)), "malformed");
    }

    #[test]
    fn the_type_is_checked_unless_turned_off() {
        let token = hs256(&json!({"alg": "HS256", "typ": "rt+jwt"}), GOOD);
        let with_type = |typ: Option<&str>| {
            let options = Options {
                typ: typ.map(str::to_owned),
                ..Options::default()
            };
            code(verifier(options).verify(&token, NOW))
        };
        assert_eq!(with_type(Some("at+jwt")), "wrong_type");
        assert_eq!(with_type(Some("rt+jwt")), "good");
        assert_eq!(with_type(None), "good");
    }

    #[test]
    fn other_keys_under_the_same_expectations() {
        let verifier = verifier(Options {
            typ: None,
            ..Options::default()
        });
        let key = TestKey::new(1);
        let mut keys = KeySet::new();
        keys.add(&key.named("k"));
        let token = key.sign(&json!({"alg": "Ed25519", "kid": "k"}), GOOD);
        assert_eq!(code(verifier.verify(&token, NOW)), "algorithm_mismatch");
        let renewed = verifier.with_keys(keys);
        assert_eq!(code(renewed.verify(&token, NOW)), "good");
        assert_eq!(renewed.options(), verifier.options());
    }

    #[test]
    fn a_refusal_repeats_nothing_of_the_token() {
        let secret = "hunter2";
        let claims = json!({"iss": secret, "exp": secret}).to_string();
        let headers = [
            json!({"alg": secret}),
            json!({"alg": "HS256", "kid": secret}),
            json!({"alg": "HS256", "typ": secret}),
        ];
        let options = Options {
            issuer: Some("us".to_owned()),
            ..Options::default()
        };
        for header in headers {
            let refusal = verifier(options.clone())
                .verify(&hs256(&header, &claims), NOW)
                .expect_err("refused");
            assert!(
                !format!("{refusal} {refusal:?}").contains(secret),
                "{refusal:?}"
            );
        }
    }
}
