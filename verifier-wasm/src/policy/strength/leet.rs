//! Digits and symbols that are written for letters.
//!
//! In one reading of a password a character always stands for the same
//! letter, and a letter is written in one way besides its own. Which readings
//! there are of a character is therefore settled by those before it, but only
//! within its family: characters that share letters, directly or through
//! others.

use std::rc::Rc;

/// Letters, each with the characters that are written for it, in families.
const FAMILIES: [&[(char, &str)]; 10] = [
    &[('a', "4@")],
    &[('b', "8")],
    &[('c', "({[<")],
    &[('e', "3")],
    &[('g', "69")],
    &[('i', "1!|"), ('l', "1|7"), ('t', "+7")],
    &[('o', "0")],
    &[('s', "$5")],
    &[('x', "%")],
    &[('z', "2")],
];

/// Which character stands for which letter, in one family.
type Substitutions = Vec<(char, char)>;

/// The ways to read a text that are left, by family.
#[derive(Debug, Clone)]
pub(super) struct Readings([Rc<[Substitutions]>; FAMILIES.len()]);

/// One way to read a character, and the ways to read the rest that go with it.
pub(super) struct Reading {
    pub(super) letter: char,
    pub(super) readings: Readings,
}

impl Readings {
    /// Every character is what it is.
    pub(super) fn none() -> Self {
        Self(FAMILIES.map(|_| Rc::default()))
    }

    /// All ways to read a text, if any of its characters can be written for
    /// a letter.
    pub(super) fn of(text: &[char]) -> Option<Self> {
        let families = FAMILIES.map(|family| Rc::from(substitutions(family, text)));
        let is_any = families.iter().any(|ways: &Rc<[_]>| !ways.is_empty());
        is_any.then_some(Self(families))
    }

    /// The ways to read the next character, if it is not just what it is.
    pub(super) fn of_character(&self, character: char) -> Option<Vec<Reading>> {
        let family = family_of(character).filter(|&family| !self.0[family].is_empty())?;
        let mut left: Vec<(char, Vec<Substitutions>)> = Vec::new();
        for way in self.0[family].iter() {
            let read = way.iter().find(|(written, _)| *written == character);
            let letter = read.map_or(character, |&(_, letter)| letter);
            match left.iter_mut().find(|(other, _)| *other == letter) {
                Some((_, ways)) => ways.push(way.clone()),
                None => left.push((letter, vec![way.clone()])),
            }
        }
        let to_reading = |(letter, ways): (char, Vec<_>)| {
            let mut readings = self.clone();
            readings.0[family] = ways.into();
            Reading { letter, readings }
        };
        Some(left.into_iter().map(to_reading).collect())
    }
}

fn family_of(character: char) -> Option<usize> {
    FAMILIES.iter().position(|family| {
        family
            .iter()
            .any(|(_, written)| written.contains(character))
    })
}

/// The ways to read the characters of one family that occur in a text.
///
/// Each letter for which any of them can be written is read into one. Where
/// that one stands for another letter already, there is a way with either.
fn substitutions(family: &[(char, &str)], text: &[char]) -> Vec<Substitutions> {
    let mut ways: Vec<Substitutions> = vec![Vec::new()];
    for (letter, written) in family {
        let written: Vec<char> = written.chars().filter(|c| text.contains(c)).collect();
        if written.is_empty() {
            continue;
        }
        let mut longer = Vec::new();
        for character in written {
            for way in &ways {
                let mut other = way.clone();
                if let Some(place) = way.iter().position(|(taken, _)| *taken == character) {
                    longer.push(way.clone());
                    other.remove(place);
                }
                other.push((character, *letter));
                longer.push(other);
            }
        }
        ways = longer;
    }
    ways.retain(|way| !way.is_empty());
    ways
}
