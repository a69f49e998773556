//! Signing: compact JWS (RFC 7515 section 7.1) with a key that is kept parsed.
//!
//! What is the same in every token of a key, the header, is encoded once when the key is
//! loaded. For a token that leaves the claims, one base64url of them, and the signature.

use std::fmt;

use latchkey_verifier::Algorithm;
use serde::Serialize;

use super::encoding::{append_base64url, base64url, base64url_len};
use super::keys::{MaterialError, PrivateKey};

/// Bytes of room for the claims and for the signature, which is ample as a rule: more
/// costs an allocation and is no fault.
const CLAIMS_ROOM: usize = 512;
const SIGNATURE_ROOM: usize = 512;

/// A key that signs tokens.
pub struct Signer {
    kid: String,
    key: PrivateKey,
    headers: [String; TokenType::ALL.len()],
}

/// What a token is, as its header's `typ` says (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// An access token (RFC 9068 section 2.1).
    Access,
    /// A refresh token.
    Refresh,
    /// A status list (draft-ietf-oauth-status-list section 5.1).
    StatusList,
}

impl TokenType {
    const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::StatusList];

    /// The header's `typ`.
    #[must_use]
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "rt+jwt",
            Self::StatusList => "statuslist+jwt",
        }
    }
}

impl Signer {
    /// A signer that names `key` as `kid`.
    #[must_use]
    pub fn new(kid: impl Into<String>, key: PrivateKey) -> Self {
        let kid = kid.into();
        let headers = TokenType::ALL.map(|token_type| encode_header(&key, token_type, &kid));
        Self { kid, key, headers }
    }

    /// The key's identifier.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm of the signatures.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// A token of `token_type` with `claims`.
    ///
    /// # Errors
    ///
    /// [`SignError`] when the claims are not JSON or the cryptographic library fails;
    /// neither has to do with what a client sent.
    pub fn sign(
        &self,
        token_type: TokenType,
        claims: &impl Serialize,
    ) -> Result<String, SignError> {
        let mut json = Vec::with_capacity(CLAIMS_ROOM);
        serde_json::to_writer(&mut json, claims)?;
        let header = &self.headers[token_type as usize];
        let room = header.len() + base64url_len(json.len() + SIGNATURE_ROOM) + 3;
        let mut token = String::with_capacity(room);
        token.push_str(header);
        token.push('.');
        append_base64url(&mut token, &json);
        let signature = self.key.sign(token.as_bytes())?;
        token.push('.');
        append_base64url(&mut token, signature.as_ref());
        Ok(token)
    }
}

fn encode_header(key: &PrivateKey, token_type: TokenType, kid: &str) -> String {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: &'static str,
        typ: &'static str,
        kid: &'a str,
    }
    let header = Header {
        alg: key.algorithm().name(),
        typ: token_type.typ(),
        kid,
    };
    let json = serde_json::to_vec(&header).expect("three strings are JSON");
    base64url(&json)
}

/// Names the key and shows nothing of it.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} {})", self.key.algorithm(), self.kid)
    }
}

/// Why a token could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The claims are not JSON.
    #[error("the claims cannot be written: {0}")]
    Claims(#[from] serde_json::Error),
    /// The key failed.
    #[error(transparent)]
    Key(#[from] MaterialError),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::encoding::from_base64url;

    fn signer(algorithm: Algorithm) -> Signer {
        let key = if algorithm.is_symmetric() {
            PrivateKey::from_stored(algorithm, &[7; 64])
        } else {
            PrivateKey::generate(algorithm)
        };
        Signer::new("a kid", key.expect("a key"))
    }

    #[test]
    fn the_header_names_algorithm_type_and_key() {
        let token = signer(Algorithm::EdDsa)
            .sign(TokenType::Refresh, &json!({"sub": "s"}))
            .expect("signs");
        let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
            panic!("not three segments: {token}");
        };
        let text = |segment| from_base64url(segment).expect("base64url");
        assert_eq!(
            text(header),
            br#"{"alg":"EdDSA","typ":"rt+jwt","kid":"a kid"}"#
        );
        assert_eq!(text(claims), br#"{"sub":"s"}"#);
        assert_eq!(text(signature).len(), 64);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(
            format!("{:?}", signer(Algorithm::Hs256)),
            "Signer(HS256 a kid)"
        );
    }
}
