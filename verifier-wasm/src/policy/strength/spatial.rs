//! Neighbouring keys, on four layouts.

use super::matching::{Match, Pattern, choose, variations};

/// A layout: rows of keys, each with its characters without and with shift.
/// A blank is where no key is.
struct Layout {
    rows: &'static [&'static [&'static str]],
    /// The steps, by column and row, to a key's neighbours.
    steps: &'static [(i8, i8)],
    /// Keys to begin at.
    starts: u64,
    /// Neighbours of a key, on average.
    neighbours: u64,
}

/// Each row of a keyboard lies half a key to the right of the one above.
const SLANTED: &[(i8, i8)] = &[(-1, 0), (0, -1), (1, -1), (1, 0), (0, 1), (-1, 1)];

const ALIGNED: &[(i8, i8)] = &[
    (-1, 0),
    (-1, -1),
    (0, -1),
    (1, -1),
    (1, 0),
    (1, 1),
    (0, 1),
    (-1, 1),
];

const LAYOUTS: [Layout; 4] = [
    Layout {
        rows: &[
            &["`1234567890-=", "~!@#$%^&*()_+"],
            &[" qwertyuiop[]\\", " QWERTYUIOP{}|"],
            &[" asdfghjkl;'", " ASDFGHJKL:\""],
            &[" zxcvbnm,./", " ZXCVBNM<>?"],
        ],
        steps: SLANTED,
        starts: 94,
        neighbours: 4,
    },
    Layout {
        rows: &[
            &["`1234567890[]", "~!@#$%^&*(){}"],
            &[" ',.pyfgcrl/=\\", " \"<>PYFGCRL?+|"],
            &[" aoeuidhtns-", " AOEUIDHTNS_"],
            &[" ;qjkxbmwvz", " :QJKXBMWVZ"],
        ],
        steps: SLANTED,
        starts: 94,
        neighbours: 4,
    },
    Layout {
        rows: &[&[" /*-"], &["789+"], &["456"], &["123"], &[" 0."]],
        steps: ALIGNED,
        starts: 15,
        neighbours: 5,
    },
    Layout {
        rows: &[&[" =/*"], &["789-"], &["456+"], &["123"], &[" 0."]],
        steps: ALIGNED,
        starts: 15,
        neighbours: 5,
    },
];

/// Where a character is: column, row, and whether it takes shift.
type Place = (i8, i8, bool);

/// All runs of three or more neighbouring keys, as long as they go.
pub(super) fn find(text: &[char]) -> Vec<Match> {
    let mut matches = Vec::new();
    for layout in &LAYOUTS {
        let places: Vec<Option<Place>> = text.iter().map(|&c| layout.place(c)).collect();
        let mut start = 0;
        while start + 1 < text.len() {
            let run = layout.run(text[start], &places[start..]);
            if run.length > 2 {
                matches.push(Match {
                    start,
                    end: start + run.length - 1,
                    guesses: layout.guesses(&run),
                    pattern: Pattern::Spatial { turns: run.turns },
                });
            }
            start += run.length;
        }
    }
    matches
}

struct Run {
    length: usize,
    turns: u32,
    shifted: usize,
}

impl Layout {
    fn place(&self, character: char) -> Option<Place> {
        for (row, keys) in (0..).zip(self.rows) {
            for (shift, characters) in keys.iter().enumerate() {
                let column = (0..).zip(characters.chars()).find(|&(_, c)| c == character);
                if let Some((column, _)) = column.filter(|_| character != ' ') {
                    return Some((column, row, shift == 1));
                }
            }
        }
        None
    }

    /// The run of neighbours that begins with `first`.
    fn run(&self, first: char, places: &[Option<Place>]) -> Run {
        let is_shifted = |place: &Option<Place>| place.is_some_and(|(.., shift)| shift);
        let has_shift = self.rows[0].len() > 1;
        // zxcvbn takes the brackets for shifted where a run begins.
        let first_is_shifted = has_shift && (is_shifted(&places[0]) || matches!(first, '[' | ']'));
        let mut run = Run {
            length: 1,
            turns: 0,
            shifted: usize::from(first_is_shifted),
        };
        let mut direction = None;
        for pair in places.windows(2) {
            let (Some(from), Some(to)) = (pair[0], pair[1]) else {
                break;
            };
            let step = (to.0 - from.0, to.1 - from.1);
            let Some(next) = self.steps.iter().position(|&other| other == step) else {
                break;
            };
            if direction != Some(next) {
                run.turns += 1;
                direction = Some(next);
            }
            run.shifted += usize::from(to.2);
            run.length += 1;
        }
        run
    }

    /// All runs that are no longer and have no more turns; and as many times
    /// the ways to hold shift.
    fn guesses(&self, run: &Run) -> u64 {
        let mut guesses: u64 = 0;
        for length in 2..=run.length {
            let most = usize::try_from(run.turns).unwrap_or(length).min(length - 1);
            let mut directions: u64 = 1;
            for turns in 1..=most {
                directions = directions.saturating_mul(self.neighbours);
                let runs = choose(length - 1, turns - 1)
                    .saturating_mul(self.starts)
                    .saturating_mul(directions);
                guesses = guesses.saturating_add(runs);
            }
        }
        let shift = match (run.shifted, run.length - run.shifted) {
            (0, _) => 1,
            (_, 0) => 2,
            (shifted, plain) => variations(shifted, plain),
        };
        guesses.saturating_mul(shift)
    }
}
