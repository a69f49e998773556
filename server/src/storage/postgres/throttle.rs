//! Counts of tries.
//!
//! Everything is one statement. Where one touches both the count of an account and the
//! budget of a network, it takes the account's row first: a common table expression that
//! needs what another one returns runs after it. So nobody waits in a circle.

use std::time::Duration;

use futures_util::future::try_join;
use tokio_postgres::{Error, Row};

use super::audit::Entry;
use super::batch::in_batch;
use super::error::Failure;
use super::pool::Connection;
use super::rows::{Parameter, Parameters, Stored};
use crate::domain::audit::{Event, Word};
use crate::domain::clock::{CLOCK_SKEW, Timestamp};
use crate::domain::ids::UserId;
use crate::domain::throttle::{
    AccountCount, AccountKey, Attempt, Budget, Counted, Failures, Limit, Network, Outcome, Refusal,
    Scope, ThrottleRules,
};
use crate::storage::journal::Journal;
use crate::storage::{COUNTS_MAX, FAILURES, KNOWN_MAX, SIGN_UPS};

type Result<T, E = Failure> = std::result::Result<T, E>;

/// The network of the count for networks that are not known.
const ELSEWHERE: &str = "";

/// Counts a try of the account `$1` from the network `$2`, or from nowhere if that is empty,
/// at `$3`, and gives the network whose count it went by, whether the budget had room, and
/// how many failures in a row it makes.
///
/// `$4` are the pauses after 0, 1, … failures in milliseconds, `$5` the most failures that
/// are told apart, `$6` after how long they are forgotten; `$7` and `$8` the interval and
/// the depth of the budget. What it says is [`Failures::another`] and [`Budget::spend`]:
/// each as the condition of an update, which looks at the row as it is after the wait for
/// its lock. The look at the budget beforehand spares the account a count where the network
/// has nothing left; only the update decides.
const COUNT: &str = "WITH place AS ( \
         SELECT coalesce((SELECT network FROM account_failures \
             WHERE account = $1 AND network = $2 AND network <> '' AND known_until > $3), '') \
             AS network \
     ), counted AS ( \
         INSERT INTO account_failures AS a (account, network, failures, failed_at, forget_at) \
         SELECT $1, place.network, 1, $3, $3 + $6::bigint * interval '1 millisecond' FROM place \
         WHERE NOT EXISTS (SELECT FROM network_budgets \
             WHERE network = $2 AND budget = 'failures' \
                 AND full_at > $3 + ($8::bigint - $7::bigint) * interval '1 millisecond' \
                 AND full_at <= $3 + $8 * interval '1 millisecond' + interval '30 seconds') \
         ON CONFLICT (account, network) DO UPDATE SET \
             failures = CASE WHEN a.failed_at < $3 - $6 * interval '1 millisecond' THEN 1 \
                 ELSE least(a.failures + 1, $5::integer) END, \
             failed_at = excluded.failed_at, \
             forget_at = greatest(a.known_until, excluded.forget_at) \
         WHERE a.failed_at > $3 + interval '30 seconds' \
             OR ($4::bigint[])[least(a.failures, $5) + 1] = 0 \
             OR a.failed_at \
                 + ($4)[least(a.failures, $5) + 1] * interval '1 millisecond' <= $3 \
         RETURNING network, failures \
     ), spent AS ( \
         INSERT INTO network_budgets AS b (network, budget, full_at) \
         SELECT $2, 'failures', $3 + $7 * interval '1 millisecond' FROM counted WHERE $2 <> '' \
         ON CONFLICT (network, budget) DO UPDATE SET full_at = \
             CASE WHEN b.full_at > $3 + ($8 - $7) * interval '1 millisecond' THEN $3 \
                 ELSE greatest(b.full_at, $3) END + $7 * interval '1 millisecond' \
         WHERE b.full_at <= $3 + ($8 - $7) * interval '1 millisecond' \
             OR b.full_at > $3 + $8 * interval '1 millisecond' + interval '30 seconds' \
         RETURNING network \
     ) \
     SELECT counted.network, $2 = '' OR EXISTS (SELECT FROM spent), counted.failures FROM counted";

const _: () = assert!(CLOCK_SKEW.as_secs() == 30);

