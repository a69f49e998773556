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
        self.check_times(options, now)
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

    fn check_times(&self, options: &Options, now: NumericDate) -> Result<(), VerifierError> {
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
        if self
            .issued_at
            .is_some_and(|issued_at| issued_at > now.plus(tolerance))
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
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::{NumericDate, RegisteredClaims};
    use crate::{Options, testing::change};

    const NOW: i64 = 1_800_000_000;

    /// `code claim` of the refusal, or `good`.
    fn verdict_at(claims: &Value, options: &Options, now: NumericDate) -> String {
        let claims = claims.as_object().expect("an object");
        let checked = RegisteredClaims::read(claims)
            .and_then(|registered| registered.check(claims, options, now));
        match checked {
            Ok(()) => "good".to_owned(),
            Err(error) => format!("{} {}", error.code(), error.claim().unwrap_or("-")),
        }
    }

    /// Judges good claims after some have been set, or removed by null.
    fn verdict(changes: &Value, options: &Options) -> String {
        let mut claims = json!({"iss": "us", "aud": "you", "exp": NOW + 60, "iat": NOW - 60});
        change(&mut claims, changes);
        verdict_at(&claims, options, NumericDate::from_seconds(NOW))
    }

    fn expecting() -> Options {
        Options {
            issuer: Some("us".to_owned()),
            audience: Some(vec!["me".to_owned(), "you".to_owned()]),
            ..Options::default()
        }
    }

    #[test]
    fn expiry_is_exact() {
        let options = Options::default();
        let at = |millis: i64| {
            verdict_at(
                &json!({"exp": NOW}),
                &options,
                NumericDate::from_millis(millis),
            )
        };
        assert_eq!(at(NOW * 1000 - 1), "good");
        assert_eq!(at(NOW * 1000), "expired exp");
        let fraction = |exp: f64| verdict(&json!({"exp": exp}), &options);
        assert_eq!(fraction(1_800_000_000.5), "good");
        assert_eq!(fraction(1_799_999_999.999), "expired exp");
        for exp in [
            json!(0),
            json!(-1),
            json!(-0.0),
            json!(1e-300),
            json!(NOW - 60),
        ] {
            assert_eq!(
                verdict(&json!({"exp": exp}), &options),
                "expired exp",
                "{exp}"
            );
        }
    }

    #[test]
    fn starts_are_exact() {
        let options = Options::default();
        assert_eq!(verdict(&json!({"nbf": NOW}), &options), "good");
        assert_eq!(
            verdict(&json!({"nbf": NOW + 1}), &options),
            "not_yet_valid nbf"
        );
        assert_eq!(verdict(&json!({"nbf": -5}), &options), "good");
        assert_eq!(verdict(&json!({"iat": NOW}), &options), "good");
        assert_eq!(
            verdict(&json!({"iat": NOW + 1}), &options),
            "issued_in_future iat"
        );
    }

    #[test]
    fn tolerance_widens_every_bound_by_itself() {
        let options = Options {
            clock_tolerance: Duration::from_secs(5),
            max_token_age: Some(Duration::from_secs(100)),
            ..Options::default()
        };
        for (claims, expected) in [
            (json!({"exp": NOW - 4}), "good"),
            (json!({"exp": NOW - 5}), "expired exp"),
            (json!({"nbf": NOW + 5}), "good"),
            (json!({"nbf": NOW + 6}), "not_yet_valid nbf"),
            (json!({"iat": NOW + 5}), "good"),
            (json!({"iat": NOW + 6}), "issued_in_future iat"),
            (json!({"iat": NOW - 105}), "good"),
            (json!({"iat": NOW - 106}), "expired iat"),
            (json!({"iat": null}), "missing_claim iat"),
        ] {
            assert_eq!(verdict(&claims, &options), expected, "{claims}");
        }
    }

    #[test]
    fn the_longest_tolerance_is_no_trap() {
        let options = Options {
            clock_tolerance: Duration::MAX,
            max_token_age: Some(Duration::MAX),
            ..Options::default()
        };
        assert_eq!(verdict(&json!({"exp": 1}), &options), "good");
    }

    #[test]
    fn a_registered_claim_of_the_wrong_type_is_invalid_whether_or_not_it_is_expected() {
        let wrong_for_text = [json!(1), json!(true), json!([]), json!(["us"]), json!({})];
        let wrong_for_date = [
            json!("1"),
            json!(true),
            json!([NOW]),
            json!({}),
            json!(1e16),
            json!(-1e16),
            json!(u64::MAX),
        ];
        let wrong_for_audience = [
            json!(1),
            json!(false),
            json!({}),
            json!([1]),
            json!(["you", null]),
            json!([["you"]]),
        ];
        let mut cases = Vec::new();
        for claim in ["iss", "sub", "jti"] {
            cases.extend(wrong_for_text.iter().map(|value| (claim, value)));
        }
        for claim in ["exp", "nbf", "iat"] {
            cases.extend(wrong_for_date.iter().map(|value| (claim, value)));
        }
        cases.extend(wrong_for_audience.iter().map(|value| ("aud", value)));
        for options in [
            Options {
                allow_no_expiry: true,
                ..Options::default()
            },
            expecting(),
        ] {
            for (claim, value) in &cases {
                let claims = json!({ *claim: value });
                assert_eq!(
                    verdict(&claims, &options),
                    format!("invalid_claim {claim}"),
                    "{claims}"
                );
            }
        }
    }

    #[test]
    fn null_is_a_wrong_type_and_not_an_absence() {
        let options = Options {
            allow_no_expiry: true,
            ..Options::default()
        };
        for claim in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"] {
            let claims = json!({ claim: null });
            let verdict = verdict_at(&claims, &options, NumericDate::from_seconds(NOW));
            assert_eq!(verdict, format!("invalid_claim {claim}"));
        }
    }

    #[test]
    fn an_expectation_makes_its_claim_required() {
        assert_eq!(
            verdict(&json!({"exp": null}), &expecting()),
            "missing_claim exp"
        );
        assert_eq!(
            verdict(&json!({"iss": null}), &expecting()),
            "missing_claim iss"
        );
        assert_eq!(
            verdict(&json!({"aud": null}), &expecting()),
            "missing_claim aud"
        );
        assert_eq!(
            verdict(&json!({"iss": null, "aud": null}), &Options::default()),
            "good"
        );
        let options = Options {
            required_claims: vec!["sub".to_owned(), "sid".to_owned()],
            allow_no_expiry: true,
            ..Options::default()
        };
        assert_eq!(
            verdict(&json!({"exp": null}), &options),
            "missing_claim sub"
        );
        assert_eq!(verdict(&json!({"sub": "s"}), &options), "missing_claim sid");
        assert_eq!(
            verdict(&json!({"sub": "s", "sid": false}), &options),
            "good"
        );
    }

    #[test]
    fn issuer_and_audience_are_compared_exactly() {
        for iss in ["", "US", "us ", "us/", "u"] {
            assert_eq!(
                verdict(&json!({"iss": iss}), &expecting()),
                "wrong_issuer iss",
                "{iss}"
            );
        }
        for aud in [
            json!("YOU"),
            json!("me,you"),
            json!("yo"),
            json!([]),
            json!(["them"]),
        ] {
            assert_eq!(
                verdict(&json!({"aud": aud}), &expecting()),
                "wrong_audience aud",
                "{aud}"
            );
        }
        for aud in [json!("me"), json!(["them", "you"])] {
            assert_eq!(verdict(&json!({"aud": aud}), &expecting()), "good", "{aud}");
        }
        let nobody = Options {
            audience: Some(Vec::new()),
            ..Options::default()
        };
        assert_eq!(verdict(&json!({}), &nobody), "wrong_audience aud");
    }

    #[test]
    fn expired_means_right_in_every_other_way() {
        let options = expecting();
        assert_eq!(
            verdict(&json!({"exp": 1, "iss": "them"}), &options),
            "wrong_issuer iss"
        );
        assert_eq!(
            verdict(&json!({"exp": 1, "aud": "them"}), &options),
            "wrong_audience aud"
        );
        assert_eq!(
            verdict(&json!({"exp": 1, "iat": NOW + 1}), &options),
            "issued_in_future iat"
        );
        assert_eq!(verdict(&json!({"exp": 1}), &options), "expired exp");
    }

    #[test]
    fn dates_are_finite() {
        for seconds in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            9_007_199_254_740_994.0,
        ] {
            assert_eq!(NumericDate::from_seconds_f64(seconds), None, "{seconds}");
        }
        assert_eq!(
            NumericDate::from_seconds(i64::MAX).seconds(),
            9_007_199_254_740_992.0
        );
        assert_eq!(NumericDate::from_millis(-1).seconds(), -0.001);
        assert_eq!(
            NumericDate::from_millis(1_800_000_000_250).seconds(),
            1_800_000_000.25
        );
    }
}
