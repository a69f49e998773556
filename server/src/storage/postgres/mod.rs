//! The PostgreSQL back end: the engine that scales, for as many instances as one likes.
//!
//! Nothing is kept here that another instance could miss. Each unit of work is one
//! statement, or one transaction at READ COMMITTED with the row locks that are written
//! beside it; `docs/postgresql.md` has them all in a table. The SQL is in one file per noun,
//! as functions on a `Connection`; `pool` and `transaction` say how a
//! unit runs and what happens when the server goes away under it.

pub(in crate::storage) mod audit;
mod batch;
mod clients;
mod connect;
mod error;
mod keys;
mod pool;
mod refused;
mod rows;
mod sessions;
mod status;
mod throttle;
mod tls;
mod transaction;
mod transfer;
mod turns;
mod users;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub(in crate::storage) use self::connect::Connector;
use self::error::Failure;
use self::pool::{Connection, Kind, Patience, Pool};
use self::rows::Stored;
use super::journal::Journal;
use super::{
    Chore, Guarded, Housekept, Limits, OpenError, OpenOptions, Result, Storage, migrations,
};
use crate::config::PostgresUrl;
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

/// How many rows of a kind housekeeping deletes at once.
const HOUSEKEEPING_BATCH: u32 = 1000;

/// For requests: less than the default of `server.request_timeout`.
const PATIENCE: Patience = Patience {
    connection: Duration::from_secs(5),
    unit: Duration::from_secs(15),
};

/// For what is asked every few seconds.
const CONTROL_PATIENCE: Patience = Patience {
    connection: Duration::from_secs(5),
    unit: Duration::from_secs(5),
};

/// A PostgreSQL database.
pub struct PostgresStorage {
    /// For requests.
    requests: Pool,
    /// One more connection, for what must not wait behind requests: whether the database is
    /// there, and which signing keys. It only reads, so that it waits for nobody's lock.
    control: Pool,
}

impl PostgresStorage {
    /// Connects to the database of `url`.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the database cannot be used or its schema is not this binary's.
    pub async fn open(url: &PostgresUrl, options: OpenOptions) -> Result<Self, OpenError> {
        let connector = Connector::new(url).map_err(OpenError::database)?;
        let mut client = connector.connect().await.map_err(OpenError::database)?;
        migrations::open_postgres(&mut client, options.pending, options.now).await?;
        Ok(Self {
            requests: Pool::new(connector.clone(), options.pool, PATIENCE),
            control: Pool::new(connector, 1, CONTROL_PATIENCE),
        })
    }

    async fn read<T, W, F>(&self, work: W) -> Result<T>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        self.requests.run(Kind::Read, work).await
    }

    async fn write<T, W, F>(&self, work: W) -> Result<T>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        self.requests.run(Kind::Write, work).await
    }

    /// Does what is to be recorded, and tells the log of it once it is committed.
    async fn change<T, W, F>(&self, journal: &Journal, work: W) -> Result<T>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        let done = self.write(work).await?;
        journal.log();
        Ok(done)
    }

    /// Repeats what deletes `HOUSEKEEPING_BATCH` rows at most, until there is nothing left;
    /// says how many it were.
    async fn in_batches<W, F>(&self, delete: W) -> Result<u64>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<u64, Failure>>,
    {
        let mut deleted = 0;
        loop {
            let batch = self.write(&delete).await?;
            deleted += batch;
            if batch < u64::from(HOUSEKEEPING_BATCH) {
                return Ok(deleted);
            }
        }
    }
}

