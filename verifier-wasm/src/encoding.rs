//! Base64url as JOSE uses it (RFC 7515 section 2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Decodes base64url strictly: without padding, white space or foreign
/// characters, and with the unused bits of the last character zero. One byte
/// string therefore has exactly one spelling, so a token that was revoked or
/// cached under its text cannot come back under another.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Encodes as base64url without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn one_spelling_for_each_byte_string() {
        assert_eq!(decode("").as_deref(), Some(&[][..]));
        assert_eq!(decode("_-8").as_deref(), Some(&[0xff, 0xef][..]));
        assert_eq!(encode(&[0xff, 0xef]), "_-8");
        // Padding, the alphabet of plain base64, white space, a lone
        // character, bits left over.
        for text in [
            "_-8=", "/+8", "_-8 ", " _-8", "_-\n8", "A", "_-9", "AB", "é8",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
