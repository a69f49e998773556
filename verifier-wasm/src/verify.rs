//! Verifying a token.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    ErrorKind, KeySet, Lifetime, NumericDate, Options, RegisteredClaims, VerifierError, encoding,
    header::{Header, KnownHeaders},
    json,
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
    headers: Arc<KnownHeaders>,
}

/// A token that passed every check, before anything of it is copied.
pub(crate) struct Checked {
    header: Arc<Header>,
    payload: Map<String, Value>,
    claims: RegisteredClaims,
    payload_json: String,
}

impl Checked {
    /// The claims set, byte for byte as it was signed.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn payload_json(&self) -> &str {
        &self.payload_json
    }

    /// The header, byte for byte as it was signed.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn protected_header_json(&self) -> &str {
        &self.header.json
    }
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
    protected_header_json: String,
}

/// A token whose signature is right. Its claims have not been looked at.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VerifiedSignature {
    /// What was signed, which need not be JSON.
    pub payload: Vec<u8>,
    /// The header as it stands in the token.
    pub protected_header: Map<String, Value>,
    protected_header_json: String,
}

impl VerifiedSignature {
    /// The header, byte for byte as it was signed.
    #[must_use]
    pub fn protected_header_json(&self) -> &str {
        &self.protected_header_json
    }
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

    /// The header, byte for byte as it was signed.
    #[must_use]
    pub fn protected_header_json(&self) -> &str {
        &self.protected_header_json
    }
}

impl Verifier {
    /// A verifier for these keys and expectations.
    pub fn new(keys: impl Into<Arc<KeySet>>, options: Options) -> Self {
        Self {
            keys: keys.into(),
            options: Arc::new(options),
            headers: Arc::default(),
        }
    }

    /// The same expectations with other keys.
    #[must_use]
    pub fn with_keys(&self, keys: impl Into<Arc<KeySet>>) -> Self {
        Self {
            keys: keys.into(),
            options: Arc::clone(&self.options),
            headers: Arc::default(),
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
        let checked = self.check(token, now)?;
        Ok(Verified {
            payload: checked.payload,
            claims: checked.claims,
            protected_header: checked.header.members.clone(),
            payload_json: checked.payload_json,
            protected_header_json: checked.header.json.clone(),
        })
    }

    /// Whether a token that was verified before, with these keys and expectations, is good
    /// as of `now` too. Nothing but its times can have changed that.
    ///
    /// # Errors
    /// The first of the checks 13 that fails.
    pub fn check_lifetime(
        &self,
        lifetime: &Lifetime,
        now: NumericDate,
    ) -> Result<(), VerifierError> {
        lifetime.check(&self.options, now)
    }

    /// The same for who needs no header of their own.
    pub(crate) fn check(&self, token: &str, now: NumericDate) -> Result<Checked, VerifierError> {
        let (header, payload) = self.check_signature(token)?;
        let not_an_object =
            || VerifierError::malformed("the payload is not a JSON object with distinct members");
        let payload_json = String::from_utf8(payload).map_err(|_| not_an_object())?;
        let payload = json::parse_object(payload_json.as_bytes()).ok_or_else(not_an_object)?;
        self.check_type(&header)?;
        let claims = RegisteredClaims::read(&payload)?;
        claims.check(&payload, &self.options, now)?;
        Ok(Checked {
            header,
            payload,
            claims,
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
            protected_header: header.members.clone(),
            protected_header_json: header.json.clone(),
        })
    }

    /// Checks 1 to 7, for who needs no header of their own.
    pub(crate) fn check_signature(
        &self,
        token: &str,
    ) -> Result<(Arc<Header>, Vec<u8>), VerifierError> {
        if token.len() > self.options.max_token_length {
            return Err(VerifierError::new(
                ErrorKind::TooLarge,
                "the token is too long",
            ));
        }
        let segments = Segments::split(token)?;
        let header = self.headers.parse(segments.header)?;
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
        self.headers.keep(segments.header, &header);
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
mod tests;
