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
fn an_issuer_with_clocks_that_differ_prolongs_nothing() {
    let options = |tolerance| Options {
        clock_tolerance: Duration::from_secs(tolerance),
        issued_ahead: Duration::from_secs(5),
        ..Options::default()
    };
    for (claims, expected) in [
        (json!({"iat": NOW + 5, "exp": NOW + 6}), "good"),
        (json!({"iat": NOW + 6}), "issued_in_future iat"),
        (json!({"exp": NOW}), "expired exp"),
        (json!({"nbf": NOW + 1}), "not_yet_valid nbf"),
    ] {
        assert_eq!(verdict(&claims, &options(0)), expected, "{claims}");
    }
    assert_eq!(verdict(&json!({"iat": NOW + 9}), &options(9)), "good");
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
