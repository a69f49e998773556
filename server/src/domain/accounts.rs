//! Accounts: sign-up, sign-in, and what users do with what is theirs.
//!
//! Every use case hashes first and then asks storage for one atomic unit of work, which
//! happens only if what the decision was based upon still holds. Hashing takes tens of
//! milliseconds, and nothing is locked while it runs.

use std::sync::Arc;

use tracing::Instrument as _;

use super::audit::{self, Event, Reason, Word};
use super::context::WriteContext;
use super::email::Email;
use super::entropy::Entropy;
use super::error::{Error, Result};
use super::hasher::{HashError, Hasher, Verdict};
use super::ids::UserId;
use super::password::Password;
use super::password_hash::PasswordHash;
use super::password_rules::{NewPassword, PasswordRules};
use super::sessions::{Sessions, TokenPair};
use super::throttle::{AccountKey, Permit, Throttle};
use super::user::{Age, Credentials, NewUser, ProfileChange, User, UserName};
use crate::storage::{Guarded, SharedStorage, StorageError};

/// How often whoever gives the right password starts over when the stored hash changes
/// underneath. Two people who sign in to one account while its hash is being replaced need
/// one more try each.
const ATTEMPTS: usize = 4;

/// The use cases of accounts.
pub struct Accounts {
    storage: SharedStorage,
    sessions: Arc<Sessions>,
    hasher: Hasher,
    rules: PasswordRules,
    throttle: Throttle,
    upgrade_foreign: bool,
    entropy: Arc<dyn Entropy>,
}

/// What somebody who signs up gives.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// The name.
    pub name: UserName,
    /// The e-mail address.
    pub email: Email,
    /// The age, if told.
    pub age: Option<Age>,
    /// The password, which the policy has accepted.
    pub password: NewPassword,
}

impl SignUp {
    /// Hashes the password and gives the user an identifier.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`] or [`Error::Internal`] from the hasher.
    pub(super) async fn into_user(
        self,
        cx: &WriteContext,
        entropy: &dyn Entropy,
        hasher: &Hasher,
    ) -> Result<NewUser> {
        let password = self.password.into_inner();
        let password = hasher.hash(cx.network().as_ref(), password).await?;
        Ok(NewUser {
            id: UserId::new(cx.now, entropy),
            name: self.name,
            email: self.email,
            age: self.age,
            password,
        })
    }
}

/// A user who has just signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The user.
    pub user: User,
    /// The tokens of the new session.
    pub tokens: TokenPair,
}

/// An account whose password was given.
struct Right {
    found: Credentials,
    outdated: bool,
}

