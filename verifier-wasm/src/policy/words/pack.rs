//! Makes `data/words.bin` and `data/common.bin` out of the lists that
//! `data/README.md` names. Nothing of this is in a program that only looks
//! words up.

use std::collections::BTreeMap;
use std::ops::Range;

use super::coder::{Coder, Encoder, Frequencies, Table, Tables};
use super::model::{self, LISTS, Label, Word};
use super::{BLOCK, is_in_words, set};
use crate::policy::text::fold;

/// The two blocks of bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Packed {
    /// The ranked words and the common passwords of digits.
    pub words: Vec<u8>,
    /// The other common passwords.
    pub common: Vec<u8>,
}

/// A list that cannot be packed, and why.
#[derive(Debug)]
pub struct Unpackable(String);

impl std::fmt::Display for Unpackable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unpackable {}

/// Packs the lists.
///
/// `ranked` has a word on each line, a list's most common first, and before
/// each list a line with `# ` and its name; `common` a password on each line,
/// in any order and case.
///
/// # Errors
///
/// Names the word or the list that has no place in the form.
pub fn pack(ranked: &str, common: &str) -> Result<Packed, Unpackable> {
    let mut words = labels(ranked)?;
    let mut others = std::collections::BTreeSet::new();
    for password in common.lines().map(fold).filter(|word| !word.is_empty()) {
        if let Some(label) = words.get_mut(password.as_bytes()) {
            label.is_common = true;
        } else if is_in_words(&password) {
            words.insert(password.into_bytes(), Label::NONE);
        } else {
            others.insert(password);
        }
    }
    let words: Vec<(Vec<u8>, Label)> = words
        .into_iter()
        .filter_map(|(word, label)| Some((model::symbols(&word)?, label)))
        .collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    Ok(Packed {
        words: pack_words(&words),
        common: set::pack(others.into_iter()),
    })
}

fn labels(ranked: &str) -> Result<BTreeMap<Vec<u8>, Label>, Unpackable> {
    let mut words = BTreeMap::new();
    let mut list = None;
    let mut position = 0;
    for line in ranked.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            let of_name = LISTS.iter().position(|(list, _)| *list == name);
            list = Some(of_name.ok_or_else(|| Unpackable(format!("there is no list {name}")))?);
            position = 0;
            continue;
        }
        position += 1;
        let list = list.filter(|&list| position <= LISTS[list].1);
        let (Some(list), Some(_)) = (list, model::symbols(line.as_bytes())) else {
            return Err(Unpackable(format!("{line} cannot be packed")));
        };
        let ranked = Some((list, position - 1));
        let label = Label {
            ranked,
            is_common: false,
        };
        if words.insert(line.as_bytes().to_vec(), label).is_some() {
            return Err(Unpackable(format!("{line} is there twice")));
        }
    }
    Ok(words)
}

fn pack_words(words: &[(Vec<u8>, Label)]) -> Vec<u8> {
    let mut count = Count::default();
    code_heads(&mut count, words);
    for block in words.chunks(BLOCK) {
        code_block(&mut count, block);
    }
    let [shared, letter, label] =
        [Table::Shared, Table::Letter, Table::Label].map(|table| count.frequencies(table));
    let tables = Tables {
        shared: Frequencies::new(&shared, model::shape(Table::Shared).1),
        letter: Frequencies::new(&letter, model::shape(Table::Letter).1),
        label: Frequencies::new(&label, model::shape(Table::Label).1),
    };

    let encode = |code: &dyn Fn(&mut Encoder<'_>)| {
        let mut encoder = Encoder::new(&tables);
        code(&mut encoder);
        encoder.finish()
    };
    let heads = encode(&|encoder| code_heads(encoder, words));
    let blocks: Vec<Vec<u8>> = words
        .chunks(BLOCK)
        .map(|block| encode(&|encoder| code_block(encoder, block)))
        .collect();

    let mut packed = [shared.as_slice(), &letter, &label].concat();
    packed.extend(u32::try_from(words.len()).unwrap_or(u32::MAX).to_le_bytes());
    for block in &blocks {
        packed.extend(u16::try_from(block.len()).unwrap_or(u16::MAX).to_le_bytes());
    }
    packed.extend(u32::try_from(heads.len()).unwrap_or(u32::MAX).to_le_bytes());
    packed.extend(heads);
    packed.extend(blocks.concat());
    packed
}

fn code_heads(coder: &mut impl Coder, words: &[(Vec<u8>, Label)]) {
    let mut head = Word::default();
    for (word, _) in words.iter().step_by(BLOCK) {
        head.advance(coder, word);
    }
}

fn code_block(coder: &mut impl Coder, block: &[(Vec<u8>, Label)]) {
    let mut current = Word::default();
    for (place, (word, label)) in block.iter().enumerate() {
        if place == 0 {
            current = Word::starting(word);
        } else {
            current.advance(coder, word);
        }
        current.label(coder, *label);
    }
}

/// Counts how often each symbol occurs in each row of each table.
#[derive(Default)]
struct Count(BTreeMap<(u8, usize, usize), u32>);

impl Count {
    /// The table, each row scaled to bytes. What occurs is never 0.
    fn frequencies(&self, table: Table) -> Vec<u8> {
        let (rows, columns) = model::shape(table);
        let mut frequencies = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            let count = |column| {
                self.0
                    .get(&(table as u8, row, column))
                    .copied()
                    .unwrap_or(0)
            };
            let most = (0..columns).map(count).max().unwrap_or(0).max(1);
            frequencies.extend((0..columns).map(count).map(|count| {
                let scaled = (u64::from(count) * 255).div_ceil(u64::from(most));
                u8::try_from(scaled).unwrap_or(u8::MAX)
            }));
        }
        frequencies
    }
}

impl Coder for Count {
    fn symbol(&mut self, table: Table, row: usize, _: usize, known: usize) -> usize {
        *self.0.entry((table as u8, row, known)).or_default() += 1;
        known
    }

    fn interval(&mut self, _: u32, known: u32, _: fn(u32) -> Range<u32>) -> u32 {
        known
    }
}
