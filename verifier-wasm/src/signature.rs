//! The one place where a signature is checked.
//!
//! Everything else of a token (header, key, claims) is judged outside, so this
//! module can be exchanged without touching a rule. `jsonwebtoken` puts its
//! cryptography behind [`JwtVerifier`], but its own implementations parse the
//! key again for every token, accept small-order Ed25519 keys and short RSA
//! keys, and panic on an Ed25519 key of 31 bytes. The implementations here
//! check a key once, when the key set is built, and keep it parsed.
//!
//! Public keys and signatures are public: their checks may take a variable
//! time, and the arithmetic in the modules below does. It must never be given a
//! secret. HMACs are compared in constant time.
//!
//! | | |
//! | --- | --- |
//! | `rsa` on `montgomery` | any odd modulus |
//! | `p256`, `ed25519` on `windows` on `field` and `words` | curves of 256 bits |
//! | `dalek` | Ed25519 natively, where it is faster than `ed25519` |

#[cfg(not(target_arch = "wasm32"))]
mod dalek;
#[cfg(any(test, target_arch = "wasm32"))]
mod ed25519;
mod field;
mod montgomery;
mod p256;
mod rsa;
mod windows;
mod words;

use std::{marker::PhantomData, sync::Arc};

use ::signature::{Error as SignatureError, Verifier};
use hmac::{Hmac, Mac};
use jsonwebtoken::{Algorithm as JwtAlgorithm, crypto::JwtVerifier};
use sha2::{Sha256, Sha384, Sha512};

#[cfg(not(target_arch = "wasm32"))]
use self::dalek::Ed25519Key;
#[cfg(target_arch = "wasm32")]
use self::ed25519::Ed25519Key;
use self::{p256::P256Key, rsa::RsaKey};
use crate::{Algorithm, KeyError};

type BoxedVerifier = Box<dyn JwtVerifier + Send + Sync>;

/// A parsed key, ready to check signatures under the algorithms it was made for.
pub(crate) struct SignatureKey(Vec<BoxedVerifier>);

impl SignatureKey {
    /// A shared secret. Whether it is long enough is the caller's decision.
    pub(crate) fn hmac(secret: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        if secret.is_empty() {
            return Err(KeyError::new("the secret is empty"));
        }
        let verifiers = algorithms
            .iter()
            .filter_map(|algorithm| match algorithm {
                Algorithm::Hs256 => HmacVerifier::<Hmac<Sha256>>::boxed(*algorithm, secret),
                Algorithm::Hs384 => HmacVerifier::<Hmac<Sha384>>::boxed(*algorithm, secret),
                Algorithm::Hs512 => HmacVerifier::<Hmac<Sha512>>::boxed(*algorithm, secret),
                _ => None,
            })
            .collect();
        Ok(Self(verifiers))
    }

    /// An RSA key from its modulus and exponent, both big-endian without
    /// leading zeros (RFC 7518 section 6.3.1).
    pub(crate) fn rsa(n: &[u8], e: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        let key = Arc::new(RsaKey::new(n, e)?);
        let verifiers = algorithms
            .iter()
            .filter_map(|algorithm| match algorithm {
                Algorithm::Rs256 => RsaVerifier::<Sha256>::boxed(*algorithm, &key),
                Algorithm::Rs384 => RsaVerifier::<Sha384>::boxed(*algorithm, &key),
                Algorithm::Rs512 => RsaVerifier::<Sha512>::boxed(*algorithm, &key),
                _ => None,
            })
            .collect();
        Ok(Self(verifiers))
    }

    /// A P-256 key from its coordinates, which must be a point of the curve.
    pub(crate) fn p256(x: &[u8; 32], y: &[u8; 32]) -> Result<Self, KeyError> {
        let key = P256Key::new(x, y)
            .ok_or_else(|| KeyError::new("the coordinates are not a point of P-256"))?;
        Ok(Self(vec![Box::new(P256Verifier(key))]))
    }

    /// An Ed25519 key. Encodings that RFC 8032 section 5.1.3 does not allow and
    /// points of small order, under which one signature fits many messages, are
    /// refused.
    pub(crate) fn ed25519(x: &[u8; 32]) -> Result<Self, KeyError> {
        let key = Ed25519Key::new(x)?;
        Ok(Self(vec![Box::new(Ed25519Verifier(key))]))
    }

    /// Whether the key was made for `algorithm`.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        self.verifier(algorithm).is_some()
    }

    /// Whether `signature` is this key's on `message` under `algorithm`. False
    /// for an algorithm that the key was not made for.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &Vec<u8>) -> bool {
        self.verifier(algorithm)
            .is_some_and(|verifier| verifier.verify(message, signature).is_ok())
    }

    fn verifier(&self, algorithm: Algorithm) -> Option<&(dyn JwtVerifier + Send + Sync)> {
        let wanted = jwt_algorithm(algorithm);
        self.0
            .iter()
            .map(|verifier| &**verifier)
            .find(|verifier| verifier.algorithm() == wanted)
    }
}

const fn jwt_algorithm(algorithm: Algorithm) -> JwtAlgorithm {
    match algorithm {
        Algorithm::Hs256 => JwtAlgorithm::HS256,
        Algorithm::Hs384 => JwtAlgorithm::HS384,
        Algorithm::Hs512 => JwtAlgorithm::HS512,
        Algorithm::Rs256 => JwtAlgorithm::RS256,
        Algorithm::Rs384 => JwtAlgorithm::RS384,
        Algorithm::Rs512 => JwtAlgorithm::RS512,
        Algorithm::Es256 => JwtAlgorithm::ES256,
        Algorithm::EdDsa => JwtAlgorithm::EdDSA,
    }
}

