//! Sessions and their refresh tokens.

use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::audit;
use super::error::of_place;
use super::rows::{self, SESSION, SESSION_WIDTH, Stored, USER, USER_WIDTH, optional};
use crate::domain::audit::Event;
use crate::domain::clock::Timestamp;
use crate::domain::context::WriteContext;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::session::{
    EndReason, NewSession, PreviousToken, RefreshTokens, Rotation, RotationOutcome, Session,
    TokenHash, kept_at_most, kept_until,
};
use crate::domain::status::StatusIndex;
use crate::domain::user::User;
use crate::storage::Result;
use crate::storage::journal::Journal;

pub(super) fn insert(
    connection: &Connection,
    cx: &WriteContext,
    user: UserId,
    session: &NewSession,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO sessions (session_id, user_id, refresh_hash, created_at, \
                 last_used_at, expires_at, kept_until, address, user_agent, status_index) \
             VALUES (:id, :user, :refresh, :now, :now, :expires, :kept, :address, :agent, \
                 :status)",
        )?
        .execute(named_params! {
            ":id": Stored(session.id),
            ":user": Stored(user),
            ":refresh": session.refresh.0,
            ":now": Stored(cx.now),
            ":expires": Stored(session.expires_at),
            ":kept": Stored(kept_until(session.expires_at, cx.now)),
            ":address": cx.address.map(Stored),
            ":agent": cx.user_agent,
            ":status": session.status.map(StatusIndex::as_stored),
        })
        .map_err(of_place)?;
    Ok(())
}

