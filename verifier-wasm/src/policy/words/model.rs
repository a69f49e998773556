//! How a word is told: in symbols, each with what is known before it.
//!
//! Words come sorted. Each is told by how many letters it shares with the one
//! before and by the letters that follow; the first of those comes after the
//! letter in whose place it stands, which leaves fewer to choose from. How
//! likely a letter is depends on the one before it, on the kind of the one
//! before that, and on whether it is the first. After its letters comes the
//! word's [`Label`].

use super::coder::{Coder, Table};
use super::rank;

/// What words are made of, in the order of their bytes. A letter's symbol is
/// its place here and one: 0 is the end of a word.
pub(super) const LETTERS: &[u8; 55] = b"!$%'(*+-./0123456789;=?@[]_`abcdefghijklmnopqrstuvwxyz|";

const END: u8 = 0;

/// The symbols of [`LETTERS`], and the end.
const SYMBOLS: usize = LETTERS.len() + 1;

/// The most letters of a word.
pub(super) const LONGEST: usize = 23;

/// Kinds of letters, see [`kind`], and none.
const KINDS: usize = 6;

/// For a digit after a digit it matters instead how many letters there are
/// before it: many of such words are dates.
const PLACES: usize = 9;

/// What is known of the letters before the last one.
const CONTEXTS: usize = KINDS + PLACES;

/// How many letters the word before shared, as far as it matters.
const MOST_SHARED: usize = 5;

/// How long a word is, as far as it matters for its label.
const LONG: usize = 12;

/// The lists that rank words, by the names that they have in the data, and
/// how many words each has.
pub(super) const LISTS: [(&str, u32); 6] = [
    ("passwords", 30_000),
    ("english", 30_000),
    ("female-names", 3_712),
    ("male-names", 983),
    ("surnames", 10_000),
    ("us-tv-and-film", 19_160),
];

/// The label of what is on no ranked list: a common password of digits.
const UNRANKED: usize = 2 * LISTS.len();

/// What is known of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    /// The ranked list that the word is on, by its place in [`LISTS`], and
    /// its rank there from 0, or the first of those that are kept as the same.
    pub(super) ranked: Option<(usize, u32)>,
    /// Whether the word is one of the common passwords.
    pub(super) is_common: bool,
}

impl Label {
    /// What unpacking is told for a label.
    pub(super) const NONE: Self = Self {
        ranked: None,
        is_common: true,
    };
}

/// The rows and the columns of a table.
pub(super) fn shape(table: Table) -> (usize, usize) {
    match table {
        Table::Shared => ((LONGEST + 1) * (MOST_SHARED + 1), LONGEST + 1),
        Table::Letter => (2 * CONTEXTS * SYMBOLS, SYMBOLS),
        Table::Label => (SYMBOLS * (LONG + 1), UNRANKED + 1),
    }
}

/// The symbols of a word, if it can be told in them.
pub(super) fn symbols(word: &[u8]) -> Option<Vec<u8>> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    word.iter().map(|&byte| symbol(byte)).collect()
}

/// The symbol of a byte, if it has one.
pub(super) fn symbol(byte: u8) -> Option<u8> {
    let place = LETTERS.binary_search(&byte).ok()?;
    u8::try_from(place + 1).ok()
}

/// A word, and what the next one is told by.
#[derive(Debug, Clone, Default)]
pub(super) struct Word {
    pub(super) symbols: Vec<u8>,
    shared: usize,
}

impl Word {
    /// The first word of a block.
    pub(super) fn starting(symbols: &[u8]) -> Self {
        Self {
            symbols: symbols.to_vec(),
            shared: 0,
        }
    }

    /// Becomes the next word: `known` when packing.
    pub(super) fn advance(&mut self, coder: &mut impl Coder, known: &[u8]) {
        let row = self.symbols.len() * (MOST_SHARED + 1) + self.shared.min(MOST_SHARED);
        let same = self.symbols.iter().zip(known).take_while(|(a, b)| a == b);
        self.shared = coder.symbol(Table::Shared, row, 0, same.count());

        let mut least = 1 + self.symbols.get(self.shared).map_or(0, |&s| usize::from(s));
        self.symbols.truncate(self.shared);
        while self.symbols.len() < LONGEST {
            let is_first = self.symbols.len() == self.shared;
            let next = known.get(self.symbols.len()).map_or(END, |&s| s);
            let next = coder.symbol(Table::Letter, self.context(is_first), least, next.into());
            let Some(next) = u8::try_from(next).ok().filter(|&next| next != END) else {
                return;
            };
            self.symbols.push(next);
            least = 0;
        }
    }

    /// The label of the word: `known` when packing.
    pub(super) fn label(&self, coder: &mut impl Coder, known: Label) -> Label {
        let last = self.symbols.last().map_or(0, |&s| usize::from(s));
        let row = last * (LONG + 1) + self.symbols.len().min(LONG);
        let list = known.ranked.map(|(list, _)| list);
        let label = list.map_or(UNRANKED, |list| 2 * list + usize::from(known.is_common));
        let label = coder.symbol(Table::Label, row, 0, label);
        let Some((_, words)) = LISTS.get(label / 2) else {
            return Label::NONE;
        };
        let rank = known.ranked.map_or(0, |(_, rank)| rank);
        let rank = coder.interval(*words, rank, rank::interval);
        Label {
            ranked: Some((label / 2, rank)),
            is_common: label % 2 == 1,
        }
    }

    fn context(&self, is_first: bool) -> usize {
        let mut before = self.symbols.iter().rev();
        let last = before.next().map_or(0, |&s| usize::from(s));
        let context = match before.next() {
            _ if kind(last) == DIGIT => KINDS + self.symbols.len().min(PLACES) - 1,
            Some(&before) => kind(before.into()),
            None => 0,
        };
        (usize::from(is_first) * CONTEXTS + context) * SYMBOLS + last
    }
}

/// Which letters behave alike before another one.
fn kind(symbol: usize) -> usize {
    match symbol.checked_sub(1).map(|place| LETTERS[place]) {
        None => 0,
        Some(b'a' | b'e' | b'i' | b'o' | b'u' | b'y') => 1,
        Some(b'0'..=b'9') => DIGIT,
        Some(b'l' | b'r' | b'n' | b'm' | b'w' | b'h') => 3,
        Some(b'a'..=b'z') => 4,
        Some(_) => 5,
    }
}

const DIGIT: usize = 2;
