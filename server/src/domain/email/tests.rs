//! Corners of addresses; those of a local part alone are beside it.

use super::*;

fn canonical(input: &str) -> String {
    match Email::parse(input) {
        Ok(email) => email.canonical,
        Err(error) => panic!("{input:?}: {error}"),
    }
}

fn refused(input: &str) -> EmailError {
    match Email::parse(input) {
        Ok(email) => panic!("{input:?} was accepted as {:?}", email.canonical),
        Err(error) => error,
    }
}

#[test]
fn everyday_addresses_are_accepted() {
    for address in [
        "ada@example.com",
        "ada.lovelace+list@mail.example.co.uk",
        "o'brien_99@example.org",
        "a@b.io",
        "!#$%&'*+-/=?^_`{|}~@example.com",
        "用户@例子.公司",
        "δοκιμή@παράδειγμα.ελ",
        "😀@example.com",
    ] {
        canonical(address);
    }
}

#[test]
fn typed_form_is_trimmed_and_composed_but_keeps_its_case() {
    let email = Email::parse("  Jose\u{301}@Example.COM\n").expect("valid");
    assert_eq!(email.as_str(), "José@Example.COM");
    assert_eq!(email.canonical(), "josé@example.com");
    assert_eq!(format!("{email:?}"), r#"Email("José@Example.COM")"#);
}

#[test]
fn one_person_has_one_canonical_form() {
    for (left, right) in [
        ("Ada@Example.com", "ada@EXAMPLE.COM"),
        ("jose\u{301}@example.com", "JOSÉ@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@XN--BCHER-KVA.example"),
        ("ada@bu\u{308}cher.example", "ada@bücher.example"),
        ("ΣΑΣ@example.com", "σας@example.com"),
        ("ΣΑΣ@example.com", "σασ@example.com"),
        ("İ@example.com", "i\u{307}@example.com"),
    ] {
        assert_eq!(canonical(left), canonical(right), "{left} and {right}");
    }
}

#[test]
fn canonical_form_is_a_fixed_point() {
    for address in [
        "Ada@Bücher.example",
        "İΣς@example.com",
        "ada@xn--bcher-kva.example",
    ] {
        let once = canonical(address);
        assert_eq!(canonical(&once), once);
    }
}

// Security checklist item 25.
#[test]
fn lookalikes_of_ascii_never_become_ascii() {
    assert_eq!(
        refused("ada＠example.com"),
        EmailError::CompatibilityCharacter('＠')
    );
    assert_eq!(
        refused("ada@example．com"),
        EmailError::CompatibilityCharacter('．')
    );
    assert_eq!(
        refused("\u{212a}elvin@example.com"),
        EmailError::CompatibilityCharacter('\u{212a}')
    );
    assert_eq!(
        refused("ada@\u{212a}elvin.com"),
        EmailError::CompatibilityCharacter('\u{212a}')
    );
    assert_eq!(
        refused("ſara@example.com"),
        EmailError::CompatibilityCharacter('ſ')
    );
    assert_eq!(
        refused("ﬁ@example.com"),
        EmailError::CompatibilityCharacter('ﬁ')
    );
    assert_ne!(canonical("mıke@example.com"), canonical("MIKE@example.com"));
    assert_ne!(canonical("mike@gıthub.com"), canonical("mike@github.com"));
}

#[test]
fn broken_a_labels_are_refused() {
    for domain in [
        "xn--.com",
        "xn--a.com",
        "xn--80akhbyknj4f\u{301}.com",
        "xn--example-.com",
        "xn--ls8h=.la",
    ] {
        assert_eq!(
            refused(&format!("ada@{domain}")),
            EmailError::Domain,
            "{domain}"
        );
    }
}

#[test]
fn local_part_follows_the_dot_atom_rule() {
    assert_eq!(refused(".ada@example.com"), EmailError::Dots);
    assert_eq!(refused("ada.@example.com"), EmailError::Dots);
    assert_eq!(refused("a..da@example.com"), EmailError::Dots);
    assert_eq!(refused("a da@example.com"), EmailError::LocalCharacter(' '));
    assert_eq!(
        refused("a(c)da@example.com"),
        EmailError::LocalCharacter('(')
    );
    assert_eq!(
        refused("a\u{3000}b@example.com"),
        EmailError::CompatibilityCharacter('\u{3000}')
    );
    assert_eq!(refused("\"a b\"@example.com"), EmailError::Quoted);
    assert_eq!(refused("\"a@b\"@example.com"), EmailError::Quoted);
    assert_eq!(
        refused("Ada <ada@example.com>"),
        EmailError::LocalCharacter(' ')
    );
}

#[test]
fn domain_must_be_one_that_the_dns_can_hold() {
    assert_eq!(refused("ada@localhost"), EmailError::DomainNotFull);
    for domain in [
        "",
        ".",
        "example.com.",
        ".example.com",
        "example..com",
        "-a.com",
        "a-.com",
        "under_score.com",
        "[127.0.0.1]",
        "127.0.0.1",
        "exa mple.com",
        "example.c*m",
    ] {
        assert!(
            matches!(
                refused(&format!("ada@{domain}")),
                EmailError::Domain | EmailError::DomainNotFull
            ),
            "{domain}"
        );
    }
}

#[test]
fn invisible_characters_are_refused_on_both_sides() {
    for hidden in [
        '\u{200b}', '\u{ad}', '\u{202e}', '\u{feff}', '\0', '\r', '\u{e000}', '\u{ffff}',
    ] {
        assert_eq!(
            refused(&format!("a{hidden}da@example.com")),
            EmailError::InvisibleCharacter(hidden)
        );
        assert_eq!(
            refused(&format!("ada@exam{hidden}ple.com")),
            EmailError::InvisibleCharacter(hidden)
        );
    }
    assert_eq!(
        EmailError::InvisibleCharacter('\u{200b}').to_string(),
        "must not contain the invisible character U+200B"
    );
}

#[test]
fn exactly_one_at() {
    for address in ["ada", "ada.example.com", "a@b@example.com", "@@"] {
        assert_eq!(refused(address), EmailError::NotOneAt, "{address}");
    }
    assert_eq!(refused("@example.com"), EmailError::LocalPartLength);
    assert_eq!(refused(" \t "), EmailError::Empty);
}

#[test]
fn lengths_are_bytes() {
    let label = "d".repeat(61);
    let domain = format!("{label}.{label}.{label}.com");
    let longest = format!("{}@{domain}", "a".repeat(MAX_BYTES - 1 - domain.len()));
    assert_eq!(longest.len(), MAX_BYTES);
    assert_eq!(canonical(&longest), longest);
    assert_eq!(
        refused(&longest.replace(".com", ".info")),
        EmailError::TooLong
    );
    // Fits as typed; its canonical form, in punycode, does not.
    let wide = format!("{}@{}com", "a".repeat(64), "øåæx.".repeat(18));
    assert!(wide.len() <= MAX_BYTES);
    assert_eq!(refused(&wide), EmailError::TooLong);
    assert_eq!(refused(&"a".repeat(1 << 20)), EmailError::TooLong);

    assert_eq!(
        canonical(&format!("{}@example.com", "é".repeat(32))).len(),
        76
    );
    assert_eq!(
        refused(&format!("{}é@example.com", "a".repeat(63))),
        EmailError::LocalPartLength
    );
}
