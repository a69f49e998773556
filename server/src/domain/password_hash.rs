//! The stored form of a password.

use std::fmt;

/// A password's stored hash: a PHC string, or a foreign form such as bcrypt's.
///
/// Opaque here: only the hasher looks inside. Equality is of the text, to notice that a
/// password was changed between reading it and acting on it; nothing a client sends is
/// ever compared with it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The most bytes of a stored text: what the column of the predecessor holds.
    pub const MAX_BYTES: usize = 255;

    /// Takes the stored text as it is.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The stored text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash of somebody without a password: nothing verifies against it.
    #[must_use]
    pub const fn none() -> Self {
        Self(String::new())
    }

    /// Whether it is [`PasswordHash::none`].
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether another service made it: whatever is not Argon2's.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        !self.0.starts_with("$argon2")
    }
}

/// Shows nothing of the hash: it can be tried offline.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
