//! Sessions and their refresh tokens.

use tokio_postgres::{Error, Row, Statement};

use super::audit::{self, Entry};
use super::batch::in_batch;
use super::error::Failure;
use super::pool::Connection;
use super::rows::{
    self, Parameter, Parameters, SESSION, SESSION_WIDTH, Stored, USER, USER_WIDTH, optional,
};
use crate::domain::audit::Event;
use crate::domain::clock::Timestamp;
use crate::domain::context::WriteContext;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::session::{
    Continued, EndReason, NewSession, PreviousToken, RefreshTokens, Rotation, RotationOutcome,
    Session, TokenHash, kept_at_most, kept_until,
};
use crate::domain::status::StatusIndex;
use crate::domain::user::User;
use crate::storage::journal::Journal;

type Result<T, E = Failure> = std::result::Result<T, E>;

/// Ends the sessions of the user `$1` at `$2` for the reason `$3`, whenever they expire.
pub(super) const END_ALL: &str = "UPDATE sessions \
     SET ended_at = $2, end_reason = $3 \
     WHERE user_id = $1 AND ended_at IS NULL";

/// Ends the session `$1` of the user `$2`, if it is alive, at `$3` for the reason `$4`.
const END: &str = "UPDATE sessions \
     SET ended_at = $3, end_reason = $4 \
     WHERE session_id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $3";

/// A session that is to be stored.
pub(super) struct Start {
    id: Stored<SessionId>,
    refresh: Stored<TokenHash>,
    now: Stored<Timestamp>,
    expires_at: Stored<Timestamp>,
    kept_until: Stored<Timestamp>,
    address: Option<String>,
    user_agent: Option<String>,
    status: Option<i64>,
}

impl Start {
    /// How many parameters its statement has.
    pub(super) const WIDTH: usize = 8;

    pub(super) fn new(cx: &WriteContext, session: &NewSession) -> Self {
        Self {
            id: Stored(session.id),
            refresh: Stored(session.refresh),
            now: Stored(cx.now),
            expires_at: Stored(session.expires_at),
            kept_until: Stored(kept_until(session.expires_at, cx.now)),
            address: cx.address.map(|address| address.to_string()),
            user_agent: cx.user_agent.clone(),
            status: session.status.map(StatusIndex::as_stored),
        }
    }

    /// The statement that inserts a session for the `user_id` of each row of `owner`, a
    /// table or a subquery. Its [`parameters`](Self::parameters) are numbered from `first`.
    pub(super) fn statement(owner: &str, first: usize) -> String {
        let [
            id,
            refresh,
            now,
            expires_at,
            kept_until,
            address,
            user_agent,
            status,
        ] = std::array::from_fn(|at| format!("${}", first + at));
        format!(
            "INSERT INTO sessions (session_id, user_id, refresh_hash, created_at, \
                 last_used_at, expires_at, kept_until, address, user_agent, status_index) \
             SELECT {id}::uuid, owner.user_id, {refresh}::bytea, {now}::timestamptz, \
                 {now}::timestamptz, {expires_at}::timestamptz, \
                 {kept_until}::timestamptz, {address}::text, {user_agent}::text, \
                 {status}::bigint \
             FROM {owner} AS owner"
        )
    }

    pub(super) fn parameters(&self) -> Parameters<'_, { Self::WIDTH }> {
        [
            &self.id,
            &self.refresh,
            &self.now,
            &self.expires_at,
            &self.kept_until,
            &self.address,
            &self.user_agent,
            &self.status,
        ]
    }

    pub(super) async fn prepare(db: &Connection) -> Result<Statement> {
        let insert = sql!("{}", Start::statement("(SELECT $1::uuid AS user_id)", 2));
        db.prepared(insert).await
    }

    /// Inserts the session with what [`prepare`](Self::prepare) has prepared.
    pub(super) async fn insert(
        &self,
        db: &Connection,
        insert: &Statement,
        user: UserId,
    ) -> Result<(), Error> {
        let user = Stored(user);
        let mut parameters: Vec<Parameter> = vec![&user];
        parameters.extend(self.parameters());
        db.execute(insert, &parameters).await.map(|_| ())
    }
}

pub(super) async fn find(
    db: &Connection,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<(Session, User)>> {
    let find = db
        .prepared(sql!(
            "SELECT {SESSION}, {USER} FROM sessions JOIN users USING (user_id) \
             WHERE session_id = $1 AND ended_at IS NULL AND expires_at > $2 \
                 AND disabled_at IS NULL"
        ))
        .await?;
    let row = db.query_opt(&find, &[&Stored(id), &Stored(now)]).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((
        rows::session(&row, 0)?,
        rows::user(&row, SESSION_WIDTH)?,
    )))
}