pub(super) async fn count_try(
    db: &Connection,
    now: Timestamp,
    attempt: &Attempt,
    rules: &ThrottleRules,
) -> Result<Counted> {
    let count = db.prepared(COUNT).await?;
    let network = network(attempt);
    let pauses: Vec<i64> = rules.backoff.pauses().into_iter().map(millis).collect();
    let most = i32::try_from(rules.backoff.lock_after).unwrap_or(i32::MAX);
    let account = account(&attempt.account);
    let parameters: Parameters<8> = [
        &account,
        &network,
        &Stored(now),
        &pauses,
        &most,
        &millis(rules.account_memory),
        &millis(rules.failures.interval()),
        &millis(rules.failures.depth()),
    ];
    let Some(row) = db.query_opt(&count, &parameters).await? else {
        return refuse(db, now, attempt, rules).await.map(Counted::Refused);
    };
    let scope = if row.try_get::<_, &str>(0)? == ELSEWHERE {
        Scope::Elsewhere
    } else {
        Scope::Known
    };
    if row.try_get(1)? {
        let failures: i32 = row.try_get(2)?;
        return Ok(Counted::Allowed {
            scope,
            failures: u32::try_from(failures).unwrap_or(0),
        });
    }
    // Others have spent the rest in the same moment.
    uncount(db, now, attempt, scope, rules).await?;
    refuse(db, now, attempt, rules).await.map(Counted::Refused)
}

/// What a try that was not counted has to wait for, now that it is known to have to: at
/// least a second, should somebody have made room meanwhile.
async fn refuse(
    db: &Connection,
    now: Timestamp,
    attempt: &Attempt,
    rules: &ThrottleRules,
) -> Result<Refusal> {
    let ask = db
        .prepared(
            "SELECT a.failures, a.failed_at, b.full_at FROM (SELECT) AS one \
             LEFT JOIN account_failures AS a ON a.account = $1 AND a.network = coalesce( \
                 (SELECT network FROM account_failures \
                  WHERE account = $1 AND network = $2 AND network <> '' AND known_until > $3), \
                 '') \
             LEFT JOIN network_budgets AS b ON b.network = $2 AND b.budget = 'failures'",
        )
        .await?;
    let account = account(&attempt.account);
    let row = db
        .query_one(&ask, &[&account, &network(attempt), &Stored(now)])
        .await?;
    let at_account = match row.try_get::<_, Option<i32>>(0)? {
        Some(_) => failures(&row, 0)?.wait(rules, now),
        None => Duration::ZERO,
    };
    let full_at: Option<Stored<Timestamp>> = row.try_get(2)?;
    let of_network = match rules.failures.spend(full_at.map(|Stored(at)| at), now) {
        Ok(_) => Duration::ZERO,
        Err(wait) => wait,
    };
    let least = Duration::from_secs(1);
    Ok(if of_network > at_account {
        let wait = of_network.max(least);
        rules.failures.refusal(Limit::Address, wait)
    } else {
        Failures::refusal(rules, at_account.max(least))
    })
}

pub(super) async fn settle_try(
    db: &Connection,
    now: Timestamp,
    attempt: &Attempt,
    scope: Scope,
    outcome: Outcome,
    rules: &ThrottleRules,
) -> Result<()> {
    match outcome {
        Outcome::Right => right(db, now, attempt, scope, rules).await,
        // Sent together, each a change of its own.
        Outcome::NotMade => try_join(
            uncount(db, now, attempt, scope, rules),
            refund(db, attempt, rules),
        )
        .await
        .map(|_| ()),
    }
}

/// Forgets the failures, knows the network, and gives back what was spent.
async fn right(
    db: &Connection,
    now: Timestamp,
    attempt: &Attempt,
    scope: Scope,
    rules: &ThrottleRules,
) -> Result<()> {
    let settle = db
        .prepared(
            "WITH forgotten AS ( \
                 DELETE FROM account_failures WHERE account = $1 AND network = '' AND $5 \
                 RETURNING 1 \
             ), known AS ( \
                 INSERT INTO account_failures AS a \
                     (account, network, failures, failed_at, known_until, forget_at) \
                 SELECT $1, $2::text, 0, $3::timestamptz, $4::timestamptz, $4 \
                 WHERE $2 <> '' AND (SELECT count(*) FROM forgotten) >= 0 \
                 ON CONFLICT (account, network) DO UPDATE SET failures = 0, \
                     failed_at = excluded.failed_at, known_until = excluded.known_until, \
                     forget_at = excluded.forget_at \
                 RETURNING 1 \
             ), too_many AS ( \
                 DELETE FROM account_failures \
                 WHERE account = $1 AND network <> '' AND network <> $2 \
                     AND (SELECT count(*) FROM known) >= 0 \
                     AND known_until <= (SELECT known_until FROM account_failures \
                         WHERE account = $1 AND network <> '' AND network <> $2 \
                         ORDER BY known_until DESC NULLS LAST LIMIT 1 OFFSET $7) \
                 RETURNING 1 \
             ) \
             UPDATE network_budgets SET full_at = full_at - $6::bigint * interval '1 millisecond' \
             WHERE network = $2 AND budget = 'failures' \
                 AND (SELECT count(*) FROM too_many) >= 0",
        )
        .await?;
    let account = account(&attempt.account);
    let until = now.plus(rules.known_memory);
    let parameters: Parameters<7> = [
        &account,
        &network(attempt),
        &Stored(now),
        &Stored(until),
        &(scope == Scope::Elsewhere),
        &millis(rules.failures.interval()),
        &(i64::from(KNOWN_MAX) - 1),
    ];
    db.execute(&settle, &parameters).await?;
    Ok(())
}

