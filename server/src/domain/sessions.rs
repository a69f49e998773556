//! Sessions: starting, using, refreshing and ending them.
//!
//! A session is a row; its tokens name it. An access token is checked against that row on
//! every request, so that a session that has ended is over at once. A refresh token is
//! good once: its use makes a successor, and using it again ends the session (RFC 9700
//! section 4.14.2), except for the direct predecessor within the grace.

mod introspection;

use std::fmt;
use std::sync::Arc;

use super::clock::Timestamp;
use super::context::WriteContext;
use super::entropy::Entropy;
use super::error::{Error, Result};
use super::ids::{SessionId, UserId};
use super::keyring::{KeyView, Keyring};
use super::session::{EndReason, NewSession, Rotation, RotationOutcome, Session};
use super::status::{Places, StatusIndex};
use super::successor;
use super::tokens::{
    IssuedRefresh, PresentedRefresh, Refused, Subject, TokenFacts, TokenRules, Tokens,
};
use super::user::User;
use crate::storage::{SharedStorage, StorageError};

/// How many places in the status lists are tried. At most one in four is taken as a rule,
/// so that nobody ever needs them all.
const PLACES: u32 = 32;

/// The use cases of sessions.
pub struct Sessions {
    storage: SharedStorage,
    keyring: Arc<Keyring>,
    tokens: Tokens,
    places: Arc<Places>,
    entropy: Arc<dyn Entropy>,
}

/// What a client gets.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// For how many seconds the access token is good.
    pub expires_in: u64,
    /// For how many seconds the refresh token is good if nobody uses it; up to the grace
    /// less for one that is given out again.
    pub refresh_expires_in: u64,
}

/// Shows no token.
impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// The tokens of a session that is not stored yet.
///
/// They leave only by [`PreparedTokens::release`], which is for after the session was
/// stored: a token that was given out and lost would be worse than an error.
#[must_use = "the session's tokens are to be released once it is stored"]
#[derive(Debug)]
pub struct PreparedTokens(TokenPair);

impl PreparedTokens {
    /// The tokens, now that the session is stored.
    #[must_use]
    pub fn release(self) -> TokenPair {
        self.0
    }
}

