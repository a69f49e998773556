//! Sessions as stored: one per sign-in, with the refresh token that is good now.
//!
//! A session keeps the hash of its current refresh token and of the direct predecessor of
//! that. Any other refresh token of the session that is properly signed is an older one,
//! so that its use is the reuse that RFC 9700 section 4.14.2 speaks of. One row says it
//! all, and one update of it is the rotation. Only what the predecessor still gets for some
//! seconds lies beside it.

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::clock::Timestamp;
use super::ids::{SessionId, UserId};
use super::status::StatusIndex;
use super::user::User;

/// By which part of what it has left to live the row of a session may outlive it.
const OUTLIVES_BY: u32 = 4;

/// Until when the row of a session is kept that expires at `expires_at`: longer by a part, so
/// that not every refresh has to move the session in the order in which they are deleted. With
/// a refresh every half hour and a life of a day, one in twelve does.
#[must_use]
pub fn kept_until(expires_at: Timestamp, now: Timestamp) -> Timestamp {
    expires_at.plus(expires_at.since(now) / OUTLIVES_BY)
}

/// The latest that [`kept_until`] may have given before, so that it need not be set anew: by as
/// much again. What is later is of a clock that was ahead, or of a longer life. With less, a
/// session that has reached its greatest age, which ends when it ended before, would move at
/// every refresh; so it does whenever half of what it had left is over.
#[must_use]
pub fn kept_at_most(expires_at: Timestamp, now: Timestamp) -> Timestamp {
    expires_at.plus(expires_at.since(now) * 2 / OUTLIVES_BY)
}

/// A session that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The identifier, `sid` in the tokens.
    pub id: SessionId,
    /// Whose session it is.
    pub user: UserId,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When it was last refreshed; at first the time of the sign-in.
    pub last_used_at: Timestamp,
    /// When it ends if it is not refreshed: the `exp` of the current refresh token.
    pub expires_at: Timestamp,
    /// The client's address at the last use.
    pub address: Option<IpAddr>,
    /// The client's `User-Agent` at the last use.
    pub user_agent: Option<String>,
}

/// What a new session is made of. Address, agent and time come from the write context.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The identifier, made by the caller.
    pub id: SessionId,
    /// The first refresh token.
    pub refresh: TokenHash,
    /// When it ends if it is not refreshed.
    pub expires_at: Timestamp,
    /// Its place in the status lists, if it is to have one.
    pub status: Option<StatusIndex>,
}

/// SHA-256 of a refresh token's `jti`: what is stored in its place.
///
/// The `jti` is 128 random bits, so that a plain digest cannot be turned back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

/// A refresh token is to be exchanged for its successor.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The session that the token names.
    pub session: SessionId,
    /// The token that was presented.
    pub presented: TokenHash,
    /// The token that takes its place.
    pub successor: TokenHash,
    /// The successor, encrypted under a key that only the presented token yields.
    pub sealed_successor: Vec<u8>,
    /// When the successor expires.
    pub expires_at: Timestamp,
    /// For how long the direct predecessor still gets the same successor.
    pub grace: Duration,
    /// The place in the status lists that the session gets if it has none yet, as one has
    /// that an older release started.
    pub status: Option<StatusIndex>,
}

/// The refresh tokens of a session that is alive, as a back end has them stored.
#[derive(Debug)]
pub struct RefreshTokens {
    /// The session's user.
    pub user: User,
    /// The one good token.
    pub current: TokenHash,
    /// The token that the current one took the place of.
    pub previous: Option<PreviousToken>,
    /// The current token as it was sealed for the predecessor, unless that is forgotten.
    pub sealed_successor: Option<Vec<u8>>,
    /// The session's place in the status lists.
    pub status: Option<StatusIndex>,
}

/// The direct predecessor of the current refresh token.
#[derive(Debug)]
pub struct PreviousToken {
    /// The token.
    pub hash: TokenHash,
    /// When it was exchanged.
    pub rotated_at: Timestamp,
}

impl RefreshTokens {
    /// What comes of presenting a token at `now`. The back end then stores the successor
    /// when the answer is [`RotationOutcome::Rotated`], and ends the session when it is
    /// [`RotationOutcome::Reused`], in the same unit of work.
    #[must_use]
    pub fn present(self, rotation: &Rotation, now: Timestamp) -> RotationOutcome {
        let standing = self.standing(&rotation.presented, rotation.grace, now);
        match (standing, self.sealed_successor) {
            (Standing::Current, _) => RotationOutcome::Rotated(Box::new(Continued {
                user: self.user,
                status: self.status.or(rotation.status),
            })),
            (Standing::Forgiven, Some(sealed_successor)) => RotationOutcome::Repeated {
                session: Box::new(Continued {
                    user: self.user,
                    status: self.status,
                }),
                sealed_successor,
            },
            _ => RotationOutcome::Reused(self.user.id),
        }
    }

    /// Whether presenting a token at `now` would give a successor. Nothing comes of
    /// asking.
    #[must_use]
    pub fn accept(&self, presented: &TokenHash, grace: Duration, now: Timestamp) -> bool {
        self.standing(presented, grace, now) != Standing::Used
    }

    fn standing(&self, presented: &TokenHash, grace: Duration, now: Timestamp) -> Standing {
        if same(presented, &self.current) {
            return Standing::Current;
        }
        let forgiven = self.sealed_successor.is_some()
            && self.previous.as_ref().is_some_and(|previous| {
                same(presented, &previous.hash) && now.since(previous.rotated_at) < grace
            });
        if forgiven {
            Standing::Forgiven
        } else {
            Standing::Used
        }
    }
}

/// What a token is to the session that it names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The one good token.
    Current,
    /// The direct predecessor within the grace, whose successor nobody has used yet.
    Forgiven,
    /// An older one.
    Used,
}

/// Compares digests of secrets without telling by the time it takes where they differ.
fn same(one: &TokenHash, other: &TokenHash) -> bool {
    verify_slices_are_equal(&one.0, &other.0).is_ok()
}

/// A session that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continued {
    /// Its user.
    pub user: User,
    /// Its place in the status lists.
    pub status: Option<StatusIndex>,
}

/// What came of a [`Rotation`].
#[derive(Clone, Debug)]
pub enum RotationOutcome {
    /// The successor is now the one good token.
    Rotated(Box<Continued>),
    /// The presented token is the direct predecessor of a token that nobody has used yet,
    /// within the grace: here is that successor, as it was sealed.
    Repeated {
        /// The session.
        session: Box<Continued>,
        /// The successor as the first rotation sealed it.
        sealed_successor: Vec<u8>,
    },
    /// The presented token had been exchanged before; the session has now ended.
    Reused(UserId),
    /// There is no such session, or it has ended or expired, or its user is disabled.
    Ended,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user signed out.
    Logout,
    /// The user ended it from the list of sessions.
    EndedByUser,
    /// An operator ended it.
    EndedByOperator,
    /// The password was changed.
    PasswordChanged,
    /// A refresh token was used again.
    RefreshReused,
    /// The user was disabled.
    UserDisabled,
    /// The user was deleted.
    UserDeleted,
}

impl EndReason {
    /// The stable word that is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::EndedByUser => "ended_by_user",
            Self::EndedByOperator => "ended_by_operator",
            Self::PasswordChanged => "password_changed",
            Self::RefreshReused => "refresh_reused",
            Self::UserDisabled => "user_disabled",
            Self::UserDeleted => "user_deleted",
        }
    }
}
