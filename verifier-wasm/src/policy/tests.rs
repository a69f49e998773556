//! The policy as a whole; each rule's corners are tested beside it.

use super::*;

const ADA: Context<'_> = Context {
    email: "ada.byron@example.com",
    name: "Ada Lovelace",
};

fn codes(policy: &PasswordPolicy, password: &str) -> Vec<&'static str> {
    let verdict = policy.check(password, &ADA, 2026);
    assert_eq!(verdict.ok, verdict.violations.is_empty());
    assert_eq!(
        policy.violations(password, &ADA, 2026),
        verdict.violations,
        "{password}"
    );
    verdict.violations.iter().map(|v| v.code.as_str()).collect()
}

fn policy(json: &str) -> PasswordPolicy {
    serde_json::from_str(json).expect("a policy")
}

#[test]
fn the_default_is_the_predecessors_rule_and_two_lists() {
    let policy = PasswordPolicy::default();
    for (password, expected) in [
        ("Vexing42", &[][..]),
        ("Vexin42", &["too_short"]),
        (
            "",
            &[
                "too_short",
                "missing_upper",
                "missing_lower",
                "missing_digit",
            ],
        ),
        ("vexing42", &["missing_upper"]),
        ("VEXING42", &["missing_lower"]),
        ("Vexingly", &["missing_digit"]),
        ("Password1", &["too_common"]),
        ("Lovelace1815", &["contains_context"]),
        ("Latchkey1", &["contains_context"]),
        ("AdaByron1", &["contains_context"]),
        ("Éclair-à-la-crème-9", &[]),
        ("Жук٣жукжук", &[]),
    ] {
        assert_eq!(codes(&policy, password), expected, "{password}");
    }
}

// Security checklist items 1, 2, 4 and 9.
#[test]
fn nist_asks_for_length_and_nothing_else() {
    let nist = PasswordPolicy::nist();
    assert_eq!(codes(&nist, "vexing zebras!"), ["too_short"]);
    for password in [
        "vexing zebras!!",
        "all lower case it is",
        &"🔑🦓🎻🪁🧊".repeat(3),
        &"é漢字 ".repeat(16),
        "my password is a long one",
        "the latchkey of lovelace hangs by the door",
    ] {
        assert_eq!(codes(&nist, password), [""; 0], "{password}");
    }
    assert_eq!(codes(&nist, "passwordpassword"), ["too_common"]);
    assert_eq!(codes(&nist, "LovelaceLovelace1815"), ["contains_context"]);
    // 14 emoji have many more bytes than 15, and 15 letters of two code
    // points each are 15 characters.
    assert_eq!(codes(&nist, &"🔑🦓".repeat(7)), ["too_short"]);
    assert_eq!(codes(&nist, "vexinge\u{301} zebra"), ["too_short"]);
}

