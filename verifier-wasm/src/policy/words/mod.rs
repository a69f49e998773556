//! The words that people choose passwords from.
//!
//! Two blocks of bytes in the program, which `data/README.md` tells the
//! sources of and [`pack`] makes:
//!
//! * `words.bin`, the six ranked lists of zxcvbn and the common passwords of
//!   digits, sorted, 128 to a block. Blocks are entropy-coded (`model`,
//!   `coder`), because what is sent to a browser must be small. One is
//!   unpacked when first asked for, which takes microseconds, and kept:
//!   nothing is unpacked at start but the first word of each.
//! * `common.bin`, the other common passwords as a set that holds no text and
//!   is wrong about one in 4,096 of what is not in it (`set`).

mod coder;
mod model;
pub mod pack;
mod rank;
mod set;

use std::sync::{LazyLock, Mutex, PoisonError};

use self::coder::{Decoder, Frequencies, Position, Table, Tables};
use self::model::{Label, Word};

pub use self::set::FALSE_POSITIVES;

static WORDS: LazyLock<Words<'static>> =
    LazyLock::new(|| Words::open(include_bytes!("../../../data/words.bin")));

static COMMON: &[u8] = include_bytes!("../../../data/common.bin");

/// Words in a block.
const BLOCK: usize = 128;

/// A ranked list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Passwords,
    English,
    FemaleNames,
    MaleNames,
    Surnames,
    UsTvAndFilm,
}

/// What there is of a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// The list that it is on as a whole, and its rank there, from 1.
    pub(super) ranked: Option<(List, u32)>,
    /// Whether longer words begin with it.
    pub(super) continues: bool,
}

/// Looks for a word, and for words that begin with it.
pub(super) fn find(word: &Letters) -> Found {
    let (label, continues) = WORDS.find(&word.0);
    let ranked = label.and_then(|label| label.ranked);
    Found {
        ranked: ranked.map(|(list, start)| (list_at(list), rank::middle(start))),
        continues,
    }
}

/// Whether a password, folded, is one of the common ones. Of those that are
/// not, one in [`FALSE_POSITIVES`] is taken for one, but none of digits.
pub(super) fn is_common(folded: &str) -> bool {
    if let Some(symbols) = model::symbols(folded.as_bytes()) {
        if let (Some(label), _) = WORDS.find(&symbols) {
            return label.is_common;
        }
        if is_in_words(folded) {
            return false;
        }
    }
    set::contains(COMMON, folded)
}

/// Whether a common password is among the words and not in the set.
fn is_in_words(folded: &str) -> bool {
    folded.len() <= model::LONGEST && folded.bytes().all(|b| b.is_ascii_digit())
}

/// The beginning of a word, as it is searched for.
#[derive(Debug, Clone, Default)]
pub(super) struct Letters(Vec<u8>);

impl Letters {
    /// Adds a letter, if there are words with such a letter.
    pub(super) fn push(&mut self, letter: char) -> bool {
        let symbol = u8::try_from(letter).ok().and_then(model::symbol);
        self.0.extend(symbol);
        symbol.is_some()
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }
}

/// `words.bin`, opened.
struct Words<'a> {
    tables: Tables<'a>,
    /// The first word of each block.
    heads: Strings,
    blocks: Vec<Mutex<Block<'a>>>,
}

/// A block, as far as it is unpacked.
struct Block<'a> {
    words: Strings,
    labels: Vec<Label>,
    /// The last word so far, and what comes after it.
    last: Word,
    next: Position<'a>,
    left: usize,
}

impl<'a> Words<'a> {
    fn open(bytes: &'a [u8]) -> Self {
        let mut rest = bytes;
        let mut table = |table| {
            let (rows, columns) = model::shape(table);
            Frequencies::new(cut(&mut rest, rows * columns), columns)
        };
        let tables = Tables {
            shared: table(Table::Shared),
            letter: table(Table::Letter),
            label: table(Table::Label),
        };
        let count = number(cut(&mut rest, 4));
        let blocks = count.div_ceil(BLOCK);
        let lengths = cut(&mut rest, 2 * blocks);
        let mut heads_bytes = cut(&mut rest, 4);
        let heads_length = number(heads_bytes);
        heads_bytes = cut(&mut rest, heads_length);
        let mut heads = Strings::default();
        let mut decoder = Decoder::new(&tables, Position::start(heads_bytes));
        let mut head = Word::default();
        let mut blocks = Vec::with_capacity(lengths.len() / 2);
        for (at, length) in lengths.chunks(2).enumerate() {
            head.advance(&mut decoder, &[]);
            heads.push(&head.symbols);
            blocks.push(Mutex::new(Block {
                words: Strings::default(),
                labels: Vec::new(),
                last: Word::starting(&head.symbols),
                next: Position::start(cut(&mut rest, number(length))),
                left: BLOCK.min(count - at * BLOCK),
            }));
        }
        Self {
            tables,
            heads,
            blocks,
        }
    }

    /// The label of a word, if it is one, and whether there are longer ones
    /// that begin like it.
    fn find(&self, word: &[u8]) -> (Option<Label>, bool) {
        let before = self.heads.partition_point(|head| head <= word);
        let next_head_continues = self.heads.starts_with(before, word);
        let Some(block) = before.checked_sub(1) else {
            return (None, next_head_continues);
        };
        let mut block = self.blocks[block]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        block.unpack_beyond(word, &self.tables);
        let place = block.words.partition_point(|other| other < word);
        let label = (block.words.at(place) == Some(word)).then(|| block.labels[place]);
        let next = place + usize::from(label.is_some());
        let continues = block.words.starts_with(next, word);
        (label, continues || next_head_continues)
    }
}

impl<'a> Block<'a> {
    /// Unpacks until there is a word after `word`, or none is left.
    fn unpack_beyond(&mut self, word: &[u8], tables: &Tables<'a>) {
        let last = self.words.len().checked_sub(1);
        let is_beyond = |last: &[u8]| last > word;
        if last
            .and_then(|last| self.words.at(last))
            .is_some_and(is_beyond)
        {
            return;
        }
        let mut decoder = Decoder::new(tables, self.next);
        while self.left > 0 {
            if self.words.len() > 0 {
                self.last.advance(&mut decoder, &[]);
            }
            self.words.push(&self.last.symbols);
            self.labels.push(self.last.label(&mut decoder, Label::NONE));
            self.left -= 1;
            if is_beyond(&self.last.symbols) {
                break;
            }
        }
        self.next = decoder.position();
    }
}

/// Strings, one after the other.
#[derive(Default)]
struct Strings {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Strings {
    fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends
            .push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn at(&self, place: usize) -> Option<&[u8]> {
        let end = *self.ends.get(place)? as usize;
        let start = place
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        self.bytes.get(start..end)
    }

    fn starts_with(&self, place: usize, start: &[u8]) -> bool {
        self.at(place)
            .is_some_and(|string| string.starts_with(start))
    }

    /// How many of the strings, which are sorted, are `before`.
    fn partition_point(&self, before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.at(middle).is_some_and(&before) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// The next `length` bytes of `rest`, or what there is of them.
fn cut<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (cut, after) = rest.split_at(length.min(rest.len()));
    *rest = after;
    cut
}

/// A number, its lowest byte first.
fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rev()
        .fold(0, |number, &byte| number << 8 | usize::from(byte))
}

fn list_at(place: usize) -> List {
    match place {
        0 => List::Passwords,
        1 => List::English,
        2 => List::FemaleNames,
        3 => List::MaleNames,
        4 => List::Surnames,
        _ => List::UsTvAndFilm,
    }
}

#[cfg(test)]
mod tests;
