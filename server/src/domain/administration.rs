//! What an operator does with accounts: without their passwords, and without a session.

use std::str::FromStr;
use std::sync::Arc;

use super::accounts::SignUp;
use super::context::WriteContext;
use super::email::{Email, EmailError};
use super::entropy::Entropy;
use super::error::Result;
use super::hasher::Hasher;
use super::ids::UserId;
use super::password_rules::NewPassword;
use super::session::{EndReason, Session};
use super::throttle::{AccountCount, AccountKey};
use super::user::User;
use crate::storage::{Guarded, SharedStorage};

/// The use cases of operators.
pub struct Administration {
    storage: SharedStorage,
    hasher: Hasher,
    entropy: Arc<dyn Entropy>,
}

/// How an operator names a user.
#[derive(Clone, Debug)]
pub enum UserRef {
    /// By the identifier.
    Id(UserId),
    /// By the e-mail address, in any spelling of it.
    Email(Email),
}

/// Takes whatever is a UUID as an identifier and everything else as an address.
impl FromStr for UserRef {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => Email::parse(text).map(Self::Email),
        }
    }
}

impl Administration {
    /// The use cases over `storage`.
    #[must_use]
    pub fn new(storage: SharedStorage, hasher: Hasher, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            storage,
            hasher,
            entropy,
        }
    }

    /// The user that is meant; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When storage fails, as all of these.
    pub async fn find(&self, user: &UserRef) -> Result<Option<User>> {
        Ok(match user {
            UserRef::Id(id) => self.storage.user(*id).await?,
            UserRef::Email(email) => self
                .storage
                .credentials_by_email(email)
                .await?
                .map(|found| found.user),
        })
    }

    /// Up to `limit` users in the order of their identifiers, those after `after`.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn list(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        Ok(self.storage.users(after, limit).await?)
    }

    /// The user's sessions that are alive, the latest first.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn sessions(&self, cx: &WriteContext, user: UserId) -> Result<Vec<Session>> {
        Ok(self.storage.sessions(user, cx.now).await?)
    }

    /// The failed tries at the user's password, where there are any.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn failures(&self, user: &User) -> Result<Vec<AccountCount>> {
        let account = AccountKey::of_user(user);
        Ok(self.storage.account_counts(&account).await?)
    }

    /// Forgets the failed tries at the user's password; says whether there were any.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn unlock(&self, cx: &WriteContext, user: &User) -> Result<bool> {
        let account = AccountKey::of_user(user);
        Ok(self.storage.clear_failures(cx, &account, user.id).await?)
    }

    /// Makes an account without signing anybody in.
    ///
    /// # Errors
    ///
    /// [`Error::EmailTaken`](super::error::Error::EmailTaken), or when hashing or storage
    /// fails.
    pub async fn add(&self, cx: &WriteContext, request: SignUp) -> Result<User> {
        let user = request.into_user(cx, &*self.entropy, &self.hasher).await?;
        Ok(self.storage.create_user(cx, user, None).await?)
    }

    /// Sets a password without the old one. Every session ends. Says whether there is
    /// such a user.
    ///
    /// # Errors
    ///
    /// When hashing or storage fails.
    pub async fn set_password(
        &self,
        cx: &WriteContext,
        id: UserId,
        new: NewPassword,
    ) -> Result<bool> {
        let hash = self
            .hasher
            .hash(cx.network().as_ref(), new.into_inner())
            .await?;
        let changed = self
            .storage
            .change_password(cx, id, None, hash, None)
            .await?;
        Ok(matches!(changed, Guarded::Done(_)))
    }

    /// Gives the user another address; `None` when there is no such user.
    ///
    /// # Errors
    ///
    /// [`Error::EmailTaken`](super::error::Error::EmailTaken), or when storage fails.
    pub async fn set_email(
        &self,
        cx: &WriteContext,
        id: UserId,
        email: Email,
    ) -> Result<Option<User>> {
        Ok(self.storage.change_email(cx, id, email).await?)
    }

    /// Ends every session of the user; says how many there were.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn sign_out(&self, cx: &WriteContext, id: UserId) -> Result<u64> {
        Ok(self
            .storage
            .end_sessions(cx, id, EndReason::EndedByOperator)
            .await?)
    }

    /// Disables the user and ends every session, or enables the user again; `None` when
    /// there is no such user.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn set_disabled(
        &self,
        cx: &WriteContext,
        id: UserId,
        disabled: bool,
    ) -> Result<Option<User>> {
        Ok(self.storage.set_disabled(cx, id, disabled).await?)
    }

    /// Deletes the user; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::UserReferenced`](super::error::Error::UserReferenced), or when storage
    /// fails.
    pub async fn delete(&self, cx: &WriteContext, id: UserId) -> Result<bool> {
        let deleted = self.storage.delete_user(cx, id, None).await?;
        Ok(matches!(deleted, Guarded::Done(())))
    }
}
