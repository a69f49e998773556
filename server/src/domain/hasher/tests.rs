//! The hasher as a whole, and vectors made by other implementations.

use std::sync::atomic::{AtomicU8, Ordering};

use serde::Deserialize;

use super::*;

/// Fills with 1, then with 2, and so on.
#[derive(Default)]
struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::SeqCst) + 1);
    }
}

fn cost(memory_kib: u32, passes: u32, lanes: u32) -> Argon2Cost {
    Argon2Cost::new(memory_kib, passes, lanes).expect("a valid cost")
}

fn hasher_of(cost: Argon2Cost) -> Hasher {
    let options = HasherOptions {
        cost,
        slots: NonZeroUsize::MIN,
        queue: 8,
        wait: std::time::Duration::from_secs(3600),
    };
    Hasher::start(&options, Arc::new(Counting::default())).expect("a thread")
}

fn hasher() -> Hasher {
    hasher_of(cost(64, 1, 1))
}

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

fn stored(text: &str) -> Option<PasswordHash> {
    Some(PasswordHash::new(text))
}

#[tokio::test]
async fn a_new_hash_verifies_and_is_up_to_date() {
    let hasher = hasher();
    let hash = hasher
        .hash(None, password("correct horse"))
        .await
        .expect("hashed");
    assert!(
        hash.as_str().starts_with("$argon2id$v=19$m=64,t=1,p=1$"),
        "{}",
        hash.as_str()
    );

    let right = hasher
        .verify(None, password("correct horse"), Some(hash.clone()))
        .await;
    assert_eq!(right, Ok(Verdict::Match { outdated: false }));
    let wrong = hasher
        .verify(None, password("correct hors"), Some(hash))
        .await;
    assert_eq!(wrong, Ok(Verdict::Mismatch));
}

// Security checklist item 14.
#[tokio::test]
async fn one_password_has_another_hash_each_time() {
    let hasher = hasher();
    let first = hasher.hash(None, password("correct horse")).await;
    let second = hasher.hash(None, password("correct horse")).await;
    assert!(first.is_ok());
    assert_ne!(first, second);
}

#[test]
fn default_cost_is_what_owasp_asks_for() {
    assert_eq!(HasherOptions::default().cost.to_string(), "m=19456,t=2,p=1");
    assert!(HasherOptions::default().queue >= 64);
}

// Security checklist item 6.
#[tokio::test]
async fn spelling_of_an_accent_does_not_matter() {
    let hasher = hasher();
    let hash = hasher
        .hash(None, password("caf\u{e9} au lait"))
        .await
        .expect("hashed");
    let decomposed = hasher
        .verify(None, password("cafe\u{301} au lait"), Some(hash))
        .await;
    assert_eq!(decomposed, Ok(Verdict::Match { outdated: false }));
}

// Security checklist item 3.
#[tokio::test]
async fn argon2_hashes_are_of_the_whole_password() {
    let hasher = hasher();
    let long = "x".repeat(100);
    let hash = hasher.hash(None, password(&long)).await.expect("hashed");
    let cut = hasher
        .verify(None, password(&long[..72]), Some(hash.clone()))
        .await;
    assert_eq!(cut, Ok(Verdict::Mismatch));
    let whole = hasher.verify(None, password(&long), Some(hash)).await;
    assert_eq!(whole, Ok(Verdict::Match { outdated: false }));
}

#[tokio::test]
async fn a_hash_of_another_cost_is_outdated() {
    let hash = hasher()
        .hash(None, password("correct horse"))
        .await
        .expect("hashed");
    for other in [
        cost(128, 1, 1),
        cost(64, 2, 1),
        cost(64, 1, 2),
        cost(32, 1, 1),
    ] {
        let verdict = hasher_of(other)
            .verify(None, password("correct horse"), Some(hash.clone()))
            .await;
        assert_eq!(verdict, Ok(Verdict::Match { outdated: true }), "{other}");
    }
}

