//! Which algorithm signs tokens (RFC 7518 section 3.1, RFC 8037).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A signing algorithm of JOSE that Latchkey can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 8] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Es256,
        Self::EdDsa,
    ];

    /// The name in a token's `alg` header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Whether it signs with the shared secret and not with a key pair.
    #[must_use]
    pub const fn is_hmac(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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
