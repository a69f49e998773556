//! A range coder over fixed tables: what packs words, and unpacks them.
//!
//! Whoever codes says which table a symbol is drawn from, and both directions
//! run through the same code: [`Coder::symbol`] is told the symbol by who
//! packs, and tells it to who unpacks. [`Count`](super::pack) is a third kind
//! of coder, which makes the tables.

use std::ops::Range;

/// Something that symbols are written to or read from.
pub(super) trait Coder {
    /// Codes one symbol of a row of a table: one that is not below `least`.
    /// `known` is the symbol when packing, and without meaning otherwise.
    fn symbol(&mut self, table: Table, row: usize, least: usize, known: usize) -> usize;

    /// Codes in which of the intervals that `0..size` is cut into a number
    /// lies, all numbers being as likely, and returns its first number.
    /// `known` is a number in it when packing.
    fn interval(&mut self, size: u32, known: u32, interval: fn(u32) -> Range<u32>) -> u32;
}

/// The tables of frequencies. Each is rows of bytes: how often each symbol
/// occurs in one context, as a share of the most frequent one's 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// How many letters a word shares with the one before.
    Shared,
    /// The next letter.
    Letter,
    /// Which list the word is on.
    Label,
}

/// Frequencies, and sums of them so that a search need not add up all.
pub(super) struct Frequencies<'a> {
    bytes: &'a [u8],
    width: usize,
    /// For every row what is before each group, and before the end.
    sums: Vec<u32>,
}

/// Symbols in a group.
const GROUP: usize = 8;

/// A row of frequencies.
struct Row<'t> {
    frequencies: &'t [u8],
    sums: &'t [u32],
}

impl<'a> Frequencies<'a> {
    pub(super) fn new(bytes: &'a [u8], width: usize) -> Self {
        let mut sums = Vec::with_capacity(bytes.len() / GROUP + bytes.len() / width);
        for row in bytes.chunks(width) {
            let mut sum = 0;
            for group in row.chunks(GROUP) {
                sums.push(sum);
                sum += sum_of(group);
            }
            sums.push(sum);
        }
        Self { bytes, width, sums }
    }

    fn row(&self, row: usize) -> Row<'_> {
        let groups = self.width.div_ceil(GROUP) + 1;
        let (start, first) = (row * self.width, row * groups);
        Row {
            frequencies: self.bytes.get(start..start + self.width).unwrap_or(&[]),
            sums: self.sums.get(first..first + groups).unwrap_or(&[]),
        }
    }
}

impl Row<'_> {
    fn sum(&self) -> u32 {
        self.sums.last().copied().unwrap_or(0)
    }

    /// The sum of what is before a symbol.
    fn before(&self, symbol: usize) -> u32 {
        let group = symbol / GROUP;
        let rest = self.frequencies.iter().take(symbol).skip(group * GROUP);
        let before = self.sums.get(group).copied().unwrap_or(0);
        before + rest.copied().map(u32::from).sum::<u32>()
    }

    /// The symbol whose share of the sum `target` is in, what is before it,
    /// and how frequent it is.
    fn find(&self, target: u32) -> (usize, u32, u32) {
        let mut group = 0;
        while self.sums.get(group + 1).is_some_and(|&sum| sum <= target) {
            group += 1;
        }
        let mut before = self.sums.get(group).copied().unwrap_or(0);
        for (symbol, &size) in self.frequencies.iter().enumerate().skip(group * GROUP) {
            let size = u32::from(size);
            if target < before + size {
                return (symbol, before, size);
            }
            before += size;
        }
        (0, 0, 1)
    }
}

/// The sum of up to eight bytes, added up in pairs: there are 97,000 of them to
/// add up before the first word is found.
fn sum_of(group: &[u8]) -> u32 {
    let mut bytes = [0; GROUP];
    bytes[..group.len()].copy_from_slice(group);
    let all = u64::from_le_bytes(bytes);
    let pairs = (all & 0x00ff_00ff_00ff_00ff) + (all >> 8 & 0x00ff_00ff_00ff_00ff);
    let sum = pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48;
    u32::try_from(sum).unwrap_or(0)
}

/// The three tables.
pub(super) struct Tables<'a> {
    pub(super) shared: Frequencies<'a>,
    pub(super) letter: Frequencies<'a>,
    pub(super) label: Frequencies<'a>,
}