#[tokio::test]
async fn nobody_has_every_password_wrong() {
    let hasher = hasher();
    for text in ["", "correct horse"] {
        for nothing in [None, Some(PasswordHash::none())] {
            assert_eq!(
                hasher.verify(None, password(text), nothing).await,
                Ok(Verdict::Mismatch)
            );
        }
    }
}

#[tokio::test]
async fn the_predecessors_hashes_are_cut_and_outdated() {
    let hasher = hasher();
    let bcrypt_of = |text: &[u8], prefix: &str| {
        let parts = ::bcrypt::hash_with_salt(text, 4, [7; 16]).expect("hashed");
        stored(&parts.to_string().replacen("$2b$", prefix, 1))
    };
    let is_match = Ok(Verdict::Match { outdated: true });

    for prefix in ["$2a$", "$2b$", "$2y$"] {
        let verdict = hasher
            .verify(None, password("secret"), bcrypt_of(b"secret", prefix))
            .await;
        assert_eq!(verdict, is_match, "{prefix}");
        let verdict = hasher
            .verify(None, password("Secret"), bcrypt_of(b"secret", prefix))
            .await;
        assert_eq!(verdict, Ok(Verdict::Mismatch), "{prefix}");
    }

    let long = "é".repeat(80);
    let verdict = hasher
        .verify(
            None,
            password(&long),
            bcrypt_of("é".repeat(36).as_bytes(), "$2b$"),
        )
        .await;
    assert_eq!(verdict, is_match, "72 bytes of 72 characters");

    let decomposed = "cafe\u{301}";
    let verdict = hasher
        .verify(
            None,
            password(decomposed),
            bcrypt_of(decomposed.as_bytes(), "$2b$"),
        )
        .await;
    assert_eq!(verdict, is_match, "as received");
    let verdict = hasher
        .verify(
            None,
            password(decomposed),
            bcrypt_of("café".as_bytes(), "$2b$"),
        )
        .await;
    assert_eq!(verdict, is_match, "in NFC");

    let verdict = hasher
        .verify(None, password("a\0a"), bcrypt_of(b"a", "$2b$"))
        .await;
    assert_eq!(
        verdict,
        Ok(Verdict::Mismatch),
        "a zero byte is part of the password"
    );
}

#[tokio::test]
async fn unreadable_hashes_are_errors() {
    let hasher = hasher();
    let salt_and_tag = "$pU3KGCUwux1tEyze1iN7Lg$TMVYM6HpBsTRsS+FhZDQooDEb5eKni1w6HUVrsjXq5M";
    for text in [
        "x",
        "$",
        "plain text",
        "$argon2id",
        "$argon2id$",
        "$argon2",
        "$2b$",
        "$1$salt$hash",
        "$argon2id$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ",
        &format!("$argon2id$v=19{salt_and_tag}"),
        &format!("$argon2id$v=20$m=64,t=1,p=1{salt_and_tag}"),
        &format!("$argon2id$v=19$m=64,t=1{salt_and_tag}"),
        &format!("$argon2id$v=19$t=1,m=64,p=1{salt_and_tag}"),
        &format!("$argon2id$v=19$m=64,t=1,p=1,x=1{salt_and_tag}"),
        &format!("$argon2id$v=19$m=7,t=1,p=1{salt_and_tag}"),
        &format!("$argon2id$v=19$m=8,t=1,p=2{salt_and_tag}"),
        &format!("$argon2id$v=19$m=64,t=0,p=1{salt_and_tag}"),
        &format!("$argon2id$v=19$m=64,t=1,p=0{salt_and_tag}"),
        &format!("$argon2id$v=19$m=064,t=1,p=1{salt_and_tag}"),
        &format!("$argon2id$v=19$m=4294967296,t=1,p=1{salt_and_tag}"),
        &format!("$argon2id$v=19$m=64,t=1,p=1{salt_and_tag}$more"),
        // Affordable in no way.
        &format!("$argon2id$v=19$m=4294967295,t=1,p=1{salt_and_tag}"),
        &format!("$argon2id$v=19$m=262145,t=1,p=1{salt_and_tag}"),
        &format!("$argon2id$v=19$m=262144,t=5,p=1{salt_and_tag}"),
        &format!("$argon2id$v=19$m=8,t=4294967295,p=1{salt_and_tag}"),
        &format!("$argon2id$v=19$m=65536,t=1,p=65{salt_and_tag}"),
        &format!("$argon2id$v=19$m=4294967295,t=1,p=536870911{salt_and_tag}"),
    ] {
        let verdict = hasher
            .verify(None, password("correct horse"), stored(text))
            .await;
        assert!(
            matches!(verdict, Err(HashError::Unreadable(_))),
            "{text}: {verdict:?}"
        );
    }
    assert!(hasher.hash(None, password("still works")).await.is_ok());
}

