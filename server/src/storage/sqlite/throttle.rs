//! Counts of tries. Each function runs in the one writer's transaction, so that it reads,
//! decides and writes without anybody in between.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::audit;
use super::rows::{Stored, optional};
use crate::domain::audit::{Event, Word};
use crate::domain::clock::Timestamp;
use crate::domain::ids::UserId;
use crate::domain::throttle::{
    AccountCount, AccountKey, Attempt, Budget, Counted, Failures, Limit, Network, Outcome, Scope,
    ThrottleRules,
};
use crate::storage::journal::Journal;
use crate::storage::{COUNTS_MAX, FAILURES, KNOWN_MAX, Result, SIGN_UPS};

pub(super) fn count_try(
    connection: &Connection,
    now: Timestamp,
    attempt: &Attempt,
    rules: &ThrottleRules,
) -> Result<Counted> {
    let count = count_for(connection, now, attempt)?;
    let failures = match Failures::another(count.failures, rules, now) {
        Ok(failures) => failures,
        Err(wait) => return Ok(Counted::Refused(Failures::refusal(rules, wait))),
    };
    if let Some(network) = &attempt.network {
        let spent = spend(connection, now, network, FAILURES, &rules.failures)?;
        if let Some(wait) = spent {
            return Ok(Counted::Refused(
                rules.failures.refusal(Limit::Address, wait),
            ));
        }
    }
    write(connection, attempt, &count, failures, rules)?;
    Ok(Counted::Allowed {
        scope: count.scope,
        failures: failures.count,
    })
}

/// The count that a try goes by.
struct Count {
    scope: Scope,
    failures: Option<Failures>,
    known_until: Option<Timestamp>,
}

/// The known network's count, or else that of everywhere else.
fn count_for(connection: &Connection, now: Timestamp, attempt: &Attempt) -> Result<Count> {
    if let Some(network) = &attempt.network {
        let known = read(connection, &attempt.account, network.as_str())?;
        if let Some((failures, Some(until))) = known
            && until > now
        {
            return Ok(Count {
                scope: Scope::Known,
                failures: Some(failures),
                known_until: Some(until),
            });
        }
    }
    let elsewhere = read(connection, &attempt.account, ELSEWHERE)?;
    Ok(Count {
        scope: Scope::Elsewhere,
        failures: elsewhere.map(|(failures, _)| failures),
        known_until: None,
    })
}

/// The network of the count for networks that are not known.
const ELSEWHERE: &str = "";

/// Where the count of `scope` is stored.
fn stored_network(attempt: &Attempt, scope: Scope) -> &str {
    match (&attempt.network, scope) {
        (Some(network), Scope::Known) => network.as_str(),
        _ => ELSEWHERE,
    }
}

fn read(
    connection: &Connection,
    account: &AccountKey,
    network: &str,
) -> Result<Option<(Failures, Option<Timestamp>)>> {
    Ok(connection
        .prepare_cached(
            "SELECT failures, failed_at, known_until FROM account_failures \
             WHERE account = ?1 AND network = ?2",
        )?
        .query_row(params![account.as_bytes(), network], |row| {
            Ok((failures(row, 0)?, optional(row, 2)?))
        })
        .optional()?)
}

fn failures(row: &Row<'_>, at: usize) -> rusqlite::Result<Failures> {
    Ok(Failures {
        count: row.get(at)?,
        last: row.get::<_, Stored<Timestamp>>(at + 1)?.0,
    })
}

fn write(
    connection: &Connection,
    attempt: &Attempt,
    count: &Count,
    failures: Failures,
    rules: &ThrottleRules,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO account_failures \
                 (account, network, failures, failed_at, known_until, forget_at) \
             VALUES (:account, :network, :failures, :at, :known, :forget) \
             ON CONFLICT (account, network) DO UPDATE SET failures = excluded.failures, \
                 failed_at = excluded.failed_at, known_until = excluded.known_until, \
                 forget_at = excluded.forget_at",
        )?
        .execute(named_params! {
            ":account": attempt.account.as_bytes(),
            ":network": stored_network(attempt, count.scope),
            ":failures": failures.count,
            ":at": Stored(failures.last),
            ":known": count.known_until.map(Stored),
            ":forget": Stored(rules.forget_at(failures.last, count.known_until)),
        })?;
    Ok(())
}

/// Spends one of a network's budget; how long that has to wait when there is none.
fn spend(
    connection: &Connection,
    now: Timestamp,
    network: &Network,
    name: &str,
    budget: &Budget,
) -> Result<Option<Duration>> {
    let full_at: Option<Stored<Timestamp>> = connection
        .prepare_cached("SELECT full_at FROM network_budgets WHERE network = ?1 AND budget = ?2")?
        .query_row(params![network.as_str(), name], |row| row.get(0))
        .optional()?;
    let next = match budget.spend(full_at.map(|Stored(full_at)| full_at), now) {
        Ok(next) => next,
        Err(wait) => return Ok(Some(wait)),
    };
    connection
        .prepare_cached(
            "INSERT INTO network_budgets (network, budget, full_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (network, budget) DO UPDATE SET full_at = excluded.full_at",
        )?
        .execute(params![network.as_str(), name, Stored(next)])?;
    Ok(None)
}

