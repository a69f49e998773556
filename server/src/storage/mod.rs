//! Storage: one trait, and the back ends behind it.
//!
//! Each method of [`Storage`] is one atomic unit of work: it happens whole or not at all,
//! and when it answers `Ok` it is on disk. A look-up answers `Ok(None)` for what is not
//! there; a conflict has a variant of its own. No SQL type gets out of a back end.
//!
//! Whatever changes something takes a [`WriteContext`], so that a back end can record who
//! did it in the same transaction: see [`audit`](crate::domain::audit).

/// The text of a statement with constants in it, put together once and not at each use.
macro_rules! sql {
    ($text:literal $(, $constant:expr)* $(,)?) => {{
        static TEXT: std::sync::LazyLock<String> =
            std::sync::LazyLock::new(|| format!($text $(, $constant)*));
        TEXT.as_str()
    }};
}

#[cfg(test)]
mod conformance;
mod journal;
pub mod migrations;
pub mod postgres;
pub mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::migrations::{MigrationError, Migrator, PostgresMigrator, SqliteMigrator};
use self::postgres::{Connector, PostgresStorage};
use self::sqlite::SqliteStorage;
use crate::config::DatabaseUrl;
use crate::domain::audit::{AuditFilter, AuditPage, Event, Record};
use crate::domain::clients::{Client, ClientName};
use crate::domain::clock::Timestamp;
use crate::domain::context::WriteContext;
use crate::domain::email::Email;
use crate::domain::ids::{ClientId, SessionId, UserId};
use crate::domain::keys::{KeyChange, KeySnapshot};
use crate::domain::password_hash::PasswordHash;
use crate::domain::session::{
    EndReason, NewSession, RefreshTokens, Rotation, RotationOutcome, Session,
};
use crate::domain::status::StatusIndex;
use crate::domain::throttle::{
    AccountCount, AccountKey, Attempt, Budget, Counted, Network, Outcome, Scope, ThrottleRules,
};
use crate::domain::transfer::{ImportOutcome, ImportedUser};
use crate::domain::user::{Credentials, NewUser, ProfileChange, User};

