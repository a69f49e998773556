//! The sequence of patterns that takes the fewest guesses.

use super::matching::{Match, Pattern};

/// Guesses for a character that follows no pattern.
const BRUTE_FORCE: u64 = 10;

/// The fewest guesses for a part of a password: of one character, of more.
const FEWEST_SINGLE: u64 = 10;
const FEWEST: u64 = 50;

/// Guesses that are made with fewer parts before one more is tried.
const BEFORE_ONE_MORE: u64 = 10_000;

/// What a password takes to guess.
#[derive(Debug, Clone, Default)]
pub(super) struct Guesses {
    pub(super) guesses: u64,
    /// The parts that it is guessed in, which cover it.
    pub(super) sequence: Vec<Match>,
}

/// The best sequence found so far that covers a beginning of the password in
/// a certain number of parts.
struct Best {
    parts: u32,
    last: Match,
    /// The product of the guesses of the parts.
    product: u64,
    /// The guesses for all of it: every order of the parts, after all shorter
    /// sequences.
    total: u64,
}

/// Searches for the sequence that takes the fewest guesses, out of `matches`
/// (in the order of their last characters) and of brute force between them.
pub(super) fn search(length: usize, matches: &[Match]) -> Guesses {
    let mut search = Search {
        length,
        best: Vec::with_capacity(length),
    };
    let mut matches = matches.iter().peekable();
    for end in 0..length {
        search.best.push(Vec::new());
        while let Some(found) = matches.next_if(|found| found.end == end) {
            search.try_match(found, false);
        }
        for start in 0..=end {
            search.try_match(&brute_force(start, end), true);
        }
    }
    search.finish()
}

struct Search {
    length: usize,
    /// For each character, the best sequences that end there, by parts.
    best: Vec<Vec<Best>>,
}

impl Search {
    /// Tries a match after each of the sequences that end before it.
    fn try_match(&mut self, found: &Match, is_brute_force: bool) {
        let guesses = found.guesses.max(self.fewest(found));
        let Some(before) = found.start.checked_sub(1) else {
            self.try_sequence(found, 1, guesses);
            return;
        };
        for at in 0..self.best[before].len() {
            let earlier = &self.best[before][at];
            // Two parts of brute force in a row are never better than one.
            if is_brute_force && earlier.last.pattern == Pattern::BruteForce {
                continue;
            }
            let (parts, product) = (earlier.parts + 1, earlier.product.saturating_mul(guesses));
            self.try_sequence(found, parts, product);
        }
    }

    fn try_sequence(&mut self, last: &Match, parts: u32, product: u64) {
        let orders = (1..=u64::from(parts)).fold(1, u64::saturating_mul);
        let shorter = BEFORE_ONE_MORE.saturating_pow(parts - 1);
        let total = orders.saturating_mul(product).saturating_add(shorter);
        let best = &mut self.best[last.end];
        if best
            .iter()
            .any(|other| other.parts <= parts && other.total <= total)
        {
            return;
        }
        let new = Best {
            parts,
            last: last.clone(),
            product,
            total,
        };
        match best.binary_search_by_key(&parts, |other| other.parts) {
            Ok(at) => best[at] = new,
            Err(at) => best.insert(at, new),
        }
    }

    fn fewest(&self, found: &Match) -> u64 {
        match found.length() {
            whole if whole == self.length => 1,
            1 => FEWEST_SINGLE,
            _ => FEWEST,
        }
    }

    fn finish(self) -> Guesses {
        let all = self
            .best
            .last()
            .and_then(|best| best.iter().min_by_key(|best| best.total));
        let Some(all) = all else {
            return Guesses::default();
        };
        let mut sequence = vec![all.last.clone()];
        let (mut parts, mut start) = (all.parts, all.last.start);
        while let Some(end) = start.checked_sub(1) {
            parts -= 1;
            let Some(before) = self.best[end].iter().find(|best| best.parts == parts) else {
                break;
            };
            sequence.push(before.last.clone());
            start = before.last.start;
        }
        sequence.reverse();
        Guesses {
            guesses: all.total,
            sequence,
        }
    }
}

/// Always a little more than the fewest, so that a pattern goes first.
fn brute_force(start: usize, end: usize) -> Match {
    let length = end - start + 1;
    let guesses = BRUTE_FORCE.saturating_pow(u32::try_from(length).unwrap_or(u32::MAX));
    let fewest = if length == 1 { FEWEST_SINGLE } else { FEWEST };
    Match {
        start,
        end,
        guesses: guesses.max(fewest + 1),
        pattern: Pattern::BruteForce,
    }
}
