//! Private keys: made, read, written and used through AWS-LC alone.
//!
//! One library for every private-key operation: its RSA is constant-time, which that of
//! the `rsa` crate is not (RUSTSEC-2023-0071).

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair,
};
use latchkey_verifier::{Algorithm, PublicKey};
use zeroize::Zeroizing;

/// A private key or an HMAC secret, parsed, and the one algorithm it is used with.
pub struct PrivateKey {
    algorithm: Algorithm,
    material: Material,
}

/// The size of the RSA keys that Latchkey makes: 128 bits of strength (NIST SP 800-57
/// part 1 table 2).
const RSA_SIZE: KeySize = KeySize::Rsa3072;

/// The longest signature in bytes, that of an RSA key of 8192 bits.
const SIGNATURE_MAX: usize = 1024;

enum Material {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Makes a new key pair: Ed25519, P-256, or RSA of 3072 bits (which takes a good part
    /// of a second).
    ///
    /// # Errors
    ///
    /// [`MaterialError::Symmetric`] for an HMAC, whose secret is configured and not made.
    pub fn generate(algorithm: Algorithm) -> Result<Self, MaterialError> {
        let material = match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                return Err(MaterialError::Symmetric);
            }
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => {
                Material::rsa(RsaKeyPair::generate(RSA_SIZE)?, algorithm)
            }
            Algorithm::Es256 => {
                Material::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?)
            }
            Algorithm::EdDsa => Material::Ed25519(Ed25519KeyPair::generate()?),
        };
        Ok(Self {
            algorithm,
            material,
        })
    }

    /// Reads a key in the form that is stored: PKCS#8 (RFC 5958), or the secret itself for
    /// an HMAC.
    ///
    /// # Errors
    ///
    /// [`MaterialError::Rejected`] when it is not a sound key for `algorithm`.
    pub fn from_stored(algorithm: Algorithm, stored: &[u8]) -> Result<Self, MaterialError> {
        let material = match algorithm {
            Algorithm::Hs256 => Material::hmac(hmac::HMAC_SHA256, stored),
            Algorithm::Hs384 => Material::hmac(hmac::HMAC_SHA384, stored),
            Algorithm::Hs512 => Material::hmac(hmac::HMAC_SHA512, stored),
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => {
                Material::rsa(RsaKeyPair::from_pkcs8(stored)?, algorithm)
            }
            Algorithm::Es256 => Material::P256(EcdsaKeyPair::from_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                stored,
            )?),
            Algorithm::EdDsa => Material::Ed25519(Ed25519KeyPair::from_pkcs8(stored)?),
        };
        Ok(Self {
            algorithm,
            material,
        })
    }

    pub(super) fn from_rsa(pair: RsaKeyPair, algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            material: Material::rsa(pair, algorithm),
        }
    }

    pub(super) const fn from_p256(pair: EcdsaKeyPair) -> Self {
        Self {
            algorithm: Algorithm::Es256,
            material: Material::P256(pair),
        }
    }

    pub(super) const fn from_ed25519(pair: Ed25519KeyPair) -> Self {
        Self {
            algorithm: Algorithm::EdDsa,
            material: Material::Ed25519(pair),
        }
    }

    /// The one algorithm that the key is used with (RFC 8725 section 3.1).
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key pair as PKCS#8.
    ///
    /// # Errors
    ///
    /// [`MaterialError::Symmetric`] for an HMAC.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, MaterialError> {
        let copy = |der: &[u8]| Zeroizing::new(der.to_vec());
        match &self.material {
            Material::Hmac(_) => Err(MaterialError::Symmetric),
            Material::Rsa(pair, _) => {
                let der: Pkcs8V1Der<'_> = pair.as_der()?;
                Ok(copy(der.as_ref()))
            }
            Material::P256(pair) => Ok(copy(pair.to_pkcs8v1()?.as_ref())),
            Material::Ed25519(pair) => Ok(copy(pair.to_pkcs8v1()?.as_ref())),
        }
    }

    /// The public half.
    ///
    /// # Errors
    ///
    /// [`MaterialError::Symmetric`] for an HMAC, and [`MaterialError::Rejected`] for a key
    /// that a strict verifier would refuse, such as an RSA key with a tiny exponent.
    pub fn public_key(&self) -> Result<PublicKey, MaterialError> {
        let public = match &self.material {
            Material::Hmac(_) => return Err(MaterialError::Symmetric),
            Material::Rsa(pair, _) => {
                let public = pair.public_key();
                PublicKey::rsa(
                    public.modulus().big_endian_without_leading_zero().to_vec(),
                    public.exponent().big_endian_without_leading_zero().to_vec(),
                )
            }
            Material::P256(pair) => PublicKey::p256_from_sec1(pair.public_key().as_ref()),
            Material::Ed25519(pair) => {
                let bytes = pair.public_key().as_ref().try_into();
                PublicKey::ed25519(bytes.map_err(|_| MaterialError::Failed)?)
            }
        };
        public.map_err(|error| MaterialError::Rejected(error.to_string()))
    }

    /// The public half as a DER `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
    ///
    /// # Errors
    ///
    /// [`MaterialError::Symmetric`] for an HMAC.
    pub fn public_der(&self) -> Result<Vec<u8>, MaterialError> {
        let der: PublicKeyX509Der<'_> = match &self.material {
            Material::Hmac(_) => return Err(MaterialError::Symmetric),
            Material::Rsa(pair, _) => pair.public_key().as_der()?,
            Material::P256(pair) => pair.public_key().as_der()?,
            Material::Ed25519(pair) => pair.public_key().as_der()?,
        };
        Ok(der.as_ref().to_vec())
    }

    /// Signs `message`; the signature has JOSE's form (RFC 7518 section 3).
    ///
    /// # Errors
    ///
    /// [`MaterialError::Failed`] when AWS-LC cannot, for want of memory.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, MaterialError> {
        let rng = SystemRandom::new();
        match &self.material {
            Material::Hmac(key) => Signature::copy(hmac::sign(key, message).as_ref()),
            Material::P256(pair) => Signature::copy(pair.sign(&rng, message)?.as_ref()),
            Material::Ed25519(pair) => Signature::copy(pair.try_sign(message)?.as_ref()),
            Material::Rsa(pair, encoding) => {
                let mut signature = Signature::zeros(pair.public_modulus_len())?;
                pair.sign(*encoding, &rng, message, signature.as_mut())?;
                Ok(signature)
            }
        }
    }
}