/// What every back end does.
///
/// Object-safe on purpose: a generic would multiply into every filter type above.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Makes an account and, when given, its first session.
    ///
    /// # Errors
    ///
    /// [`StorageError::EmailTaken`] when another user has the same canonical address.
    async fn create_user(
        &self,
        cx: &WriteContext,
        user: NewUser,
        session: Option<NewSession>,
    ) -> Result<User>;

    /// The user with this identifier.
    async fn user(&self, id: UserId) -> Result<Option<User>>;

    /// The user with this identifier, and the stored hash.
    async fn credentials(&self, id: UserId) -> Result<Option<Credentials>>;

    /// The user with this address, by its canonical form, and the stored hash.
    async fn credentials_by_email(&self, email: &Email) -> Result<Option<Credentials>>;

    /// Up to `limit` users in the order of their identifiers, those after `after`.
    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>>;

    /// Takes users in from elsewhere, or, with `dry_run`, only finds out what would come of
    /// it. One outcome for each of them, in their order. No two of `users` have one
    /// identifier or one canonical address.
    ///
    /// A user who is in the way is no error: that user stays as is, and so does everybody
    /// else's outcome.
    async fn import_users(
        &self,
        cx: &WriteContext,
        users: Vec<ImportedUser>,
        dry_run: bool,
    ) -> Result<Vec<ImportOutcome>>;

    /// Like [`Storage::users`], each with the stored hash.
    async fn export_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Credentials>>;

    /// Changes what a user may change; `None` when there is no such user.
    async fn update_profile(
        &self,
        cx: &WriteContext,
        id: UserId,
        change: ProfileChange,
    ) -> Result<Option<User>>;

    /// Gives the user another address; `None` when there is no such user.
    ///
    /// # Errors
    ///
    /// [`StorageError::EmailTaken`] when another user has the same canonical address.
    async fn change_email(
        &self,
        cx: &WriteContext,
        id: UserId,
        email: Email,
    ) -> Result<Option<User>>;

    /// Replaces the password, ends every session and, when given, starts a new one.
    ///
    /// With `expected`, only if the stored hash still is that one.
    async fn change_password(
        &self,
        cx: &WriteContext,
        id: UserId,
        expected: Option<&PasswordHash>,
        new: PasswordHash,
        session: Option<NewSession>,
    ) -> Result<Guarded<User>>;

    /// Disables the user and ends every session, or enables the user again; `None` when
    /// there is no such user. Repeating it changes nothing.
    async fn set_disabled(
        &self,
        cx: &WriteContext,
        id: UserId,
        disabled: bool,
    ) -> Result<Option<User>>;

    /// Deletes the user. The sessions end; their rows outlive the user until their last
    /// access token has expired.
    ///
    /// With `expected`, only if the stored hash still is that one.
    ///
    /// # Errors
    ///
    /// [`StorageError::UserReferenced`] when another service's table points at the user.
    async fn delete_user(
        &self,
        cx: &WriteContext,
        id: UserId,
        expected: Option<&PasswordHash>,
    ) -> Result<Guarded<()>>;

    /// Starts a session after the password was found right, and stores `upgraded` in the
    /// place of the hash when given.
    ///
    /// Only if the stored hash still is `expected` and the user is not disabled, so that
    /// a password change or a disabling that came in between wins.
    async fn start_session(
        &self,
        cx: &WriteContext,
        id: UserId,
        expected: &PasswordHash,
        upgraded: Option<PasswordHash>,
        session: NewSession,
    ) -> Result<Guarded<User>>;

    /// The session and its user, in one query; `None` when the session has ended or
    /// expired at `now`, or its user is disabled or gone.
    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<(Session, User)>>;

    /// The session and its refresh tokens, in one query that locks nothing; `None` as for
    /// [`Storage::session`].
    async fn refresh_tokens(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<(Session, RefreshTokens)>>;

    /// The user's sessions that are alive at `now`, the latest first.
    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>>;

    /// Exchanges a refresh token for its successor.
    async fn rotate_refresh(
        &self,
        cx: &WriteContext,
        rotation: Rotation,
    ) -> Result<RotationOutcome>;

    /// Ends one session of a user; says whether it was alive.
    async fn end_session(
        &self,
        cx: &WriteContext,
        user: UserId,
        session: SessionId,
        reason: EndReason,
    ) -> Result<bool>;

    /// Ends every session of a user; says how many had not ended yet. Here and wherever every
    /// session ends, one that has expired is ended too: to a clock that is behind, or that
    /// was ahead and is set right, it is alive.
    async fn end_sessions(&self, cx: &WriteContext, user: UserId, reason: EndReason)
    -> Result<u64>;

    /// Which places of a status list are revoked: those of the sessions that ended at
    /// `since` or later. `None` when there is no such list.
    async fn revoked_places(&self, list: u32, since: Timestamp) -> Result<Option<Vec<u32>>>;

    /// How many status lists there are, counted from 0 on.
    async fn status_lists(&self) -> Result<u32>;

    /// How many of these places are taken by a session.
    async fn taken_places(&self, places: &[StatusIndex]) -> Result<usize>;

    /// Opens the status list `list`, unless it is there.
    async fn open_status_list(&self, cx: &WriteContext, list: u32) -> Result<()>;

    /// Stores a client of the OAuth endpoints; says whether its name was free.
    async fn add_client(&self, cx: &WriteContext, client: &Client) -> Result<bool>;

    /// The client with this identifier.
    async fn client(&self, id: ClientId) -> Result<Option<Client>>;

    /// Every client, by name.
    async fn clients(&self) -> Result<Vec<Client>>;

    /// Forgets the client of this name; says whether there was one.
    async fn remove_client(&self, cx: &WriteContext, name: &ClientName) -> Result<bool>;

    /// The stored signing keys.
    async fn keys(&self) -> Result<KeySnapshot>;

    /// The generation of the stored signing keys, cheaply.
    async fn key_generation(&self) -> Result<u64>;

    /// Changes the stored keys if they still are of `generation`; says whether they were.
    ///
    /// The rules of rotation are decided above, on a snapshot; this makes sure that two
    /// who decide at once do not both have their way. `events` are what the changes come to,
    /// for the audit trail.
    async fn change_keys(
        &self,
        cx: &WriteContext,
        generation: u64,
        changes: Vec<KeyChange>,
        events: Vec<Event>,
    ) -> Result<bool>;

    /// Records what happened and changed nothing, such as a sign-in that was refused. What
    /// changes something is recorded by the method that changes it.
    async fn record(&self, cx: &WriteContext, event: Event) -> Result<()>;

    /// Up to `limit` records of the audit trail, the oldest first.
    async fn audit(&self, filter: &AuditFilter, page: AuditPage, limit: u32)
    -> Result<Vec<Record>>;

    /// Counts a try at a password as a failure, if the account and the network allow one.
    ///
    /// Each of the two counts by an update that carries its condition, so that of any
    /// number at once only as many are allowed as there is room for.
    async fn count_try(
        &self,
        cx: &WriteContext,
        attempt: &Attempt,
        rules: &ThrottleRules,
    ) -> Result<Counted>;

    /// Takes back that a try, which was counted in `scope`, was a failure.
    ///
    /// When it was right the failures of that count are forgotten, and the network is known
    /// from then on.
    async fn settle_try(
        &self,
        cx: &WriteContext,
        attempt: &Attempt,
        scope: Scope,
        outcome: Outcome,
        rules: &ThrottleRules,
    ) -> Result<()>;

    /// Counts a sign-up from a network; how long it has to wait when there is no room.
    async fn count_sign_up(
        &self,
        cx: &WriteContext,
        network: &Network,
        budget: &Budget,
    ) -> Result<Option<Duration>>;

    /// Gives the account a count of its own for a network, until then, without failures.
    async fn know_network(
        &self,
        cx: &WriteContext,
        account: &AccountKey,
        network: &Network,
        until: Timestamp,
    ) -> Result<()>;

    /// The counts of the account that have failures, the most failures first.
    async fn account_counts(&self, account: &AccountKey) -> Result<Vec<AccountCount>>;

    /// Forgets the failures of the account, which is that of `user`; says whether there were
    /// any. Known networks stay known.
    async fn clear_failures(
        &self,
        cx: &WriteContext,
        account: &AccountKey,
        user: UserId,
    ) -> Result<bool>;

    /// Forgets everything about the account.
    async fn forget_account(&self, cx: &WriteContext, account: &AccountKey) -> Result<()>;

    /// Takes the turn at `chore` if nobody has taken it for the time `every`; says whether
    /// this is who has it now.
    ///
    /// One conditional update, so that of those who ask at once one gets the turn. Nobody
    /// gives it back: whoever dies in a turn delays the chore by `every` and no more. The
    /// time is that of the database where it has a clock of its own, and `cx.now`
    /// otherwise.
    async fn take_turn(&self, cx: &WriteContext, chore: Chore, every: Duration) -> Result<bool>;

    /// Forgets what nobody can need any more.
    async fn housekeep(&self, cx: &WriteContext, limits: Limits) -> Result<Housekept>;

    /// The time by the clock of the database; `None` where that is the clock of this
    /// machine, as in an embedded one.
    async fn now(&self) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    /// Answers when the database does.
    async fn ping(&self) -> Result<()>;

    /// Waits until the database can only be opened anew, and says why: every change is
    /// refused from then on. That it cannot be reached right now is no such thing.
    async fn broken(&self) -> String {
        std::future::pending().await
    }

    /// Finishes what has been accepted and closes the database.
    async fn close(&self);
}

