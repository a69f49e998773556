//! Base64url without padding, as JOSE writes it (RFC 7515 section 2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `bytes` as base64url.
pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Appends `bytes` as base64url to `text`.
pub(super) fn append_base64url(text: &mut String, bytes: &[u8]) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// The bytes that `text` stands for; `None` when it is not their one spelling.
pub(super) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// How many characters `bytes` bytes take.
pub(super) const fn base64url_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}
