//! Reading a private key that somebody else made: PEM or JWK.

use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchkey_verifier::Algorithm;
use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::material::PrivateKey;
use crate::domain::encoding::from_base64url;

/// Reads a private key for `algorithm` from PEM (`PRIVATE KEY`, `EC PRIVATE KEY` or `RSA
/// PRIVATE KEY`: RFC 7468 section 10, RFC 5915, RFC 8017) or from a JWK (RFC 7517).
///
/// # Errors
///
/// [`ImportError`] when it is neither, or not a sound key for `algorithm`.
pub fn read_private_key(text: &str, algorithm: Algorithm) -> Result<PrivateKey, ImportError> {
    if algorithm.is_symmetric() {
        return Err(ImportError::Symmetric);
    }
    let text = text.trim();
    if text.starts_with('{') {
        read_jwk(text, algorithm)
    } else {
        read_pem(text, algorithm)
    }
}

fn read_pem(text: &str, algorithm: Algorithm) -> Result<PrivateKey, ImportError> {
    let (label, der) = pem_block(text).ok_or(ImportError::Unreadable)?;
    match label {
        "PRIVATE KEY" => {
            PrivateKey::from_stored(algorithm, &der).map_err(|_| ImportError::Unfit(algorithm))
        }
        "EC PRIVATE KEY" if algorithm == Algorithm::Es256 => Ok(PrivateKey::from_p256(
            EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
                .map_err(|_| ImportError::Unfit(algorithm))?,
        )),
        "RSA PRIVATE KEY" if Algorithm::RSA.contains(&algorithm) => Ok(PrivateKey::from_rsa(
            RsaKeyPair::from_der(&der).map_err(|_| ImportError::Unfit(algorithm))?,
            algorithm,
        )),
        "EC PRIVATE KEY" | "RSA PRIVATE KEY" => Err(ImportError::Unfit(algorithm)),
        "ENCRYPTED PRIVATE KEY" => Err(ImportError::Encrypted),
        _ => Err(ImportError::Unreadable),
    }
}

/// The first block that is a private key, and what it holds. `openssl ecparam` puts a
/// block of parameters in front of the key.
fn pem_block(text: &str) -> Option<(&str, Zeroizing<Vec<u8>>)> {
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once("-----BEGIN ")?;
        let (label, after) = after.split_once("-----")?;
        let (body, after) = after.split_once("-----END ")?;
        if label.ends_with("PRIVATE KEY") {
            let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
            // A body that is not base64 is an encrypted one of the old kind, with headers.
            let der = STANDARD.decode(body.as_bytes()).ok()?;
            return Some((label, Zeroizing::new(der)));
        }
        rest = after;
    }
}

/// The members of a private JWK (RFC 7518 section 6, RFC 8037 section 2).
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct PrivateJwk {
    kty: String,
    crv: Option<String>,
    alg: Option<String>,
    d: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    p: Option<String>,
    q: Option<String>,
    dp: Option<String>,
    dq: Option<String>,
    qi: Option<String>,
}

fn read_jwk(text: &str, algorithm: Algorithm) -> Result<PrivateKey, ImportError> {
    let jwk: PrivateJwk = serde_json::from_str(text).map_err(|_| ImportError::Unreadable)?;
    let unfit = ImportError::Unfit(algorithm);
    if let Some(alg) = &jwk.alg
        && Algorithm::from_name(alg) != Some(algorithm)
    {
        return Err(unfit);
    }
    let rejected = |_| ImportError::Unfit(algorithm);
    match (jwk.kty.as_str(), jwk.crv.as_deref(), algorithm) {
        ("OKP", Some("Ed25519"), Algorithm::EdDsa) => {
            let (seed, public) = (bytes(&jwk.d, "d")?, bytes(&jwk.x, "x")?);
            Ed25519KeyPair::from_seed_and_public_key(&seed, &public)
                .map(PrivateKey::from_ed25519)
                .map_err(rejected)
        }
        ("EC", Some("P-256"), Algorithm::Es256) => {
            let (x, y) = (bytes(&jwk.x, "x")?, bytes(&jwk.y, "y")?);
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            EcdsaKeyPair::from_private_key_and_public_key(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &bytes(&jwk.d, "d")?,
                &point,
            )
            .map(PrivateKey::from_p256)
            .map_err(rejected)
        }
        ("RSA", _, Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512) => {
            let components = KeyPairComponents {
                public_key: PublicKeyComponents {
                    n: bytes(&jwk.n, "n")?,
                    e: bytes(&jwk.e, "e")?,
                },
                d: bytes(&jwk.d, "d")?,
                p: bytes(&jwk.p, "p")?,
                q: bytes(&jwk.q, "q")?,
                dP: bytes(&jwk.dp, "dp")?,
                dQ: bytes(&jwk.dq, "dq")?,
                qInv: bytes(&jwk.qi, "qi")?,
            };
            RsaKeyPair::from_components(&components)
                .map(|pair| PrivateKey::from_rsa(pair, algorithm))
                .map_err(rejected)
        }
        _ => Err(unfit),
    }
}

/// A member as bytes.
fn bytes(member: &Option<String>, name: &'static str) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let text = member.as_deref().ok_or(ImportError::Member(name))?;
    from_base64url(text)
        .map(Zeroizing::new)
        .ok_or(ImportError::Member(name))
}

