//! Addresses as people type them: nothing panics, what is refused is told why in one line,
//! and what is taken has one canonical form in every spelling.
#![no_main]

use latchkey::domain::email::{Email, EmailError, MAX_BYTES};
use libfuzzer_sys::fuzz_target;
use unicode_normalization::{UnicodeNormalization, is_nfc};

fuzz_target!(|input: &str| {
    match Email::parse(input) {
        Ok(email) => {
            hold(&email);
            hold_spellings(&email);
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with("must "), "{message}");
            assert!(!message.chars().any(char::is_control), "{message:?}");
        }
    }
});

fn hold(email: &Email) {
    let (typed, canonical) = (email.as_str(), email.canonical());
    for spelling in [typed, canonical] {
        assert!(
            spelling.len() <= MAX_BYTES && is_nfc(spelling),
            "{spelling:?}"
        );
        assert_eq!(spelling.matches('@').count(), 1, "{spelling:?}");
        let is_odd = |c: char| c.is_control() || c.is_whitespace();
        assert!(!spelling.chars().any(is_odd), "{spelling:?}");
    }
    let (local, domain) = canonical.split_once('@').expect("an @");
    // One character is lower case in one spelling only.
    assert!(!local.contains('ς'), "{local:?}");
    assert!(local.len() <= 3 * 64, "{local:?}");
    assert!(domain.len() <= 253 && domain.contains('.'), "{domain}");
    for label in domain.split('.') {
        assert!((1..=63).contains(&label.len()), "{domain}");
        assert!(!label.starts_with('-') && !label.ends_with('-'), "{domain}");
        let is_ldh = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        assert!(label.bytes().all(is_ldh), "{domain}");
    }
}

/// Who owns the address owns each of these.
fn hold_spellings(email: &Email) {
    let (typed, canonical) = (email.as_str(), email.canonical());
    let other_case: String = typed.chars().map(other_case).collect();
    for spelling in [
        canonical.to_owned(),
        typed.to_owned(),
        format!(" \t{typed}\u{2003}\n"),
        typed.nfd().collect(),
        other_case,
        domain_alone(typed, canonical),
    ] {
        match Email::parse(&spelling) {
            Ok(again) => assert_eq!(again.canonical(), canonical, "{spelling:?}"),
            // A longer spelling may be too long.
            Err(EmailError::TooLong | EmailError::LocalPartLength) => {
                let spelling: String = spelling.trim().nfc().collect();
                assert!(spelling.len() > typed.len(), "{spelling:?}");
            }
            Err(error) => panic!("{spelling:?} is not {typed:?}: {error}"),
        }
    }
}

/// The name as typed and the domain in its canonical form.
fn domain_alone(typed: &str, canonical: &str) -> String {
    let (local, _) = typed.split_once('@').expect("an @");
    let (_, domain) = canonical.split_once('@').expect("an @");
    format!("{local}@{domain}")
}

fn other_case(c: char) -> char {
    if c.is_ascii_lowercase() {
        c.to_ascii_uppercase()
    } else {
        c.to_ascii_lowercase()
    }
}
