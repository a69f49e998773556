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

#[cfg(test)]
mod tests {
    use ::rsa::{
        BigUint, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey,
        pkcs8::AssociatedOid,
        rand_core::{CryptoRng, Error, RngCore},
        traits::{PrivateKeyParts as _, PublicKeyParts as _},
    };
    use sha2::{Sha256, Sha384, Sha512};

    use super::{Hash, RsaKey, encoded_message};
    use crate::testing::Sequence;

    /// Keys that are the same at every run.
    struct Repeatable(Sequence);

    impl RngCore for Repeatable {
        fn next_u32(&mut self) -> u32 {
            u32::try_from(self.0.next() >> 32).expect("32 bits")
        }

        fn next_u64(&mut self) -> u64 {
            self.0.next()
        }

        fn fill_bytes(&mut self, bytes: &mut [u8]) {
            self.0.fill(bytes);
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
            self.fill_bytes(bytes);
            Ok(())
        }
    }

    impl CryptoRng for Repeatable {}

    /// A key pair, its public half as ours and as the `rsa` crate's.
    struct Pair {
        private: RsaPrivateKey,
        ours: RsaKey,
        theirs: RsaPublicKey,
    }

    impl Pair {
        /// From primes of 512 bits, which are found in no time. Who checks a
        /// signature cannot tell how many there are.
        fn new(bits: usize, exponent: u32, seed: u64) -> Self {
            let mut random = Repeatable(Sequence::new(seed));
            let exponent = BigUint::from(exponent);
            loop {
                let mut primes = Vec::new();
                while primes.len() < bits / 512 {
                    let two = RsaPrivateKey::new_with_exp(&mut random, 1024, &exponent);
                    primes.extend_from_slice(two.expect("a key").primes());
                }
                let private = RsaPrivateKey::from_primes(primes, exponent.clone()).expect("a key");
                let theirs = private.to_public_key();
                // A product may be a few bits shorter than wanted.
                if let Ok(ours) = RsaKey::new(&theirs.n().to_bytes_be(), &theirs.e().to_bytes_be())
                {
                    return Self {
                        private,
                        ours,
                        theirs,
                    };
                }
            }
        }

        fn sign<H: Hash + AssociatedOid>(&self, message: &[u8]) -> Vec<u8> {
            self.private
                .sign(Pkcs1v15Sign::new::<H>(), &H::digest(message))
                .expect("a signature")
        }

        /// What comes out as `encoded` when it is checked.
        fn sign_encoded(&self, encoded: &[u8]) -> Vec<u8> {
            let number = BigUint::from_bytes_be(encoded);
            self.bytes(&number.modpow(self.private.d(), self.private.n()))
        }

        /// A number in as many bytes as a signature has, or more if it needs them.
        fn bytes(&self, number: &BigUint) -> Vec<u8> {
            let bytes = number.to_bytes_be();
            let mut padded = vec![0; self.private.size().saturating_sub(bytes.len())];
            padded.extend(bytes);
            padded
        }

        /// The verdict on which both agree.
        fn verdict<H: Hash + AssociatedOid>(&self, message: &[u8], signature: &[u8]) -> bool {
            let ours = self.ours.verify::<H>(message, signature);
            let scheme = Pkcs1v15Sign::new::<H>();
            let theirs = self.theirs.verify(scheme, &H::digest(message), signature);
            assert_eq!(ours, theirs.is_ok(), "{:x?} {signature:x?}", self.theirs);
            ours
        }
    }

    fn good_and_flipped<H: Hash + AssociatedOid>(pair: &Pair, random: &mut Sequence) {
        for _ in 0..3 {
            let mut message = vec![0; random.below(200)];
            random.fill(&mut message);
            let mut signature = pair.sign::<H>(&message);
            assert!(pair.verdict::<H>(&message, &signature));
            for _ in 0..4 {
                let at = random.below(8 * signature.len());
                signature[at / 8] ^= 1 << (at % 8);
                assert!(!pair.verdict::<H>(&message, &signature));
                signature[at / 8] ^= 1 << (at % 8);
            }
            message.push(0);
            assert!(!pair.verdict::<H>(&message, &signature));
            random.fill(&mut signature);
            assert!(!pair.verdict::<H>(&message, &signature));
        }
    }