/// As [`Failures::one_less`] says.
async fn uncount(
    db: &Connection,
    now: Timestamp,
    attempt: &Attempt,
    scope: Scope,
    rules: &ThrottleRules,
) -> Result<()> {
    let uncount = db
        .prepared(
            "UPDATE account_failures SET failures = greatest(failures - 1, 0), \
                 failed_at = $3::timestamptz - ($4::bigint[])[greatest( \
                     least(failures, $5::integer) - 1, 0) + 1] * interval '1 millisecond' \
             WHERE account = $1 AND network = $2",
        )
        .await?;
    let pauses: Vec<i64> = rules.backoff.pauses().into_iter().map(millis).collect();
    let most = i32::try_from(rules.backoff.lock_after).unwrap_or(i32::MAX);
    let network = match scope {
        Scope::Known => network(attempt),
        Scope::Elsewhere => ELSEWHERE,
    };
    let account = account(&attempt.account);
    let parameters: Parameters<5> = [&account, &network, &Stored(now), &pauses, &most];
    db.execute(&uncount, &parameters).await?;
    Ok(())
}

async fn refund(db: &Connection, attempt: &Attempt, rules: &ThrottleRules) -> Result<()> {
    let refund = db
        .prepared(
            "UPDATE network_budgets SET full_at = full_at - $3::bigint * interval '1 millisecond' \
             WHERE network = $1 AND budget = $2",
        )
        .await?;
    let interval = millis(rules.failures.interval());
    let parameters: Parameters<3> = [&network(attempt), &FAILURES, &interval];
    db.execute(&refund, &parameters).await?;
    Ok(())
}

pub(super) async fn count_sign_up(
    db: &Connection,
    now: Timestamp,
    network: &Network,
    budget: &Budget,
) -> Result<Option<Duration>> {
    let spend = db
        .prepared(
            "INSERT INTO network_budgets AS b (network, budget, full_at) \
             VALUES ($1, $2, $3::timestamptz + $4::bigint * interval '1 millisecond') \
             ON CONFLICT (network, budget) DO UPDATE SET full_at = \
                 CASE WHEN b.full_at > $3 + ($5::bigint - $4) * interval '1 millisecond' THEN $3 \
                     ELSE greatest(b.full_at, $3) END + $4 * interval '1 millisecond' \
             WHERE b.full_at <= $3 + ($5 - $4) * interval '1 millisecond' \
                 OR b.full_at > $3 + $5 * interval '1 millisecond' + interval '30 seconds'",
        )
        .await?;
    let (interval, depth) = (millis(budget.interval()), millis(budget.depth()));
    let parameters: Parameters<5> = [
        &network.as_str(),
        &SIGN_UPS,
        &Stored(now),
        &interval,
        &depth,
    ];
    if db.execute(&spend, &parameters).await? > 0 {
        return Ok(None);
    }
    let ask = db
        .prepared("SELECT full_at FROM network_budgets WHERE network = $1 AND budget = $2")
        .await?;
    let row = db.query_opt(&ask, &[&network.as_str(), &SIGN_UPS]).await?;
    let full_at: Option<Stored<Timestamp>> = row.map(|row| row.try_get(0)).transpose()?;
    let wait = match budget.spend(full_at.map(|Stored(at)| at), now) {
        Ok(_) => Duration::ZERO,
        Err(wait) => wait,
    };
    Ok(Some(wait.max(Duration::from_secs(1))))
}

/// One statement on one row.
pub(super) async fn know_network(
    db: &Connection,
    now: Timestamp,
    account_key: &AccountKey,
    network: &Network,
    until: Timestamp,
) -> Result<()> {
    let know = db
        .prepared(
            "INSERT INTO account_failures \
                 (account, network, failures, failed_at, known_until, forget_at) \
             VALUES ($1, $2, 0, $3, $4, $4) \
             ON CONFLICT (account, network) DO UPDATE SET failures = 0, \
                 failed_at = excluded.failed_at, known_until = excluded.known_until, \
                 forget_at = excluded.forget_at",
        )
        .await?;
    let account = account(account_key);
    let parameters: Parameters<4> = [&account, &network.as_str(), &Stored(now), &Stored(until)];
    db.execute(&know, &parameters).await?;
    Ok(())
}

