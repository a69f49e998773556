//! What a power cut leaves of files: all that was synced, and of the rest what the disk
//! happened to have written.
//!
//! The rules are stricter than those of any one file system: what was written after the
//! last sync of its file survives in any selection of sectors and whatever its order; a name
//! that was made or taken away survives only with a sync of the folder; and what a sync that
//! failed has dropped is not brought back by a later one that works.

use std::collections::BTreeMap;

/// Files by name.
pub type Image = BTreeMap<String, Vec<u8>>;

/// What becomes of that which was not synced.
#[derive(Clone, Copy, Debug, Default)]
pub enum Survival {
    /// All of it is lost.
    #[default]
    Nothing,
    /// All of it is there.
    Everything,
    /// Chance decides for each sector; the same number, the same chance.
    Chance(u64),
}

/// What a disk writes at once or not at all.
const SECTOR: usize = 512;

/// The head of an entry, as `faults.c` writes it.
const HEAD: usize = 16;

/// What a server did to the files.
#[derive(Debug)]
pub(super) struct Record<'a>(Vec<Entry<'a>>);

#[derive(Debug)]
struct Entry<'a> {
    name: &'a str,
    what: What<'a>,
}

#[derive(Clone, Copy, Debug)]
enum What<'a> {
    Create,
    Write { place: usize, bytes: &'a [u8] },
    Truncate { size: usize },
    Sync,
    FailedSync,
    Unlink,
}

impl<'a> Record<'a> {
    /// Reads a record, whose last entry may be torn: the server was killed.
    pub(super) fn read(mut journal: &'a [u8]) -> Self {
        let mut entries = Vec::new();
        while let Some((entry, rest)) = entry(journal) {
            entries.push(entry);
            journal = rest;
        }
        Self(entries)
    }

    /// What is there after the power is back.
    pub(super) fn cut(&self, survival: Survival) -> Image {
        let mut disk = Disk {
            luck: Luck(match survival {
                Survival::Chance(seed) => seed,
                _ => 0,
            }),
            survival,
            ..Disk::default()
        };
        for entry in &self.0 {
            disk.carry_out(entry);
        }
        disk.cut()
    }
}

fn entry(journal: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (head, rest) = journal.split_at_checked(HEAD)?;
    let count = usize::try_from(u32::from_ne_bytes(head[4..8].try_into().ok()?)).ok()?;
    let place = usize::try_from(u64::from_ne_bytes(head[8..16].try_into().ok()?)).ok()?;
    let (name, rest) = rest.split_at_checked(usize::from(head[1]))?;
    let (bytes, rest) = rest.split_at_checked(count)?;
    let what = match head[0] {
        b'C' => What::Create,
        b'W' => What::Write { place, bytes },
        b'T' => What::Truncate { size: place },
        b'S' => What::Sync,
        b'F' => What::FailedSync,
        b'U' => What::Unlink,
        other => panic!("an entry of the kind {other}"),
    };
    let name = std::str::from_utf8(name).expect("a name of text");
    Some((Entry { name, what }, rest))
}

/// The disk while the server ran: what is safe, and what only the system's memory has.
#[derive(Default)]
struct Disk<'a> {
    files: Vec<File<'a>>,
    /// What the server sees.
    names: BTreeMap<&'a str, usize>,
    safe_names: BTreeMap<&'a str, usize>,
    unsafe_names: Vec<(&'a str, Option<usize>)>,
    survival: Survival,
    luck: Luck,
}

#[derive(Default)]
struct File<'a> {
    safe: Vec<u8>,
    unsynced: Vec<What<'a>>,
}

impl<'a> Disk<'a> {
    fn carry_out(&mut self, entry: &Entry<'a>) {
        let name = entry.name;
        let is_folder = name.is_empty();
        match entry.what {
            What::Create => {
                let file = self.files.len();
                self.files.push(File::default());
                self.names.insert(name, file);
                self.unsafe_names.push((name, Some(file)));
            }
            What::Unlink => {
                self.names.remove(name);
                self.unsafe_names.push((name, None));
            }
            What::Sync if is_folder => self.keep_names(self.unsafe_names.len()),
            What::FailedSync if is_folder => {}
            what => {
                // What has no name any more is gone with the power in any case.
                let Some(&file) = self.names.get(name) else {
                    return;
                };
                let file = &mut self.files[file];
                match what {
                    What::Sync => file.write_back(Survival::Everything, &mut self.luck),
                    What::FailedSync => file.write_back(self.survival, &mut self.luck),
                    change => file.unsynced.push(change),
                }
            }
        }
    }

