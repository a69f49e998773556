//! The same part several times in a row.

use super::inputs::Inputs;
use super::matching::{Match, Pattern, find_all};
use super::search::search;

/// Parts that repeat, from left to right, without overlaps.
pub(super) fn find(text: &[char], inputs: &Inputs, year: i32) -> Vec<Match> {
    let mut matches = Vec::new();
    let mut from = 0;
    while let Some((start, period, times)) = next(text, from) {
        let part = &text[start..start + period];
        let once = search(part.len(), &find_all(part, inputs, year));
        let length = period * times;
        matches.push(Match {
            start,
            end: start + length - 1,
            guesses: once.guesses.saturating_mul(times as u64),
            pattern: Pattern::Repeat {
                is_of_one: period == 1,
            },
        });
        from = start + length;
    }
    matches
}

/// The first part from `from` on that repeats: where it begins, how long it is
/// and how often it is there.
///
/// Of those that begin at the same character it is the shortest, or if that
/// covers more, the longest, in the shortest part that makes it up: `a` twice
/// in `aabab`, but `aab` twice in `aabaab`. Line feeds are in no part.
fn next(text: &[char], from: usize) -> Option<(usize, usize, usize)> {
    for start in from..text.len() {
        let rest = &text[start..];
        let line = rest.iter().position(|&c| c == '\n').unwrap_or(rest.len());
        let most = line.min(rest.len() / 2);
        let repeats = |&period: &usize| rest[..period] == rest[period..2 * period];
        let Some(shortest) = (1..=most).find(repeats) else {
            continue;
        };
        let longest = (1..=most).rev().find(repeats).unwrap_or(shortest);
        let covered = |period| period * times(rest, period);
        if covered(longest) <= covered(shortest) {
            return Some((start, shortest, times(rest, shortest)));
        }
        let whole = &rest[..covered(longest)];
        let makes_up = |&period: &usize| {
            whole.len().is_multiple_of(period) && times(whole, period) * period == whole.len()
        };
        let period = (1..=longest).find(makes_up).unwrap_or(longest);
        return Some((start, period, whole.len() / period));
    }
    None
}

/// How often the first `period` characters are there in a row.
fn times(text: &[char], period: usize) -> usize {
    let first = &text[..period];
    text.chunks(period)
        .take_while(|part| *part == first)
        .count()
}
