//! RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2), verification only.

use sha2::{Digest, Sha256, Sha384, Sha512};

use super::montgomery::{MAX_BITS, Modulus};
use crate::KeyError;

/// The shortest modulus, in bits (RFC 7518 section 3.3).
const MIN_BITS: usize = 2048;

/// The exponents accepted. RFC 8017 section 3.1 starts at 3; the upper bound
/// keeps a foreign key set from causing work without bound.
const EXPONENTS: std::ops::RangeInclusive<u64> = 3..=(1 << 33) - 1;

/// A public key with what its modulus needs computed once.
#[derive(Clone)]
pub(super) struct RsaKey {
    modulus: Modulus,
    exponent: u64,
    /// The length of the modulus and of each signature, in bytes.
    size: usize,
}

impl RsaKey {
    /// From modulus and exponent, both big-endian without leading zeros.
    pub(super) fn new(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        if n.first() == Some(&0) || e.first() == Some(&0) {
            return Err(KeyError::new("an RSA number has leading zeros"));
        }
        if n.len() > MAX_BITS / 8 {
            return Err(KeyError::new("the RSA modulus is longer than 8192 bits"));
        }
        // Without leading zeros, 2041 to 2047 bits take 256 bytes too.
        if n.len() < MIN_BITS / 8 || (n.len() == MIN_BITS / 8 && n[0] < 0x80) {
            return Err(KeyError::new("the RSA modulus is shorter than 2048 bits"));
        }
        let not_sane = || KeyError::new("the RSA modulus or exponent is not sane");
        if e.len() > size_of::<u64>() {
            return Err(not_sane());
        }
        let exponent = e.iter().fold(0, |e, byte| e << 8 | u64::from(*byte));
        if exponent % 2 == 0 || !EXPONENTS.contains(&exponent) {
            return Err(not_sane());
        }
        Ok(Self {
            modulus: Modulus::new(n).ok_or_else(not_sane)?,
            exponent,
            size: n.len(),
        })
    }

    /// Whether `signature` is this key's on `message`.
    pub(super) fn verify<H: Hash>(&self, message: &[u8], signature: &[u8]) -> bool {
        // RFC 8017 section 8.2.2 step 1. Also keeps an absurd signature from
        // being turned into a number at all.
        if signature.len() != self.size {
            return false;
        }
        let Some(signature) = self.modulus.read(signature) else {
            return false;
        };
        // The one message that may come out is written rather than the padding
        // parsed, where lenient readers have been fooled.
        let expected = encoded_message::<H>(message, self.size);
        self.modulus.read(&expected) == Some(self.modulus.odd_power(&signature, self.exponent))
    }
}

/// A hash function with the DER of its `DigestInfo` up to the digest itself
/// (RFC 8017 section 9.2, note 1).
pub(super) trait Hash: Digest {
    const DIGEST_INFO: [u8; 19];
}

/// All three differ in the last arc of the identifier and in two lengths.
const fn digest_info(arc: u8, size: u8) -> [u8; 19] {
    [
        0x30,
        17 + size,
        0x30,
        13,
        0x06,
        9,
        0x60,
        0x86,
        0x48,
        0x01,
        0x65,
        3,
        4,
        2,
        arc,
        0x05,
        0,
        0x04,
        size,
    ]
}

impl Hash for Sha256 {
    const DIGEST_INFO: [u8; 19] = digest_info(1, 32);
}

impl Hash for Sha384 {
    const DIGEST_INFO: [u8; 19] = digest_info(2, 48);
}

impl Hash for Sha512 {
    const DIGEST_INFO: [u8; 19] = digest_info(3, 64);
}

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2). The shortest modulus leaves more
/// room than any digest needs.
fn encoded_message<H: Hash>(message: &[u8], size: usize) -> Vec<u8> {
    let tail = [&H::DIGEST_INFO[..], &H::digest(message)].concat();
    let mut encoded = vec![0xff; size.saturating_sub(tail.len())];
    encoded[0] = 0;
    encoded[1] = 1;
    if let Some(last) = encoded.last_mut() {
        *last = 0;
    }
    encoded.extend(tail);
    encoded
}
