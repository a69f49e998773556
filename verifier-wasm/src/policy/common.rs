//! The list of common passwords.
//!
//! It is one block of bytes in the program, searched where it lies: nothing is
//! unpacked or built at start. `data/README.md` says where it comes from, and
//! `examples/common_passwords.rs` makes it.
//!
//! The words are folded and sorted by their bytes, sixteen to a line. The
//! first of a line is written out. Before each other one, a single control
//! character tells how many bytes it shares with the word before it; only the
//! rest follows. With the counts in angle brackets:
//!
//! ```text
//! zxcvbn<6>1<7>2<6>m<7>1
//! ```
//!
//! is `zxcvbn zxcvbn1 zxcvbn12 zxcvbnm zxcvbnm1`. A search jumps into the
//! middle of the block, steps back to where that line begins, compares its
//! first word, and goes on with one half.

use super::text::fold;

static LIST: &[u8] = include_bytes!("../../data/common-passwords.bin");

/// Words on a line.
const LINE: usize = 16;

/// The most shared bytes that a separator can tell of.
const MOST_SHARED: usize = 29;

/// Whether the whole password, in NFC and whatever its case, is on the list.
#[must_use]
pub fn contains(password: &str) -> bool {
    find(LIST, fold(password).as_bytes())
}

/// Packs words into the form that [`contains`] searches. Words with control
/// characters are left out: they could not be told from the separators.
#[must_use]
pub fn pack<'w>(words: impl IntoIterator<Item = &'w str>) -> Vec<u8> {
    let mut words: Vec<String> = words
        .into_iter()
        .map(fold)
        .filter(|word| !word.is_empty() && !word.bytes().any(|b| b < b' '))
        .collect();
    words.sort_unstable();
    words.dedup();

    let mut packed = Vec::new();
    for line in words.chunks(LINE) {
        if !packed.is_empty() {
            packed.push(b'\n');
        }
        packed.extend_from_slice(line[0].as_bytes());
        for pair in line.windows(2) {
            let (previous, word) = (pair[0].as_bytes(), pair[1].as_bytes());
            let same = previous.iter().zip(word).take_while(|(a, b)| a == b);
            let shared = same.count().min(MOST_SHARED);
            packed.push(separator(shared));
            packed.extend_from_slice(&word[shared..]);
        }
    }
    packed
}

fn find(list: &[u8], word: &[u8]) -> bool {
    // The line that would hold the word begins in `low..high`, or it is the
    // candidate. Both bounds are where lines begin, or the end of the list.
    let (mut low, mut high) = (0, list.len());
    let mut candidate: &[u8] = b"";
    while low < high {
        let middle = low + (high - low) / 2;
        let start = list[low..middle]
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(low, |position| low + position + 1);
        let line = until(&list[start..high], |b| b == b'\n');
        if word < until(line, |b| b < b' ') {
            high = start;
        } else {
            candidate = line;
            low = (start + line.len() + 1).min(high);
        }
    }
    is_on_line(candidate, word)
}

fn is_on_line(line: &[u8], word: &[u8]) -> bool {
    let mut current = Vec::new();
    let mut rest = line;
    loop {
        let part = until(rest, |b| b < b' ');
        current.extend_from_slice(part);
        if current == word {
            return !word.is_empty();
        }
        let Some(&separator) = rest.get(part.len()) else {
            return false;
        };
        current.truncate(shared(separator));
        rest = &rest[part.len() + 1..];
    }
}

fn until(bytes: &[u8], is_end: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|&b| is_end(b));
    &bytes[..end.unwrap_or(bytes.len())]
}

/// U+0001 to U+001F without the line feed, for 0 to 29 shared bytes.
fn separator(shared: usize) -> u8 {
    let shared = u8::try_from(shared.min(MOST_SHARED)).unwrap_or(0);
    if shared < 9 { shared + 1 } else { shared + 2 }
}

fn shared(separator: u8) -> usize {
    usize::from(separator).saturating_sub(if separator < b'\n' { 1 } else { 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_found_and_nothing_else() {
        for count in [0_usize, 1, 2, 15, 16, 17, 33, 500] {
            let words: Vec<String> = (0..count)
                .map(|n| format!("word{}{n}", "x".repeat(n % 40)))
                .collect();
            let list = pack(words.iter().map(String::as_str));
            for word in &words {
                assert!(find(&list, word.as_bytes()), "{word} of {count}");
            }
            for other in [
                "", "w", "word", "wordx", "word0 ", "words", "zzz", "!", "\n", "\u{1}", "word0\n",
            ] {
                assert!(!find(&list, other.as_bytes()), "{other:?} of {count}");
            }
        }
    }

    #[test]
    fn packing_folds_sorts_and_drops_doubles() {
        assert_eq!(
            pack([
                "zxcvbnm", "ZXCVBN12", "zxcvbn", "Zxcvbn1", "zxcvbn", "a\nb", ""
            ]),
            b"zxcvbn\x071\x082\x07m"
        );
    }

    #[test]
    fn separators_say_what_they_mean() {
        for count in 0..=MOST_SHARED {
            let byte = separator(count);
            assert!(byte < b' ' && byte != b'\n' && byte != 0, "{count}");
            assert_eq!(shared(byte), count);
        }
    }

    #[test]
    fn the_list_is_well_formed() {
        let words = unpack(LIST);
        assert!(words.len() > 100_000, "{}", words.len());
        assert!(words.is_sorted());
        assert!(
            pack(words.iter().map(String::as_str)) == LIST,
            "packed anew it differs"
        );
        for word in words.iter().step_by(97) {
            assert!(contains(word), "{word}");
            assert!(!contains(&format!("{word}\u{1}")), "{word}");
        }
        assert!(
            words
                .iter()
                .filter(|word| word.chars().count() >= 15)
                .count()
                > 9_000
        );
    }

    // Security checklist item 7.
    #[test]
    fn common_passwords_are_found_in_any_case() {
        for password in [
            "password",
            "PassWord1",
            "Qwerty123",
            "P@ssw0rd",
            "Iloveyou1",
            "Trustno1",
            "123456789",
            "1q2w3e4r5t",
            "PolniyPizdec0211",
            "passwordpassword",
            "123456789987654321",
            "qwertyuiop123456789",
        ] {
            assert!(contains(password), "{password}");
        }
        for password in [
            "",
            "correct horse battery staple",
            "my password is a long one",
            "password ",
            " password",
            "vexingly-quick-zebra",
            "päßwörd-ünïcode",
        ] {
            assert!(!contains(password), "{password}");
        }
    }

    fn unpack(list: &[u8]) -> Vec<String> {
        let mut words = Vec::new();
        for line in list.split(|&b| b == b'\n') {
            let mut current = Vec::new();
            let mut rest = line;
            loop {
                let part = until(rest, |b| b < b' ');
                current.extend_from_slice(part);
                words.push(String::from_utf8(current.clone()).expect("UTF-8"));
                let Some(&separator) = rest.get(part.len()) else {
                    break;
                };
                current.truncate(shared(separator));
                rest = &rest[part.len() + 1..];
            }
        }
        words
    }
}
