//! The SQLite back end: embedded, one file, the default.
//!
//! Changes go through one `writer` thread, queries through a pool of `readers`; with
//! the write-ahead log neither waits for the other. A commit is synced to disk before it
//! is answered. The SQL is in one file per noun, as functions on a connection that do not
//! know whose connection it is.

pub(in crate::storage) mod audit;
mod clients;
pub(in crate::storage) mod connection;
mod copy;
mod error;
pub(in crate::storage) mod file;
mod group;
mod keys;
mod open_file;
mod readers;
mod rows;
mod sessions;
mod status;
mod throttle;
mod transfer;
mod turns;
mod upkeep;
mod users;
mod writer;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

pub use self::copy::{CopyError, Restored, Verified, backup, restore};
use self::open_file::OpenFile;
use self::readers::{ReaderPool, Readers};
use self::writer::{Stopped, Writer};
use super::journal::Journal;
use super::{
    Chore, Guarded, Housekept, Limits, OpenError, OpenOptions, Pending, Result, Storage, migrations,
};
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

/// How many rows of a kind housekeeping deletes before it lets other changes pass.
const HOUSEKEEPING_BATCH: u32 = 1000;

/// A SQLite database.
#[derive(Debug)]
pub struct SqliteStorage {
    writer: Writer,
    readers: Readers,
    stopped: Mutex<Option<Stopped>>,
    /// Whether what is done here is done at all, and not only tried out.
    is_real: bool,
}

impl SqliteStorage {
    /// Opens the file at `path`, made with mode 0600 if it is not there. Blocks.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the file cannot be used or its schema is not this binary's.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self, OpenError> {
        let mut connection = migrations::open(path)?;
        let file = OpenFile::at(path, &connection).map_err(OpenError::database)?;
        upkeep::take_over(&file, &connection).map_err(OpenError::database)?;
        match options.pending {
            Pending::Apply => {
                for step in migrations::apply_pending(&mut connection, Some(path), options.now)? {
                    tracing::info!(version = step.version, name = step.name, "migrated");
                }
            }
            Pending::Refuse => migrations::require_current(&connection)?,
        }
        let (writer, stopped) =
            Writer::start(connection, Some(file.clone())).map_err(OpenError::database)?;
        Ok(Self {
            readers: Readers::Pool(Box::new(ReaderPool::new(
                file,
                options.pool,
                writer.clone(),
            ))),
            writer,
            stopped: Mutex::new(Some(stopped)),
            is_real: true,
        })
    }

    /// Makes a database in memory, with the whole schema. It is gone when it is closed.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when there is no memory or no thread to be had.
    pub fn in_memory(now: Timestamp) -> Result<Self, OpenError> {
        Self::unshared(connection::open_memory(), now)
    }

    /// The same for more than memory may hold: what is too much for it lies in a file
    /// without a name.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when there is no memory or no thread to be had.
    pub fn scratch(now: Timestamp) -> Result<Self, OpenError> {
        let scratch = Self::unshared(connection::open_scratch(), now)?;
        Ok(Self {
            is_real: false,
            ..scratch
        })
    }

    /// A database that only its one connection sees.
    fn unshared(
        connection: rusqlite::Result<Connection>,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let mut connection = connection.map_err(OpenError::database)?;
        migrations::apply_pending(&mut connection, None, now)?;
        let (writer, stopped) = Writer::start(connection, None).map_err(OpenError::database)?;
        Ok(Self {
            readers: Readers::Writer(writer.clone()),
            writer,
            stopped: Mutex::new(Some(stopped)),
            is_real: true,
        })
    }

    async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.readers.run(work).await
    }

    /// Finds a row or two by a key.
    async fn look_up<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.readers.look_up(work).await
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.writer.run(work).await
    }

    /// Does what is to be recorded, and tells the log of it once it is on disk.
    async fn change<T, F>(&self, cx: &WriteContext, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Journal) -> Result<T> + Send + 'static,
    {
        let journal = Journal::new(cx);
        let work = move |db: &Connection| Ok((work(db, &journal)?, journal));
        let (done, journal) = self.writer.run(work).await?;
        Ok(self.logged(done, &journal))
    }

    /// The same in a transaction that nobody shares.
    async fn change_alone<T, F>(&self, cx: &WriteContext, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Journal) -> Result<T> + Send + 'static,
    {
        let journal = Journal::new(cx);
        let work = move |db: &Connection| Ok((work(db, &journal)?, journal));
        let (done, journal) = self.writer.run_alone(work).await?;
        Ok(self.logged(done, &journal))
    }

    fn logged<T>(&self, done: T, journal: &Journal) -> T {
        if self.is_real {
            journal.log();
        }
        done
    }

    /// Repeats a deletion that deletes `HOUSEKEEPING_BATCH` rows of a kind at most, until
    /// there is nothing left; says how many it were.
    async fn in_batches<F>(&self, delete: F) -> Result<u64>
    where
        F: Fn(&Connection) -> Result<u64> + Send + Copy + 'static,
    {
        let mut deleted = 0;
        loop {
            let batch = self.writer.run_alone(delete).await?;
            deleted += batch;
            if batch < u64::from(HOUSEKEEPING_BATCH) {
                return Ok(deleted);
            }
        }
    }
}