pub(super) async fn list(db: &Connection, user: UserId, now: Timestamp) -> Result<Vec<Session>> {
    let list = db
        .prepared(sql!(
            "SELECT {SESSION} FROM sessions \
             WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 \
             ORDER BY created_at DESC, session_id DESC"
        ))
        .await?;
    let rows = db.query(&list, &[&Stored(user), &Stored(now)]).await?;
    let sessions: Result<_, Error> = rows.iter().map(|row| rows::session(row, 0)).collect();
    Ok(sessions?)
}

/// One statement when the token is the good one: of two who present it the second waits for
/// the row and then finds what the first has left. The user's row is not locked: who
/// disables or deletes a user, or changes the password, ends the sessions with it and needs
/// this very row for that.
///
/// Only where that changes nothing, it is asked why not. A token that is used once stays so,
/// whoever comes in between.
pub(super) async fn rotate(
    db: &Connection,
    cx: &Journal,
    rotation: &Rotation,
) -> Result<RotationOutcome> {
    if let Some(continued) = replace(db, cx, rotation).await? {
        return Ok(RotationOutcome::Rotated(Box::new(continued)));
    }
    let found = find_with_tokens(db, rotation.session, cx.now).await?;
    let Some((_, tokens)) = found else {
        return Ok(RotationOutcome::Ended);
    };
    let outcome = tokens.present(rotation, cx.now);
    match outcome {
        RotationOutcome::Reused(user) => {
            end(db, cx, user, rotation.session, EndReason::RefreshReused).await?;
        }
        // It has become the good one meanwhile.
        RotationOutcome::Rotated(_) => return Box::pin(rotate(db, cx, rotation)).await,
        RotationOutcome::Repeated { .. } | RotationOutcome::Ended => {}
    }
    Ok(outcome)
}

/// Puts the successor in the place of the presented token if that is the good one. What is
/// compared are digests of random tokens: how long it takes tells nothing.
async fn replace(
    db: &Connection,
    cx: &WriteContext,
    rotation: &Rotation,
) -> Result<Option<Continued>> {
    let replace = db
        .prepared(sql!(
            "WITH before AS ( \
                 SELECT previous_rotated_at FROM sessions WHERE session_id = $1), \
             rotated AS ( \
                 UPDATE sessions SET previous_refresh_hash = refresh_hash, \
                     previous_rotated_at = $2, refresh_hash = $3, last_used_at = $2, \
                     expires_at = $5, \
                     kept_until = CASE WHEN kept_until BETWEEN $5 AND $11 THEN kept_until \
                         ELSE $10 END, \
                     address = $6, user_agent = $7, \
                     status_index = coalesce(status_index, $8) \
                 FROM users \
                 WHERE session_id = $1 AND refresh_hash = $9 AND ended_at IS NULL \
                     AND expires_at > $2 AND users.user_id = sessions.user_id \
                     AND disabled_at IS NULL \
                 RETURNING {USER}, status_index), \
             used AS ( \
                 DELETE FROM sealed_successors USING before, rotated \
                 WHERE rotated_at = previous_rotated_at AND rotated_at <> $2 \
                     AND session_id = $1), \
             kept AS ( \
                 INSERT INTO sealed_successors (rotated_at, session_id, sealed) \
                 SELECT $2::timestamptz, $1::uuid, $4::bytea FROM rotated \
                 ON CONFLICT (rotated_at, session_id) \
                     DO UPDATE SET sealed = excluded.sealed) \
             SELECT * FROM rotated"
        ))
        .await?;
    let parameters: Parameters<11> = [
        &Stored(rotation.session),
        &Stored(cx.now),
        &Stored(rotation.successor),
        &rotation.sealed_successor,
        &Stored(rotation.expires_at),
        &cx.address.map(|address| address.to_string()),
        &cx.user_agent,
        &rotation.status.map(StatusIndex::as_stored),
        &Stored(rotation.presented),
        &Stored(kept_until(rotation.expires_at, cx.now)),
        &Stored(kept_at_most(rotation.expires_at, cx.now)),
    ];
    let row = db.query_opt(&replace, &parameters).await?;
    let continued = row.map(|row| {
        Ok::<_, Error>(Continued {
            user: rows::user(&row, 0)?,
            status: status(&row, USER_WIDTH)?,
        })
    });
    Ok(continued.transpose()?)
}

pub(super) async fn find_with_tokens(
    db: &Connection,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<(Session, RefreshTokens)>> {
    let find = db
        .prepared(sql!(
            "SELECT {SESSION}, {USER}, refresh_hash, previous_refresh_hash, \
                 previous_rotated_at, \
                 (SELECT sealed FROM sealed_successors \
                  WHERE sealed_successors.rotated_at = sessions.previous_rotated_at \
                      AND sealed_successors.session_id = sessions.session_id), \
                 status_index \
             FROM sessions JOIN users USING (user_id) \
             WHERE session_id = $1 AND ended_at IS NULL AND expires_at > $2 \
                 AND disabled_at IS NULL"
        ))
        .await?;
    let row = db.query_opt(&find, &[&Stored(id), &Stored(now)]).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((rows::session(&row, 0)?, tokens(&row)?)))
}

