//! How many of the passwords that people really use are refused as common.
//!
//! The lists are the most common passwords of a length, each in the order of how often it
//! was counted. `data/common-passwords.txt` is sorted and cannot tell.

use latchkey_verifier::policy::{Context, PasswordPolicy, ViolationCode};

const LENGTH_8: &str = include_str!("vectors/most_common_8.txt");
const LENGTH_15: &str = include_str!("vectors/most_common_15.txt");

#[test]
fn item_07_the_most_common_of_8_or_more_characters_are_refused() {
    assert_refused(LENGTH_8, 8);
}

// For who asks for 15 characters a short list does nothing.
#[test]
fn item_07_the_most_common_of_15_or_more_characters_are_refused() {
    assert_refused(LENGTH_15, 15);
}

fn assert_refused(list: &str, length: usize) {
    let policy: PasswordPolicy =
        serde_json::from_str(r#"{"min_length": 1, "require": [], "forbid_context": false}"#)
            .expect("a policy");
    let passwords: Vec<&str> = list.lines().collect();
    assert_eq!(passwords.len(), 3_000);
    assert!(
        passwords
            .iter()
            .all(|password| password.chars().count() >= length)
    );
    let missed: Vec<_> = passwords
        .iter()
        .filter(|password| {
            let violations = policy.violations(password, &Context::default(), 2026);
            !violations
                .iter()
                .any(|violation| violation.code == ViolationCode::TooCommon)
        })
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}