#[async_trait]
impl Storage for PostgresStorage {
    async fn create_user(
        &self,
        cx: &WriteContext,
        user: NewUser,
        session: Option<NewSession>,
    ) -> Result<User> {
        let (user, session) = (&user, session.as_ref());
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move {
            users::create(&db, cx, user, session).await
        })
        .await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.read(|db| async move { users::find(&db, id).await })
            .await
    }

    async fn credentials(&self, id: UserId) -> Result<Option<Credentials>> {
        self.read(|db| async move { users::credentials(&db, id).await })
            .await
    }

    async fn credentials_by_email(&self, email: &Email) -> Result<Option<Credentials>> {
        self.read(|db| async move { users::credentials_by_email(&db, email).await })
            .await
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        self.read(|db| async move { users::list(&db, after, limit).await })
            .await
    }

    async fn import_users(
        &self,
        cx: &WriteContext,
        users: Vec<ImportedUser>,
        dry_run: bool,
    ) -> Result<Vec<ImportOutcome>> {
        let users = &users;
        if dry_run {
            self.read(|db| async move { transfer::judge(&db, users).await })
                .await
        } else {
            let cx = &Journal::new(cx);
            self.change(
                cx,
                |db| async move { transfer::import(&db, cx, users).await },
            )
            .await
        }
    }

    async fn export_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Credentials>> {
        self.read(|db| async move { transfer::export(&db, after, limit).await })
            .await
    }

    async fn update_profile(
        &self,
        cx: &WriteContext,
        id: UserId,
        change: ProfileChange,
    ) -> Result<Option<User>> {
        let change = &change;
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move {
            users::update_profile(&db, cx, id, change).await
        })
        .await
    }

    async fn change_email(
        &self,
        cx: &WriteContext,
        id: UserId,
        email: Email,
    ) -> Result<Option<User>> {
        let email = &email;
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move {
            users::change_email(&db, cx, id, email).await
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
        let (new, session) = (&new, session.as_ref());
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move {
            users::change_password(&db, cx, id, expected, new, session).await
        })
        .await
    }

    async fn set_disabled(
        &self,
        cx: &WriteContext,
        id: UserId,
        disabled: bool,
    ) -> Result<Option<User>> {
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move {
            users::set_disabled(&db, cx, id, disabled).await
        })
        .await
    }

    async fn delete_user(
        &self,
        cx: &WriteContext,
        id: UserId,
        expected: Option<&PasswordHash>,
    ) -> Result<Guarded<()>> {
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move {
            users::delete(&db, cx, id, expected).await
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
        let (upgraded, session) = (upgraded.as_ref(), &session);
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move {
            users::start_session(&db, cx, id, expected, upgraded, session).await
        })
        .await
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<(Session, User)>> {
        self.read(|db| async move { sessions::find(&db, id, now).await })
            .await
    }

    async fn refresh_tokens(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<(Session, RefreshTokens)>> {
        self.read(|db| async move { sessions::find_with_tokens(&db, id, now).await })
            .await
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>> {
        self.read(|db| async move { sessions::list(&db, user, now).await })
            .await
    }

    async fn rotate_refresh(
        &self,
        cx: &WriteContext,
        rotation: Rotation,
    ) -> Result<RotationOutcome> {
        let rotation = &rotation;
        let cx = &Journal::new(cx);
        self.change(
            cx,
            |db| async move { sessions::rotate(&db, cx, rotation).await },
        )
        .await
    }

    async fn end_session(
        &self,
        cx: &WriteContext,
        user: UserId,
        session: SessionId,
        reason: EndReason,
    ) -> Result<bool> {
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move {
            sessions::end(&db, cx, user, session, reason).await
        })
        .await
    }

    async fn end_sessions(
        &self,
        cx: &WriteContext,
        user: UserId,
        reason: EndReason,
    ) -> Result<u64> {
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move {
            sessions::sign_out(&db, cx, user, reason).await
        })
        .await
    }

    async fn revoked_places(&self, list: u32, since: Timestamp) -> Result<Option<Vec<u32>>> {
        self.read(|db| async move { status::revoked(&db, list, since).await })
            .await
    }

    async fn status_lists(&self) -> Result<u32> {
        self.read(|db| async move { status::lists(&db).await })
            .await
    }

    async fn taken_places(&self, places: &[StatusIndex]) -> Result<usize> {
        self.read(|db| async move { status::taken(&db, places).await })
            .await
    }

    async fn open_status_list(&self, _cx: &WriteContext, list: u32) -> Result<()> {
        self.write(|db| async move { status::open(&db, list).await })
            .await
    }

    async fn add_client(&self, cx: &WriteContext, client: &Client) -> Result<bool> {
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move { clients::add(&db, cx, client).await })
            .await
    }

    async fn client(&self, id: ClientId) -> Result<Option<Client>> {
        self.read(|db| async move { clients::find(&db, id).await })
            .await
    }

    async fn clients(&self) -> Result<Vec<Client>> {
        self.read(|db| async move { clients::list(&db).await })
            .await
    }

    async fn remove_client(&self, cx: &WriteContext, name: &ClientName) -> Result<bool> {
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move { clients::remove(&db, cx, name).await })
            .await
    }

    async fn keys(&self) -> Result<KeySnapshot> {
        self.control
            .run(Kind::Read, |db| async move { keys::snapshot(&db).await })
            .await
    }

    async fn key_generation(&self) -> Result<u64> {
        self.control
            .run(Kind::Read, |db| async move { keys::generation(&db).await })
            .await
    }

    async fn change_keys(
        &self,
        cx: &WriteContext,
        generation: u64,
        changes: Vec<KeyChange>,
        events: Vec<Event>,
    ) -> Result<bool> {
        let (changes, events) = (&changes, &events);
        let cx = &Journal::new(cx);
        // May wait for a row that somebody holds: not on the connection of the ping.
        self.change(cx, |db| async move {
            keys::change(&db, cx, generation, changes, events).await
        })
        .await
    }

    async fn record(&self, cx: &WriteContext, event: Event) -> Result<()> {
        let record = &Journal::new(cx).draft(event);
        let stored = self
            .write(|db| async move { audit::insert(&db, record).await })
            .await;
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
        self.read(|db| async move { audit::list(&db, filter, page, limit).await })
            .await
    }

    async fn count_try(
        &self,
        cx: &WriteContext,
        attempt: &Attempt,
        rules: &ThrottleRules,
    ) -> Result<Counted> {
        self.write(|db| async move { throttle::count_try(&db, cx.now, attempt, rules).await })
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
        self.write(|db| async move {
            throttle::settle_try(&db, cx.now, attempt, scope, outcome, rules).await
        })
        .await
    }

    async fn count_sign_up(
        &self,
        cx: &WriteContext,
        network: &Network,
        budget: &Budget,
    ) -> Result<Option<Duration>> {
        self.write(|db| async move { throttle::count_sign_up(&db, cx.now, network, budget).await })
            .await
    }

    async fn know_network(
        &self,
        cx: &WriteContext,
        account: &AccountKey,
        network: &Network,
        until: Timestamp,
    ) -> Result<()> {
        self.write(|db| async move {
            throttle::know_network(&db, cx.now, account, network, until).await
        })
        .await
    }

    async fn account_counts(&self, account: &AccountKey) -> Result<Vec<AccountCount>> {
        self.read(|db| async move { throttle::account_counts(&db, account).await })
            .await
    }

    async fn clear_failures(
        &self,
        cx: &WriteContext,
        account: &AccountKey,
        user: UserId,
    ) -> Result<bool> {
        let cx = &Journal::new(cx);
        self.change(cx, |db| async move {
            throttle::clear_failures(&db, cx, account, user).await
        })
        .await
    }

    async fn forget_account(&self, _cx: &WriteContext, account: &AccountKey) -> Result<()> {
        self.write(|db| async move { throttle::forget_account(&db, account).await })
            .await
    }

    async fn take_turn(&self, _cx: &WriteContext, chore: Chore, every: Duration) -> Result<bool> {
        self.write(|db| async move { turns::take(&db, chore, every).await })
            .await
    }

    /// In batches, each an atomic unit of work, so that no lock is held for long.
    async fn housekeep(&self, cx: &WriteContext, limits: Limits) -> Result<Housekept> {
        let over = limits.sessions_over_before;
        let rotated = limits.rotated_before;
        let limit = HOUSEKEEPING_BATCH;
        let successors = self
            .in_batches(|db| async move { sessions::delete_sealed(&db, rotated, limit).await })
            .await?;
        let ended = self
            .in_batches(|db| async move { sessions::delete_ended(&db, over, limit).await })
            .await?;
        let expired = self
            .in_batches(|db| async move { sessions::delete_expired(&db, over, limit).await })
            .await?;
        let audited = limits.audited_before;
        let audit_events = self
            .in_batches(|db| async move { audit::delete(&db, audited, limit).await })
            .await?;
        let now = cx.now;
        let forgotten = self
            .in_batches(|db| async move { throttle::delete_over(&db, now, limit).await })
            .await?;
        let too_many = self
            .in_batches(|db| async move { throttle::delete_too_many(&db, limit).await })
            .await?;
        let come_back = self
            .in_batches(|db| async move { throttle::delete_come_back(&db, now, limit).await })
            .await?;
        Ok(Housekept {
            audit_events,
            sessions: ended + expired,
            successors,
            counts: forgotten + too_many + come_back,
        })
    }

    async fn now(&self) -> Result<Option<Timestamp>> {
        let now = self.control.run(Kind::Read, |db| async move {
            let ask = db.prepared("SELECT clock_timestamp()").await?;
            let row = db.query_one(&ask, &[]).await?;
            Ok(row.try_get::<_, Stored<Timestamp>>(0)?.0)
        });
        now.await.map(Some)
    }

    async fn ping(&self) -> Result<()> {
        self.key_generation().await.map(|_| ())
    }

    async fn close(&self) {
        self.requests.close().await;
        self.control.close().await;
    }
}

#[cfg(test)]
mod tests;