/// An HMAC whose key has been absorbed; each check starts from a copy.
struct HmacVerifier<M> {
    algorithm: Algorithm,
    keyed: M,
}

impl<M: Mac + hmac::digest::KeyInit + Clone + Send + Sync + 'static> HmacVerifier<M> {
    fn boxed(algorithm: Algorithm, secret: &[u8]) -> Option<BoxedVerifier> {
        let keyed = <M as Mac>::new_from_slice(secret).ok()?;
        Some(Box::new(Self { algorithm, keyed }))
    }
}

impl<M: Mac + Clone> Verifier<Vec<u8>> for HmacVerifier<M> {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let mac = self.keyed.clone().chain_update(message);
        mac.verify_slice(signature)
            .map_err(|_| SignatureError::new())
    }
}

impl<M: Mac + Clone> JwtVerifier for HmacVerifier<M> {
    fn algorithm(&self) -> JwtAlgorithm {
        jwt_algorithm(self.algorithm)
    }
}

struct RsaVerifier<H> {
    algorithm: Algorithm,
    key: Arc<RsaKey>,
    hash: PhantomData<fn() -> H>,
}

impl<H: rsa::Hash + 'static> RsaVerifier<H> {
    fn boxed(algorithm: Algorithm, key: &Arc<RsaKey>) -> Option<BoxedVerifier> {
        Some(Box::new(Self {
            algorithm,
            key: Arc::clone(key),
            hash: PhantomData,
        }))
    }
}

impl<H: rsa::Hash> Verifier<Vec<u8>> for RsaVerifier<H> {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        if !self.key.verify::<H>(message, signature) {
            return Err(SignatureError::new());
        }
        Ok(())
    }
}

impl<H: rsa::Hash> JwtVerifier for RsaVerifier<H> {
    fn algorithm(&self) -> JwtAlgorithm {
        jwt_algorithm(self.algorithm)
    }
}

struct P256Verifier(P256Key);

impl Verifier<Vec<u8>> for P256Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        if !self.0.verify(message, signature) {
            return Err(SignatureError::new());
        }
        Ok(())
    }
}

impl JwtVerifier for P256Verifier {
    fn algorithm(&self) -> JwtAlgorithm {
        JwtAlgorithm::ES256
    }
}

struct Ed25519Verifier(Ed25519Key);

impl Verifier<Vec<u8>> for Ed25519Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        if !self.0.verify(message, signature) {
            return Err(SignatureError::new());
        }
        Ok(())
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> JwtAlgorithm {
        JwtAlgorithm::EdDSA
    }
}

#[cfg(test)]
mod wycheproof;

#[cfg(test)]
mod tests {
    use super::SignatureKey;
    use crate::Algorithm;

    /// The y coordinates of the eight points of small order: 0, 1, -1, and two
    /// of the points of order 8.
    const SMALL_ORDER_Y: [&str; 5] = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];

    fn bytes32(hex: &str) -> [u8; 32] {
        std::array::from_fn(|index| {
            u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).expect("hexadecimal")
        })
    }

    #[test]
    fn ed25519_keys_of_small_order_are_refused_with_either_sign() {
        for hex in SMALL_ORDER_Y {
            let mut x = bytes32(hex);
            assert!(SignatureKey::ed25519(&x).is_err(), "{hex}");
            x[31] |= 0x80;
            assert!(SignatureKey::ed25519(&x).is_err(), "{hex} negative");
        }
    }

    #[test]
    fn ed25519_keys_have_one_encoding() {
        // y = p + 3, which a lenient reader takes for 3, a point of the curve.
        let mut x = [0xff; 32];
        (x[0], x[31]) = (0xf0, 0x7f);
        let refusal = SignatureKey::ed25519(&x)
            .err()
            .map(|error| error.to_string());
        assert_eq!(
            refusal.as_deref(),
            Some("the Ed25519 key is not in its canonical encoding")
        );
    }

    #[test]
    fn rsa_keys_are_bounded() {
        let modulus = |bytes: usize| {
            let mut n = vec![0xff; bytes];
            n[0] = 0x80;
            n
        };
        let e = [1, 0, 1];
        let rsa = |n: &[u8], e: &[u8]| SignatureKey::rsa(n, e, &Algorithm::RSA).is_ok();
        assert!(rsa(&modulus(256), &e));
        assert!(rsa(&modulus(1024), &e));
        assert!(!rsa(&modulus(255), &e), "2040 bits");
        assert!(!rsa(&modulus(1025), &e), "8200 bits");
        assert!(
            !rsa(&[&[0][..], &modulus(256)].concat(), &e),
            "leading zero"
        );
        assert!(!rsa(&modulus(256), &[0, 1, 0, 1]), "leading zero");
        assert!(
            !rsa(&[&modulus(255)[..], &[0xfe]].concat(), &e),
            "even modulus"
        );
        for e in [&[][..], &[1], &[2], &[1, 0, 0], &[1; 9], &modulus(256)] {
            assert!(!rsa(&modulus(256), e), "exponent {e:?}");
        }
        assert!(!rsa(&[], &e));
    }

    #[test]
    fn a_key_checks_only_the_algorithms_it_was_made_for() {
        let key = SignatureKey::hmac(b"secret", &[Algorithm::Hs384]).expect("a secret");
        assert!(key.fits(Algorithm::Hs384));
        for algorithm in Algorithm::ALL {
            if algorithm != Algorithm::Hs384 {
                assert!(!key.fits(algorithm), "{algorithm}");
                assert!(!key.verify(algorithm, b"", &Vec::new()), "{algorithm}");
            }
        }
        assert!(SignatureKey::hmac(b"", &Algorithm::HMAC).is_err());
    }
}