#[test]
fn costs_that_argon2_does_not_define_are_refused() {
    for (memory, passes, lanes) in [
        (7, 1, 1),
        (15, 1, 2),
        (0, 1, 1),
        (64, 0, 1),
        (64, 1, 0),
        (u32::MAX, 1, 1),
        (64, u32::MAX, 1),
        (u32::MAX, 1, u32::MAX),
    ] {
        assert!(
            Argon2Cost::new(memory, passes, lanes).is_err(),
            "m={memory},t={passes},p={lanes}"
        );
    }
    assert_eq!(cost(8, 1, 1).to_string(), "m=8,t=1,p=1");
}

#[derive(Deserialize)]
struct Vector {
    format: String,
    hash: String,
    password: String,
    /// `None`: implementations differ on purpose, see `note`.
    verify: Option<bool>,
}

#[tokio::test]
async fn hashes_of_other_implementations_are_judged_alike() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../../tests/vectors/password_hashes.json"))
            .expect("vectors");
    let hasher = hasher();
    let (mut accepted, mut unreadable) = (0, 0);
    for vector in vectors {
        let Vector {
            format,
            hash,
            password: text,
            verify,
        } = vector;
        let verdict = hasher.verify(None, password(&text), stored(&hash)).await;
        let ours = [
            "argon2",
            "bcrypt",
            "passlib pbkdf2-sha256",
            "passlib scrypt",
            "PHC scrypt",
        ]
        .iter()
        .any(|kind| format.starts_with(kind));
        let kind = inspect(&PasswordHash::new(&*hash), hasher.cost());
        assert_eq!(kind.is_ok(), ours, "{format} {hash}: {kind:?}");
        match verify {
            _ if !ours => {
                // Malformed, or of a kind that is not ours to verify.
                assert!(
                    matches!(verdict, Err(HashError::Unreadable(_))),
                    "{format} {hash}: {verdict:?}"
                );
                unreadable += 1;
            }
            Some(true) => {
                assert_eq!(
                    verdict,
                    Ok(Verdict::Match { outdated: true }),
                    "{format} {hash}"
                );
                accepted += 1;
            }
            Some(false) => assert_eq!(verdict, Ok(Verdict::Mismatch), "{format} {hash}"),
            // The predecessor's cut: 73 characters match the hash of 72.
            None => assert_eq!(
                verdict,
                Ok(Verdict::Match { outdated: true }),
                "{format} {hash}"
            ),
        }
    }
    assert!(
        accepted >= 25 && unreadable >= 15,
        "{accepted} accepted, {unreadable} unreadable"
    );
}