impl Sessions {
    /// The use cases upon `storage`, with the keys of `keyring`.
    #[must_use]
    pub fn new(
        storage: SharedStorage,
        keyring: Arc<Keyring>,
        rules: TokenRules,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            places: Arc::new(Places::new(Arc::clone(&storage), Arc::clone(&entropy))),
            storage,
            keyring,
            tokens: Tokens::new(rules),
            entropy,
        }
    }

    /// The places in the status lists that sessions get.
    #[must_use]
    pub const fn places(&self) -> &Arc<Places> {
        &self.places
    }

    /// The keys in use.
    #[must_use]
    pub const fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// What the configuration says about tokens.
    #[must_use]
    pub const fn rules(&self) -> &TokenRules {
        self.tokens.rules()
    }

    /// Starts a session of `user` by `store`, which stores it, with whatever else belongs
    /// to the same unit of work. A place in the status lists that turns out to be taken is
    /// exchanged for another.
    ///
    /// # Errors
    ///
    /// What `store` answers, and [`Error::Internal`] when signing fails.
    pub async fn start<T, S, F>(
        &self,
        user: UserId,
        now: Timestamp,
        store: S,
    ) -> Result<(T, PreparedTokens)>
    where
        S: Fn(NewSession) -> F,
        F: Future<Output = Result<T, StorageError>>,
    {
        for _ in 0..PLACES {
            let (session, tokens) = self.prepare(user, now)?;
            match store(session).await {
                Err(StorageError::PlaceTaken) => {}
                stored => return Ok((stored?, tokens)),
            }
        }
        Err(Error::Overloaded)
    }

    /// Prepares a session of `user`: what is to be stored, and the tokens that may go out
    /// once it is.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when signing fails.
    pub fn prepare(&self, user: UserId, now: Timestamp) -> Result<(NewSession, PreparedTokens)> {
        let subject = Subject {
            user,
            session: SessionId::new(now, &*self.entropy),
        };
        let keys = self.keyring.view();
        let refresh = self.issue_refresh(&keys, subject, now, self.refresh_until(now, now))?;
        let session = NewSession {
            id: subject.session,
            refresh: refresh.hash,
            expires_at: refresh.expires_at,
            status: Some(self.places.choose()),
        };
        let status = session.status;
        let (until, token) = (refresh.expires_at, refresh.token);
        let pair = self.pair(&keys, subject, status, now, until, token)?;
        Ok((session, PreparedTokens(pair)))
    }

    /// The session and the user that an access token stands for.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAccessToken`] when the token is bad or its session is over, and
    /// [`Error::Storage`].
    pub async fn authenticate(&self, token: &str, now: Timestamp) -> Result<(Session, User)> {
        let facts = self.read_access(token, now).await?;
        self.alive(facts.subject, now).await
    }

    /// The session and the user that an access token named.
    async fn alive(&self, subject: Subject, now: Timestamp) -> Result<(Session, User)> {
        match self.storage.session(subject.session, now).await? {
            Some((session, user)) if user.id == subject.user => Ok((session, user)),
            _ => Err(Error::InvalidAccessToken),
        }
    }

    /// The session and the user that a refresh token stands for, without using it up:
    /// nothing changes, so that a page may ask as often as it is shown.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRefreshToken`] when [`refresh`](Self::refresh) would not give a
    /// successor for it, and [`Error::Storage`].
    pub async fn recognise(&self, token: &str, now: Timestamp) -> Result<(Session, User)> {
        let presented = self.read_refresh(token, now).await?;
        self.unused(&presented, now).await
    }

    /// The session and the user that a refresh token named, if it is good still.
    async fn unused(
        &self,
        presented: &PresentedRefresh,
        now: Timestamp,
    ) -> Result<(Session, User)> {
        let subject = presented.facts.subject;
        let grace = self.tokens.rules().refresh_grace;
        match self.storage.refresh_tokens(subject.session, now).await? {
            Some((session, tokens))
                if session.user == subject.user && tokens.accept(&presented.hash, grace, now) =>
            {
                Ok((session, tokens.user))
            }
            _ => Err(Error::InvalidRefreshToken),
        }
    }

    /// Exchanges a refresh token for new tokens of the same session.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRefreshToken`] when the token is bad, was used before, or its
    /// session is over, and [`Error::Storage`].
    pub async fn refresh(&self, cx: &WriteContext, token: &str) -> Result<TokenPair> {
        let now = cx.now;
        let PresentedRefresh { facts, hash } = self.read_refresh(token, now).await?;
        let subject = facts.subject;
        let started_at = subject
            .session
            .created_at()
            .ok_or(Error::InvalidRefreshToken)?;
        let until = self.refresh_until(started_at, now);
        if until <= now {
            return Err(Error::InvalidRefreshToken);
        }
        let keys = self.keyring.view();
        let issued = self.issue_refresh(&keys, subject, now, until)?;
        let rotation = Rotation {
            session: subject.session,
            presented: hash,
            successor: issued.hash,
            sealed_successor: self.seal_successor(token, subject.session, &issued),
            expires_at: issued.expires_at,
            grace: self.tokens.rules().refresh_grace,
            status: None,
        };
        let cx = cx.clone().by(subject.user);
        let (refresh_token, status) = match self.rotate(&cx, rotation).await? {
            RotationOutcome::Rotated(session) => (issued.token, session.status),
            RotationOutcome::Repeated {
                session,
                sealed_successor,
            } => {
                let successor = successor::open(token, subject.session, &sealed_successor);
                let successor = successor.ok_or(Error::InvalidRefreshToken)?;
                (successor, session.status)
            }
            RotationOutcome::Reused(_) | RotationOutcome::Ended => {
                return Err(Error::InvalidRefreshToken);
            }
        };
        self.pair(&keys, subject, status, now, until, refresh_token)
    }

    /// Exchanges the token. A session that has no place in the status lists gets one.
    async fn rotate(&self, cx: &WriteContext, rotation: Rotation) -> Result<RotationOutcome> {
        for _ in 0..PLACES {
            let rotation = Rotation {
                status: Some(self.places.choose()),
                ..rotation.clone()
            };
            match self.storage.rotate_refresh(cx, rotation).await {
                Err(StorageError::PlaceTaken) => {}
                outcome => return Ok(outcome?),
            }
        }
        Err(Error::Overloaded)
    }

    /// Ends the session that an access or a refresh token stands for. Any refresh token of
    /// a session that is alive will do, an older one too: it only ends what it belongs to.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAccessToken`] or [`Error::InvalidRefreshToken`] when the token is
    /// bad or the session over already, and [`Error::Storage`].
    pub async fn logout(&self, cx: &WriteContext, token: &str) -> Result<()> {
        let (subject, refused) = match self.read_refresh(token, cx.now).await {
            Ok(refresh) => (refresh.facts.subject, Error::InvalidRefreshToken),
            Err(_) => (
                self.read_access(token, cx.now).await?.subject,
                Error::InvalidAccessToken,
            ),
        };
        let Subject { user, session } = subject;
        let cx = cx.clone().by(user);
        let ended = self
            .storage
            .end_session(&cx, user, session, EndReason::Logout);
        if ended.await? { Ok(()) } else { Err(refused) }
    }

    /// The sessions of `user` that are alive, the latest first.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub async fn list(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>> {
        Ok(self.storage.sessions(user, now).await?)
    }

    /// Ends one session of `user`.
    ///
    /// # Errors
    ///
    /// [`Error::SessionNotFound`] when the user has no such session that is alive, and
    /// [`Error::Storage`].
    pub async fn end(&self, cx: &WriteContext, user: UserId, session: SessionId) -> Result<()> {
        let reason = EndReason::EndedByUser;
        if self.storage.end_session(cx, user, session, reason).await? {
            Ok(())
        } else {
            Err(Error::SessionNotFound)
        }
    }

    /// Ends every session of `user`.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub async fn end_all(&self, cx: &WriteContext, user: UserId) -> Result<()> {
        let reason = EndReason::EndedByUser;
        self.storage.end_sessions(cx, user, reason).await?;
        Ok(())
    }

    /// Until when a refresh token that is made `now` is good: no longer than the session.
    fn refresh_until(&self, started_at: Timestamp, now: Timestamp) -> Timestamp {
        let rules = self.tokens.rules();
        let session_end = started_at.plus(rules.session_max_age);
        now.plus(rules.refresh_ttl).min(session_end)
    }

    fn issue_refresh(
        &self,
        keys: &KeyView,
        subject: Subject,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<IssuedRefresh> {
        self.tokens
            .issue_refresh(keys.signer(now), subject, now, until, &*self.entropy)
            .map_err(Error::internal)
    }

    /// Both tokens. The access token never outlives the session, which is over at
    /// `session_end` if nobody refreshes it.
    fn pair(
        &self,
        keys: &KeyView,
        subject: Subject,
        status: Option<StatusIndex>,
        now: Timestamp,
        session_end: Timestamp,
        refresh_token: String,
    ) -> Result<TokenPair> {
        let until = now.plus(self.tokens.rules().access_ttl).min(session_end);
        let access_token = self
            .tokens
            .issue_access(
                keys.signer(now),
                subject,
                now,
                until,
                status,
                &*self.entropy,
            )
            .map_err(Error::internal)?;
        Ok(TokenPair {
            access_token,
            refresh_token,
            expires_in: seconds_between(now, until),
            refresh_expires_in: seconds_between(now, session_end),
        })
    }

    /// Without a grace nothing is kept.
    fn seal_successor(
        &self,
        presented: &str,
        session: SessionId,
        issued: &IssuedRefresh,
    ) -> Vec<u8> {
        if self.tokens.rules().refresh_grace.is_zero() {
            return Vec::new();
        }
        successor::seal(presented, session, &issued.token, &*self.entropy)
    }

    async fn read_access(&self, token: &str, now: Timestamp) -> Result<TokenFacts> {
        self.read(now, |keys| self.tokens.read_access(keys, token, now))
            .await
            .map_err(|refused| {
                tracing::debug!(%refused, "an access token is refused");
                Error::InvalidAccessToken
            })
    }

    async fn read_refresh(&self, token: &str, now: Timestamp) -> Result<PresentedRefresh> {
        self.read(now, |keys| self.tokens.read_refresh(keys, token, now))
            .await
            .map_err(|refused| {
                tracing::debug!(%refused, "a refresh token is refused");
                Error::InvalidRefreshToken
            })
    }

    /// Reads a token; when its key is not known, once more with newer keys if there are.
    async fn read<T>(
        &self,
        now: Timestamp,
        read: impl Fn(&KeyView) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let keys = self.keyring.view();
        let verdict = read(&keys);
        let is_unknown = verdict.as_ref().is_err_and(Refused::is_unknown_key);
        if is_unknown && self.keyring.refresh_for_unknown_key(&keys, now).await {
            return read(&self.keyring.view());
        }
        verdict
    }
}

/// Whole seconds, 0 when `until` is past.
fn seconds_between(now: Timestamp, until: Timestamp) -> u64 {
    let seconds = until.as_seconds().saturating_sub(now.as_seconds());
    u64::try_from(seconds).unwrap_or(0)
}

#[cfg(test)]
mod tests;
