//! Passwords of many kinds, the same at every run.

use std::collections::BTreeSet;

const COMMON: &str = include_str!("../../../data/common-passwords.txt");
const RANKED: &str = include_str!("../../../data/zxcvbn-words.txt");

/// A small generator of numbers (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap_or(0) % bound
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn text(&mut self, letters: &str, length: usize) -> String {
        let letters: Vec<char> = letters.chars().collect();
        (0..length).map(|_| self.one_of(&letters)).collect()
    }
}

/// At least `count` passwords, all different.
pub(super) fn passwords(count: usize) -> BTreeSet<String> {
    let common: Vec<&str> = COMMON.lines().collect();
    let ranked: Vec<&str> = RANKED
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let mut numbers = Numbers(0x6c61_7463_686b_6579);
    let mut passwords = BTreeSet::new();
    while passwords.len() < count {
        let kind = passwords.len() % KINDS.len();
        let password = KINDS[kind](&mut numbers, &common, &ranked);
        // Words come in capitals and with symbols for letters, too.
        let twist = numbers.below(8);
        passwords.insert(twisted(&mut numbers, password, twist));
        // Every kind gets its turn, even when a password came twice.
        passwords.insert(numbers.text("abcdefghijklmnopqrstuvwxyz0123456789", 9));
    }
    passwords
}

type Kind = fn(&mut Numbers, &[&str], &[&str]) -> String;

const KINDS: [Kind; 14] = [
    |n, common, _| n.one_of(common).to_owned(),
    |n, _, ranked| n.one_of(ranked).to_owned(),
    |n, _, ranked| format!("{}{}", n.one_of(ranked), n.below(3000)),
    |n, _, ranked| format!("{}{}", n.one_of(ranked), n.one_of(ranked)),
    |n, _, ranked| {
        let separator = n.one_of(&[" ", "-", "", "_", "1"]);
        [
            n.one_of(ranked),
            n.one_of(ranked),
            n.one_of(ranked),
            n.one_of(ranked),
        ]
        .join(separator)
    },
    |n, common, _| format!("{}{}", n.one_of(common), n.text("!@#$%&*.?", 1)),
    |n, _, ranked| n.one_of(ranked).chars().rev().collect(),
    |n, _, _| {
        let separator = n.one_of(&["", "/", "-", ".", " ", "\\", "_", ":"]);
        let (day, month, year) = (n.below(33), n.below(14), n.below(2200));
        let year = if n.below(2) == 0 { year } else { year % 100 };
        match n.below(3) {
            0 => format!("{day}{separator}{month}{separator}{year}"),
            1 => format!("{year}{separator}{month:02}{separator}{day:02}x"),
            _ => format!("a{month:02}{separator}{day:02}{separator}{year:04}"),
        }
    },
    |n, _, _| {
        let row = n.one_of(&[
            "qwertyuiop[]",
            "asdfghjkl",
            "1qaz2wsx3edc",
            "zxcvbnm,./",
            "aoeuidhtns",
            "789456123",
            "!QAZ@WSX",
            "'.pyfgcrl",
        ]);
        let from = n.below(row.len() - 3);
        format!("{}{}", &row[from..], n.text("0123456789ab", 2))
    },
    |n, _, ranked| {
        let letter = n.text("abc12 !", 3);
        let part = if n.below(2) == 0 {
            n.one_of(ranked)
        } else {
            &letter
        };
        part.repeat(2 + n.below(4))
    },
    |n, _, _| {
        let (first, step) = (n.below(70), 1 + n.below(6));
        let run = (0..3 + n.below(6))
            .filter_map(|k| char::from_u32(u32::try_from(40 + first + k * step).ok()?));
        let run: String = run.collect();
        if n.below(2) == 0 {
            run
        } else {
            run.chars().rev().collect()
        }
    },
    |n, _, _| {
        let length = 1 + n.below(24);
        let printable: String = (' '..='~').collect();
        n.text(&printable, length)
    },
    |n, _, _| {
        let length = 1 + n.below(16);
        n.text("äöüßéñжякимпарольπλ漢字🔑🦓Ωaé1 ", length)
    },
    |n, common, ranked| {
        let (head, tail) = (n.one_of(ranked), n.one_of(common));
        format!(
            "{head}{}{tail}{}",
            n.text("\t \n.@", 1),
            1900 + n.below(200)
        )
    },
];

fn twisted(numbers: &mut Numbers, password: String, twist: usize) -> String {
    match twist {
        0 => password.to_uppercase(),
        1 => {
            let mut letters = password.chars();
            letters
                .next()
                .into_iter()
                .flat_map(char::to_uppercase)
                .chain(letters)
                .collect()
        }
        2 | 3 => password
            .chars()
            .map(|letter| leet(numbers, letter))
            .collect(),
        4 => password
            .chars()
            .flat_map(|letter| {
                if numbers.below(3) == 0 {
                    letter.to_uppercase().collect()
                } else {
                    vec![letter]
                }
            })
            .collect(),
        _ => password,
    }
}

fn leet(numbers: &mut Numbers, letter: char) -> char {
    let written: &[char] = match letter {
        'a' => &['4', '@', 'a'],
        'c' => &['(', '<', 'c'],
        'e' => &['3', '3', 'e'],
        'i' => &['1', '!', '|'],
        'l' => &['1', '7', 'l'],
        'o' => &['0', '0', 'o'],
        's' => &['$', '5', 's'],
        't' => &['7', '+', 't'],
        'z' => &['2', 'z', 'z'],
        'b' => &['8', 'b', 'b'],
        other => return other,
    };
    numbers.one_of(written)
}
