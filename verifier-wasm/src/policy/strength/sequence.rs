//! Characters at equal distances, such as `abc`, `6543` or `97531`.

use super::matching::{Match, Pattern};

/// The greatest distance that counts.
const FARTHEST: i32 = 5;

/// All sequences of three or more characters, and of two that are neighbours.
pub(super) fn find(text: &[char]) -> Vec<Match> {
    let steps: Vec<i32> = text
        .windows(2)
        .map(|pair| code(pair[1]) - code(pair[0]))
        .collect();
    let mut matches = Vec::new();
    let (mut start, mut current) = (0, 0);
    for (end, &step) in steps.iter().enumerate() {
        // Equal characters count to a sequence that begins after them.
        if current == 0 || current == step {
            current = step;
            continue;
        }
        matches.extend(sequence(text, start, end, current));
        start = end;
        current = step;
    }
    if !steps.is_empty() {
        matches.extend(sequence(text, start, text.len() - 1, current));
    }
    matches
}

fn sequence(text: &[char], start: usize, end: usize, step: i32) -> Option<Match> {
    let is_one = (end - start > 1 || step.abs() == 1) && (1..=FARTHEST).contains(&step.abs());
    let starts = match text[start] {
        'a' | 'A' | 'z' | 'Z' | '0' | '1' | '9' => 4,
        '0'..='9' => 10,
        _ => 26,
    };
    let directions = if step < 0 { 2 } else { 1 };
    is_one.then(|| Match {
        start,
        end,
        guesses: starts * directions * (end - start + 1) as u64,
        pattern: Pattern::Sequence,
    })
}

fn code(character: char) -> i32 {
    i32::try_from(u32::from(character)).unwrap_or(i32::MAX)
}
