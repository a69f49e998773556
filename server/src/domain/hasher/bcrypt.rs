//! The predecessor's hashes: passlib's bcrypt.

use std::str::FromStr;

use bcrypt::HashParts;

use super::HashError;
use crate::domain::password::Password;

/// The predecessor cut a password to this many characters, and then, because
/// bcrypt reads no more, to this many bytes.
const CUT: usize = 72;

/// Most rounds that we compute, as a power of two: 16 takes some four seconds.
const MAX_COST: u32 = 16;

/// A stored bcrypt string, parsed and found affordable.
pub(super) struct StoredBcrypt<'a> {
    stored: &'a str,
}

impl<'a> StoredBcrypt<'a> {
    /// Parses a modular crypt string of the variants `$2a$`, `$2b$` and
    /// `$2y$`, which agree on every password that the predecessor could hash.
    /// `$2x$` is a known bug and `$2$` its ancestor; neither is read.
    pub(super) fn parse(stored: &'a str) -> Result<Self, HashError> {
        if !["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|prefix| stored.starts_with(prefix))
        {
            return Err(HashError::Unreadable(
                "is a bcrypt variant that we do not verify",
            ));
        }
        let parts = HashParts::from_str(stored)
            .map_err(|_| HashError::Unreadable("is a malformed bcrypt string"))?;
        if !(4..=MAX_COST).contains(&parts.get_cost()) {
            return Err(HashError::Unreadable(
                "asks for more bcrypt rounds than we give",
            ));
        }
        Ok(Self { stored })
    }

    /// Whether the password has this hash, as received or else in NFC.
    /// Compares in constant time.
    pub(super) fn matches(&self, password: &Password) -> Result<bool, HashError> {
        let (received, normalised) = (password.received(), password.as_str());
        if self.matches_spelling(received)? {
            return Ok(true);
        }
        Ok(received != normalised && self.matches_spelling(normalised)?)
    }

    fn matches_spelling(&self, password: &str) -> Result<bool, HashError> {
        let cut = cut(password);
        let matches = bcrypt::verify(cut, self.stored).map_err(|_| HashError::Failed)?;
        // bcrypt repeats the password with a zero byte after it, so that
        // "a" and "a\0a" have one hash. The predecessor hashed no zero bytes.
        Ok(matches && !cut.contains(&0))
    }
}

fn cut(password: &str) -> &[u8] {
    let end = password
        .char_indices()
        .nth(CUT)
        .map_or(password.len(), |(index, _)| index);
    &password.as_bytes()[..end.min(CUT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_is_72_characters_and_then_72_bytes() {
        assert_eq!(cut("short"), b"short");
        assert_eq!(cut(&"x".repeat(72)).len(), 72);
        assert_eq!(cut(&"x".repeat(73)).len(), 72);
        // The last character is cut in two, as the predecessor did.
        let password = format!("{}€", "x".repeat(71));
        assert_eq!(cut(&password), &password.as_bytes()[..72]);
        assert_eq!(cut(&"🔑".repeat(100)), "🔑".repeat(18).as_bytes());
    }

    #[test]
    fn other_variants_and_costs_are_unreadable() {
        let tail = "$5pAD7ltDyGgdT78q7NOHiOgfh60S/97GIK8dooRppc1Tpf7B3ndP2";
        for head in [
            "$2x$10", "$2$10", "$2c$10", "$2b$17", "$2b$31", "$2b$99", "$2b$03", "$2b$1x", "$2b$",
        ] {
            let stored = format!("{head}{tail}");
            assert!(
                matches!(StoredBcrypt::parse(&stored), Err(HashError::Unreadable(_))),
                "{stored}"
            );
        }
        assert!(StoredBcrypt::parse(&format!("$2b$16{tail}")).is_ok());
        for broken in [
            "$2b$é",
            "$2b$10$",
            &format!("$2b$10{tail} "),
            &"$2b$".repeat(15),
        ] {
            assert!(StoredBcrypt::parse(broken).is_err(), "{broken}");
        }
    }
}
