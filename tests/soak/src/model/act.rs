//! What is done to an account, and what was seen of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_lc_rs::digest;

/// The digest of a refresh token's `jti`, in hexadecimal: what the database has.
pub(crate) type Digest = String;

/// A session's identifier: 32 hexadecimal digits, as the database has it.
pub(crate) type SessionId = String;

/// A token that was given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its session.
    pub(crate) session: SessionId,
    /// Of its `jti`.
    pub(crate) digest: Digest,
    /// The token itself.
    pub(crate) text: Arc<str>,
}

/// One thing that a client or an operator does to one account, each of them one
/// transaction as far as a model is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    SignUp {
        name: String,
        age: Option<u8>,
        password: String,
    },
    SignIn {
        password: String,
    },
    /// At the API, or at `/oauth/token`.
    Refresh {
        token: Token,
        oauth: bool,
    },
    Me {
        access: Token,
    },
    ListSessions {
        access: Token,
    },
    Patch {
        access: Token,
        name: String,
        age: Option<u8>,
    },
    ChangePassword {
        access: Token,
        current: String,
        new: String,
    },
    /// By an access token, or a refresh token of any age.
    LogOut {
        token: Token,
    },
    /// The same at `/oauth/revoke`.
    Revoke {
        token: Token,
    },
    EndSession {
        access: Token,
        session: SessionId,
    },
    EndAll {
        access: Token,
    },
    Delete {
        access: Token,
        password: String,
    },
    /// By an access token.
    Introspect {
        access: Token,
    },
    /// `latchkey user disable`
    Disable,
    /// `latchkey user enable`
    Enable,
    /// `latchkey user sign-out`
    SignOut,
    /// The rows of the account, behind the service's back.
    Look,
}

impl Act {
    /// What it is called in the report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::SignUp { .. } => "sign up",
            Self::SignIn { .. } => "sign in",
            Self::Refresh { oauth: false, .. } => "refresh",
            Self::Refresh { oauth: true, .. } => "refresh at /oauth/token",
            Self::Me { .. } => "me",
            Self::ListSessions { .. } => "list sessions",
            Self::Patch { .. } => "change name, age",
            Self::ChangePassword { .. } => "change password",
            Self::LogOut { .. } => "log out",
            Self::Revoke { .. } => "revoke",
            Self::EndSession { .. } => "end one session",
            Self::EndAll { .. } => "end all sessions",
            Self::Delete { .. } => "delete account",
            Self::Introspect { .. } => "introspect",
            Self::Disable => "user disable",
            Self::Enable => "user enable",
            Self::SignOut => "user sign-out",
            Self::Look => "look into the database",
        }
    }
}

/// What an answer says, as far as a model knows about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The status; of a command, its exit code.
    pub(crate) status: u16,
    /// The `code` of a problem, the `error` of an answer under `/oauth`, or nothing.
    pub(crate) code: String,
    /// Name and age of the user in it.
    pub(crate) profile: Option<(String, Option<u8>)>,
    /// The refresh token in it.
    pub(crate) refresh: Option<Token>,
    /// The sessions in it.
    pub(crate) sessions: BTreeSet<SessionId>,
    /// The `active` of an introspection.
    pub(crate) active: Option<bool>,
    /// What a look has found.
    pub(crate) rows: Option<Rows>,
}

/// What the database has about one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) user: Option<UserRow>,
    /// The sessions that are alive, each with the digest of its refresh token.
    pub(crate) sessions: BTreeMap<SessionId, Digest>,
    /// How often each event is on record.
    pub(crate) records: BTreeMap<String, u32>,
}

/// The row of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserRow {
    pub(crate) name: String,
    pub(crate) age: Option<u8>,
    pub(crate) disabled: bool,
}

/// The digest of a `jti` as the database has it.
pub(crate) fn digest_of(jti: &str) -> Digest {
    let digest = digest::digest(&digest::SHA256, jti.as_bytes());
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
