//! HMAC keys: the secrets of the configuration, and their names.
//!
//! An HMAC key is configured and not made, but it is stored all the same: after a change
//! to an algorithm with key pairs, and with the secret gone from the configuration, its
//! tokens are still good until they expire.

use latchkey_verifier::Algorithm;

use crate::config::Secret;
use crate::domain::aead::fingerprint;
use crate::domain::encoding::base64url;

/// The `kid` of `secret` when it is used with `algorithm`: one key, one algorithm (RFC
/// 8725 section 3.1).
///
/// A keyed digest and not a plain one, so that it is no shortcut to finding the secret:
/// trying secrets against it costs what trying them against a token's own HMAC costs.
#[must_use]
pub(super) fn kid(secret: &Secret, algorithm: Algorithm) -> String {
    let label = match algorithm {
        Algorithm::Hs384 => "latchkey kid HS384",
        Algorithm::Hs512 => "latchkey kid HS512",
        _ => "latchkey kid HS256",
    };
    base64url(&fingerprint::<16>(secret.expose_bytes(), label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_and_algorithm_has_its_own_name() {
        let mut kids: Vec<String> = ["one", "two"]
            .into_iter()
            .flat_map(|text| {
                let secret = Secret::new(text).expect("not empty");
                Algorithm::HMAC.map(|algorithm| kid(&secret, algorithm))
            })
            .collect();
        assert!(kids.iter().all(|kid| kid.len() == 22));
        kids.sort_unstable();
        kids.dedup();
        assert_eq!(kids.len(), 6);
    }
}