#[async_trait]
impl Storage for SqliteStorage {
    async fn create_user(
        &self,
        cx: &WriteContext,
        user: NewUser,
        session: Option<NewSession>,
    ) -> Result<User> {
        self.change(cx, move |db, journal| {
            users::create(db, journal, &user, session.as_ref())
        })
        .await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.look_up(move |db| users::find(db, id)).await
    }

    async fn credentials(&self, id: UserId) -> Result<Option<Credentials>> {
        self.look_up(move |db| users::credentials(db, id)).await
    }

    async fn credentials_by_email(&self, email: &Email) -> Result<Option<Credentials>> {
        let email = email.clone();
        self.look_up(move |db| users::credentials_by_email(db, &email))
            .await
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        self.read(move |db| users::list(db, after, limit)).await
    }

    async fn import_users(
        &self,
        cx: &WriteContext,
        users: Vec<ImportedUser>,
        dry_run: bool,
    ) -> Result<Vec<ImportOutcome>> {
        if dry_run {
            self.read(move |db| transfer::judge(db, &users)).await
        } else {
            self.change_alone(cx, move |db, journal| transfer::import(db, journal, &users))
                .await
        }
    }

    async fn export_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Credentials>> {
        self.read(move |db| transfer::export(db, after, limit))
            .await
    }

    async fn update_profile(
        &self,
        cx: &WriteContext,
        id: UserId,
        change: ProfileChange,
    ) -> Result<Option<User>> {
        self.change(cx, move |db, journal| {
            users::update_profile(db, journal, id, &change)
        })
        .await
    }

    async fn change_email(
        &self,
        cx: &WriteContext,
        id: UserId,
        email: Email,
    ) -> Result<Option<User>> {
        self.change(cx, move |db, journal| {
            users::change_email(db, journal, id, &email)
        })
        .await
    }

    async fn change_password(
        &self,
        cx: &WriteContext,
        id: UserId,
        expected: Option<&PasswordHash>,
        new: PasswordHash,
        session: Option<NewSession>,
    ) -> Result<Guarded<User>> {
        let expected = expected.cloned();
        self.change(cx, move |db, journal| {
            users::change_password(db, journal, id, expected.as_ref(), &new, session.as_ref())
        })
        .await
    }

    async fn set_disabled(
        &self,
        cx: &WriteContext,
        id: UserId,
        disabled: bool,
    ) -> Result<Option<User>> {
        self.change(cx, move |db, journal| {
            users::set_disabled(db, journal, id, disabled)
        })
        .await
    }

