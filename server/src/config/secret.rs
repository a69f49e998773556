//! A text that must not be seen.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroizing;

/// What stands wherever a secret would be shown.
pub const REDACTED: &str = "[redacted]";

/// A secret from the configuration: never empty, never printed, wiped when
/// dropped.
///
/// `Debug` and `Serialize` both give [`REDACTED`], so that a configuration can
/// be logged or shown as a whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret. `None` when it is empty: an empty secret is a mistake in
    /// a template, never a choice.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = Zeroizing::new(text.into());
        (!text.is_empty()).then_some(Self(text))
    }

    /// The secret itself. The name is loud so that each use can be found.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The secret as bytes, which is what an HMAC key is.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(text).ok_or_else(|| D::Error::custom("is empty; give it a value, or take it out"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_a_secret() {
        let secret = Secret::new("correct horse").expect("not empty");
        assert_eq!(
            format!("{secret:?} {:?}", Some(&secret)),
            "[redacted] Some([redacted])"
        );
        assert_eq!(
            serde_json::to_string(&secret).expect("serialises"),
            r#""[redacted]""#
        );
        assert_eq!(secret.expose(), "correct horse");
    }

    #[test]
    fn an_empty_secret_is_refused() {
        assert_eq!(Secret::new(""), None);
        let error = serde_json::from_str::<Secret>(r#""""#).expect_err("empty");
        assert!(error.to_string().starts_with("is empty"), "{error}");
    }
}