pub(super) fn find(
    connection: &Connection,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<(Session, User)>> {
    Ok(connection
        .prepare_cached(sql!(
            "SELECT {SESSION}, {USER} FROM sessions JOIN users USING (user_id) \
             WHERE session_id = ?1 AND ended_at IS NULL AND expires_at > ?2 \
                 AND disabled_at IS NULL"
        ))?
        .query_row(params![Stored(id), Stored(now)], |row| {
            Ok((rows::session(row, 0)?, rows::user(row, SESSION_WIDTH)?))
        })
        .optional()?)
}

pub(super) fn list(connection: &Connection, user: UserId, now: Timestamp) -> Result<Vec<Session>> {
    Ok(connection
        .prepare_cached(sql!(
            "SELECT {SESSION} FROM sessions \
             WHERE user_id = ?1 AND ended_at IS NULL AND expires_at > ?2 \
             ORDER BY created_at DESC, session_id DESC"
        ))?
        .query_map(params![Stored(user), Stored(now)], |row| {
            rows::session(row, 0)
        })?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) fn rotate(
    connection: &Connection,
    cx: &Journal,
    rotation: &Rotation,
) -> Result<RotationOutcome> {
    let Some((_, tokens)) = find_with_tokens(connection, rotation.session, cx.now)? else {
        return Ok(RotationOutcome::Ended);
    };
    let before = tokens.previous.as_ref().map(|previous| previous.rotated_at);
    let outcome = tokens.present(rotation, cx.now);
    match outcome {
        RotationOutcome::Rotated(_) => {
            if let Some(before) = before {
                forget_successor(connection, rotation.session, before)?;
            }
            replace(connection, cx, rotation)?;
        }
        RotationOutcome::Reused(user) => {
            let reason = EndReason::RefreshReused;
            end(connection, cx, user, rotation.session, reason)?;
        }
        RotationOutcome::Repeated { .. } | RotationOutcome::Ended => {}
    }
    Ok(outcome)
}

pub(super) fn find_with_tokens(
    connection: &Connection,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<(Session, RefreshTokens)>> {
    Ok(connection
        .prepare_cached(sql!(
            "SELECT {SESSION}, {USER}, refresh_hash, previous_refresh_hash, \
                 previous_rotated_at, \
                 (SELECT sealed FROM sealed_successors \
                  WHERE sealed_successors.rotated_at = sessions.previous_rotated_at \
                      AND sealed_successors.session_id = sessions.session_id), \
                 status_index \
             FROM sessions JOIN users USING (user_id) \
             WHERE session_id = ?1 AND ended_at IS NULL AND expires_at > ?2 \
                 AND disabled_at IS NULL"
        ))?
        .query_row(params![Stored(id), Stored(now)], |row| {
            const AT: usize = SESSION_WIDTH + USER_WIDTH;
            let hash: Option<[u8; 32]> = row.get(AT + 1)?;
            let rotated_at = optional(row, AT + 2)?;
            let tokens = RefreshTokens {
                user: rows::user(row, SESSION_WIDTH)?,
                current: TokenHash(row.get(AT)?),
                previous: hash
                    .zip(rotated_at)
                    .map(|(hash, rotated_at)| PreviousToken {
                        hash: TokenHash(hash),
                        rotated_at,
                    }),
                sealed_successor: row.get(AT + 3)?,
                status: row
                    .get::<_, Option<i64>>(AT + 4)?
                    .and_then(StatusIndex::from_stored),
            };
            Ok((rows::session(row, 0)?, tokens))
        })
        .optional()?)
}

/// Puts the successor in the place of the current token.
///
/// SQLite writes to an index when one of its columns is set, be it to what it was. So what
/// is in an index is set by a statement of its own, where that has to change.
fn replace(connection: &Connection, cx: &WriteContext, rotation: &Rotation) -> Result<()> {
    let status = rotation.status.map(StatusIndex::as_stored);
    if !set_tokens(connection, cx, rotation, status)? {
        connection
            .prepare_cached(
                "UPDATE sessions SET kept_until = :kept, \
                     status_index = coalesce(status_index, :status) \
                 WHERE session_id = :id",
            )?
            .execute(named_params! {
                ":id": Stored(rotation.session),
                ":kept": Stored(kept_until(rotation.expires_at, cx.now)),
                ":status": status,
            })
            .map_err(of_place)?;
        let is_set = set_tokens(connection, cx, rotation, status)?;
        debug_assert!(is_set, "its condition has just been made true");
    }
    // In place of another one only if both rotations are of the same millisecond.
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO sealed_successors (rotated_at, session_id, sealed) \
             VALUES (?1, ?2, ?3)",
        )?
        .execute(params![
            Stored(cx.now),
            Stored(rotation.session),
            rotation.sealed_successor
        ])?;
    Ok(())
}

/// Sets what no index holds, if that is all there is to set.
fn set_tokens(
    connection: &Connection,
    cx: &WriteContext,
    rotation: &Rotation,
    status: Option<i64>,
) -> Result<bool> {
    let updated = connection
        .prepare_cached(
            "UPDATE sessions SET previous_refresh_hash = refresh_hash, \
                 previous_rotated_at = :now, refresh_hash = :successor, last_used_at = :now, \
                 expires_at = :expires, address = :address, user_agent = :agent \
             WHERE session_id = :id AND kept_until BETWEEN :expires AND :latest \
                 AND (status_index IS NOT NULL OR :status IS NULL)",
        )?
        .execute(named_params! {
            ":id": Stored(rotation.session),
            ":now": Stored(cx.now),
            ":successor": rotation.successor.0,
            ":expires": Stored(rotation.expires_at),
            ":latest": Stored(kept_at_most(rotation.expires_at, cx.now)),
            ":address": cx.address.map(Stored),
            ":agent": cx.user_agent,
            ":status": status,
        })?;
    Ok(updated > 0)
}

/// Deletes a successor that is used now: nobody is given it again.
fn forget_successor(
    connection: &Connection,
    session: SessionId,
    rotated_at: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM sealed_successors WHERE rotated_at = ?1 AND session_id = ?2")?
        .execute(params![Stored(rotated_at), Stored(session)])?;
    Ok(())
}

pub(super) fn end(
    connection: &Connection,
    cx: &Journal,
    user: UserId,
    session: SessionId,
    reason: EndReason,
) -> Result<bool> {
    let ended = connection
        .prepare_cached(
            "UPDATE sessions SET ended_at = ?3, end_reason = ?4 \
             WHERE session_id = ?1 AND user_id = ?2 AND ended_at IS NULL AND expires_at > ?3",
        )?
        .execute(params![
            Stored(session),
            Stored(user),
            Stored(cx.now),
            reason.as_str()
        ])?;
    if ended > 0 {
        audit::record(connection, cx, Event::session_ended(user, session, reason))?;
    }
    Ok(ended > 0)
}

/// Ends every session of a user because somebody wants that and nothing else.
pub(super) fn sign_out(
    connection: &Connection,
    cx: &Journal,
    user: UserId,
    reason: EndReason,
) -> Result<u64> {
    let ended = end_all(connection, cx, user, reason)?;
    audit::record(connection, cx, Event::sessions_ended(user, ended))?;
    Ok(ended)
}

pub(super) fn end_all(
    connection: &Connection,
    cx: &WriteContext,
    user: UserId,
    reason: EndReason,
) -> Result<u64> {
    let ended = connection
        .prepare_cached(
            "UPDATE sessions SET ended_at = ?2, end_reason = ?3 \
             WHERE user_id = ?1 AND ended_at IS NULL",
        )?
        .execute(params![Stored(user), Stored(cx.now), reason.as_str()])?;
    Ok(count(ended))
}

/// Deletes up to `limit` sessions that ended before `before`, and as many that expired.
pub(super) fn delete_over(connection: &Connection, before: Timestamp, limit: u32) -> Result<u64> {
    let ended = connection
        .prepare_cached(
            "DELETE FROM sessions WHERE session_id IN \
                 (SELECT session_id FROM sessions WHERE ended_at < ?1 LIMIT ?2)",
        )?
        .execute(params![Stored(before), limit])?;
    let expired = connection
        .prepare_cached(
            "DELETE FROM sessions WHERE session_id IN \
                 (SELECT session_id FROM sessions \
                  WHERE ended_at IS NULL AND kept_until < ?1 LIMIT ?2)",
        )?
        .execute(params![Stored(before), limit])?;
    Ok(count(ended + expired))
}

/// Deletes up to `limit` sealed successors of tokens that were rotated before `before`.
pub(super) fn delete_sealed(connection: &Connection, before: Timestamp, limit: u32) -> Result<u64> {
    let deleted = connection
        .prepare_cached(
            "DELETE FROM sealed_successors WHERE (rotated_at, session_id) IN \
                 (SELECT rotated_at, session_id FROM sealed_successors \
                  WHERE rotated_at < ?1 LIMIT ?2)",
        )?
        .execute(params![Stored(before), limit])?;
    Ok(count(deleted))
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
