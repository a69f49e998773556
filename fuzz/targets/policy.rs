//! Password policies as they come over the network, and passwords as people type them:
//! nothing panics or hangs, a verdict is what the rules say, and it does not depend on how
//! a keyboard composes its letters.
//!
//! The input is the policy's JSON, an e-mail address, a name and a password, one a line.
#![no_main]

use latchkey_verifier::policy::{Context, PasswordPolicy, Requirement, Verdict, ViolationCode};
use libfuzzer_sys::fuzz_target;
use unicode_normalization::UnicodeNormalization;

const YEAR: i32 = 2026;

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let policy: PasswordPolicy = match serde_json::from_str(line()) {
        Ok(policy) => policy,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            PasswordPolicy::default()
        }
    };
    let (email, name) = (line(), line());
    hold_policy(&policy);
    let context = Context { email, name };
    let password = line();
    hold_verdict(&policy, &context, password);
    hold_spellings(&policy, &context, password);
});

fn hold_policy(policy: &PasswordPolicy) {
    let (least, most) = (policy.min_length(), policy.max_length());
    assert!(1 <= least && least <= most && most <= 4096);
    let written = serde_json::to_value(policy).expect("JSON");
    let members = written.as_object().expect("an object");
    let mut named: Vec<&str> = members.keys().map(String::as_str).collect();
    let mut known = PasswordPolicy::MEMBERS;
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(named, known);
    let again: PasswordPolicy = serde_json::from_value(written).expect("a policy");
    assert_eq!(&again, policy);
}

fn hold_verdict(policy: &PasswordPolicy, context: &Context<'_>, password: &str) {
    let verdict = policy.check(password, context, YEAR);
    assert_eq!(verdict.ok, verdict.violations.is_empty());
    assert_eq!(
        verdict.violations,
        policy.violations(password, context, YEAR),
        "with and without an estimate"
    );
    assert!(verdict.guesses_log10.is_finite() && verdict.guesses_log10 >= 0.0);
    assert!(u8::from(verdict.score) <= 4);

    let normal: String = password.nfc().collect();
    let length = normal.chars().count();
    let has = |code| has(&verdict, code);
    assert_eq!(has(ViolationCode::TooLong), length > policy.max_length());
    if has(ViolationCode::TooLong) {
        assert_eq!(verdict.violations.len(), 1);
        return;
    }
    assert_eq!(has(ViolationCode::TooShort), length < policy.min_length());
    for (requirement, code, is_met) in [
        (
            Requirement::Upper,
            ViolationCode::MissingUpper,
            normal.chars().any(char::is_uppercase),
        ),
        (
            Requirement::Lower,
            ViolationCode::MissingLower,
            normal.chars().any(char::is_lowercase),
        ),
        (
            Requirement::Digit,
            ViolationCode::MissingDigit,
            normal.chars().any(char::is_numeric),
        ),
    ] {
        let is_required = policy.requirements().contains(&requirement);
        assert_eq!(has(code), is_required && !is_met, "{requirement:?}");
    }
    // Words of our own, and nothing of the password.
    let sentences = verdict.violations.iter().map(|one| &one.message);
    for sentence in sentences.chain(&verdict.suggestions) {
        assert!(
            sentence.is_ascii() && sentence.ends_with('.'),
            "{sentence:?}"
        );
    }
}

fn has(verdict: &Verdict, code: ViolationCode) -> bool {
    verdict.violations.iter().any(|one| one.code == code)
}

/// Composed and decomposed letters are the same password of the same person.
fn hold_spellings(policy: &PasswordPolicy, context: &Context<'_>, password: &str) {
    let (composed, decomposed): (String, String) =
        (password.nfc().collect(), password.nfd().collect());
    if password.is_ascii() {
        return;
    }
    let verdict = policy.check(&composed, context, YEAR);
    assert_eq!(policy.check(password, context, YEAR), verdict);
    assert_eq!(policy.check(&decomposed, context, YEAR), verdict);
}
