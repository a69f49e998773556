//! The spellings in which passwords are measured and compared.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Normalization form C (UAX #15), without a copy when it is that already.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    if is_nfc(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// The form in which two texts are equal that differ in case only: NFC and
/// Unicode's full case folding, in NFC again.
///
/// The standard library does not fold, but lower, upper and lower again makes
/// the same texts equal: the first step brings the capital sharp s to where
/// the second expands it, and the second joins the letters that share a
/// capital, such as the two small sigmas. The dotless i stays out of it: it
/// shares its capital with a letter that it is not a case of.
pub(super) fn fold(text: &str) -> String {
    let fold_letter = |letter: char| {
        letter
            .to_lowercase()
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
    };
    let mut folded = String::with_capacity(text.len());
    for letter in text.nfc() {
        match letter {
            'ı' => folded.push(letter),
            _ => folded.extend(fold_letter(letter)),
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

    #[test]
    fn folding_twice_changes_nothing() {
        for letter in '\0'..='\u{1ffff}' {
            let once = fold(&letter.to_string());
            assert_eq!(fold(&once), once, "{letter:?}");
        }
    }
}
