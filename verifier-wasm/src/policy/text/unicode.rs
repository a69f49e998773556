//! Unicode's Normalization Form C (UAX #15), case folding and combining marks.
//!
//! The tables are `data/unicode.bin`, which `examples/pack_unicode.rs` makes and
//! describes: a tenth of what the tables of the standard library and of the
//! crate `unicode-normalization` take. Decompositions are those of one step;
//! recompositions are the same read the other way. That the results are
//! theirs the tests show.

use std::sync::LazyLock;

static TABLES: LazyLock<Tables> =
    LazyLock::new(|| Tables::open(include_bytes!("../../../data/unicode.bin")));

/// Below this a text is in NFC whatever it is.
const FIRST_MARK: char = '\u{300}';

/// The text in NFC, if it is not already.
pub(super) fn to_nfc(text: &str) -> Option<String> {
    if text.chars().all(|c| c < FIRST_MARK) {
        return None;
    }
    let mut letters = Vec::with_capacity(text.len());
    for letter in text.chars() {
        TABLES.decompose(letter, &mut letters);
    }
    let normal = TABLES.compose(&TABLES.in_order(&letters));
    (normal != text).then_some(normal)
}

/// Whether a character only changes the one before it (general category M).
pub(in crate::policy) fn is_mark(letter: char) -> bool {
    TABLES.marks.class(letter) != 0
}

/// What becomes of a character when case does not matter, if it is not the
/// character itself.
pub(in crate::policy) fn fold(letter: char) -> Option<&'static [char]> {
    let folds = &TABLES.folds;
    let place = folds.binary_search_by_key(&letter, |(whole, _)| *whole);
    place.ok().map(|place| folds[place].1.as_slice())
}

struct Tables {
    /// By the composed character.
    decompositions: Vec<Decomposition>,
    /// What is second in any of them.
    seconds: Vec<char>,
    /// Combining classes.
    classes: Runs,
    /// Combining marks.
    marks: Runs,
    /// What becomes of a character when case does not matter.
    folds: Vec<(char, Vec<char>)>,
}

/// Runs of characters of one class, which is not 0: the first, the last, the
/// class.
struct Runs(Vec<(u32, u32, u8)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decomposition {
    whole: char,
    first: char,
    second: Option<char>,
    /// Whether the two are composed again.
    is_composed: bool,
}

impl Tables {
    fn open(mut bytes: &[u8]) -> Self {
        let (mut decompositions, mut seconds) = (Vec::new(), Vec::new());
        let (mut whole, mut first) = (0, 0);
        for _ in 0..take(&mut bytes) {
            whole += take(&mut bytes);
            let told = take(&mut bytes);
            first = unsigned(first, told >> 2);
            let has_second = told & 2 != 0;
            let second = has_second.then(|| letter(unsigned(FIRST_MARK.into(), take(&mut bytes))));
            seconds.extend(second.filter(|second| !seconds.contains(second)));
            decompositions.push(Decomposition {
                whole: letter(whole),
                first: letter(first),
                second,
                is_composed: told & 1 != 0,
            });
        }
        Self {
            decompositions,
            seconds,
            classes: Runs::open(&mut bytes),
            marks: Runs::open(&mut bytes),
            folds: open_folds(&mut bytes),
        }
    }

    fn class(&self, letter: char) -> u8 {
        self.classes.class(letter)
    }

    fn decompose(&self, letter: char, letters: &mut Vec<char>) {
        if let Some(parts) = hangul::decompose(letter) {
            letters.extend(parts);
            return;
        }
        let place = self
            .decompositions
            .binary_search_by_key(&letter, |entry| entry.whole);
        match place.map(|place| self.decompositions[place]) {
            Ok(entry) => {
                self.decompose(entry.first, letters);
                if let Some(second) = entry.second {
                    self.decompose(second, letters);
                }
            }
            Err(_) => letters.push(letter),
        }
    }

    /// Brings marks that follow a letter in the order of their classes.
    fn in_order(&self, letters: &[char]) -> Vec<(char, u8)> {
        let mut ordered: Vec<(char, u8)> = Vec::with_capacity(letters.len());
        for run in letters.chunk_by(|_, &next| self.class(next) != 0) {
            let classes: Vec<u8> = run.iter().map(|&letter| self.class(letter)).collect();
            let mut class = Some(0);
            while let Some(current) = class {
                let of_class = run.iter().zip(&classes).filter(|(_, of)| **of == current);
                ordered.extend(of_class.map(|(&letter, &class)| (letter, class)));
                class = classes
                    .iter()
                    .copied()
                    .filter(|&other| other > current)
                    .min();
            }
        }
        ordered
    }

    /// Joins what can be joined with the last character of class 0, unless
    /// something of the same class or of class 0 stands between.
    fn compose(&self, letters: &[(char, u8)]) -> String {
        let mut composed: Vec<(char, u8)> = Vec::with_capacity(letters.len());
        let mut starter: Option<usize> = None;
        for &(letter, class) in letters {
            if let Some(starter) = starter {
                let is_next = composed.len() == starter + 1;
                let before = composed.last().map_or(0, |&(_, class)| class);
                let is_free = is_next || (before != 0 && before < class);
                let first = composed[starter].0;
                if let Some(whole) = is_free.then(|| self.join(first, letter)).flatten() {
                    composed[starter].0 = whole;
                    continue;
                }
            }
            if class == 0 {
                starter = Some(composed.len());
            }
            composed.push((letter, class));
        }
        composed.iter().map(|(letter, _)| letter).collect()
    }

    fn join(&self, first: char, second: char) -> Option<char> {
        let is_pair = |entry: &&Decomposition| {
            entry.is_composed && entry.first == first && entry.second == Some(second)
        };
        hangul::join(first, second).or_else(|| {
            let is_second = self.seconds.contains(&second);
            let pair = is_second.then(|| self.decompositions.iter().find(is_pair));
            pair.flatten().map(|entry| entry.whole)
        })
    }
}

fn open_folds(bytes: &mut &[u8]) -> Vec<(char, Vec<char>)> {
    let mut whole = 0;
    let count = take(bytes);
    let folds = (0..count).map(|_| {
        whole += take(bytes);
        let length = take(bytes);
        let folded = (0..length).map(|_| letter(unsigned(whole, take(bytes))));
        (letter(whole), folded.collect())
    });
    folds.collect()
}

impl Runs {
    fn open(bytes: &mut &[u8]) -> Self {
        let mut last = 0;
        let count = take(bytes);
        let runs = (0..count).map(|_| {
            let start = last + take(bytes);
            last = start + take(bytes);
            (start, last, u8::try_from(take(bytes)).unwrap_or(0))
        });
        Self(runs.collect())
    }

    fn class(&self, letter: char) -> u8 {
        let code = u32::from(letter);
        let run = self.0.partition_point(|&(_, last, _)| last < code);
        let run = self.0.get(run).filter(|(first, ..)| *first <= code);
        run.map_or(0, |&(.., class)| class)
    }
}

/// Syllables of Hangul, which are computed (The Unicode Standard, section
/// 3.12).
mod hangul {
    const SYLLABLE: u32 = 0xac00;
    const LEAD: u32 = 0x1100;
    const VOWEL: u32 = 0x1161;
    const TAIL: u32 = 0x11a7;
    const VOWELS: u32 = 21;
    const TAILS: u32 = 28;
    const LEADS: u32 = 19;

    pub(super) fn decompose(letter: char) -> Option<impl Iterator<Item = char>> {
        let place = place(letter, SYLLABLE, LEADS * VOWELS * TAILS)?;
        let tail = place % TAILS;
        let lead = LEAD + place / (VOWELS * TAILS);
        let vowel = VOWEL + place / TAILS % VOWELS;
        let parts = [Some(lead), Some(vowel), (tail > 0).then_some(TAIL + tail)];
        Some(parts.into_iter().flatten().filter_map(char::from_u32))
    }

    pub(super) fn join(first: char, second: char) -> Option<char> {
        if let Some(lead) = place(first, LEAD, LEADS) {
            let vowel = place(second, VOWEL, VOWELS)?;
            return char::from_u32(SYLLABLE + (lead * VOWELS + vowel) * TAILS);
        }
        let syllable = place(first, SYLLABLE, LEADS * VOWELS * TAILS)?;
        let tail = place(second, TAIL, TAILS).filter(|&tail| tail > 0)?;
        let joined = char::from_u32(u32::from(first) + tail);
        joined.filter(|_| syllable % TAILS == 0)
    }

    fn place(letter: char, first: u32, count: u32) -> Option<u32> {
        u32::from(letter)
            .checked_sub(first)
            .filter(|&place| place < count)
    }
}

/// Takes a number of seven bits a byte, the lowest first.
fn take(bytes: &mut &[u8]) -> u32 {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u32::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 || shift > 28 {
            break;
        }
    }
    number
}

