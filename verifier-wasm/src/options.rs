//! What a verifier expects of a token.

use std::time::Duration;

use crate::Algorithm;

/// The expectations of a [`Verifier`](crate::Verifier).
///
/// Naming an expectation makes its claim required: a token without `iss` does
/// not pass a verifier with an `issuer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The algorithms accepted. `None` stands for what each key allows: its
    /// own `alg`, or what its type fits. This never widens what a key allows.
    pub algorithms: Option<Vec<Algorithm>>,
    /// `iss` must be exactly this string (RFC 9068 section 4).
    pub issuer: Option<String>,
    /// `aud` must contain one of these. An empty list accepts no token.
    pub audience: Option<Vec<String>>,
    /// The media type that the header's `typ` must be, in any case and with or
    /// without `application/` (RFC 7515 section 4.1.9). `None` leaves `typ`
    /// unchecked.
    pub typ: Option<String>,
    /// How far the clocks may differ: applies to `exp`, `nbf`, an `iat` in the
    /// future and `max_token_age`.
    pub clock_tolerance: Duration,
    /// How far ahead an `iat` may be where that is more than `clock_tolerance`: for
    /// whoever issues tokens on several machines. It applies to nothing else, so that it
    /// prolongs no token's life.
    pub issued_ahead: Duration,
    /// The oldest `iat` accepted, counted from now.
    pub max_token_age: Option<Duration>,
    /// Claims that must be there, besides those that other options require.
    pub required_claims: Vec<String>,
    /// The longest token looked at, in bytes: the characters of a token are
    /// one byte each, or it is none.
    pub max_token_length: usize,
    /// Accept a token without `exp`.
    pub allow_no_expiry: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            algorithms: None,
            issuer: None,
            audience: None,
            typ: Some("at+jwt".to_owned()),
            clock_tolerance: Duration::ZERO,
            issued_ahead: Duration::ZERO,
            max_token_age: None,
            required_claims: Vec::new(),
            max_token_length: 16_384,
            allow_no_expiry: false,
        }
    }
}
