//! Which algorithm signs tokens (RFC 7518 section 3.1, RFC 8037).

use std::fmt;

pub use latchkey_verifier::Algorithm;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// What `tokens.algorithm` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlgorithmChoice {
    /// HS256 when `tokens.secret_key` is set, EdDSA otherwise.
    #[default]
    Auto,
    /// This one.
    Fixed(Algorithm),
}

impl fmt::Display for AlgorithmChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(algorithm) => algorithm.fmt(f),
        }
    }
}

impl Serialize for AlgorithmChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AlgorithmChoice {
    /// Any case is taken; `Ed25519` is the newer name of EdDSA (RFC 9864).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        if text.eq_ignore_ascii_case("Ed25519") {
            return Ok(Self::Fixed(Algorithm::EdDsa));
        }
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(&text))
            .map(Self::Fixed)
            .ok_or_else(|| {
                let names = Algorithm::ALL.map(Algorithm::name).join(", ");
                D::Error::custom(format!("{text:?} is not one of auto, {names}"))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_in_any_case_and_writes_the_registered_one() {
        for (text, name) in [
            ("auto", "auto"),
            ("hs256", "HS256"),
            ("EDDSA", "EdDSA"),
            ("Ed25519", "EdDSA"),
        ] {
            let choice: AlgorithmChoice =
                serde_json::from_value(text.into()).expect("a known algorithm");
            assert_eq!(choice.to_string(), name);
        }
        for text in ["none", "PS256", "ES384", ""] {
            let error = serde_json::from_value::<AlgorithmChoice>(text.into()).expect_err(text);
            assert!(error.to_string().contains("auto, HS256"), "{error}");
        }
    }
}
