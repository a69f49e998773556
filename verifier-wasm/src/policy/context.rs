//! Passwords that are hardly more than a name that everybody knows.

use super::text::fold;

/// Whom a password is for. What is not known is left empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The user's e-mail address.
    pub email: &'a str,
    /// The user's name.
    pub name: &'a str,
}

/// The fewest letters of a word that counts, and of a rest that is something
/// of its own.
const ENOUGH_LETTERS: usize = 4;

/// How much of a name or an address is looked at, in characters: more than
/// either may have.
const LOOKED_AT: usize = 256;

/// The words that a password must not consist of.
///
/// They are runs of letters out of the user's name, the local part and the
/// domain of the e-mail address, and the service's own words; each also with
/// its parts joined (`kim.lee` gives `kimlee`) and with digits in it read as
/// the letters that they stand for (`j0hn` gives `john`).
pub(super) struct ContextWords {
    /// Sorted, without doubles.
    words: Vec<Vec<char>>,
    inputs: Vec<String>,
}

impl ContextWords {
    pub(super) fn new(context: &Context<'_>, service: &[String]) -> Self {
        let (local, domain) = context
            .email
            .rsplit_once('@')
            .unwrap_or((context.email, ""));
        let mut all = Self {
            words: Vec::new(),
            inputs: Vec::new(),
        };
        all.add(context.name);
        all.add(local);
        for label in domain.split('.').take(LOOKED_AT) {
            all.add(label);
        }
        for word in service {
            all.add(word);
        }
        all
    }

    /// Whether nothing of its own is left of the password without the words:
    /// fewer than four letters, whatever digits and symbols there are. A
    /// password without any of the words is not their concern.
    pub(super) fn make_up(&self, password: &str) -> bool {
        let password: Vec<char> = fold(password).chars().collect();
        // Once with digits read as letters, and once without digits and
        // symbols, which may stand between the letters of a word.
        let letters: Vec<char> = password
            .iter()
            .copied()
            .filter(|c| c.is_alphabetic())
            .collect();
        self.leave_too_little(&password) || self.leave_too_little(&letters)
    }

    /// What to tell the strength estimate of the user and the service.
    pub(super) fn inputs(&self) -> &[String] {
        &self.inputs
    }

    fn leave_too_little(&self, text: &[char]) -> bool {
        let mut covered = vec![false; text.len()];
        for word in &self.words {
            for (start, window) in text.windows(word.len()).enumerate() {
                if window
                    .iter()
                    .zip(word)
                    .all(|(&c, &letter)| stands_for(c, letter))
                {
                    covered[start..start + word.len()].fill(true);
                }
            }
        }
        let left = text
            .iter()
            .zip(&covered)
            .filter(|(c, covered)| c.is_alphabetic() && !**covered);
        covered.contains(&true) && left.count() < ENOUGH_LETTERS
    }

    fn add(&mut self, text: &str) {
        let text: String = text.chars().take(LOOKED_AT).collect();
        let text = fold(&text);
        if text.is_empty() {
            return;
        }
        self.add_runs(&text);
        self.add_word(&text);
        for one in ['i', 'l'] {
            let read: String = text
                .chars()
                .map(|c| letter_of(c, one).unwrap_or(c))
                .collect();
            self.add_runs(&read);
        }
        self.inputs.push(text);
    }

    fn add_runs(&mut self, text: &str) {
        for run in text.split(|c: char| !c.is_alphabetic()) {
            self.add_word(run);
        }
    }

    fn add_word(&mut self, text: &str) {
        let word: Vec<char> = text.chars().filter(|c| c.is_alphabetic()).collect();
        if word.len() < ENOUGH_LETTERS {
            return;
        }
        if let Err(place) = self.words.binary_search(&word) {
            self.words.insert(place, word);
        }
    }
}

/// Whether a character of a password may be meant as the letter.
fn stands_for(character: char, letter: char) -> bool {
    character == letter
        || letter_of(character, 'i') == Some(letter)
        || letter_of(character, 'l') == Some(letter)
}

/// The letter that a digit or symbol is commonly written for. `one` says what
/// those are that look like both an i and an l.
fn letter_of(character: char, one: char) -> Option<char> {
    Some(match character {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '2' => 'z',
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' | '9' => 'g',
        '7' | '+' => 't',
        '8' => 'b',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_up(password: &str) -> bool {
        let context = Context {
            email: "j0hn.smith-1987@mail.example.com",
            name: "Jürgen Kim Lee",
        };
        ContextWords::new(&context, &["latchkey".to_owned()]).make_up(password)
    }

    #[test]
    fn words_and_their_derivatives_are_not_enough() {
        for password in [
            "Latchkey1",
            "latchkey",
            "LATCHKEY2026!!",
            "L4tchk3y",
            "1atchkey99",
            "latchkeylatchkey",
            "latch-key 2026",
            "l.a.t.c.h.k.e.y",
            "Latchkey-abc",
            "Jürgen2026",
            "JU\u{308}RGEN2026",
            "JohnSmith1987",
            "j0hnsm1th",
            "J0hn!!!!",
            "smithsmith",
            "Smith-abc-1",
            "Example.com1",
            "xLatchkeyx1",
            "JürgenKimLee1",
            "Ex@mple2026",
        ] {
            assert!(made_up(password), "{password}");
        }
    }

    #[test]
    fn what_has_something_of_its_own_is_enough() {
        for password in [
            "Latchkey-abcd",
            "my latchkey hangs by the door",
            "smith of horses",
            "kim1kim2kim3",
            "Tr0ub4dor&3",
            "",
            "1234567890",
            "🔑🔑🔑🔑🔑🔑🔑🔑",
            "lat chk",
            "Jurgen2026",
        ] {
            assert!(!made_up(password), "{password}");
        }
    }

    #[test]
    fn short_names_count_when_they_are_joined() {
        let kim = Context {
            email: "kim.lee@x.io",
            name: "Kim Lee",
        };
        let words = ContextWords::new(&kim, &[]);
        assert!(words.make_up("KimLee12345"));
        assert!(words.make_up("kim-lee-2026"));
        assert!(!words.make_up("Kim12345678"));
    }

    #[test]
    fn nothing_known_forbids_nothing() {
        let words = ContextWords::new(&Context::default(), &[]);
        assert!(!words.make_up("latchkey"));
        assert!(words.inputs().is_empty());
        let odd = Context {
            email: "@@..@",
            name: " - ",
        };
        assert!(!ContextWords::new(&odd, &[String::new()]).make_up("latchkey"));
    }

    #[test]
    fn hostile_lengths_are_cut_down() {
        let long = "n".repeat(1 << 20);
        let dots = ".".repeat(1 << 20);
        let context = Context {
            email: &format!("{long}@{dots}"),
            name: &long,
        };
        let words = ContextWords::new(&context, &[]);
        assert!(words.words.iter().all(|word| word.len() <= LOOKED_AT));
        assert!(words.make_up(&"n".repeat(LOOKED_AT)));
    }
}
