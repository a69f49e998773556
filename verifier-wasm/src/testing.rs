//! Keys and tokens for the unit tests.

use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{Algorithm, Jwk, PublicKey, encoding};

pub(crate) const SECRET: &[u8] = b"a secret of the tests, 32 bytes.";

/// An Ed25519 key pair that depends on `seed` alone.
pub(crate) struct TestKey(SigningKey);

impl TestKey {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::ed25519(self.0.verifying_key().to_bytes()).expect("a good key")
    }

    pub(crate) fn named(&self, kid: &str) -> Jwk {
        Jwk::new(kid, Algorithm::EdDsa, self.public()).expect("EdDSA fits")
    }

    /// The JWK as JSON, with some members set, or removed by null.
    pub(crate) fn jwk(&self, changes: &Value) -> Value {
        let mut jwk = json!(self.named("k"));
        change(&mut jwk, changes);
        jwk
    }

    pub(crate) fn sign(&self, header: &Value, payload: &str) -> String {
        let signed = signed(header, payload);
        let signature = self.0.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", encoding::encode(&signature))
    }
}

/// A token under HS256 and [`SECRET`].
pub(crate) fn hs256(header: &Value, payload: &str) -> String {
    let signed = signed(header, payload);
    let mac = Hmac::<Sha256>::new_from_slice(SECRET)
        .expect("any length")
        .chain_update(&signed);
    format!(
        "{signed}.{}",
        encoding::encode(&mac.finalize().into_bytes())
    )
}

/// Sets the members of `changes` in `object`; null removes one.
pub(crate) fn change(object: &mut Value, changes: &Value) {
    let members = object.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
}

fn signed(header: &Value, payload: &str) -> String {
    let header = encoding::encode(header.to_string().as_bytes());
    format!("{header}.{}", encoding::encode(payload.as_bytes()))
}

/// A small generator, so that every run tries the same things.
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from 0 to `bound` - 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % bound
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next().to_le_bytes()[7];
        }
    }
}
