//! Public keys, their thumbprints and their form as a JWK.

use serde::{Serialize, Serializer, ser::SerializeMap};
use sha2::{Digest as _, Sha256};

use crate::{Algorithm, KeyError, encoding, signature::SignatureKey};

/// A public key that has been checked: its numbers are canonical and sane, and
/// it lies on its curve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Material);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Ed25519 { x: [u8; 32] },
    P256 { x: [u8; 32], y: [u8; 32] },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicKey {
    /// An Ed25519 key from its 32 bytes (RFC 8032 section 5.1.5).
    ///
    /// # Errors
    /// When the bytes are not the canonical form of a point, or the point has
    /// small order.
    pub fn ed25519(x: [u8; 32]) -> Result<Self, KeyError> {
        Self::checked(Material::Ed25519 { x })
    }

    /// A P-256 key from its big-endian coordinates (RFC 7518 section 6.2.1).
    ///
    /// # Errors
    /// When they are not a point of the curve.
    pub fn p256(x: [u8; 32], y: [u8; 32]) -> Result<Self, KeyError> {
        Self::checked(Material::P256 { x, y })
    }

    /// A P-256 key as the 65 bytes of an uncompressed SEC 1 point.
    ///
    /// # Errors
    /// When the bytes are not such a point.
    pub fn p256_from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        let coordinates = match bytes {
            [4, coordinates @ ..] if coordinates.len() == 64 => coordinates,
            _ => return Err(KeyError::new("not an uncompressed P-256 point of 65 bytes")),
        };
        let (mut x, mut y) = ([0; 32], [0; 32]);
        x.copy_from_slice(&coordinates[..32]);
        y.copy_from_slice(&coordinates[32..]);
        Self::p256(x, y)
    }

    /// An RSA key from its modulus and exponent, big-endian and without
    /// leading zeros (RFC 7518 section 6.3.1).
    ///
    /// # Errors
    /// When the modulus has not 2048 to 8192 bits, or a number is not sane.
    pub fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, KeyError> {
        Self::checked(Material::Rsa { n, e })
    }

    fn checked(material: Material) -> Result<Self, KeyError> {
        let key = Self(material);
        key.signature_key(key.algorithms())?;
        Ok(key)
    }

    /// The algorithms that the key's type fits.
    #[must_use]
    pub fn algorithms(&self) -> &'static [Algorithm] {
        match self.0 {
            Material::Ed25519 { .. } => &[Algorithm::EdDsa],
            Material::P256 { .. } => &[Algorithm::Es256],
            Material::Rsa { .. } => &Algorithm::RSA,
        }
    }

    /// The RFC 7638 thumbprint: SHA-256 over the required members in
    /// lexicographic order, as base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let members: Vec<String> = self
            .members()
            .iter()
            .map(|(name, value)| format!("\"{name}\":\"{value}\""))
            .collect();
        let canonical = format!("{{{}}}", members.join(","));
        encoding::encode(&Sha256::digest(canonical))
    }

    /// The key parsed for checking signatures, for `algorithms` only.
    pub(crate) fn signature_key(&self, algorithms: &[Algorithm]) -> Result<SignatureKey, KeyError> {
        match &self.0 {
            Material::Ed25519 { x } => SignatureKey::ed25519(x),
            Material::P256 { x, y } => SignatureKey::p256(x, y),
            Material::Rsa { n, e } => SignatureKey::rsa(n, e, algorithms),
        }
    }

    /// The members that RFC 7638 section 3.2 and RFC 8037 section 2 require,
    /// in lexicographic order. No value needs a JSON escape.
    fn members(&self) -> Vec<(&'static str, String)> {
        match &self.0 {
            Material::Ed25519 { x } => vec![
                ("crv", "Ed25519".to_owned()),
                ("kty", "OKP".to_owned()),
                ("x", encoding::encode(x)),
            ],
            Material::P256 { x, y } => vec![
                ("crv", "P-256".to_owned()),
                ("kty", "EC".to_owned()),
                ("x", encoding::encode(x)),
                ("y", encoding::encode(y)),
            ],
            Material::Rsa { n, e } => vec![
                ("e", encoding::encode(e)),
                ("kty", "RSA".to_owned()),
                ("n", encoding::encode(n)),
            ],
        }
    }
}

/// A public key with its name and its one algorithm, as published in a JWK Set
/// (RFC 7517 section 4). Serializes with `kid`, `alg` and `use` always set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    kid: String,
    algorithm: Algorithm,
    key: PublicKey,
}

impl Jwk {
    /// Names a key. `kid` is usually its [thumbprint](PublicKey::thumbprint).
    ///
    /// # Errors
    /// When the key's type does not fit `algorithm`.
    pub fn new(
        kid: impl Into<String>,
        algorithm: Algorithm,
        key: PublicKey,
    ) -> Result<Self, KeyError> {
        if !key.algorithms().contains(&algorithm) {
            return Err(KeyError::new("`alg` does not fit the key's type"));
        }
        Ok(Self {
            kid: kid.into(),
            algorithm,
            key,
        })
    }

    /// The key's name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm that the key is used with (RFC 8725 section 3.1).
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut jwk = serializer.serialize_map(None)?;
        for (name, value) in self.key.members() {
            jwk.serialize_entry(name, &value)?;
        }
        jwk.serialize_entry("kid", &self.kid)?;
        jwk.serialize_entry("alg", self.algorithm.name())?;
        jwk.serialize_entry("use", "sig")?;
        jwk.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Jwk, PublicKey};
    use crate::{Algorithm, encoding};

    /// RFC 8037 appendix A.2.
    fn ed25519() -> PublicKey {
        let x = encoding::decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("base64url");
        PublicKey::ed25519(x.try_into().expect("32 bytes")).expect("a good key")
    }

    /// RFC 7638 section 3.1.
    fn rsa() -> PublicKey {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let bytes = |text| encoding::decode(text).expect("base64url");
        PublicKey::rsa(bytes(n), bytes("AQAB")).expect("a good key")
    }

    #[test]
    fn thumbprints_of_the_rfcs() {
        assert_eq!(
            ed25519().thumbprint(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
        assert_eq!(
            rsa().thumbprint(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn a_published_key_says_what_it_is_for() {
        let jwk = Jwk::new("k1", Algorithm::EdDsa, ed25519()).expect("the algorithm fits");
        assert_eq!(
            serde_json::to_value(&jwk).expect("serializes"),
            json!({
                "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "kid": "k1", "alg": "EdDSA", "use": "sig",
            })
        );
        assert!(Jwk::new("k1", Algorithm::Es256, ed25519()).is_err());
        assert!(Jwk::new("k1", Algorithm::Hs256, rsa()).is_err());
    }

    #[test]
    fn a_sec1_point_is_taken_only_uncompressed() {
        for bytes in [
            &[][..],
            &[4],
            &[2; 33],
            &[4; 64],
            &[4; 66],
            &[5; 65],
            &[4; 65],
        ] {
            assert!(PublicKey::p256_from_sec1(bytes).is_err(), "{bytes:?}");
        }
    }
}
