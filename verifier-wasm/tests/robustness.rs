//! Whatever comes in, a verdict comes out: no panic, and a changed token is
//! never a good one.

use latchkey_verifier::{KeySet, NumericDate, Options, Verifier};
use serde_json::{Value, json};

const ATTACKS: &str = include_str!("vectors/jwt_attacks.jsonl");
const ATTACK_KEYS: &str = include_str!("vectors/jwt_attacks_keys.json");
const NOW: NumericDate = NumericDate::from_seconds(1_800_000_000);

/// A small generator, so that every run tries the same things.
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0) % bound.max(1)
    }
}

fn verifier() -> Verifier {
    let keys: Value = serde_json::from_str(ATTACK_KEYS).expect("the keys are JSON");
    let public: Vec<&Value> = ["RS256", "ES256", "EdDSA"]
        .iter()
        .map(|alg| &keys["jwk_by_alg"][alg])
        .collect();
    let keys = KeySet::from_jwks(&json!({ "keys": public }).to_string()).expect("a JWK Set");
    assert_eq!(keys.unusable().count(), 0);
    Verifier::new(
        keys,
        Options {
            max_token_length: 1 << 22,
            ..Options::default()
        },
    )
}

/// One of the usual accidents: a byte changed, removed, doubled, a piece moved.
fn mutate(token: &mut Vec<u8>, random: &mut Sequence) {
    let at = random.below(token.len());
    match random.below(6) {
        0 if !token.is_empty() => token[at] = random.next().to_le_bytes()[0],
        1 if !token.is_empty() => token[at] ^= 1 << random.below(8),
        2 if !token.is_empty() => {
            token.remove(at);
        }
        3 => token.insert(at, b".=\0 \n{}\"-_Aa"[random.below(12)]),
        4 => token.truncate(at),
        _ => {
            let piece = token[at..].to_vec();
            token.extend(piece);
        }
    }
}

#[test]
fn item_66_no_mutated_token_panics_and_no_good_one_stays_good() {
    let verifier = verifier();
    let tokens: Vec<String> = ATTACKS
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"))
        .filter_map(|row| row["token"].as_str().map(str::to_owned))
        .collect();
    let good: Vec<&String> = tokens
        .iter()
        .filter(|token| verifier.verify(token, NOW).is_ok())
        .collect();
    assert!(good.len() > 10, "only {} are good", good.len());
    let mut random = Sequence(0x4c61_7463_686b_6579);
    for round in 0..20_000 {
        let is_good = round % 2 == 0;
        let original = if is_good {
            good[random.below(good.len())]
        } else {
            &tokens[random.below(tokens.len())]
        };
        let mut token = original.clone().into_bytes();
        for _ in 0..=random.below(3) {
            mutate(&mut token, &mut random);
        }
        let token = String::from_utf8_lossy(&token);
        let verdict = verifier.verify(&token, NOW);
        assert!(
            !is_good || verdict.is_err() || token == *original,
            "round {round}: {token}"
        );
    }
}

#[test]
fn item_66_no_mutated_key_set_panics() {
    let keys: Value = serde_json::from_str(ATTACK_KEYS).expect("the keys are JSON");
    let all: Vec<&Value> = keys["jwk_by_alg"]
        .as_object()
        .into_iter()
        .flat_map(|map| map.values())
        .collect();
    let original = json!({ "keys": all }).to_string();
    let mut random = Sequence(7);
    let mut read = 0;
    for _ in 0..20_000 {
        let mut text = original.clone().into_bytes();
        for _ in 0..=random.below(3) {
            mutate(&mut text, &mut random);
        }
        read += usize::from(KeySet::from_jwks(&String::from_utf8_lossy(&text)).is_ok());
    }
    assert!(read > 1000, "only {read} were still key sets");
}

#[test]
fn item_66_extreme_input_is_refused_cheaply() {
    let verifier = verifier();
    let megabyte = "A".repeat(1 << 20);
    for token in [
        ".".repeat(100_000),
        format!("{megabyte}.{megabyte}."),
        format!("e30.{megabyte}.{megabyte}"),
        format!("{}.e30.", "\u{1f511}".repeat(1 << 18)),
        "\0".repeat(1 << 20),
    ] {
        let refusal = verifier.verify(&token, NOW).expect_err("refused");
        assert_eq!(refusal.code(), "malformed");
    }
    let refusal = verifier
        .verify(&"A".repeat((1 << 22) + 1), NOW)
        .expect_err("refused");
    assert_eq!(refusal.code(), "too_large");
}