/// Why a private key cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Neither PEM nor JWK.
    #[error(
        "not a private key: give PKCS#8 as PEM (`-----BEGIN PRIVATE KEY-----`) or a private JWK"
    )]
    Unreadable,
    /// Protected by a pass phrase.
    #[error("the key is encrypted: decrypt it first, as with `openssl pkey -in FILE`")]
    Encrypted,
    /// Not a sound key for the algorithm that signs.
    #[error(
        "not a sound key for {0}: give one that fits, or set tokens.algorithm (EdDSA takes \
         Ed25519, ES256 takes P-256, RS256 to RS512 take RSA of 2048 to 8192 bits)"
    )]
    Unfit(Algorithm),
    /// A member of the JWK is missing or not base64url.
    #[error("the JWK's `{0}` is missing or is not base64url")]
    Member(&'static str),
    /// An HMAC secret is configured, not imported.
    #[error("tokens are signed with an HMAC: set its secret as tokens.secret_key")]
    Symmetric,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = include_str!("import/testdata/ed25519.pem");
    const P256: &str = include_str!("import/testdata/p256.pem");
    const P256_SEC1: &str = include_str!("import/testdata/p256_sec1.pem");
    const P256_JWK: &str = include_str!("import/testdata/p256.jwk.json");
    const RSA: &str = include_str!("import/testdata/rsa.pem");
    const RSA_PKCS1: &str = include_str!("import/testdata/rsa_pkcs1.pem");
    const RSA_JWK: &str = include_str!("import/testdata/rsa.jwk.json");
    /// RFC 8037 appendix A.1.
    const ED25519_JWK: &str = r#"{"kty":"OKP","crv":"Ed25519",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn thumbprint(text: &str, algorithm: Algorithm) -> String {
        let key = read_private_key(text, algorithm).expect("reads");
        assert_eq!(key.algorithm(), algorithm);
        key.public_key().expect("a public key").thumbprint()
    }

    #[test]
    fn each_form_of_a_key_is_the_same_key() {
        for (algorithm, forms) in [
            (Algorithm::Es256, [P256, P256_SEC1, P256_JWK]),
            (Algorithm::Rs256, [RSA, RSA_PKCS1, RSA_JWK]),
        ] {
            let kids = forms.map(|form| thumbprint(form, algorithm));
            assert!(kids.iter().all(|kid| *kid == kids[0]), "{kids:?}");
        }
        thumbprint(ED25519, Algorithm::EdDsa);
        thumbprint(RSA, Algorithm::Rs512);
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        assert_eq!(
            thumbprint(ED25519_JWK, Algorithm::EdDsa),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn a_key_is_stored_and_read_again() {
        for (text, algorithm) in [
            (ED25519, Algorithm::EdDsa),
            (P256_SEC1, Algorithm::Es256),
            (RSA_JWK, Algorithm::Rs256),
        ] {
            let key = read_private_key(text, algorithm).expect("reads");
            let stored = key.to_pkcs8().expect("writes");
            let again = PrivateKey::from_stored(algorithm, &stored).expect("reads again");
            assert_eq!(key.public_der(), again.public_der());
        }
    }

    #[test]
    fn a_key_of_another_kind_does_not_fit() {
        let forms = [
            ED25519,
            ED25519_JWK,
            P256,
            P256_SEC1,
            P256_JWK,
            RSA,
            RSA_PKCS1,
            RSA_JWK,
        ];
        for form in forms {
            let fitting = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256]
                .into_iter()
                .filter(|algorithm| match read_private_key(form, *algorithm) {
                    Ok(_) => true,
                    Err(error) => {
                        assert_eq!(error, ImportError::Unfit(*algorithm));
                        false
                    }
                });
            assert_eq!(fitting.count(), 1, "{form}");
        }
        // The JWK says RS256.
        let refused = read_private_key(RSA_JWK, Algorithm::Rs512).err();
        assert_eq!(refused, Some(ImportError::Unfit(Algorithm::Rs512)));
    }

    #[test]
    fn what_is_not_a_key_is_told() {
        let read = |text: &str| read_private_key(text, Algorithm::EdDsa).err();
        for text in ["", "{", "[]", "{}", "-----BEGIN PRIVATE KEY-----", "secret"] {
            assert_eq!(read(text), Some(ImportError::Unreadable), "{text}");
        }
        let public = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----";
        assert_eq!(read(public), Some(ImportError::Unreadable));
        let encrypted = ED25519.replace("PRIVATE", "ENCRYPTED PRIVATE");
        assert_eq!(read(&encrypted), Some(ImportError::Encrypted));
        let public = ED25519_JWK.replace("\"d\"", "\"dd\"");
        assert_eq!(read(&public), Some(ImportError::Member("d")));
        let swapped = ED25519_JWK.replace("11qYAYK", "11qYAYL");
        assert_eq!(read(&swapped), Some(ImportError::Unfit(Algorithm::EdDsa)));
        let hmac = read_private_key(ED25519, Algorithm::Hs256).err();
        assert_eq!(hmac, Some(ImportError::Symmetric));
    }
}