    fn keep_names(&mut self, count: usize) {
        for (name, file) in self.unsafe_names.drain(..count) {
            match file {
                Some(file) => self.safe_names.insert(name, file),
                None => self.safe_names.remove(name),
            };
        }
    }

    fn cut(mut self) -> Image {
        let named = match self.survival {
            Survival::Nothing => 0,
            Survival::Everything => self.unsafe_names.len(),
            Survival::Chance(_) => self.luck.below(self.unsafe_names.len() + 1),
        };
        self.keep_names(named);
        let mut image = Image::new();
        for (name, &file) in &self.safe_names {
            let file = &mut self.files[file];
            file.write_back(self.survival, &mut self.luck);
            image.insert((*name).to_owned(), file.safe.clone());
        }
        image
    }
}

impl File<'_> {
    /// Writes what is not synced, as far as it survives, and forgets the rest.
    fn write_back(&mut self, survival: Survival, luck: &mut Luck) {
        let mut survives = || match survival {
            Survival::Nothing => false,
            Survival::Everything => true,
            Survival::Chance(_) => luck.below(2) == 0,
        };
        for change in self.unsynced.drain(..) {
            match change {
                What::Truncate { size } if survives() => self.safe.resize(size, 0),
                What::Write { place, bytes } => {
                    let mut place = place;
                    let mut rest = bytes;
                    while !rest.is_empty() {
                        let count = rest.len().min(SECTOR - place % SECTOR);
                        let (sector, others) = rest.split_at(count);
                        if survives() {
                            let end = place + count;
                            self.safe.resize(self.safe.len().max(end), 0);
                            self.safe[place..end].copy_from_slice(sector);
                        }
                        (place, rest) = (place + count, others);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Chance that can be repeated (SplitMix64).
#[derive(Default)]
struct Luck(u64);

impl Luck {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound as u64).expect("less than the bound")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(entries: &[(u8, &str, u64, &[u8])]) -> Vec<u8> {
        let mut journal = Vec::new();
        for (what, name, place, bytes) in entries {
            journal.extend([*what, u8::try_from(name.len()).expect("short"), 0, 0]);
            journal.extend(u32::try_from(bytes.len()).expect("short").to_ne_bytes());
            journal.extend(place.to_ne_bytes());
            journal.extend(name.as_bytes());
            journal.extend(*bytes);
        }
        journal
    }

    fn cut(journal: &[u8], survival: Survival) -> Vec<(String, Vec<u8>)> {
        Record::read(journal).cut(survival).into_iter().collect()
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_by_chance() {
        let new = [2; 3 * SECTOR];
        let journal = journal(&[
            (b'C', "a", 0, b""),
            (b'W', "a", 0, &[1; 2 * SECTOR]),
            (b'S', "a", 0, b""),
            (b'S', "", 0, b""),
            (b'W', "a", 0, &new),
            (b'C', "b", 0, b""),
        ]);
        let old = ("a".to_owned(), vec![1; 2 * SECTOR]);
        assert_eq!(cut(&journal, Survival::Nothing), [old]);
        let all = [("a".to_owned(), new.to_vec()), ("b".to_owned(), Vec::new())];
        assert_eq!(cut(&journal, Survival::Everything), all);
        // The last entry is torn: it did not happen.
        assert_eq!(
            cut(&journal[..journal.len() - 1], Survival::Everything),
            all[..1]
        );

        let torn = (0..50).any(|seed| {
            let file = &cut(&journal, Survival::Chance(seed))[0].1;
            file.starts_with(&[1]) && file.len() == 3 * SECTOR
        });
        assert!(torn, "the first sector is lost and the third is there");
    }

    #[test]
    fn a_sync_that_works_does_not_bring_back_what_one_that_failed_has_dropped() {
        let journal = journal(&[
            (b'C', "a", 0, b""),
            (b'S', "", 0, b""),
            (b'W', "a", 0, b"lost"),
            (b'F', "a", 0, b""),
            (b'W', "a", 4, b"kept"),
            (b'S', "a", 0, b""),
        ]);
        let kept = ("a".to_owned(), b"\0\0\0\0kept".to_vec());
        assert_eq!(cut(&journal, Survival::Nothing), [kept]);
    }

    #[test]
    fn a_name_is_lost_without_a_sync_of_the_folder() {
        let journal = journal(&[
            (b'C', "a", 0, b""),
            (b'S', "a", 0, b""),
            (b'U', "a", 0, b""),
        ]);
        assert_eq!(cut(&journal[..HEAD * 2 + 2], Survival::Nothing), []);
        assert_eq!(cut(&journal, Survival::Everything), []);
    }
}