fn tokens(row: &Row) -> Result<RefreshTokens, Error> {
    const AT: usize = SESSION_WIDTH + USER_WIDTH;
    let hash = optional(row, AT + 1)?;
    let rotated_at = optional(row, AT + 2)?;
    Ok(RefreshTokens {
        user: rows::user(row, SESSION_WIDTH)?,
        current: row.try_get::<_, Stored<TokenHash>>(AT)?.0,
        previous: hash
            .zip(rotated_at)
            .map(|(hash, rotated_at)| PreviousToken { hash, rotated_at }),
        sealed_successor: row.try_get(AT + 3)?,
        status: status(row, AT + 4)?,
    })
}

fn status(row: &Row, at: usize) -> Result<Option<StatusIndex>, Error> {
    let stored: Option<i64> = row.try_get(at)?;
    Ok(stored.and_then(StatusIndex::from_stored))
}

/// One statement on one row.
pub(super) async fn end(
    db: &Connection,
    cx: &Journal,
    user: UserId,
    session: SessionId,
    reason: EndReason,
) -> Result<bool> {
    let event = Event::session_ended(user, session, reason);
    let (session, user, now) = (Stored(session), Stored(user), Stored(cx.now));
    let reason = reason.as_str();
    let parameters: Parameters<4> = [&session, &user, &now, &reason];
    let end = sql!(
        "{}",
        audit::recording(&format!("{END} RETURNING session_id"), 4)
    );
    let ended = audit::recorded(db, cx, end, &parameters, event).await?;
    Ok(ended.is_some())
}

/// Ends every session of a user because somebody wants that and nothing else. One
/// statement. A sign-in that has not been answered yet may come before or after it.
pub(super) async fn sign_out(
    db: &Connection,
    cx: &Journal,
    user: UserId,
    reason: EndReason,
) -> Result<u64> {
    let mut record = cx.draft(Event::sessions_ended(user, 0));
    let end_all = db
        .prepared(sql!(
            "WITH ended AS ({END_ALL} RETURNING session_id), \
             counted AS (SELECT count(*) AS sessions FROM ended), \
             recorded AS ({}) \
             SELECT sessions FROM counted",
            Entry::statement_with("cause.sessions::text", "counted", 4)
        ))
        .await?;
    let (user, now) = (Stored(user), Stored(cx.now));
    let (reason, entry) = (reason.as_str(), Entry::new(&record));
    let mut parameters: Vec<Parameter> = vec![&user, &now, &reason];
    parameters.extend(entry.parameters());
    let row = db.query_one(&end_all, &parameters).await?;
    let ended = row.try_get::<_, i64>(0)?.cast_unsigned();
    record.detail = Some(ended.to_string());
    cx.wrote(record);
    Ok(ended)
}

/// Deletes up to `limit` sessions that ended before `before`. Here and below, rows that
/// somebody else has locked wait for the next time, so that nobody waits for housekeeping
/// in turn. The subquery is an array because it then runs exactly once.
pub(super) async fn delete_ended(db: &Connection, before: Timestamp, limit: u32) -> Result<u64> {
    in_batch(
        db,
        "DELETE FROM sessions WHERE session_id = ANY (ARRAY( \
             SELECT session_id FROM sessions WHERE ended_at < $1 \
             LIMIT $2 FOR UPDATE SKIP LOCKED))",
        &Stored(before),
        limit,
    )
    .await
}

/// Deletes up to `limit` sessions that expired before `before`.
pub(super) async fn delete_expired(db: &Connection, before: Timestamp, limit: u32) -> Result<u64> {
    in_batch(
        db,
        "DELETE FROM sessions WHERE session_id = ANY (ARRAY( \
             SELECT session_id FROM sessions WHERE ended_at IS NULL AND kept_until < $1 \
             LIMIT $2 FOR UPDATE SKIP LOCKED))",
        &Stored(before),
        limit,
    )
    .await
}

/// Deletes up to `limit` sealed successors of tokens that were rotated before `before`.
pub(super) async fn delete_sealed(db: &Connection, before: Timestamp, limit: u32) -> Result<u64> {
    in_batch(
        db,
        "DELETE FROM sealed_successors WHERE ctid = ANY (ARRAY( \
             SELECT ctid FROM sealed_successors WHERE rotated_at < $1 \
             ORDER BY rotated_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
        &Stored(before),
        limit,
    )
    .await
}
