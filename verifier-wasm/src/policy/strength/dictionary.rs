//! Words: as they are, backwards, and with digits and symbols for letters.

use std::ops::Range;

use crate::policy::words::{self, Letters, List};

use super::inputs::Inputs;
use super::leet::{Reading, Readings};
use super::lower_case;
use super::matching::{Match, Pattern, variations};

/// All words in a text.
///
/// From each character on, words are followed letter by letter for as long as
/// there are any; a digit or a symbol in all the ways that it can be read. So
/// the work depends on how many beginnings of words a text holds, not on how
/// many ways there are to read all of it.
pub(super) fn find(text: &[char], inputs: &Inputs) -> Vec<Match> {
    let lower: Vec<char> = text.iter().copied().map(lower_case).collect();
    let backwards: Vec<char> = lower.iter().rev().copied().collect();
    let last = text.len().saturating_sub(1);
    let mut matches = Vec::new();

    let plain = Readings::none();
    Walk::all(&lower, inputs, &plain, &mut |word| {
        matches.push(word.to_match(text, &lower, false));
    });
    Walk::all(&backwards, inputs, &plain, &mut |mut word| {
        (word.start, word.end) = (last - word.end, last - word.start);
        matches.push(word.to_match(text, &lower, true));
    });
    if let Some(readings) = Readings::of(text) {
        Walk::all(&lower, inputs, &readings, &mut |word| {
            if !word.substitutions.is_empty() {
                matches.push(word.to_match(text, &lower, false));
            }
        });
    }
    matches
}

/// A word that was found.
struct Word<'s> {
    start: usize,
    end: usize,
    list: Option<List>,
    rank: u32,
    /// Which characters were read as which letters.
    substitutions: &'s [(char, char)],
}

impl Word<'_> {
    fn to_match(&self, text: &[char], lower: &[char], is_reversed: bool) -> Match {
        let part = self.start..=self.end;
        let guesses = u64::from(self.rank)
            .saturating_mul(case_variations(&text[part.clone()]))
            .saturating_mul(leet_variations(&lower[part], self.substitutions))
            .saturating_mul(if is_reversed { 2 } else { 1 });
        Match {
            start: self.start,
            end: self.end,
            guesses,
            pattern: Pattern::Dictionary {
                list: self.list,
                rank: self.rank,
                is_reversed,
                is_leet: !self.substitutions.is_empty(),
            },
        }
    }
}

/// The search for the words that begin at one character.
struct Walk<'a, F> {
    text: &'a [char],
    inputs: &'a Inputs,
    start: usize,
    letters: Letters,
    substitutions: Vec<(char, char)>,
    visit: &'a mut F,
}

impl<'a, F: FnMut(Word<'_>)> Walk<'a, F> {
    fn all(text: &'a [char], inputs: &'a Inputs, readings: &Readings, visit: &'a mut F) {
        let mut walk = Self {
            text,
            inputs,
            start: 0,
            letters: Letters::default(),
            substitutions: Vec::new(),
            visit,
        };
        for start in 0..text.len() {
            walk.start = start;
            walk.go_on(start, readings, true, inputs.all());
        }
    }

    /// Follows what begins with the letters so far, in the lists if
    /// `in_lists`, and among `inputs`.
    fn go_on(&mut self, at: usize, readings: &Readings, in_lists: bool, inputs: Range<usize>) {
        let Some(&character) = self.text.get(at) else {
            return;
        };
        let Some(ways) = readings.of_character(character) else {
            self.go_on_with(character, at, readings, in_lists, inputs);
            return;
        };
        for Reading { letter, readings } in ways {
            let is_new = letter != character && !self.substitutions.contains(&(character, letter));
            if is_new {
                self.substitutions.push((character, letter));
            }
            self.go_on_with(letter, at, &readings, in_lists, inputs.clone());
            if is_new {
                self.substitutions.pop();
            }
        }
    }

    fn go_on_with(
        &mut self,
        letter: char,
        at: usize,
        readings: &Readings,
        in_lists: bool,
        inputs: Range<usize>,
    ) {
        let length = at - self.start;
        let inputs = self.inputs.narrow(inputs, length, letter);
        if let Some(rank) = self.inputs.rank(inputs.clone(), length + 1) {
            self.tell(at, None, rank);
        }
        let in_lists = in_lists && self.letters.push(letter);
        let found = if in_lists {
            words::find(&self.letters)
        } else {
            words::Found::default()
        };
        if let Some((list, rank)) = found.ranked {
            self.tell(at, Some(list), rank);
        }
        if found.continues || !inputs.is_empty() {
            self.go_on(at + 1, readings, found.continues, inputs);
        }
        if in_lists {
            self.letters.pop();
        }
    }

    fn tell(&mut self, end: usize, list: Option<List>, rank: u32) {
        (self.visit)(Word {
            start: self.start,
            end,
            list,
            rank,
            substitutions: &self.substitutions,
        });
    }
}

/// How many ways to write it in capitals are tried until this one is.
fn case_variations(part: &[char]) -> u64 {
    let is_upper = |c: &char| c.is_uppercase();
    if part.iter().all(|&c| c.is_lowercase() || lower_case(c) == c) {
        return 1;
    }
    let upper = part.iter().filter(|c| c.is_uppercase()).count();
    let at_an_end = part.first().is_some_and(is_upper) || part.last().is_some_and(is_upper);
    if (at_an_end && upper == 1) || upper == part.len() {
        return 2;
    }
    let lower = part.iter().filter(|c| c.is_lowercase()).count();
    variations(upper, lower)
}

/// How many ways to write letters as other characters are tried.
fn leet_variations(part: &[char], substitutions: &[(char, char)]) -> u64 {
    let count = |wanted: char| part.iter().filter(|&&c| c == wanted).count();
    substitutions
        .iter()
        .map(
            |&(character, letter)| match (count(character), count(letter)) {
                (_, 0) => 2,
                (written, plain) => variations(written, plain),
            },
        )
        .fold(1, u64::saturating_mul)
}