/// A signature, on the stack.
pub struct Signature {
    bytes: [u8; SIGNATURE_MAX],
    length: usize,
}

impl Signature {
    fn zeros(length: usize) -> Result<Self, MaterialError> {
        if length > SIGNATURE_MAX {
            return Err(MaterialError::Failed);
        }
        Ok(Self {
            bytes: [0; SIGNATURE_MAX],
            length,
        })
    }

    fn copy(bytes: &[u8]) -> Result<Self, MaterialError> {
        let mut signature = Self::zeros(bytes.len())?;
        signature.as_mut().copy_from_slice(bytes);
        Ok(signature)
    }

    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Material {
    fn hmac(algorithm: hmac::Algorithm, secret: &[u8]) -> Self {
        Self::Hmac(Box::new(hmac::Key::new(algorithm, secret)))
    }

    fn rsa(pair: RsaKeyPair, algorithm: Algorithm) -> Self {
        Self::Rsa(
            pair,
            match algorithm {
                Algorithm::Rs512 => &RSA_PKCS1_SHA512,
                Algorithm::Rs384 => &RSA_PKCS1_SHA384,
                _ => &RSA_PKCS1_SHA256,
            },
        )
    }
}

/// Shows nothing of the key.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.algorithm)
    }
}

/// Why a key cannot be made, read or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaterialError {
    /// An HMAC secret is not a key pair.
    #[error("an HMAC secret has no public half and is not made here")]
    Symmetric,
    /// The bytes are not a key, or not a sound one.
    #[error("the key is not usable: {0}")]
    Rejected(String),
    /// AWS-LC failed.
    #[error("the cryptographic library failed")]
    Failed,
}

impl From<KeyRejected> for MaterialError {
    fn from(error: KeyRejected) -> Self {
        Self::Rejected(error.to_string())
    }
}

impl From<Unspecified> for MaterialError {
    fn from(_: Unspecified) -> Self {
        Self::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::encoding::{base64url, from_base64url};
    use crate::domain::keys::read_private_key;

    fn signed(key: &PrivateKey, token: &str) {
        let (message, signature) = token.rsplit_once('.').expect("a token");
        let made = key.sign(message.as_bytes()).expect("signs");
        assert_eq!(base64url(made.as_ref()), signature);
    }

    #[test]
    fn signs_the_example_of_rfc_7515_appendix_a_1() {
        let secret = from_base64url(
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        );
        let key = PrivateKey::from_stored(Algorithm::Hs256, &secret.expect("base64url"));
        signed(
            &key.expect("a key"),
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQ\
             ogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFO\
             EjXk",
        );
    }

    #[test]
    fn signs_the_example_of_rfc_8037_appendix_a_4() {
        let jwk = r#"{"kty":"OKP","crv":"Ed25519",
            "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        signed(
            &read_private_key(jwk, Algorithm::EdDsa).expect("a key"),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09\
             PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        );
    }

    #[test]
    fn an_hmac_secret_has_no_public_half() {
        let key = PrivateKey::from_stored(Algorithm::Hs256, b"secret").expect("a key");
        assert_eq!(key.public_key().err(), Some(MaterialError::Symmetric));
        assert_eq!(key.public_der().err(), Some(MaterialError::Symmetric));
        assert_eq!(key.to_pkcs8().err(), Some(MaterialError::Symmetric));
        let made = PrivateKey::generate(Algorithm::Hs256).err();
        assert_eq!(made, Some(MaterialError::Symmetric));
        assert_eq!(format!("{key:?}"), "PrivateKey(HS256)");
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        for algorithm in Algorithm::ALL.into_iter().filter(|one| !one.is_symmetric()) {
            for bytes in [&b""[..], b"not a key", &[0; 200]] {
                assert!(
                    PrivateKey::from_stored(algorithm, bytes).is_err(),
                    "{algorithm}"
                );
            }
        }
    }
}
