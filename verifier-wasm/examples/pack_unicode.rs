//! Makes `data/unicode.bin` of what the crate `unicode-normalization` knows:
//!
//! ```text
//! cargo run -p verifier-wasm --example pack_unicode
//! ```
//!
//! All numbers are of seven bits a byte, the lowest first; a signed one has
//! its sign in its lowest bit. First how many characters have a decomposition,
//! and for each of them
//!
//! * its code point, less that of the one before;
//! * the code point of its first part, signed and less that of the one before;
//!   two bits lower, whether there is a second; and whether they are composed
//!   again;
//! * the code point of the second part, signed and less U+0300.
//!
//! Then how many runs of characters there are with the same combining class,
//! which is not 0, and for each the first, less the last of the run before; how
//! many more; the class. Then the same of combining marks, their "class" being 1.
//!
//! Then how many characters are others without regard to case, and for each
//! its code point, less that of the one before; how many characters it becomes;
//! and the code point of each, signed and less that of the character.

use std::error::Error;
use std::fs;
use std::path::Path;

use unicode_normalization::char::{
    canonical_combining_class, compose, decompose_canonical, is_combining_mark,
};

fn main() -> Result<(), Box<dyn Error>> {
    let decomposed: Vec<(char, Vec<char>)> = ('\0'..=char::MAX)
        .filter(|letter| !('\u{ac00}'..='\u{d7a3}').contains(letter))
        .map(|letter| (letter, parts_of(letter)))
        .filter(|(letter, parts)| *parts != [*letter])
        .collect();
    let mut bytes = Vec::new();
    put(&mut bytes, u32::try_from(decomposed.len())?);
    let (mut last_whole, mut last_first) = (0, 0);
    for (whole, parts) in &decomposed {
        let whole = *whole;
        let (first, second, is_composed) = step(whole, parts, &decomposed)?;
        put(&mut bytes, u32::from(whole) - last_whole);
        let told = signed(last_first, first) << 2;
        put(
            &mut bytes,
            told | u32::from(second.is_some()) << 1 | u32::from(is_composed),
        );
        if let Some(second) = second {
            put(&mut bytes, signed(0x300, second));
        }
        (last_whole, last_first) = (whole.into(), first.into());
    }
    put_runs(&mut bytes, canonical_combining_class)?;
    put_runs(&mut bytes, |letter| u8::from(is_combining_mark(letter)))?;
    put_folds(&mut bytes)?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/unicode.bin");
    fs::write(path, &bytes)?;
    println!("unicode.bin: {} bytes", bytes.len());
    Ok(())
}

fn parts_of(letter: char) -> Vec<char> {
    let mut parts = Vec::new();
    decompose_canonical(letter, |part| parts.push(part));
    parts
}

/// The last step of a decomposition: the character that all parts but the
/// last make up, the last, and whether the two compose to the whole.
fn step(
    whole: char,
    parts: &[char],
    all: &[(char, Vec<char>)],
) -> Result<(char, Option<char>, bool), String> {
    let (first, second) = match parts {
        [only] => return Ok((*only, None, false)),
        [first, second] => (Some(*first), *second),
        [first @ .., second] => {
            let made_up = all.iter().find(|(_, parts)| parts == first);
            (made_up.map(|(whole, _)| *whole), *second)
        }
        [] => (None, whole),
    };
    let first = first.ok_or_else(|| format!("{whole:?} does not come apart in two"))?;
    Ok((first, Some(second), compose(first, second) == Some(whole)))
}

fn put_runs(bytes: &mut Vec<u8>, class: fn(char) -> u8) -> Result<(), Box<dyn Error>> {
    let mut runs: Vec<(u32, u32, u8)> = Vec::new();
    for letter in '\0'..=char::MAX {
        let (code, class) = (u32::from(letter), class(letter));
        match runs.last_mut() {
            _ if class == 0 => {}
            Some((_, end, of)) if *end + 1 == code && *of == class => *end = code,
            _ => runs.push((code, code, class)),
        }
    }
    put(bytes, u32::try_from(runs.len())?);
    let mut last = 0;
    for (start, end, class) in runs {
        put(bytes, start - last);
        put(bytes, end - start);
        put(bytes, class.into());
        last = end;
    }
    Ok(())
}

/// The standard library does not fold, but lower, upper and lower again makes
/// the same texts equal: the first step brings the capital sharp s to where
/// the second expands it, and the second joins the letters that share a
/// capital, such as the two small sigmas. The dotless i stays out of it: it
/// shares its capital with a letter that it is not a case of.
fn put_folds(bytes: &mut Vec<u8>) -> Result<(), Box<dyn Error>> {
    let folds: Vec<(char, Vec<char>)> = ('\0'..=char::MAX)
        .filter(|&letter| letter != 'ı')
        .map(|letter| {
            let upper = letter.to_lowercase().flat_map(char::to_uppercase);
            (letter, upper.flat_map(char::to_lowercase).collect())
        })
        .filter(|(letter, folded): &(char, Vec<char>)| *folded != [*letter])
        .collect();
    put(bytes, u32::try_from(folds.len())?);
    let mut last = 0;
    for (letter, folded) in folds {
        put(bytes, u32::from(letter) - last);
        put(bytes, u32::try_from(folded.len())?);
        for part in folded {
            put(bytes, signed(letter.into(), part));
        }
        last = letter.into();
    }
    Ok(())
}

fn signed(from: u32, to: char) -> u32 {
    let to = u32::from(to);
    if to < from {
        (from - to) << 1 | 1
    } else {
        (to - from) << 1
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}