#[tokio::test]
async fn hashes_of_other_services_are_judged_as_their_libraries_do() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../../tests/vectors/foreign_hashes.json"))
            .expect("vectors");
    let hasher = hasher();
    for vector in vectors {
        let expected = match vector.verify {
            Some(true) => Verdict::Match { outdated: true },
            _ => Verdict::Mismatch,
        };
        let kind = match vector.format.as_str() {
            "passlib pbkdf2-sha256" | "PHC pbkdf2-sha256" => HashKind::Pbkdf2Sha256,
            _ => HashKind::Scrypt,
        };
        let hash = PasswordHash::new(vector.hash);
        assert_eq!(inspect(&hash, hasher.cost()), Ok(kind), "{}", hash.as_str());
        let verdict = hasher
            .verify(None, password(&vector.password), Some(hash.clone()))
            .await;
        assert_eq!(verdict, Ok(expected), "{}", hash.as_str());

        // HMAC alone would take it.
        let longer = format!("{}\0", vector.password);
        let verdict = hasher
            .verify(None, password(&longer), Some(hash.clone()))
            .await;
        assert_eq!(verdict, Ok(Verdict::Mismatch), "{}", hash.as_str());
    }
}

#[test]
fn a_hash_is_inspected_without_a_password() {
    let kind = |text: &str| inspect(&PasswordHash::new(text), Argon2Cost::default());
    let salt_and_tag = "$pU3KGCUwux1tEyze1iN7Lg$TMVYM6HpBsTRsS+FhZDQooDEb5eKni1w6HUVrsjXq5M";
    assert_eq!(
        kind(&format!("$argon2i$v=19$m=64,t=1,p=1{salt_and_tag}")),
        Ok(HashKind::Argon2)
    );
    assert_eq!(
        kind("$2b$12$5pAD7ltDyGgdT78q7NOHiOgfh60S/97GIK8dooRppc1Tpf7B3ndP2"),
        Ok(HashKind::Bcrypt)
    );
    for text in [
        "",
        "plain text",
        "$6$salt$hash",
        "$pbkdf2-sha1$1$c2FsdA$AAAA",
    ] {
        assert!(
            matches!(kind(text), Err(HashError::Unreadable(_))),
            "{text}"
        );
    }
}

#[test]
fn argon2_agrees_with_rfc_9106() {
    #[derive(Deserialize)]
    struct Rfc {
        m: u32,
        t: u32,
        p: u32,
        tags: std::collections::BTreeMap<String, String>,
    }
    let rfc: Rfc = serde_json::from_str(include_str!("../../../tests/vectors/argon2_rfc9106.json"))
        .expect("vectors");
    for (algorithm, expected) in rfc.tags {
        let algorithm = ::argon2::Algorithm::try_from(algorithm.as_str()).expect("known");
        let params = ::argon2::ParamsBuilder::new()
            .m_cost(rfc.m)
            .t_cost(rfc.t)
            .p_cost(rfc.p)
            .output_len(32)
            .data(::argon2::AssociatedData::new(&[4; 12]).expect("fits"))
            .build()
            .expect("valid");
        let argon2 =
            ::argon2::Argon2::new_with_secret(&[3; 8], algorithm, ::argon2::Version::V0x13, params)
                .expect("fits");
        let mut tag = [0; 32];
        argon2
            .hash_password_into(&[1; 32], &[2; 16], &mut tag)
            .expect("hashed");
        assert_eq!(hex(&tag), expected, "{algorithm}");

        let algorithm = match algorithm {
            ::argon2::Algorithm::Argon2d => ::argon2_rust::Algorithm::Argon2d,
            ::argon2::Algorithm::Argon2i => ::argon2_rust::Algorithm::Argon2i,
            ::argon2::Algorithm::Argon2id => ::argon2_rust::Algorithm::Argon2id,
        };
        let params = ::argon2_rust::Params::builder()
            .memory(::argon2_rust::params::Memory::kib(rfc.m.into()))
            .passes(rfc.t)
            .lanes(rfc.p)
            .build()
            .expect("valid");
        let mut hasher =
            ::argon2_rust::Argon2::new(algorithm, ::argon2_rust::Version::V0x13, params).hasher();
        let mut tag = [0; 32];
        hasher
            .hash_into_with_ad(&[1; 32], &[2; 16], &[3; 8], &[4; 12], &mut tag)
            .expect("hashed");
        assert_eq!(hex(&tag), expected, "{algorithm:?}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