pub(super) fn settle_try(
    connection: &Connection,
    now: Timestamp,
    attempt: &Attempt,
    scope: Scope,
    outcome: Outcome,
    rules: &ThrottleRules,
) -> Result<()> {
    match outcome {
        Outcome::Right => forget_failures(connection, now, attempt, scope, rules)?,
        Outcome::NotMade => uncount(connection, now, attempt, scope, rules)?,
    }
    let Some(network) = &attempt.network else {
        return Ok(());
    };
    connection
        .prepare_cached(
            "UPDATE network_budgets SET full_at = full_at - ?3 WHERE network = ?1 AND budget = ?2",
        )?
        .execute(params![
            network.as_str(),
            FAILURES,
            Stored(rules.failures.interval())
        ])?;
    Ok(())
}

fn forget_failures(
    connection: &Connection,
    now: Timestamp,
    attempt: &Attempt,
    scope: Scope,
    rules: &ThrottleRules,
) -> Result<()> {
    if scope == Scope::Elsewhere {
        connection
            .prepare_cached("DELETE FROM account_failures WHERE account = ?1 AND network = ?2")?
            .execute(params![attempt.account.as_bytes(), ELSEWHERE])?;
    }
    let until = now.plus(rules.known_memory);
    match &attempt.network {
        Some(network) => know_network(connection, now, &attempt.account, network, until),
        None => Ok(()),
    }
}

fn uncount(
    connection: &Connection,
    now: Timestamp,
    attempt: &Attempt,
    scope: Scope,
    rules: &ThrottleRules,
) -> Result<()> {
    let network = stored_network(attempt, scope);
    let Some((failures, known_until)) = read(connection, &attempt.account, network)? else {
        return Ok(());
    };
    let count = Count {
        scope,
        failures: Some(failures),
        known_until,
    };
    let before = failures.one_less(rules, now);
    write(connection, attempt, &count, before, rules)
}

pub(super) fn count_sign_up(
    connection: &Connection,
    now: Timestamp,
    network: &Network,
    budget: &Budget,
) -> Result<Option<Duration>> {
    spend(connection, now, network, SIGN_UPS, budget)
}

pub(super) fn know_network(
    connection: &Connection,
    now: Timestamp,
    account: &AccountKey,
    network: &Network,
    until: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO account_failures \
                 (account, network, failures, failed_at, known_until, forget_at) \
             VALUES (?1, ?2, 0, ?3, ?4, ?4) \
             ON CONFLICT (account, network) DO UPDATE SET failures = 0, \
                 failed_at = excluded.failed_at, known_until = excluded.known_until, \
                 forget_at = excluded.forget_at",
        )?
        .execute(params![
            account.as_bytes(),
            network.as_str(),
            Stored(now),
            Stored(until)
        ])?;
    connection
        .prepare_cached(
            "DELETE FROM account_failures \
             WHERE account = ?1 AND network <> ?2 AND known_until <= ( \
                 SELECT known_until FROM account_failures \
                 WHERE account = ?1 AND network <> ?2 AND known_until IS NOT NULL \
                 ORDER BY known_until DESC LIMIT 1 OFFSET ?3)",
        )?
        .execute(params![account.as_bytes(), network.as_str(), KNOWN_MAX - 1])?;
    Ok(())
}

pub(super) fn account_counts(
    connection: &Connection,
    account: &AccountKey,
) -> Result<Vec<AccountCount>> {
    Ok(connection
        .prepare_cached(
            "SELECT nullif(network, ''), failures, failed_at FROM account_failures \
             WHERE account = ?1 AND failures > 0 ORDER BY failures DESC, network",
        )?
        .query_map([account.as_bytes()], |row| {
            Ok(AccountCount {
                network: row.get::<_, Option<String>>(0)?.map(Network::stored),
                failures: failures(row, 1)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) fn clear_failures(
    connection: &Connection,
    journal: &Journal,
    account: &AccountKey,
    user: UserId,
) -> Result<bool> {
    let cleared = connection
        .prepare_cached(
            "UPDATE account_failures SET failures = 0 WHERE account = ?1 AND failures > 0",
        )?
        .execute([account.as_bytes()])?;
    if cleared == 0 {
        return Ok(false);
    }
    audit::record(connection, journal, Event::of(Word::UserUnlocked, user))?;
    Ok(true)
}

pub(super) fn forget_account(connection: &Connection, account: &AccountKey) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM account_failures WHERE account = ?1")?
        .execute([account.as_bytes()])?;
    Ok(())
}

/// Deletes up to `limit` counts that say nothing any more at `now`, and as many of those
/// that are too many.
pub(super) fn delete_over(connection: &Connection, now: Timestamp, limit: u32) -> Result<u64> {
    let forgotten = connection
        .prepare_cached(
            "DELETE FROM account_failures WHERE (account, network) IN \
                 (SELECT account, network FROM account_failures WHERE forget_at < ?1 LIMIT ?2)",
        )?
        .execute(params![Stored(now), limit])?;
    let too_many = connection
        .prepare_cached(
            "DELETE FROM account_failures WHERE network = '' AND account IN \
                 (SELECT account FROM account_failures \
                  WHERE network = '' AND (failures, failed_at) <= \
                     (SELECT failures, failed_at FROM account_failures WHERE network = '' \
                      ORDER BY failures DESC, failed_at DESC LIMIT 1 OFFSET ?1) \
                  LIMIT ?2)",
        )?
        .execute(params![COUNTS_MAX, limit])?;
    let come_back = connection
        .prepare_cached(
            "DELETE FROM network_budgets WHERE (network, budget) IN \
                 (SELECT network, budget FROM network_budgets WHERE full_at < ?1 LIMIT ?2)",
        )?
        .execute(params![Stored(now), limit])?;
    Ok(u64::try_from(forgotten + too_many + come_back).unwrap_or(u64::MAX))
}