impl Accounts {
    /// The use cases over `storage`. With `upgrade_foreign`, hashes that are not Argon2's
    /// are replaced at the next sign-in.
    #[must_use]
    pub fn new(
        storage: SharedStorage,
        sessions: Arc<Sessions>,
        hasher: Hasher,
        rules: PasswordRules,
        throttle: Throttle,
        upgrade_foreign: bool,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            storage,
            sessions,
            hasher,
            rules,
            throttle,
            upgrade_foreign,
            entropy,
        }
    }

    /// The rules that new passwords are judged by.
    #[must_use]
    pub fn rules(&self) -> &PasswordRules {
        &self.rules
    }

    /// Makes an account and signs its owner in.
    ///
    /// # Errors
    ///
    /// [`Error::EmailTaken`], [`Error::Throttled`], [`Error::Overloaded`],
    /// [`Error::Storage`].
    pub async fn sign_up(&self, cx: &WriteContext, request: SignUp) -> Result<SignedIn> {
        let account = AccountKey::of(&request.email);
        self.throttle.sign_up(cx).await?;
        // Only to spare the hash: the unique index decides, also between two at once.
        let found = self.storage.credentials_by_email(&request.email).await?;
        if let Some(found) = found {
            return Err(self.refuse_sign_up(cx, Some(found.user.id)).await);
        }
        let user = request.into_user(cx, &*self.entropy, &self.hasher).await?;
        let create = |session| self.storage.create_user(cx, user.clone(), Some(session));
        let (user, tokens) = match self.sessions.start(user.id, cx.now, create).await {
            Err(Error::EmailTaken) => return Err(self.refuse_sign_up(cx, None).await),
            started => started?,
        };
        self.throttle.is_home(cx, account).await;
        Ok(SignedIn {
            user,
            tokens: tokens.release(),
        })
    }

    /// Signs in with an e-mail address and a password.
    ///
    /// An unknown address costs what a wrong password costs. Whether an account is
    /// disabled shows only after its right password.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCredentials`], [`Error::UserDisabled`], [`Error::Throttled`],
    /// [`Error::Overloaded`], [`Error::Storage`].
    pub async fn sign_in(
        &self,
        cx: &WriteContext,
        email: &Email,
        password: Password,
    ) -> Result<SignedIn> {
        let failed = Event::new(Word::SignInFailed);
        let account = AccountKey::of(email);
        let permit = self.throttle.attempt(cx, account, failed).await?;
        match self.check(cx, email, password.clone(), Some(&permit)).await {
            Ok(right) => {
                let begin = self.begin(cx, email, password, right);
                let (begun, ()) = tokio::join!(begin, permit.right());
                begun
            }
            Err(error) => {
                permit.failed().await;
                Err(error)
            }
        }
    }

    /// Whose the address is, if the password is theirs.
    async fn check(
        &self,
        cx: &WriteContext,
        email: &Email,
        password: Password,
        permit: Option<&Permit>,
    ) -> Result<Right> {
        let found = self.storage.credentials_by_email(email).await?;
        if let (Some(permit), Some(found)) = (permit, &found) {
            permit.concerns(found.user.id);
        }
        match (self.verify(cx, password, found.as_ref()).await?, found) {
            (Verdict::Match { outdated }, Some(found)) => Ok(Right { found, outdated }),
            (_, found) => {
                let event = sign_in_failed(found.as_ref());
                let answer = Error::InvalidCredentials;
                Err(self.refuse_try(cx, event, answer, permit).await)
            }
        }
    }

    /// Begins a session of somebody whose password was right.
    async fn begin(
        &self,
        cx: &WriteContext,
        email: &Email,
        password: Password,
        mut right: Right,
    ) -> Result<SignedIn> {
        for _ in 0..ATTEMPTS {
            let Right { found, outdated } = right;
            if found.user.disabled_at.is_some() {
                let event =
                    Event::of(Word::SignInFailed, found.user.id).because(Reason::UserDisabled);
                return Err(self.refuse(cx, event, Error::UserDisabled).await);
            }
            let upgraded = if outdated && self.may_replace(&found.password) {
                Some(self.hash(cx, password.clone()).await?)
            } else {
                None
            };
            let start = |session| {
                let (id, expected) = (found.user.id, &found.password);
                let upgraded = upgraded.clone();
                self.storage
                    .start_session(cx, id, expected, upgraded, session)
            };
            let started = self.sessions.start(found.user.id, cx.now, start).await;
            let (started, tokens) = started?;
            match started {
                Guarded::Done(user) => {
                    return Ok(SignedIn {
                        user,
                        tokens: tokens.release(),
                    });
                }
                // Changed or disabled while the password was being checked: look again.
                Guarded::Stale => right = self.check(cx, email, password.clone(), None).await?,
                Guarded::NotFound => {
                    let event = sign_in_failed(None);
                    return Err(self.refuse(cx, event, Error::InvalidCredentials).await);
                }
            }
        }
        Err(Error::Overloaded)
    }

    fn may_replace(&self, stored: &PasswordHash) -> bool {
        self.upgrade_foreign || !stored.is_foreign()
    }

    /// Changes a user's own name or age.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAccessToken`] when the user is gone by now, [`Error::Storage`].
    pub async fn update(
        &self,
        cx: &WriteContext,
        id: UserId,
        change: ProfileChange,
    ) -> Result<User> {
        self.storage
            .update_profile(cx, id, change)
            .await?
            .ok_or(Error::InvalidAccessToken)
    }

    /// Changes a signed-in user's password. Every session ends and a new one begins.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the policy refuses the new password,
    /// [`Error::WrongPassword`], [`Error::InvalidAccessToken`] when the user is gone or
    /// disabled by now, [`Error::Throttled`], [`Error::Overloaded`], [`Error::Storage`].
    pub async fn change_password(
        &self,
        cx: &WriteContext,
        user: &User,
        current: Password,
        new: Password,
    ) -> Result<TokenPair> {
        let new = self
            .rules
            .accept(
                "new_password",
                new,
                Some(&user.email),
                Some(&user.name),
                cx.now,
            )
            .map_err(Error::Invalid)?;
        let failed = Word::PasswordChangeFailed;
        let mut stored = self.confirm_once(cx, failed, user, current.clone()).await?;
        let hash = self.hash(cx, new.into_inner()).await?;
        for _ in 0..ATTEMPTS {
            let change = |session| {
                let (expected, new) = (Some(&stored), hash.clone());
                self.storage
                    .change_password(cx, user.id, expected, new, Some(session))
            };
            let changed = self.sessions.start(user.id, cx.now, change).await;
            let (changed, tokens) = changed?;
            match changed {
                Guarded::Done(_) => return Ok(tokens.release()),
                // Another password, or another hash of this one: look again.
                Guarded::Stale => {
                    stored = self
                        .confirm(cx, failed, user.id, current.clone(), None)
                        .await?;
                }
                Guarded::NotFound => return Err(Error::InvalidAccessToken),
            }
        }
        Err(Error::Overloaded)
    }

    /// Deletes a signed-in user's own account.
    ///
    /// # Errors
    ///
    /// [`Error::WrongPassword`], [`Error::UserReferenced`],
    /// [`Error::InvalidAccessToken`] when the user is gone or disabled by now,
    /// [`Error::Throttled`], [`Error::Overloaded`], [`Error::Storage`].
    pub async fn delete(&self, cx: &WriteContext, user: &User, password: Password) -> Result<()> {
        let failed = Word::DeletionFailed;
        let mut stored = self
            .confirm_once(cx, failed, user, password.clone())
            .await?;
        for _ in 0..ATTEMPTS {
            let deleted = self.storage.delete_user(cx, user.id, Some(&stored)).await;
            if matches!(deleted, Err(StorageError::UserReferenced)) {
                let event = Event::of(failed, user.id).because(Reason::UserReferenced);
                return Err(self.refuse(cx, event, Error::UserReferenced).await);
            }
            match deleted? {
                Guarded::Done(()) => {
                    self.throttle.forget(cx, AccountKey::of_user(user)).await;
                    return Ok(());
                }
                // Another password, or another hash of this one: look again.
                Guarded::Stale => {
                    let again = self.confirm(cx, failed, user.id, password.clone(), None);
                    stored = again.await?;
                }
                Guarded::NotFound => return Err(Error::InvalidAccessToken),
            }
        }
        Err(Error::Overloaded)
    }

    /// The same as [`Accounts::confirm`], as a try that counts.
    async fn confirm_once(
        &self,
        cx: &WriteContext,
        failed: Word,
        user: &User,
        password: Password,
    ) -> Result<PasswordHash> {
        let attempt = Event::of(failed, user.id);
        let account = AccountKey::of_user(user);
        let permit = self.throttle.attempt(cx, account, attempt).await?;
        match self
            .confirm(cx, failed, user.id, password, Some(&permit))
            .await
        {
            Ok(stored) => {
                permit.right().await;
                Ok(stored)
            }
            Err(error) => {
                permit.failed().await;
                Err(error)
            }
        }
    }

    /// Makes sure that `password` is the user's, and gives the hash that says so. If it is
    /// not, that is what `failed` because of it.
    async fn confirm(
        &self,
        cx: &WriteContext,
        failed: Word,
        id: UserId,
        password: Password,
        permit: Option<&Permit>,
    ) -> Result<PasswordHash> {
        let found = self.storage.credentials(id).await?;
        let verdict = self.verify(cx, password, found.as_ref()).await?;
        match (found, verdict) {
            (None, _) => Err(Error::InvalidAccessToken),
            (Some(_), Verdict::Mismatch) => {
                let event = Event::of(failed, id).because(Reason::WrongPassword);
                let answer = Error::WrongPassword;
                Err(self.refuse_try(cx, event, answer, permit).await)
            }
            // Whose sessions have ended with that.
            (Some(found), _) if found.user.disabled_at.is_some() => Err(Error::InvalidAccessToken),
            (Some(found), Verdict::Match { .. }) => Ok(found.password),
        }
    }

    async fn verify(
        &self,
        cx: &WriteContext,
        password: Password,
        found: Option<&Credentials>,
    ) -> Result<Verdict> {
        let stored = found.map(|found| found.password.clone());
        let network = cx.network();
        match self.hasher.verify(network.as_ref(), password, stored).await {
            Err(error @ HashError::Unreadable(_)) => {
                // No password can be right. Whoever tries learns nothing of it; the
                // operator does.
                tracing::error!(
                    user_id = found.map(|found| found.user.id.to_string()),
                    "{error}; set a new one with `latchkey user set-password`"
                );
                Ok(Verdict::Mismatch)
            }
            other => Ok(other?),
        }
    }

    /// Records that a sign-up was refused because somebody has the address; whoever lost to
    /// another one in the same moment does not know to whom.
    async fn refuse_sign_up(&self, cx: &WriteContext, owner: Option<UserId>) -> Error {
        let event = Event {
            user: owner,
            ..Event::new(Word::SignUpFailed).because(Reason::EmailTaken)
        };
        self.refuse(cx, event, Error::EmailTaken).await
    }

    /// Records why somebody is refused, and gives the error to answer with.
    async fn refuse(&self, cx: &WriteContext, event: Event, answer: Error) -> Error {
        audit::refuse(&*self.storage, cx, event, answer).await
    }

    /// The same for a wrong password, and the pause that begins with it, whether or not
    /// anybody waits for that: a client that hangs up now has tried, and the permit has been
    /// told that this is put on record.
    async fn refuse_try(
        &self,
        cx: &WriteContext,
        failed: Event,
        answer: Error,
        permit: Option<&Permit>,
    ) -> Error {
        let pause = permit.and_then(|permit| permit.wrong(&failed));
        let (storage, cx) = (Arc::clone(&self.storage), cx.clone());
        let recorded = async move {
            let answer = audit::refuse(&*storage, &cx, failed, answer).await;
            match pause {
                Some(pause) => audit::refuse(&*storage, &cx, pause, answer).await,
                None => answer,
            }
        };
        tokio::spawn(recorded.in_current_span())
            .await
            .unwrap_or_else(|_| Error::internal("a wrong password was not put on record"))
    }

    async fn hash(&self, cx: &WriteContext, password: Password) -> Result<PasswordHash> {
        Ok(self.hasher.hash(cx.network().as_ref(), password).await?)
    }
}

/// The password is not that of whom the address has found.
fn sign_in_failed(found: Option<&Credentials>) -> Event {
    match found {
        Some(found) => Event::of(Word::SignInFailed, found.user.id).because(Reason::WrongPassword),
        None => Event::new(Word::SignInFailed).because(Reason::UnknownEmail),
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::Overloaded,
            HashError::NoMemory => {
                tracing::warn!("{error}");
                Self::Overloaded
            }
            HashError::Unreadable(_) | HashError::Failed => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests;
