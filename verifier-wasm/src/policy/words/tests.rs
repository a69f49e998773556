//! The lists as they are packed, beside the lists as they are.

use std::collections::BTreeSet;

use super::*;
use crate::policy::common;
use crate::policy::text::fold;

const RANKED: &str = include_str!("../../../data/zxcvbn-words.txt");
const COMMON_TEXT: &str = include_str!("../../../data/common-passwords.txt");

/// Whoever changes a list or the form runs `examples/pack_words.rs`.
#[test]
fn the_data_is_what_the_lists_make() {
    let packed = pack::pack(RANKED, COMMON_TEXT).expect("lists that can be packed");
    assert!(packed.words == include_bytes!("../../../data/words.bin"));
    assert!(packed.common == COMMON);
}

#[test]
fn every_ranked_word_is_found_with_its_rank() {
    let mut list = 0;
    let mut rank = 0;
    let mut count = 0;
    for line in RANKED.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            let of_name = model::LISTS.iter().position(|(list, _)| *list == name);
            (list, rank) = (of_name.expect("a list"), 0);
            continue;
        }
        rank += 1;
        count += 1;
        let found = find(&letters(line)).ranked;
        assert_eq!(
            found,
            Some((list_at(list), rank::middle(rank::interval(rank - 1).start))),
            "{line}"
        );
    }
    assert_eq!(count, 93_855);
}

#[test]
fn beginnings_of_words_are_known_for_what_they_are() {
    let mut beginnings = BTreeSet::new();
    let words = RANKED.lines().filter(|line| !line.starts_with('#'));
    let digits = COMMON_TEXT.lines().filter(|line| is_in_words(line));
    for word in words.chain(digits) {
        beginnings.extend((1..word.len()).map(|end| &word[..end]));
    }
    for beginning in beginnings.iter().step_by(23) {
        assert!(find(&letters(beginning)).continues, "{beginning}");
        for other in ["`", "|", "q'"] {
            let longer = format!("{beginning}{other}");
            let found = find(&letters(&longer));
            assert_eq!(
                found.continues,
                beginnings.contains(longer.as_str()),
                "{longer}"
            );
        }
    }
    assert_eq!(
        find(&letters("zzzzzzzzzzzzzzzzzzzzzzzzzzz")),
        Found::default()
    );
    assert!(!Letters::default().push('é') && !Letters::default().push('A'));
}

// Security checklist item 7.
#[test]
fn every_common_password_is_found() {
    let mut count = 0;
    for password in COMMON_TEXT.lines() {
        assert!(common::contains(password), "{password}");
        count += 1;
    }
    assert_eq!(count, 111_138);
}

#[test]
fn what_is_not_common_is_hardly_ever_found() {
    let common: BTreeSet<String> = COMMON_TEXT.lines().map(fold).collect();
    // Words that are no common passwords, and digits, are never taken for one.
    let words = RANKED.lines().filter(|line| !line.starts_with('#'));
    let digits = (0..20_000).map(|n| format!("{}", 73_000_019 + n * 8_887));
    for text in words.map(str::to_owned).chain(digits) {
        assert_eq!(common::contains(&text), common.contains(&text), "{text}");
    }
    let tries = 200_000;
    let wrong = (0..tries)
        .filter(|n| common::contains(&format!("zq{n}-{n}")))
        .count();
    let expected = tries / FALSE_POSITIVES as usize;
    assert!((expected / 2..expected * 2).contains(&wrong), "{wrong}");
}

#[test]
fn lists_that_have_no_place_are_refused() {
    for (ranked, named) in [
        ("# nobles\nduke", "nobles"),
        ("duke", "duke"),
        ("# english\nDuke", "Duke"),
        ("# english\nduke\nduke", "duke"),
        (
            "# english\nabcdefghijklmnopqrstuvwxyz",
            "abcdefghijklmnopqrstuvwxyz",
        ),
    ] {
        let error = pack::pack(ranked, "").expect_err(ranked).to_string();
        assert!(error.contains(named), "{error}");
    }
}

fn letters(word: &str) -> Letters {
    let mut letters = Letters::default();
    for letter in word.chars() {
        letters.push(letter);
    }
    letters
}
