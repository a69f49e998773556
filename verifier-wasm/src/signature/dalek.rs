//! Ed25519 natively: `ed25519-dalek`, which brings vector code that WebAssembly
//! does not have. Elsewhere `ed25519.rs` stands in its place, and their tests
//! hold the two to the same verdicts.

use ed25519_dalek::{Signature, VerifyingKey};

use crate::KeyError;

/// A public key.
pub(super) struct Ed25519Key(VerifyingKey);

impl Ed25519Key {
    /// From the encoding of RFC 8032 section 5.1.5.
    pub(super) fn new(encoded: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_reduced(encoded) {
            return Err(KeyError::new(
                "the Ed25519 key is not in its canonical encoding",
            ));
        }
        let key = VerifyingKey::from_bytes(encoded)
            .map_err(|_| KeyError::new("the Ed25519 key is not a point of the curve"))?;
        if key.is_weak() {
            return Err(KeyError::new("the Ed25519 key has small order"));
        }
        Ok(Self(key))
    }

    /// Whether `signature` is this key's on `message`. Strict: refuses an S
    /// that is not reduced and an R of small order.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

/// Whether the little-endian y coordinate is below the field's prime,
/// 2^255 - 19. The top bit holds the sign of x.
fn is_reduced(encoded: &[u8; 32]) -> bool {
    encoded[0] < 0xed
        || encoded[1..31].iter().any(|byte| *byte != 0xff)
        || encoded[31] & 0x7f != 0x7f
}