pub(super) async fn account_counts(
    db: &Connection,
    account_key: &AccountKey,
) -> Result<Vec<AccountCount>> {
    let list = db
        .prepared(
            "SELECT nullif(network, ''), failures, failed_at FROM account_failures \
             WHERE account = $1 AND failures > 0 ORDER BY failures DESC, network",
        )
        .await?;
    let rows = db.query(&list, &[&account(account_key)]).await?;
    let counts: Result<_, Error> = rows
        .iter()
        .map(|row| {
            Ok(AccountCount {
                network: row.try_get::<_, Option<String>>(0)?.map(Network::stored),
                failures: failures(row, 1)?,
            })
        })
        .collect();
    Ok(counts?)
}

/// One statement, with the record if there was anything to clear.
pub(super) async fn clear_failures(
    db: &Connection,
    journal: &Journal,
    account_key: &AccountKey,
    user: UserId,
) -> Result<bool> {
    let record = journal.draft(Event::of(Word::UserUnlocked, user));
    let entry = Entry::new(&record);
    let clear = db
        .prepared(sql!(
            "WITH cleared AS ( \
                 UPDATE account_failures SET failures = 0 WHERE account = $1 AND failures > 0 \
                 RETURNING account \
             ), changed AS (SELECT DISTINCT account FROM cleared), \
             recorded AS ({}) SELECT account FROM changed",
            Entry::statement("changed", 2)
        ))
        .await?;
    let account = account(account_key);
    let mut parameters: Vec<Parameter> = vec![&account];
    parameters.extend(entry.parameters());
    let is_cleared = db.query_opt(&clear, &parameters).await?.is_some();
    if is_cleared {
        journal.wrote(record);
    }
    Ok(is_cleared)
}

pub(super) async fn forget_account(db: &Connection, account_key: &AccountKey) -> Result<()> {
    let forget = db
        .prepared("DELETE FROM account_failures WHERE account = $1")
        .await?;
    db.execute(&forget, &[&account(account_key)]).await?;
    Ok(())
}

/// Deletes up to `limit` counts that say nothing any more at `now`.
pub(super) async fn delete_over(db: &Connection, now: Timestamp, limit: u32) -> Result<u64> {
    let over = "WITH over AS MATERIALIZED ( \
             SELECT account, network FROM account_failures WHERE forget_at < $1 \
             LIMIT $2 FOR UPDATE SKIP LOCKED) \
         DELETE FROM account_failures AS a USING over \
         WHERE a.account = over.account AND a.network = over.network";
    in_batch(db, over, &Stored(now), limit).await
}

/// Deletes up to `limit` of the counts that are too many.
pub(super) async fn delete_too_many(db: &Connection, limit: u32) -> Result<u64> {
    let too_many = "WITH over AS MATERIALIZED ( \
             SELECT account FROM account_failures \
             WHERE network = '' AND (failures, failed_at) <= ( \
                 SELECT failures, failed_at FROM account_failures WHERE network = '' \
                 ORDER BY failures DESC, failed_at DESC LIMIT 1 OFFSET $1) \
             LIMIT $2 FOR UPDATE SKIP LOCKED) \
         DELETE FROM account_failures AS a USING over \
         WHERE a.account = over.account AND a.network = ''";
    in_batch(db, too_many, &i64::from(COUNTS_MAX), limit).await
}

/// Deletes up to `limit` budgets that have come back.
pub(super) async fn delete_come_back(db: &Connection, now: Timestamp, limit: u32) -> Result<u64> {
    let come_back = "WITH over AS MATERIALIZED ( \
             SELECT network, budget FROM network_budgets WHERE full_at < $1 \
             LIMIT $2 FOR UPDATE SKIP LOCKED) \
         DELETE FROM network_budgets AS b USING over \
         WHERE b.network = over.network AND b.budget = over.budget";
    in_batch(db, come_back, &Stored(now), limit).await
}

fn failures(row: &Row, at: usize) -> Result<Failures, Error> {
    let count: i32 = row.try_get(at)?;
    Ok(Failures {
        count: u32::try_from(count).unwrap_or(0),
        last: row.try_get::<_, Stored<Timestamp>>(at + 1)?.0,
    })
}

fn network(attempt: &Attempt) -> &str {
    attempt.network.as_ref().map_or(ELSEWHERE, Network::as_str)
}

fn account(key: &AccountKey) -> Stored<&[u8]> {
    Stored(key.as_bytes())
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