// Security checklist items 3 and 5.
#[test]
fn everything_that_can_be_typed_counts() {
    let printable: String = (' '..='~').collect();
    assert_eq!(codes(&PasswordPolicy::default(), &printable), [""; 0]);
    assert_eq!(codes(&policy(r#"{"require":[]}"#), "  xyzzy "), [""; 0]);
    assert_eq!(
        codes(&policy(r#"{"require":[]}"#), "  xyzzy"),
        ["too_short"]
    );
}

#[test]
fn lengths_are_code_points_in_nfc() {
    let policy = policy(r#"{"min_length": 4, "max_length": 8, "require": []}"#);
    assert_eq!(codes(&policy, "zéxq"), [""; 0]);
    assert_eq!(codes(&policy, "ze\u{301}x"), ["too_short"]);
    assert_eq!(codes(&policy, &"e\u{301}".repeat(8)), [""; 0]);
    assert_eq!(codes(&policy, &"e\u{301}".repeat(9)), ["too_long"]);
    // Hangul: three code points make one.
    assert_eq!(
        codes(&policy, &"\u{1112}\u{1161}\u{11ab}".repeat(8)),
        [""; 0]
    );
    // Four code points make one: the most there is.
    assert_eq!(
        codes(&policy, &"\u{3b1}\u{313}\u{300}\u{345}".repeat(8)),
        [""; 0]
    );
    // One becomes two.
    assert_eq!(codes(&policy, &"\u{958}".repeat(5)), ["too_long"]);
}

// Security checklist item 3.
#[test]
fn too_long_is_refused_before_anything_else_is_looked_at() {
    let policy = PasswordPolicy::default();
    let fits = format!("Aa1{}", "xyzzy plugh ".repeat(21));
    assert_eq!(fits.chars().count(), 255);
    assert_eq!(codes(&policy, &fits), [""; 0]);
    assert_eq!(codes(&policy, &format!("{fits}xy")), ["too_long"]);
    assert_eq!(codes(&policy, &"a".repeat(1 << 24)), ["too_long"]);
    assert_eq!(codes(&policy, &"\u{301}".repeat(1 << 20)), ["too_long"]);
    assert_eq!(policy.check(&"a".repeat(300), &ADA, 2026).score, Score::MIN);
}

#[test]
fn a_score_can_be_asked_for() {
    let policy =
        policy(r#"{"min_length": 1, "require": [], "min_score": 3, "forbid_common": false}"#);
    assert_eq!(codes(&policy, "zxcvbn"), ["too_weak"]);
    assert_eq!(codes(&policy, "vexingly quick zebras"), [""; 0]);

    let weak = policy.check("qwertyuiop", &ADA, 2026);
    assert!(!weak.suggestions.is_empty());
    assert!(
        weak.violations[0]
            .message
            .starts_with("Make it harder to guess")
    );
}

#[test]
fn rules_can_be_switched_off() {
    let off = policy(
        r#"{"min_length": 1, "require": [], "forbid_common": false, "forbid_context": false}"#,
    );
    for password in ["a", "password", "latchkey", "Lovelace"] {
        assert_eq!(codes(&off, password), [""; 0], "{password}");
    }
    let own = policy(r#"{"require": ["symbol"], "context_words": ["Acme Widgets"]}"#);
    assert_eq!(
        codes(&own, "acmewidgets1"),
        ["missing_symbol", "contains_context"]
    );
    assert_eq!(codes(&own, "latchkey-1815"), [""; 0]);
}

// Security checklist item 10.
#[test]
fn messages_say_what_to_do_and_never_repeat_the_password() {
    let message = |policy: &PasswordPolicy, password: &str| {
        let violations = policy.violations(password, &ADA, 2026);
        violations
            .iter()
            .map(|v| v.message.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let policy = PasswordPolicy::default();
    assert_eq!(
        message(&policy, "xY7é!"),
        "Use at least 8 characters, not 5."
    );
    assert_eq!(
        message(&policy, &"xY7".repeat(100)),
        "Use at most 256 characters."
    );
    for password in ["Password1", "Lovelace1815", "zq"] {
        assert!(!message(&policy, password).contains(password), "{password}");
    }
}

#[test]
fn suggestions_do_not_contradict_the_policy() {
    let advice = "Capital letters, digits and symbols are not needed.".to_owned();
    assert!(
        PasswordPolicy::nist()
            .check("", &ADA, 2026)
            .suggestions
            .contains(&advice)
    );
    assert!(
        !PasswordPolicy::default()
            .check("", &ADA, 2026)
            .suggestions
            .contains(&advice)
    );
}

#[test]
fn json_has_exactly_the_documented_form() {
    let json = serde_json::to_value(PasswordPolicy::default()).expect("JSON");
    assert_eq!(
        json,
        serde_json::json!({
            "min_length": 8, "max_length": 256, "require": ["upper", "lower", "digit"], "min_score": 0,
            "forbid_common": true, "forbid_context": true, "context_words": ["latchkey"],
        })
    );
    let mut members: Vec<&String> = json.as_object().expect("an object").keys().collect();
    let mut named = PasswordPolicy::MEMBERS.to_vec();
    members.sort();
    named.sort_unstable();
    assert_eq!(members, named);

    let verdict = PasswordPolicy::default().check("Latchkey1", &ADA, 2026);
    let json = serde_json::to_value(&verdict).expect("JSON");
    assert_eq!(json["ok"], false);
    assert_eq!(json["violations"][0]["code"], "contains_context");
    assert!(json["score"].is_u64() && json["guesses_log10"].is_f64());
    for violation in &verdict.violations {
        assert_eq!(
            serde_json::to_value(violation.code).expect("JSON"),
            violation.code.as_str()
        );
    }
}

#[test]
fn json_fills_in_defaults_and_ignores_the_unknown() {
    assert_eq!(policy("{}"), PasswordPolicy::default());
    assert_eq!(
        policy(r#"{"from_the_future": 1}"#),
        PasswordPolicy::default()
    );
    let nist = serde_json::to_string(&PasswordPolicy::nist()).expect("JSON");
    assert_eq!(policy(&nist), PasswordPolicy::nist());
    assert_eq!(
        policy(r#"{"require": ["digit", "upper", "digit"]}"#),
        policy(r#"{"require": ["upper", "digit"]}"#)
    );
}

#[test]
fn policies_that_make_no_sense_are_refused_by_name() {
    for (json, named) in [
        (r#"{"min_length": 0}"#, "min_length"),
        (r#"{"min_length": 257}"#, "min_length"),
        (r#"{"max_length": 0}"#, "max_length"),
        (r#"{"max_length": 4097}"#, "max_length"),
        (r#"{"min_score": 5}"#, "min_score"),
        (r#"{"require": ["vowel"]}"#, "vowel"),
        (r#"{"min_length": -1}"#, "-1"),
        (r#"{"min_length": null}"#, "null"),
        (r#"{"forbid_common": "yes"}"#, "yes"),
    ] {
        let error = serde_json::from_str::<PasswordPolicy>(json)
            .expect_err(json)
            .to_string();
        assert!(error.contains(named), "{json}: {error}");
    }
    let words = serde_json::json!({ "context_words": vec!["x"; 101] });
    assert!(serde_json::from_value::<PasswordPolicy>(words).is_err());
    let word = serde_json::json!({ "context_words": ["x".repeat(101)] });
    assert!(serde_json::from_value::<PasswordPolicy>(word).is_err());
}
