//! What the hashes of other services have in common: how they are spelled, and how a
//! password is compared with them.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::HashError;
use crate::domain::password::Password;

/// Most bytes of a salt. Services take 16 or 32.
const MAX_SALT_BYTES: usize = 128;

/// Bytes of a tag: fewer would let passwords match by chance, more are never made.
const TAG_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// A salt and what it gave, as stored.
pub(super) struct SaltAndTag {
    pub(super) salt: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

impl SaltAndTag {
    /// Takes two parts of base64 without padding, with `+` and `/`. `None` when they are
    /// not the one spelling of theirs, or their lengths are none that a service makes.
    pub(super) fn parse(salt: &str, tag: &str) -> Option<Self> {
        let salt = STANDARD_NO_PAD.decode(salt).ok()?;
        let tag = STANDARD_NO_PAD.decode(tag).ok()?;
        let fits = (1..=MAX_SALT_BYTES).contains(&salt.len()) && TAG_BYTES.contains(&tag.len());
        fits.then_some(Self { salt, tag })
    }

    /// Whether the password gives this tag, as received or else in NFC: other services
    /// hash what arrives. `derive` fills its second argument from a password's bytes.
    /// Compares in constant time.
    pub(super) fn matches(
        &self,
        password: &Password,
        derive: impl Fn(&[u8], &mut [u8]) -> Result<(), HashError>,
    ) -> Result<bool, HashError> {
        let (received, normalised) = (password.received(), password.as_str());
        if self.matches_spelling(received, &derive)? {
            return Ok(true);
        }
        Ok(received != normalised && self.matches_spelling(normalised, &derive)?)
    }

    fn matches_spelling(
        &self,
        password: &str,
        derive: impl Fn(&[u8], &mut [u8]) -> Result<(), HashError>,
    ) -> Result<bool, HashError> {
        let mut tag = Zeroizing::new(vec![0; self.tag.len()]);
        derive(password.as_bytes(), &mut tag)?;
        let matches = verify_slices_are_equal(&tag, &self.tag).is_ok();
        // HMAC fills its key up with zero bytes (RFC 2104 section 2), so that "a" and
        // "a\0" have one hash. Nobody types zero bytes.
        Ok(matches && !password.ends_with('\0'))
    }
}

/// A number without a sign and without zeros before it.
pub(super) fn decimal(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    is_plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        assert_eq!(decimal("29000"), Some(29_000));
        assert_eq!(decimal("4294967295"), Some(u32::MAX));
        for text in [
            "",
            "0",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1e3",
            "٣",
            "4294967296",
        ] {
            assert_eq!(decimal(text), None, "{text:?}");
        }
    }

    #[test]
    fn salts_and_tags_have_bounds() {
        let of = |bytes: usize| STANDARD_NO_PAD.encode(vec![7; bytes]);
        for (salt, tag, fits) in [
            (1, 16, true),
            (128, 64, true),
            (0, 32, false),
            (129, 32, false),
            (16, 15, false),
            (16, 65, false),
        ] {
            assert_eq!(
                SaltAndTag::parse(&of(salt), &of(tag)).is_some(),
                fits,
                "{salt} {tag}"
            );
        }
        let tag = of(32);
        for salt in ["AB", "AA==", "A-_A", "AAA\n", "é"] {
            assert!(SaltAndTag::parse(salt, &tag).is_none(), "{salt:?}");
        }
    }
}