/// What a change came to that was to happen only if nothing else had come in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guarded<T> {
    /// It happened.
    Done(T),
    /// The stored hash is another one by now, or the user was disabled: nothing happened.
    Stale,
    /// There is no such user.
    NotFound,
}

/// What is to be done once, however many servers share the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    /// [`Housekeeping`](crate::domain::housekeeping::Housekeeping).
    Housekeeping,
}

impl Chore {
    /// The stable word that is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Housekeeping => "housekeeping",
        }
    }
}

impl Guarded<User> {
    /// The user who was found, unless something has come in between since `expected` was
    /// read.
    fn check(found: Option<Credentials>, expected: Option<&PasswordHash>) -> Self {
        let Some(Credentials { user, password }) = found else {
            return Self::NotFound;
        };
        match expected {
            Some(expected) if *expected != password || user.disabled_at.is_some() => Self::Stale,
            _ => Self::Done(user),
        }
    }
}

/// Up to when housekeeping forgets.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sessions that ended before this instant are deleted, and those that expired so long
    /// before it that they need not be kept any more.
    pub sessions_over_before: Timestamp,
    /// Sealed successors of refresh tokens that were rotated before this are deleted.
    pub rotated_before: Timestamp,
    /// Records of the audit trail from before this are deleted.
    pub audited_before: Timestamp,
}

/// What housekeeping did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Housekept {
    /// Deleted sessions.
    pub sessions: u64,
    /// Deleted sealed successors.
    pub successors: u64,
    /// Deleted records of the audit trail.
    pub audit_events: u64,
    /// Deleted counts of tries.
    pub counts: u64,
}

