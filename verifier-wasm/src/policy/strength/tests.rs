//! The estimate as a whole, beside the crate that it follows.

use serde::Deserialize;

use super::super::context::{Context, ContextWords};
use super::*;

/// What a rank is off by at most (see `words::rank`), as a power of ten.
const RANK_ERROR: f64 = 0.0017;

/// The year in which the crate is: it reads the clock. A year takes as many
/// guesses as it is away, and one more.
fn year_of_the_crate() -> i32 {
    let away = zxcvbn::zxcvbn("1900", &[]).guesses() - 1;
    1900 + i32::try_from(away).expect("a year")
}

#[test]
fn guesses_and_scores_are_those_of_the_crate() {
    let known = ["ada.lovelace", "example", "latchkey"];
    let inputs = known.map(str::to_owned);
    let year = year_of_the_crate();
    let passwords = samples::passwords(4_000);
    let mut other_scores = Vec::new();
    for password in &passwords {
        let ours = Strength::with_inputs(password, &inputs, year);
        let most = f64::from(ours.parts.max(1)) * RANK_ERROR;
        let agrees = |theirs: &zxcvbn::Entropy| {
            (ours.guesses_log10() - theirs.guesses_log10().max(0.0)).abs() <= most
        };
        // For a few passwords in a hundred thousand the crate has more than
        // one answer, by the order of its hash tables.
        let theirs = (0..64)
            .map(|_| zxcvbn::zxcvbn(password, &known))
            .find(agrees);
        let Some(theirs) = theirs else {
            panic!("{password:?} takes other guesses: {}", ours.guesses);
        };
        let (ours, theirs) = (u8::from(ours.score), u8::from(theirs.score()));
        assert!(ours.abs_diff(theirs) <= 1, "{password:?}");
        if ours != theirs {
            other_scores.push(password);
        }
    }
    assert!(
        other_scores.len() * 1_000 <= passwords.len(),
        "{other_scores:?}"
    );
}

#[derive(Deserialize)]
struct Vector {
    password: String,
    user_inputs: Vec<String>,
    score: u8,
}

#[test]
fn scores_agree_with_the_reference_implementation() {
    let vectors: Vec<Vector> = include_str!("../../../tests/vectors/zxcvbn_scores.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a vector"))
        .collect();
    assert!(vectors.len() > 200);
    let differing: Vec<&str> = vectors
        .iter()
        .filter(|vector| {
            let strength = Strength::with_inputs(&vector.password, &vector.user_inputs, 2026);
            u8::from(strength.score()) != vector.score
        })
        .map(|vector| vector.password.as_str())
        .collect();
    assert!(differing.len() * 100 <= vectors.len(), "{differing:?}");
}

#[test]
fn the_year_is_what_one_says() {
    let guesses = |year| Strength::with_inputs("1900", &[], year).guesses;
    assert_eq!(guesses(2026), 127);
    assert_eq!(guesses(2126), 227);
    assert_eq!(guesses(1905), 21);
    assert!(guesses(i32::MAX) == guesses(i32::MIN));
    let date = |year| Strength::with_inputs("24.12.1971", &[], year).guesses;
    assert!(date(2071) > date(2026));
}

#[test]
fn what_is_known_of_the_user_counts() {
    let ada = Context {
        email: "ada@example.com",
        name: "Zephyrine Quillfeather",
    };
    let (known, unknown) = (
        ContextWords::new(&ada, &[]),
        ContextWords::new(&Context::default(), &[]),
    );
    for password in [
        "zephyrine quillfeather",
        "rehtaeflliuq eniryhpez",
        "zephyr1ne quillfe@ther",
    ] {
        let strength = |words| Strength::estimate(password, words, 2026).guesses_log10();
        assert!(strength(&known) + 3.0 < strength(&unknown), "{password}");
    }
}

#[test]
fn corners_have_finite_strengths() {
    let words = ContextWords::new(&Context::default(), &[]);
    for password in [
        "",
        "\0",
        "a",
        "\n\n",
        &"a".repeat(100_000),
        &"🔑".repeat(300),
        "٣٣٣٣٣٣",
    ] {
        let strength = Strength::estimate(password, &words, 2026);
        assert!(strength.guesses_log10().is_finite() && strength.score() <= Score::MAX);
    }
    assert_eq!(Strength::estimate("", &words, 2026).score(), Score::MIN);
}

/// What there is to search is bounded by the length of a password, whatever
/// is in it.
#[test]
fn hostile_passwords_hold_a_bounded_number_of_patterns() {
    let all: String = ('!'..='~').collect();
    let inputs: Vec<String> = (1..50).map(|n| "1|".repeat(n)).collect();
    for password in [
        all.as_str(),
        &"4@8({[<369!|105$%+7".repeat(6),
        &"1|7!+".repeat(20),
        &"1".repeat(100),
        &"11.11.11".repeat(13),
        &"a4b8e3".repeat(17),
        &"abcabcabd".repeat(12),
        &"qwertyuiop".repeat(10),
        &"PaSsWoRd".repeat(13),
        &"121212".repeat(20),
    ] {
        let text: Vec<char> = password.chars().take(LOOKED_AT).collect();
        let matches = matching::find_all(&text, &Inputs::new(&inputs), 2026);
        assert!(
            matches.len() < 100 * LOOKED_AT,
            "{password}: {}",
            matches.len()
        );
        assert!(Strength::with_inputs(password, &inputs, 2026).guesses > 0);
    }
}

#[test]
fn feedback_is_about_what_is_wrong() {
    let words = ContextWords::new(&Context::default(), &[]);
    let warning = |password| {
        Strength::estimate(password, &words, 2026)
            .warning()
            .unwrap_or("")
    };
    for (password, about) in [
        ("123456", "ten most used"),
        ("mustang", "hundred most used"),
        ("blaster", "Many people"),
        ("dr4gon", "much like"),
        ("fghjkl;'", "keys"),
        ("zzzzzzzz", "again and again"),
        ("xkqxkqxkq", "Repeating"),
        ("lmnopqrst", "in order"),
        ("24.12.1971", "Dates"),
        ("hernandez", "name"),
        ("vexingly quick zebras jump", ""),
    ] {
        let warning = warning(password);
        assert!(
            warning.contains(about) && warning.is_empty() == about.is_empty(),
            "{password}: {warning}"
        );
    }
    let suggestions = Strength::estimate("nogard", &words, 2026).suggestions(true);
    assert_eq!(suggestions.len(), 2, "{suggestions:?}");
}

#[test]
fn scores_are_0_to_4() {
    for score in 0..=4 {
        let json = Score::new(score).and_then(|score| serde_json::to_string(&score).ok());
        assert_eq!(json, Some(score.to_string()));
    }
    assert_eq!(Score::new(5), None);
}
