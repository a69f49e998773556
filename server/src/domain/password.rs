//! A password on its way to be judged or hashed.

use std::fmt;

use serde::Deserialize;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::Zeroizing;

/// A password as somebody typed it.
///
/// It is compared, measured and hashed in NFC, because the same keys give
/// different code points on different systems (SP 800-63B-4 section 3.1.1.2).
/// What was received is kept beside it when the two differ: the predecessor
/// hashed passwords as they came.
///
/// No length is refused here and nothing is ever cut: the limits belong to the
/// policy, which can say what is wrong. `Debug` shows nothing, there is no
/// `Display`, and both spellings are overwritten when the value is dropped.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Password {
    normalised: Zeroizing<String>,
    /// Only when it is not in NFC already.
    received: Option<Zeroizing<String>>,
}

impl Password {
    /// Takes the password over; the string is not copied when it is in NFC.
    #[must_use]
    pub fn new(received: String) -> Self {
        let received = Zeroizing::new(received);
        if is_nfc(&received) {
            return Self {
                normalised: received,
                received: None,
            };
        }
        // NFC grows UTF-8 by a factor of three at most. Room for that from
        // the start keeps a growing string from leaving copies behind.
        let mut normalised = Zeroizing::new(String::with_capacity(3 * received.len()));
        normalised.extend(received.nfc());
        Self {
            normalised,
            received: Some(received),
        }
    }

    /// The password in NFC: what the policy judges and Argon2 hashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.normalised
    }

    /// The password exactly as it arrived.
    pub(super) fn received(&self) -> &str {
        self.received.as_ref().unwrap_or(&self.normalised)
    }
}

impl From<String> for Password {
    fn from(received: String) -> Self {
        Self::new(received)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_an_accent_are_one_password() {
        let composed = Password::new("caf\u{e9} 99".to_owned());
        let decomposed = Password::new("cafe\u{301} 99".to_owned());
        assert_eq!(composed.as_str(), decomposed.as_str());
        assert_eq!(decomposed.received(), "cafe\u{301} 99");
        assert_eq!(composed.received(), composed.as_str());
    }

    #[test]
    fn spaces_and_length_are_kept() {
        let long = format!("  {}  ", "x".repeat(5000));
        assert_eq!(Password::new(long.clone()).as_str(), long);
    }

    // U+FB2C is among the characters that grow most: 3 bytes become 6.
    #[test]
    fn normalising_does_not_outgrow_its_room() {
        for growing in ["\u{fb2c}", "\u{1d160}", "\u{958}", "\u{390}\u{301}"] {
            let received = growing.repeat(100);
            let password = Password::new(received.clone());
            assert!(password.as_str().len() <= 3 * received.len(), "{growing:?}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let password = Password::new("correct horse\u{301}".to_owned());
        assert_eq!(format!("{password:?}"), "Password(redacted)");
    }

    #[test]
    fn json_strings_are_passwords() {
        let password: Password = serde_json::from_str(r#""cafe\u0301""#).expect("a string");
        assert_eq!(password.as_str(), "caf\u{e9}");
        assert!(serde_json::from_str::<Password>("12345678").is_err());
    }
}