    async fn delete_user(
        &self,
        cx: &WriteContext,
        id: UserId,
        expected: Option<&PasswordHash>,
    ) -> Result<Guarded<()>> {
        let expected = expected.cloned();
        // A deferred key that points at the user is found by the commit alone.
        self.change_alone(cx, move |db, journal| {
            users::delete(db, journal, id, expected.as_ref())
        })
        .await
    }

    async fn start_session(
        &self,
        cx: &WriteContext,
        id: UserId,
        expected: &PasswordHash,
        upgraded: Option<PasswordHash>,
        session: NewSession,
    ) -> Result<Guarded<User>> {
        let expected = expected.clone();
        self.change(cx, move |db, journal| {
            users::start_session(db, journal, id, &expected, upgraded.as_ref(), &session)
        })
        .await
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<(Session, User)>> {
        self.look_up(move |db| sessions::find(db, id, now)).await
    }

    async fn refresh_tokens(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<(Session, RefreshTokens)>> {
        self.look_up(move |db| sessions::find_with_tokens(db, id, now))
            .await
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>> {
        self.read(move |db| sessions::list(db, user, now)).await
    }

    async fn rotate_refresh(
        &self,
        cx: &WriteContext,
        rotation: Rotation,
    ) -> Result<RotationOutcome> {
        self.change(cx, move |db, journal| {
            sessions::rotate(db, journal, &rotation)
        })
        .await
    }

    async fn end_session(
        &self,
        cx: &WriteContext,
        user: UserId,
        session: SessionId,
        reason: EndReason,
    ) -> Result<bool> {
        self.change(cx, move |db, journal| {
            sessions::end(db, journal, user, session, reason)
        })
        .await
    }

    async fn end_sessions(
        &self,
        cx: &WriteContext,
        user: UserId,
        reason: EndReason,
    ) -> Result<u64> {
        self.change(cx, move |db, journal| {
            sessions::sign_out(db, journal, user, reason)
        })
        .await
    }

    async fn revoked_places(&self, list: u32, since: Timestamp) -> Result<Option<Vec<u32>>> {
        self.read(move |db| status::revoked(db, list, since)).await
    }

    async fn status_lists(&self) -> Result<u32> {
        self.read(status::lists).await
    }

    async fn taken_places(&self, places: &[StatusIndex]) -> Result<usize> {
        let places = places.to_vec();
        self.read(move |db| status::taken(db, &places)).await
    }

    async fn open_status_list(&self, _cx: &WriteContext, list: u32) -> Result<()> {
        self.write(move |db| status::open(db, list)).await
    }

    async fn add_client(&self, cx: &WriteContext, client: &Client) -> Result<bool> {
        let client = client.clone();
        self.change(cx, move |db, journal| clients::add(db, journal, &client))
            .await
    }

    async fn client(&self, id: ClientId) -> Result<Option<Client>> {
        self.look_up(move |db| clients::find(db, id)).await
    }

    async fn clients(&self) -> Result<Vec<Client>> {
        self.read(clients::list).await
    }

    async fn remove_client(&self, cx: &WriteContext, name: &ClientName) -> Result<bool> {
        let name = name.clone();
        self.change(cx, move |db, journal| clients::remove(db, journal, &name))
            .await
    }

    async fn keys(&self) -> Result<KeySnapshot> {
        self.read(keys::snapshot).await
    }

    async fn key_generation(&self) -> Result<u64> {
        self.read(keys::generation).await
    }

    async fn change_keys(
        &self,
        cx: &WriteContext,
        generation: u64,
        changes: Vec<KeyChange>,
        events: Vec<Event>,
    ) -> Result<bool> {
        self.change(cx, move |db, journal| {
            keys::change(db, journal, generation, &changes, events)
        })
        .await
    }

    async fn record(&self, cx: &WriteContext, event: Event) -> Result<()> {
        let record = Journal::new(cx).draft(event);
        let to_store = record.clone();
        let stored = self.write(move |db| audit::insert(db, &to_store)).await;
        match &stored {
            Ok(()) => record.log(),
            Err(_) => record.log_unrecorded(),
        }
        stored
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        page: AuditPage,
        limit: u32,
    ) -> Result<Vec<Record>> {
        let filter = filter.clone();
        self.read(move |db| audit::list(db, &filter, page, limit))
            .await
    }

    async fn count_try(
        &self,
        cx: &WriteContext,
        attempt: &Attempt,
        rules: &ThrottleRules,
    ) -> Result<Counted> {
        let (now, attempt, rules) = (cx.now, attempt.clone(), rules.clone());
        self.write(move |db| throttle::count_try(db, now, &attempt, &rules))
            .await
    }

    async fn settle_try(
        &self,
        cx: &WriteContext,
        attempt: &Attempt,
        scope: Scope,
        outcome: Outcome,
        rules: &ThrottleRules,
    ) -> Result<()> {
        let (now, attempt, rules) = (cx.now, attempt.clone(), rules.clone());
        self.write(move |db| throttle::settle_try(db, now, &attempt, scope, outcome, &rules))
            .await
    }

    async fn count_sign_up(
        &self,
        cx: &WriteContext,
        network: &Network,
        budget: &Budget,
    ) -> Result<Option<Duration>> {
        let (now, network, budget) = (cx.now, network.clone(), budget.clone());
        self.write(move |db| throttle::count_sign_up(db, now, &network, &budget))
            .await
    }

    async fn know_network(
        &self,
        cx: &WriteContext,
        account: &AccountKey,
        network: &Network,
        until: Timestamp,
    ) -> Result<()> {
        let (now, account, network) = (cx.now, *account, network.clone());
        self.write(move |db| throttle::know_network(db, now, &account, &network, until))
            .await
    }

    async fn account_counts(&self, account: &AccountKey) -> Result<Vec<AccountCount>> {
        let account = *account;
        self.read(move |db| throttle::account_counts(db, &account))
            .await
    }

    async fn clear_failures(
        &self,
        cx: &WriteContext,
        account: &AccountKey,
        user: UserId,
    ) -> Result<bool> {
        let account = *account;
        self.change(cx, move |db, journal| {
            throttle::clear_failures(db, journal, &account, user)
        })
        .await
    }

    async fn forget_account(&self, _cx: &WriteContext, account: &AccountKey) -> Result<()> {
        let account = *account;
        self.write(move |db| throttle::forget_account(db, &account))
            .await
    }

    async fn take_turn(&self, cx: &WriteContext, chore: Chore, every: Duration) -> Result<bool> {
        let now = cx.now;
        self.write(move |db| turns::take(db, chore, now, every))
            .await
    }

    /// In batches, each an atomic unit of work, so that other changes pass in between.
    async fn housekeep(&self, cx: &WriteContext, limits: Limits) -> Result<Housekept> {
        let over = limits.sessions_over_before;
        let rotated = limits.rotated_before;
        let audited = limits.audited_before;
        let now = cx.now;
        Ok(Housekept {
            audit_events: self
                .in_batches(move |db| audit::delete(db, audited, HOUSEKEEPING_BATCH))
                .await?,
            successors: self
                .in_batches(move |db| sessions::delete_sealed(db, rotated, HOUSEKEEPING_BATCH))
                .await?,
            sessions: self
                .in_batches(move |db| sessions::delete_over(db, over, HOUSEKEEPING_BATCH))
                .await?,
            counts: self
                .in_batches(move |db| throttle::delete_over(db, now, HOUSEKEEPING_BATCH))
                .await?,
        })
    }

    async fn ping(&self) -> Result<()> {
        // Reads from the file, which a mere `SELECT 1` would not.
        self.read(keys::generation).await.map(|_| ())
    }

    async fn broken(&self) -> String {
        self.writer.broken().await
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.stop().await;
        let stopped = self
            .stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(stopped) = stopped {
            stopped.wait().await;
        }
    }
}

#[cfg(test)]
mod tests;
