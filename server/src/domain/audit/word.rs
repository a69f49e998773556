//! The words that stand for events and reasons. They are stored, logged, and searched for by
//! programs: one that has been released keeps its meaning.

use super::Outcome;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$member_doc])* $member,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$member),*];

            /// The stable word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$member => $word,)*
                }
            }
        }
    };
}

words! {
    /// What happened.
    Word {
        /// Somebody made an account, and is signed in with that.
        SignedUp = "user.signed_up",
        /// A sign-up was refused because of whose account it would have been.
        SignUpFailed = "user.sign_up_failed",
        /// An operator made an account.
        UserAdded = "user.added",
        /// Somebody signed in.
        SignedIn = "user.signed_in",
        /// A sign-in was refused.
        SignInFailed = "user.sign_in_failed",
        /// A user signed out.
        SignedOut = "user.signed_out",
        /// One session of a user was ended from the list of sessions.
        SessionEnded = "session.ended",
        /// Every session of a user was ended.
        SessionsEnded = "session.all_ended",
        /// A refresh token was used again, which has ended its session.
        RefreshReused = "session.refresh_reused",
        /// A password was changed, which has ended every session.
        PasswordChanged = "user.password_changed",
        /// A change of the password was refused.
        PasswordChangeFailed = "user.password_change_failed",
        /// A name or an age was changed.
        ProfileChanged = "user.profile_changed",
        /// An e-mail address was changed.
        EmailChanged = "user.email_changed",
        /// A user was disabled, which has ended every session.
        UserDisabled = "user.disabled",
        /// A disabled user was enabled again.
        UserEnabled = "user.enabled",
        /// A user was deleted.
        UserDeleted = "user.deleted",
        /// The deletion of a user was refused.
        DeletionFailed = "user.deletion_failed",
        /// Wrong passwords in a row have brought a pause.
        UserPaused = "user.paused",
        /// An operator has ended the pause, or forgotten the wrong passwords.
        UserUnlocked = "user.unlocked",
        /// Users were taken in from a file.
        UsersImported = "user.imported",
        /// Users were written to a file, with the hashes of their passwords.
        UsersExported = "user.exported",
        /// A signing key was made or imported; it is published and does not sign yet.
        KeyAdded = "key.added",
        /// It was decided when a signing key begins to sign.
        KeyScheduled = "key.scheduled",
        /// A signing key signs.
        KeyActivated = "key.activated",
        /// A signing key signs no more.
        KeyRetired = "key.retired",
        /// A signing key was encrypted under another key-encryption secret.
        KeyResealed = "key.resealed",
        /// A signing key is gone, and its tokens are good no more.
        KeyRemoved = "key.removed",
        /// A client of the OAuth endpoints was made.
        ClientAdded = "client.added",
        /// A client of the OAuth endpoints was removed.
        ClientRemoved = "client.removed",
        /// The database was copied, with everything that is in it.
        DatabaseBackedUp = "database.backed_up",
        /// A copy was put in the place of the database.
        DatabaseRestored = "database.restored",
        /// Steps of the schema were applied to a database that was there.
        SchemaMigrated = "schema.migrated",
        /// Steps of the schema were taken back.
        SchemaReverted = "schema.reverted",
    }
}

words! {
    /// Why something was refused.
    Reason {
        /// Nobody has the e-mail address.
        UnknownEmail = "unknown_email",
        /// The password was wrong.
        WrongPassword = "wrong_password",
        /// The client went away before the password was looked at; the try counts.
        HungUp = "hung_up",
        /// The password was right and the account is disabled.
        UserDisabled = "user_disabled",
        /// Somebody has the e-mail address already.
        EmailTaken = "email_taken",
        /// Another table points at the user.
        UserReferenced = "user_referenced",
    }
}

impl Word {
    /// Whether what was tried was done.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::SignUpFailed
            | Self::SignInFailed
            | Self::RefreshReused
            | Self::PasswordChangeFailed
            | Self::UserPaused
            | Self::DeletionFailed => Outcome::Failure,
            _ => Outcome::Success,
        }
    }

    /// Whether an operator who reads warnings alone wants to know.
    #[must_use]
    pub(super) const fn is_alarming(self) -> bool {
        matches!(self, Self::RefreshReused | Self::UserPaused)
    }

    /// The word that is written like this.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn words_are_plain_and_no_two_are_one() {
        let words: HashSet<&str> = Word::ALL.iter().map(|word| word.as_str()).collect();
        assert_eq!(words.len(), Word::ALL.len());
        let reasons = Reason::ALL.iter().map(|reason| reason.as_str());
        for word in words.into_iter().chain(reasons) {
            let is_plain = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
            assert!(word.chars().all(is_plain), "{word}");
        }
        for word in Word::ALL {
            assert_eq!(Word::from_word(word.as_str()), Some(*word));
        }
        assert_eq!(Word::from_word("user.signed"), None);
    }
}