    fn numbers_at_the_edges<H: Hash + AssociatedOid>(pair: &Pair) {
        let n = pair.private.n();
        let one = BigUint::from(1_u8);
        let zero = BigUint::from(0_u8);
        let good = BigUint::from_bytes_be(&pair.sign::<H>(b"message"));
        // The same number modulo n, and those around n.
        for number in [
            zero,
            &one + &one,
            n - &one,
            n.clone(),
            n + &one,
            &good + n,
            one,
        ] {
            assert!(!pair.verdict::<H>(b"message", &pair.bytes(&number)));
        }
        let good = pair.bytes(&good);
        for wrong in [
            &good[1..],
            &[&[0][..], &good].concat(),
            &[&good[..], &[0]].concat(),
            &[],
        ] {
            assert!(
                !pair.verdict::<H>(b"message", wrong),
                "{} bytes",
                wrong.len()
            );
        }
    }

    fn wrong_paddings<H: Hash + AssociatedOid>(pair: &Pair) {
        let right = encoded_message::<H>(b"message", pair.private.size());
        assert!(pair.verdict::<H>(b"message", &pair.sign_encoded(&right)));
        let size = right.len();
        let hash = H::digest(b"message");
        let tail = H::DIGEST_INFO.len() + hash.len();
        let changed = |at: usize, byte: u8| {
            let mut encoded = right.clone();
            encoded[at] = byte;
            encoded
        };
        // Ending before the end: the rest is anything.
        let mut early = right[..2 + 8].to_vec();
        early.extend(&right[size - tail - 1..]);
        early.resize(size, 0x41);
        // The padding's zero elsewhere: one byte of ones more, one byte less of the rest.
        let mut late = right.clone();
        late[size - tail - 1] = 0xff;
        // DigestInfo without its NULL, which some take to be optional.
        let mut no_null = H::DIGEST_INFO.to_vec();
        no_null.drain(15..17);
        (no_null[1], no_null[3]) = (no_null[1] - 2, no_null[3] - 2);
        let mut without_null = vec![0xff; size - no_null.len() - hash.len()];
        (without_null[0], without_null[1]) = (0, 1);
        *without_null.last_mut().expect("padding") = 0;
        without_null.extend(no_null.iter().chain(hash.iter()));
        // The digest alone.
        let mut bare = vec![0xff; size - hash.len()];
        (bare[0], bare[1]) = (0, 1);
        *bare.last_mut().expect("padding") = 0;
        bare.extend(hash.iter());
        let other = match hash.len() {
            32 => encoded_message::<Sha512>(b"message", size),
            _ => encoded_message::<Sha256>(b"message", size),
        };
        for wrong in [
            changed(1, 2),
            changed(1, 0),
            changed(2, 0xfe),
            changed(size / 2 - tail / 2, 0),
            changed(size - tail - 1, 1),
            changed(size - tail, 0x31),
            changed(size - 1, right[size - 1] ^ 1),
            early,
            late,
            without_null,
            bare,
            other,
        ] {
            assert_eq!(wrong.len(), size);
            let signature = pair.sign_encoded(&wrong);
            assert!(!pair.verdict::<H>(b"message", &signature), "{wrong:x?}");
        }
    }

    #[test]
    fn signatures_are_judged_as_by_another_implementation() {
        let mut random = Sequence::new(8);
        for (bits, exponent) in [(2048, 65_537), (2048, 3), (3072, 65_537), (4096, 3)] {
            let pair = Pair::new(bits, exponent, random.next());
            good_and_flipped::<Sha256>(&pair, &mut random);
            good_and_flipped::<Sha384>(&pair, &mut random);
            good_and_flipped::<Sha512>(&pair, &mut random);
            numbers_at_the_edges::<Sha256>(&pair);
            wrong_paddings::<Sha256>(&pair);
        }
    }

    #[test]
    fn paddings_of_each_hash() {
        let pair = Pair::new(2048, 65_537, 10);
        wrong_paddings::<Sha384>(&pair);
        wrong_paddings::<Sha512>(&pair);
    }

    /// RFC 8017 section 8.2.2 does not say what a key of another size makes of a
    /// signature; ours and theirs refuse it.
    #[test]
    fn a_signature_is_of_its_own_key() {
        let mut random = Sequence::new(9);
        let pairs = [(2048, 1), (2048, 2), (3072, 3)].map(|(bits, seed)| Pair::new(bits, 3, seed));
        for signer in &pairs {
            let mut message = [0; 20];
            random.fill(&mut message);
            let signature = signer.sign::<Sha384>(&message);
            for pair in &pairs {
                let is_its_own = std::ptr::eq(pair, signer);
                assert_eq!(pair.verdict::<Sha384>(&message, &signature), is_its_own);
                assert!(!pair.verdict::<Sha256>(&message, &signature));
            }
        }
    }
}