/// The names under which [`Budget`]s are stored.
const FAILURES: &str = "failures";
const SIGN_UPS: &str = "sign_ups";

/// The most counts of accounts for networks that are not known. Beyond, those with the
/// fewest failures go, the oldest first: whoever tries a million addresses to fill the disk,
/// or to have others forgotten, removes what is least worth keeping.
const COUNTS_MAX: u32 = 1_000_000;

/// The most networks that an account knows; the latest stay.
const KNOWN_MAX: u32 = 32;

/// The result of a storage method.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// A shared back end.
pub type SharedStorage = Arc<dyn Storage>;

/// Why a storage method failed. What it shows is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another user has the same canonical e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// A row of another table points at the user.
    #[error("the user is referenced by another table")]
    UserReferenced,
    /// Another session has the same place in the status lists.
    #[error("the place in the status lists is taken")]
    PlaceTaken,
    /// The database cannot be used right now: locked, full, gone or overloaded. Trying
    /// again later may work.
    #[error("the database is unavailable: {0}")]
    Unavailable(Source),
    /// Anything else: a bug, or a database that is not what it should be.
    #[error("the database failed: {0}")]
    Failed(Source),
}

/// Opens the database that `url` names.
///
/// # Errors
///
/// [`OpenError`] when it cannot be used or its schema is not this binary's.
pub async fn open(url: &DatabaseUrl, options: OpenOptions) -> Result<SharedStorage, OpenError> {
    Ok(match url {
        DatabaseUrl::SqliteFile(path) => {
            let path = path.clone();
            Arc::new(blocking(move || SqliteStorage::open(&path, options)).await?)
        }
        DatabaseUrl::SqliteMemory => {
            Arc::new(blocking(move || SqliteStorage::in_memory(options.now)).await?)
        }
        DatabaseUrl::Postgres(url) => Arc::new(PostgresStorage::open(url, options).await?),
    })
}

/// Opening a file may wait for the disk, and for another process that migrates.
async fn blocking<T: Send + 'static>(
    open: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    tokio::task::spawn_blocking(open)
        .await
        .map_err(OpenError::database)?
}

/// Makes an empty database that is gone when it is closed, for trying out what would
/// happen. It is held in memory and, when that grows, in an unnamed file.
///
/// # Errors
///
/// [`OpenError`] when there is no memory or no thread to be had.
pub async fn open_scratch(now: Timestamp) -> Result<SharedStorage, OpenError> {
    Ok(Arc::new(
        blocking(move || SqliteStorage::scratch(now)).await?,
    ))
}

/// Gives what walks the schema of the database that `url` names; `cx` is the cause of what
/// it changes.
///
/// # Errors
///
/// [`OpenError`] when it is of a kind that has no schema to walk.
pub fn migrator(url: &DatabaseUrl, cx: WriteContext) -> Result<Box<dyn Migrator>, OpenError> {
    match url {
        DatabaseUrl::SqliteFile(path) => Ok(Box::new(SqliteMigrator::new(path, cx))),
        DatabaseUrl::SqliteMemory => Err(OpenError::NothingToMigrate),
        DatabaseUrl::Postgres(url) => {
            let connector = Connector::new(url).map_err(OpenError::database)?;
            Ok(Box::new(PostgresMigrator::new(connector, cx)))
        }
    }
}

/// How to open a database.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// How many connections are kept: readers on SQLite, those for requests on PostgreSQL.
    pub pool: u32,
    /// What to do about migrations that are not applied. A database in memory always gets
    /// them.
    pub pending: Pending,
    /// The time on record for migrations that are applied.
    pub now: Timestamp,
}

/// What to do about migrations that are not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Apply them.
    Apply,
    /// Refuse to open the database.
    Refuse,
}

/// Why a database was not opened. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The schema is not this binary's.
    #[error(transparent)]
    Schema(#[from] MigrationError),
    /// A database in memory has no schema from before.
    #[error("sqlite::memory: is migrated whenever it is opened: set database.url to sqlite:FILE")]
    NothingToMigrate,
    /// The database cannot be used.
    #[error("{0}")]
    Database(Source),
}

impl OpenError {
    fn database(error: impl Into<Source>) -> Self {
        Self::Database(error.into())
    }
}

/// The back end's own error. The text of the error that holds it has it already, so that it
/// is no `source` of that.
pub type Source = Box<dyn std::error::Error + Send + Sync>;