impl<'a> Tables<'a> {
    fn of(&self, table: Table) -> &Frequencies<'a> {
        match table {
            Table::Shared => &self.shared,
            Table::Letter => &self.letter,
            Table::Label => &self.label,
        }
    }
}

/// Below this the range is too coarse, and a byte of it is settled.
const FINE: u32 = 1 << 24;

/// Reads what [`Encoder`] wrote.
pub(super) struct Decoder<'t, 'a> {
    tables: &'t Tables<'a>,
    at: Position<'a>,
}

/// How far a decoder has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position<'a> {
    bytes: &'a [u8],
    range: u32,
    code: u32,
}

impl<'a> Position<'a> {
    /// Before the first of what is in `bytes`.
    pub(super) fn start(bytes: &'a [u8]) -> Self {
        let mut start = Self {
            bytes,
            range: u32::MAX,
            code: 0,
        };
        for _ in 0..4 {
            start.code = start.code << 8 | start.next_byte();
        }
        start
    }

    /// What follows the end does not matter: see [`Encoder::finish`].
    fn next_byte(&mut self) -> u32 {
        let Some((&byte, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        u32::from(byte)
    }

    /// Takes `low..low + size` shares of the range.
    fn take(&mut self, share: u32, low: u32, size: u32) {
        self.code = self.code.wrapping_sub(low.wrapping_mul(share));
        self.range = size.wrapping_mul(share).max(1);
        while self.range < FINE {
            self.code = self.code << 8 | self.next_byte();
            self.range <<= 8;
        }
    }
}

impl<'t, 'a> Decoder<'t, 'a> {
    pub(super) fn new(tables: &'t Tables<'a>, at: Position<'a>) -> Self {
        Self { tables, at }
    }

    pub(super) fn position(&self) -> Position<'a> {
        self.at
    }
}

impl Coder for Decoder<'_, '_> {
    fn symbol(&mut self, table: Table, row: usize, least: usize, _: usize) -> usize {
        let row = self.tables.of(table).row(row);
        let before = row.before(least);
        let total = row.sum().saturating_sub(before);
        if total == 0 {
            return 0; // What was never coded: the data is not what was packed.
        }
        let share = self.at.range / total;
        let target = (self.at.code / share).min(total - 1);
        let (symbol, low, size) = row.find(before + target);
        self.at.take(share, low.saturating_sub(before), size);
        symbol
    }

    fn interval(&mut self, size: u32, _: u32, interval: fn(u32) -> Range<u32>) -> u32 {
        let share = self.at.range / size;
        let Range { start, end } = interval((self.at.code / share).min(size - 1));
        self.at.take(share, start, end.min(size) - start);
        start
    }
}

/// Writes symbols in as many bits as their frequencies say.
pub(super) struct Encoder<'a> {
    tables: &'a Tables<'a>,
    bytes: Vec<u8>,
    low: u32,
    range: u32,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(tables: &'a Tables<'a>) -> Self {
        Self {
            tables,
            bytes: Vec::new(),
            low: 0,
            range: u32::MAX,
        }
    }

    /// The bytes; whatever is read after them, the symbols are the same.
    pub(super) fn finish(mut self) -> Vec<u8> {
        // The range has at least 24 bits, so it holds all that begins with
        // the next multiple of 2^16.
        self.add(0xffff);
        let [first, second, ..] = self.low.to_be_bytes();
        self.bytes.extend([first, second]);
        self.bytes
    }

    fn take(&mut self, share: u32, low: u32, size: u32) {
        self.add(low * share);
        self.range = size * share;
        while self.range < FINE {
            let [first, ..] = self.low.to_be_bytes();
            self.bytes.push(first);
            self.low <<= 8;
            self.range <<= 8;
        }
    }

    fn add(&mut self, amount: u32) {
        let (low, carry) = self.low.overflowing_add(amount);
        self.low = low;
        if carry {
            for byte in self.bytes.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
    }
}

impl Coder for Encoder<'_> {
    fn symbol(&mut self, table: Table, row: usize, least: usize, known: usize) -> usize {
        let row = self.tables.of(table).row(row);
        let before = row.before(least);
        let share = self.range / (row.sum() - before);
        let size = u32::from(row.frequencies[known]);
        self.take(share, row.before(known) - before, size);
        known
    }

    fn interval(&mut self, size: u32, known: u32, interval: fn(u32) -> Range<u32>) -> u32 {
        let Range { start, end } = interval(known);
        self.take(self.range / size, start, end.min(size) - start);
        start
    }
}
