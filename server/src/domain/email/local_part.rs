//! The part before the `@`.

use unicode_normalization::UnicodeNormalization;

use super::EmailError;

/// RFC 5321 section 4.5.3.1.1.
const MAX_BYTES: usize = 64;

/// Checks for a dot-atom (RFC 5322 section 3.2.3) with RFC 6531's extension:
/// any character outside ASCII that the caller has let through.
pub(super) fn check(local: &str) -> Result<(), EmailError> {
    if local.is_empty() || local.len() > MAX_BYTES {
        return Err(EmailError::LocalPartLength);
    }
    if let Some(character) = local.chars().find(|&c| !(is_atext(c) || c == '.')) {
        return Err(EmailError::LocalCharacter(character));
    }
    if local.split('.').any(str::is_empty) {
        return Err(EmailError::Dots);
    }
    Ok(())
}

/// Lower case in NFC.
///
/// Letter by letter, because `str::to_lowercase` turns a capital sigma into
/// one of two small ones after its neighbours; the final one is then made the
/// other, so that an address typed in capitals is the one typed in small.
pub(super) fn canonical(local: &str) -> String {
    local
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .nfc()
        .collect()
}

fn is_atext(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character);
    }
    !character.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::super::is_compatibility_form;
    use super::*;

    #[test]
    fn canonical_form_of_every_character_is_a_fixed_point() {
        for character in ('\0'..='\u{1ffff}').filter(|&c| !is_compatibility_form(c)) {
            let once = canonical(&character.to_string());
            assert_eq!(canonical(&once), once, "{character:?}");
            assert!(!once.chars().any(is_compatibility_form), "{character:?}");
        }
    }
}