/// `from` and a difference, whose lowest bit says that it is negative.
fn unsigned(from: u32, difference: u32) -> u32 {
    let amount = difference >> 1;
    if difference & 1 == 0 {
        from.wrapping_add(amount)
    } else {
        from.wrapping_sub(amount)
    }
}

fn letter(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization;

    use super::*;

    fn assert_is_normal(text: &str) {
        let expected: String = text.nfc().collect();
        let normal = to_nfc(text);
        let begins: String = text.chars().take(10).collect();
        assert!(normal.as_deref().unwrap_or(text) == expected, "{begins:?}");
        assert!(normal.is_some() == (expected != text), "{begins:?}");
    }

    #[test]
    fn every_character_alone_and_beside_marks() {
        for letter in '\0'..='\u{2ffff}' {
            assert_is_normal(&letter.to_string());
            if letter < '\u{3000}' || is_mark(letter) {
                assert_is_normal(&format!("a{letter}\u{301}"));
                assert_is_normal(&format!("\u{327}\u{323}{letter}"));
            }
        }
    }

    #[test]
    fn marks_are_marks() {
        for letter in '\0'..=char::MAX {
            let expected = unicode_normalization::char::is_combining_mark(letter);
            assert_eq!(is_mark(letter), expected, "{letter:?}");
        }
    }

    #[test]
    fn every_character_taken_apart() {
        for letter in '\u{80}'..='\u{2ffff}' {
            let parts: String = letter.to_string().nfd().collect();
            assert_is_normal(&parts);
            assert_is_normal(&parts.chars().rev().collect::<String>());
            assert_is_normal(&format!("{parts}\u{323}\u{302}\u{11a8}\u{31b}x"));
        }
    }

    #[test]
    fn marks_without_end() {
        let marks: String = "\u{345}\u{323}\u{301}\u{31b}".repeat(4_000);
        assert_is_normal(&marks);
        assert_is_normal(&format!("o{marks}e"));
        assert_is_normal(&"\u{1100}\u{1161}\u{11a8}\u{11a8}".repeat(1_000));
    }
}
