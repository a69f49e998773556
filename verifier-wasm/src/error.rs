//! What can be wrong with a token, with a key and with a key set.
//!
//! The words of [`ErrorKind`] are part of the public surface: the server
//! decides by them, and JavaScript sees them as `VerifierError.code`. Messages
//! are for people, may change, and never contain anything from the token.

use std::{borrow::Cow, error::Error, fmt};

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Not three canonical base64url segments of a JSON header, a JSON claims
    /// set and a signature (RFC 7519 section 7.2).
    Malformed,
    /// Longer than [`Options::max_token_length`](crate::Options).
    TooLarge,
    /// `alg` is unknown, or not among the accepted ones (RFC 8725 section 3.1).
    UnsupportedAlgorithm,
    /// `alg` does not fit the key that the token names (RFC 8725 section 3.1).
    AlgorithmMismatch,
    /// No key of the set has the token's `kid`.
    UnknownKey,
    /// The key that the token names cannot be used.
    BadKey,
    /// There is no key set to look in.
    KeysUnavailable,
    /// The signature is not the key's on this token.
    BadSignature,
    /// `exp` has passed, or `iat` is too long ago (RFC 7519 section 4.1.4).
    Expired,
    /// `nbf` has not been reached (RFC 7519 section 4.1.5).
    NotYetValid,
    /// `iat` lies in the future.
    IssuedInFuture,
    /// `iss` is not the expected one.
    WrongIssuer,
    /// `aud` contains none of the expected ones.
    WrongAudience,
    /// `typ` is not the expected one (RFC 8725 section 3.11).
    WrongType,
    /// A required claim is absent.
    MissingClaim,
    /// A registered claim has the wrong JSON type (RFC 7519 section 4.1).
    InvalidClaim,
    /// The header demands an extension (RFC 7515 section 4.1.11); none is
    /// supported.
    CriticalHeader,
    /// The status list says that the token's session has ended.
    Revoked,
    /// The status list that the token points to cannot be had.
    StatusUnavailable,
}

impl ErrorKind {
    /// The stable machine word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::UnknownKey => "unknown_key",
            Self::BadKey => "bad_key",
            Self::KeysUnavailable => "keys_unavailable",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::WrongType => "wrong_type",
            Self::MissingClaim => "missing_claim",
            Self::InvalidClaim => "invalid_claim",
            Self::CriticalHeader => "critical_header",
            Self::Revoked => "revoked",
            Self::StatusUnavailable => "status_unavailable",
        }
    }
}

/// A token that was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierError {
    kind: ErrorKind,
    claim: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
}

impl VerifierError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            claim: None,
            message: message.into(),
        }
    }

    pub(crate) fn malformed(message: &'static str) -> Self {
        Self::new(ErrorKind::Malformed, message)
    }

    pub(crate) fn claim_error(
        kind: ErrorKind,
        claim: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            claim: Some(claim.into()),
            message: message.into(),
        }
    }

    /// What is wrong, to `match` on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What is wrong, as the stable machine word of the public surface.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// The claim that is wrong, where it is a claim.
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        self.claim.as_deref()
    }
}

impl fmt::Display for VerifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for VerifierError {}

/// Why one key cannot be used. The others of its set are not affected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError(Cow<'static, str>);

impl KeyError {
    pub(crate) fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for KeyError {}

/// Why a document is not a key set at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySetError(pub(crate) &'static str);

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for KeySetError {}
