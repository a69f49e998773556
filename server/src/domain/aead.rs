//! Encryption of small secrets: AES-256-GCM under a key derived with HKDF-SHA256.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use zeroize::Zeroizing;

use super::entropy::{Entropy, random_bytes};

/// A key that seals and opens.
///
/// Each sealing draws its own 96-bit nonce and puts it in front of the text. That is safe
/// for 2^32 texts under one key (NIST SP 800-38D section 8.3); no key here seals more than
/// a handful.
pub(super) struct AeadKey(LessSafeKey);

impl AeadKey {
    /// The key that `secret` yields for the purpose that `label` names.
    pub(super) fn derive(secret: &[u8], label: &'static str) -> Self {
        let prk = extract(secret, label);
        let key = prk
            .expand(&[b"key"], &AES_256_GCM)
            .map(UnboundKey::from)
            .expect("HKDF-SHA256 gives up to 8160 bytes, and 32 are asked for");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts `plain`; only with the same `context` can it be opened.
    pub(super) fn seal(&self, context: &[u8], plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let nonce = random_bytes::<NONCE_LEN>(entropy);
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .0
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                &mut sealed[NONCE_LEN..],
            )
            .expect("AES-GCM takes up to 64 GiB, and this is a key or a token");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// What was sealed with this key and `context`; `None` when it was not, or when it
    /// was changed since.
    pub(super) fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = Zeroizing::new(text.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(context), &mut plain)
            .ok()?
            .len();
        plain.truncate(length);
        Some(plain)
    }
}

/// `N` bytes that name `secret` without telling anything about it: who does not know the
/// secret cannot make them, and they cannot be turned back.
pub(super) fn fingerprint<const N: usize>(secret: &[u8], label: &'static str) -> [u8; N] {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut bytes = [0; N];
    extract(secret, label)
        .expand(&[b"fingerprint"], Length(N))
        .and_then(|okm| okm.fill(&mut bytes))
        .expect("HKDF-SHA256 gives up to 8160 bytes, and a fingerprint has a few");
    bytes
}

/// RFC 5869 section 3.1: a salt that differs between purposes keeps them apart.
fn extract(secret: &[u8], label: &'static str) -> Prk {
    Salt::new(HKDF_SHA256, label.as_bytes()).extract(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::SystemEntropy;

    #[test]
    fn opens_only_what_it_sealed_in_the_same_context() {
        let key = AeadKey::derive(b"a secret", "a label");
        let sealed = key.seal(b"context", b"text", &SystemEntropy);
        assert_eq!(sealed.len(), 12 + 4 + 16);
        assert_eq!(
            key.open(b"context", &sealed).map(|plain| plain.to_vec()),
            Some(b"text".to_vec())
        );
        assert!(key.open(b"another", &sealed).is_none());
        for (secret, label) in [(&b"another"[..], "a label"), (b"a secret", "another")] {
            let other = AeadKey::derive(secret, label);
            assert!(other.open(b"context", &sealed).is_none());
        }
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(key.open(b"context", &changed).is_none(), "{index}");
            assert!(key.open(b"context", &sealed[..index]).is_none(), "{index}");
        }
    }

    #[test]
    fn the_same_text_is_never_sealed_alike() {
        let key = AeadKey::derive(b"a secret", "a label");
        assert_ne!(
            key.seal(b"", b"text", &SystemEntropy),
            key.seal(b"", b"text", &SystemEntropy)
        );
    }

    #[test]
    fn a_fingerprint_depends_on_secret_and_purpose() {
        let one = fingerprint::<8>(b"a secret", "a label");
        assert_eq!(one, fingerprint::<8>(b"a secret", "a label"));
        assert_ne!(one, fingerprint::<8>(b"a secret", "another"));
        assert_ne!(one, fingerprint::<8>(b"another", "a label"));
    }
}
