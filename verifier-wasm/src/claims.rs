//! The claims set (RFC 7519 section 4) and what may be expected of it.

use serde_json::{Map, Value};

use crate::{ErrorKind, Options, VerifierError};

/// Seconds since 1970-01-01T00:00:00Z, ignoring leap seconds, possibly with a
/// fraction (RFC 7519 section 2).
///
/// Bounded to ±2^53, the integers that every reader of the same JSON holds
/// exactly (RFC 7493 section 2.2), so always finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct NumericDate(f64);

impl NumericDate {
    const MAX: f64 = 9_007_199_254_740_992.0;

    /// A time in seconds. `None` when it is not finite or beyond ±2^53.
    #[must_use]
    pub fn from_seconds_f64(seconds: f64) -> Option<Self> {
        (seconds.abs() <= Self::MAX).then_some(Self(seconds))
    }

    /// A time in whole seconds, cut at ±2^53.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self((seconds as f64).clamp(-Self::MAX, Self::MAX))
    }

    /// A time in milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self::from_seconds(millis / 1000).plus((millis % 1000) as f64 / 1000.0)
    }

    /// The time in seconds.
    #[must_use]
    pub const fn seconds(self) -> f64 {
        self.0
    }

    const fn plus(self, seconds: f64) -> Self {
        Self(self.0 + seconds)
    }
}

/// The claims that RFC 7519 section 4.1 registers, read and of the right type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RegisteredClaims {
    /// `iss`: who issued the token.
    pub issuer: Option<String>,
    /// `sub`: whom it is about.
    pub subject: Option<String>,
    /// `aud`: whom it is for; a single string counts as an array of one.
    pub audience: Option<Vec<String>>,
    /// `exp`: the first moment at which it is no longer good.
    pub expires_at: Option<NumericDate>,
    /// `nbf`: the first moment at which it is good.
    pub not_before: Option<NumericDate>,
    /// `iat`: when it was issued.
    pub issued_at: Option<NumericDate>,
    /// `jti`: its own name.
    pub token_id: Option<String>,
}

impl RegisteredClaims {
    /// Reads the registered claims. One of the wrong JSON type is an error,
    /// whether or not anything is expected of it.
    pub(crate) fn read(claims: &Map<String, Value>) -> Result<Self, VerifierError> {
        Ok(Self {
            issuer: text(claims, "iss")?,
            subject: text(claims, "sub")?,
            audience: texts(claims, "aud")?,
            expires_at: date(claims, "exp")?,
            not_before: date(claims, "nbf")?,
            issued_at: date(claims, "iat")?,
            token_id: text(claims, "jti")?,
        })
    }

    /// Checks the claims against what is expected, in this order: presence,
    /// issuer, audience, time. Expiry comes last: a token that is `expired` is
    /// right in every other way, so that a client may go and refresh it.
    pub(crate) fn check(
        &self,
        claims: &Map<String, Value>,
        options: &Options,
        now: NumericDate,
    ) -> Result<(), VerifierError> {
        check_presence(claims, options)?;
        self.check_issuer(options)?;
        self.check_audience(options)?;
        self.lifetime().check(options, now)
    }

    fn check_issuer(&self, options: &Options) -> Result<(), VerifierError> {
        match &options.issuer {
            Some(expected) if self.issuer.as_ref() != Some(expected) => {
                Err(VerifierError::claim_error(
                    ErrorKind::WrongIssuer,
                    "iss",
                    "the token is from another issuer",
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_audience(&self, options: &Options) -> Result<(), VerifierError> {
        let Some(expected) = &options.audience else {
            return Ok(());
        };
        let audience = self.audience.as_deref().unwrap_or_default();
        if audience.iter().any(|one| expected.contains(one)) {
            return Ok(());
        }
        Err(VerifierError::claim_error(
            ErrorKind::WrongAudience,
            "aud",
            "the token is for another audience",
        ))
    }

    /// The times among the claims.
    #[must_use]
    pub const fn lifetime(&self) -> Lifetime {
        Lifetime {
            expires_at: self.expires_at,
            not_before: self.not_before,
            issued_at: self.issued_at,
        }
    }
}

/// The claims of a token that say when it is good: all that can make a verified token a bad
/// one later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lifetime {
    expires_at: Option<NumericDate>,
    not_before: Option<NumericDate>,
    issued_at: Option<NumericDate>,
}

impl Lifetime {
    pub(crate) fn check(&self, options: &Options, now: NumericDate) -> Result<(), VerifierError> {
        let tolerance = options.clock_tolerance.as_secs_f64();
        if self
            .not_before
            .is_some_and(|not_before| not_before > now.plus(tolerance))
        {
            return Err(VerifierError::claim_error(
                ErrorKind::NotYetValid,
                "nbf",
                "the token is not valid yet",
            ));
        }
        let ahead = tolerance.max(options.issued_ahead.as_secs_f64());
        if self
            .issued_at
            .is_some_and(|issued_at| issued_at > now.plus(ahead))
        {
            return Err(VerifierError::claim_error(
                ErrorKind::IssuedInFuture,
                "iat",
                "the token was issued in the future",
            ));
        }
        // RFC 7519 section 4.1.4: refused on or after `exp`.
        if self
            .expires_at
            .is_some_and(|expires_at| expires_at.plus(tolerance) <= now)
        {
            return Err(VerifierError::claim_error(
                ErrorKind::Expired,
                "exp",
                "the token has expired",
            ));
        }
        let is_too_old = |issued_at: NumericDate| {
            options
                .max_token_age
                .is_some_and(|max_age| issued_at.plus(max_age.as_secs_f64()).plus(tolerance) < now)
        };
        if self.issued_at.is_some_and(is_too_old) {
            return Err(VerifierError::claim_error(
                ErrorKind::Expired,
                "iat",
                "the token was issued too long ago",
            ));
        }
        Ok(())
    }
}

/// Naming an expectation makes its claim required.
fn check_presence(claims: &Map<String, Value>, options: &Options) -> Result<(), VerifierError> {
    let implied = [
        ("exp", !options.allow_no_expiry),
        ("iss", options.issuer.is_some()),
        ("aud", options.audience.is_some()),
        ("iat", options.max_token_age.is_some()),
    ];
    let missing = implied
        .into_iter()
        .filter_map(|(name, required)| required.then_some(name))
        .chain(options.required_claims.iter().map(String::as_str))
        .find(|name| !claims.contains_key(*name));
    match missing {
        None => Ok(()),
        Some(name) => Err(VerifierError::claim_error(
            ErrorKind::MissingClaim,
            name.to_owned(),
            format!("the token has no `{name}`"),
        )),
    }
}

fn text(claims: &Map<String, Value>, name: &'static str) -> Result<Option<String>, VerifierError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(name, "a string")),
    }
}

/// A string or an array of strings (RFC 7519 section 4.1.3).
fn texts(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<Vec<String>>, VerifierError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(vec![text.clone()])),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<Vec<String>>>()
            .map(Some)
            .ok_or_else(|| invalid(name, "a string or an array of strings")),
        Some(_) => Err(invalid(name, "a string or an array of strings")),
    }
}

fn date(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<NumericDate>, VerifierError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_f64()
            .and_then(NumericDate::from_seconds_f64)
            .map(Some)
            .ok_or_else(|| invalid(name, "a number of seconds within ±2^53")),
    }
}

fn invalid(name: &'static str, expected: &str) -> VerifierError {
    VerifierError::claim_error(
        ErrorKind::InvalidClaim,
        name,
        format!("`{name}` is not {expected}"),
    )
}

#[cfg(test)]
mod tests;
