//! The spellings in which passwords are measured and compared.

mod unicode;

use std::borrow::Cow;

pub(super) use self::unicode::{fold as fold_letter, is_mark};

/// Normalization form C (UAX #15), without a copy when it is that already.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    unicode::to_nfc(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The form in which two texts are equal that differ in case only: NFC and
/// Unicode's full case folding, in NFC again.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in nfc(text).chars() {
        match letter {
            'A'..='Z' => folded.push(letter.to_ascii_lowercase()),
            '\0'..='\x7f' => folded.push(letter),
            _ => match fold_letter(letter) {
                Some(letters) => folded.extend(letters),
                None => folded.push(letter),
            },
        }
    }
    match nfc(&folded) {
        Cow::Borrowed(_) => folded,
        Cow::Owned(normal) => normal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_makes_cases_and_spellings_equal() {
        for (left, right) in [
            ("PassWord1", "pASSwORD1"),
            ("STRASSE", "straße"),
            ("STRAẞE", "strasse"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("CAFE\u{301}", "café"),
            ("İzmir", "i\u{307}zmir"),
            ("ŉ", "\u{2bc}N"),
        ] {
            assert_eq!(fold(left), fold(right), "{left} {right}");
        }
        for (left, right) in [("ı", "i"), ("ı", "I"), ("é", "e"), ("0", "o"), ("a ", "a")] {
            assert_ne!(fold(left), fold(right), "{left} {right}");
        }
    }

    // Lower, upper and lower again: see examples/pack_unicode.rs.
    #[test]
    fn every_letter_folds_as_the_standard_library_says() {
        for letter in ('\0'..=char::MAX).filter(|&letter| letter != 'ı') {
            let upper = letter.to_lowercase().flat_map(char::to_uppercase);
            let expected: String = upper.flat_map(char::to_lowercase).collect();
            let folded = fold_letter(letter).map_or(letter.to_string(), String::from_iter);
            assert_eq!(folded, expected, "{letter:?}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for letter in '\0'..='\u{1ffff}' {
            let once = fold(&letter.to_string());
            assert_eq!(fold(&once), once, "{letter:?}");
        }
    }
}
