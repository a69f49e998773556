use std::net::IpAddr;

use super::*;
use crate::domain::throttle::{
    AccountCount, AccountKey, Attempt, Budget, Counted as CountedTry, Failures, Limit, Network,
    Outcome, Refusal, Scope, ThrottleRules,
};
use crate::storage::Limits;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn rules() -> ThrottleRules {
    ThrottleRules::default()
}

fn network(address: &str) -> Network {
    Network::of(address.parse::<IpAddr>().unwrap())
}

fn account(address: &str) -> AccountKey {
    AccountKey::of(&email(address))
}

fn attempt(address: &str, from: &str) -> Attempt {
    Attempt {
        account: account(address),
        network: Some(network(from)),
    }
}

/// What became of counting a try, but for how many failures it makes.
#[derive(Debug, PartialEq)]
enum Counted {
    Allowed(Scope),
    Refused(Refusal),
}

async fn count(storage: &SharedStorage, attempt: &Attempt, now: Timestamp) -> Counted {
    match storage
        .count_try(&cx(now), attempt, &rules())
        .await
        .unwrap()
    {
        CountedTry::Allowed { scope, failures } => {
            assert!((1..=100).contains(&failures), "{failures}");
            Counted::Allowed(scope)
        }
        CountedTry::Refused(refusal) => Counted::Refused(refusal),
    }
}

async fn settle(storage: &SharedStorage, attempt: &Attempt, scope: Scope, outcome: Outcome) {
    storage
        .settle_try(&cx(NOW), attempt, scope, outcome, &rules())
        .await
        .unwrap();
}

/// The wait of a refusal, and what has run out.
fn wait(counted: Counted) -> (Limit, Duration) {
    match counted {
        Counted::Refused(refusal) => (refusal.limit, refusal.wait),
        Counted::Allowed(scope) => panic!("allowed, {scope:?}"),
    }
}

/// Tries until it is refused; says how often it was not.
async fn exhaust(storage: &SharedStorage, attempt: &Attempt) -> u32 {
    let mut tries = 0;
    while let Counted::Allowed(_) = count(storage, attempt, NOW).await {
        tries += 1;
        assert!(tries < 1000, "there is no end");
    }
    tries
}

pub(in crate::storage) async fn of_200_tries_at_once_ten_are_allowed(storage: &SharedStorage) {
    let tries: Vec<_> = (0..200)
        .map(|_| {
            let storage = storage.clone();
            tokio::spawn(async move {
                count(&storage, &attempt("ada@example.com", "192.0.2.1"), NOW).await
            })
        })
        .collect();
    let mut allowed = 0;
    for outcome in tries {
        match outcome.await.unwrap() {
            Counted::Allowed(scope) => {
                assert_eq!(scope, Scope::Elsewhere);
                allowed += 1;
            }
            refused => assert_eq!(wait(refused), (Limit::Account, MINUTE)),
        }
    }
    assert_eq!(allowed, 10);
    // What was refused has cost the network nothing: 90 are left of its 100.
    let other = attempt("bob@example.com", "192.0.2.1");
    for left in 0..90 {
        let other = Attempt {
            account: account(&format!("bob{left}@example.com")),
            ..other.clone()
        };
        assert_eq!(
            count(storage, &other, NOW).await,
            Counted::Allowed(Scope::Elsewhere)
        );
    }
    let interval = Duration::from_secs(36);
    assert_eq!(
        wait(count(storage, &other, NOW).await),
        (Limit::Address, interval)
    );
    // And what the network was refused has cost the account nothing.
    let elsewhere = attempt("bob@example.com", "192.0.2.2");
    assert_eq!(exhaust(storage, &elsewhere).await, 10);
}

pub(in crate::storage) async fn of_300_tries_from_one_network_a_hundred_are_allowed(
    storage: &SharedStorage,
) {
    let tries: Vec<_> = (0..300)
        .map(|who| {
            let storage = storage.clone();
            let attempt = attempt(&format!("user{who}@example.com"), "2001:db8::1");
            tokio::spawn(async move { count(&storage, &attempt, NOW).await })
        })
        .collect();
    let mut allowed = 0;
    for outcome in tries {
        match outcome.await.unwrap() {
            Counted::Allowed(_) => allowed += 1,
            refused => {
                let (limit, wait) = wait(refused);
                assert_eq!(limit, Limit::Address);
                assert!(wait <= Duration::from_secs(36), "{wait:?}");
            }
        }
    }
    assert_eq!(allowed, 100);
    // The rest of the /64 is the same network, its neighbour is not.
    let same = attempt("eve@example.com", "2001:db8::ffff:1");
    assert_eq!(wait(count(storage, &same, NOW).await).0, Limit::Address);
    let neighbour = attempt("eve@example.com", "2001:db8:0:1::1");
    assert_eq!(
        count(storage, &neighbour, NOW).await,
        Counted::Allowed(Scope::Elsewhere)
    );
}

pub(in crate::storage) async fn pauses_grow_with_each_failure(storage: &SharedStorage) {
    let mut now = NOW;
    let mut waited = Vec::new();
    for tries in 0..101_u32 {
        // From everywhere: one network alone would not get so far.
        let attempt = attempt("ada@example.com", &format!("192.0.2.{tries}"));
        let mut counted = count(storage, &attempt, now).await;
        if let Counted::Refused(refusal) = counted {
            assert_eq!(refusal.limit, Limit::Account);
            waited.push(refusal.wait);
            now = now.plus(refusal.wait);
            counted = count(storage, &attempt, now).await;
        }
        assert_eq!(counted, Counted::Allowed(Scope::Elsewhere), "{tries}");
    }
    let expected = rules().backoff.pauses();
    assert_eq!(waited, expected[10..=100]);
    let counts = storage.account_counts(&account("ada@example.com")).await;
    assert_eq!(
        counts.unwrap(),
        [AccountCount {
            network: None,
            failures: Failures {
                count: 100,
                last: now
            }
        }]
    );
    let locked = attempt("ada@example.com", "192.0.2.200");
    assert_eq!(
        wait(count(storage, &locked, now).await),
        (Limit::Account, DAY)
    );
    // Quiet for long enough: from the start.
    let later = now.plus(31 * DAY);
    assert_eq!(
        count(storage, &locked, later).await,
        Counted::Allowed(Scope::Elsewhere)
    );
    let counts = storage.account_counts(&locked.account).await.unwrap();
    assert_eq!(counts[0].failures.count, 1);
}

pub(in crate::storage) async fn a_right_password_ends_a_row_of_failures(storage: &SharedStorage) {
    let ada = attempt("ada@example.com", "192.0.2.1");
    for _ in 0..9 {
        count(storage, &ada, NOW).await;
    }
    assert_eq!(
        count(storage, &ada, NOW).await,
        Counted::Allowed(Scope::Elsewhere)
    );
    settle(storage, &ada, Scope::Elsewhere, Outcome::Right).await;
    assert_eq!(storage.account_counts(&ada.account).await.unwrap(), []);
    // Where it was given, the account has a count of its own from now on.
    for _ in 0..10 {
        assert_eq!(
            count(storage, &ada, NOW).await,
            Counted::Allowed(Scope::Known)
        );
    }
    assert_eq!(
        wait(count(storage, &ada, NOW).await),
        (Limit::Account, MINUTE)
    );
    settle(storage, &ada, Scope::Known, Outcome::Right).await;
    assert_eq!(
        count(storage, &ada, NOW).await,
        Counted::Allowed(Scope::Known)
    );
    // Nineteen failures are spent of the network's hundred, and two successes are not.
    let mut left = 0;
    while let Counted::Allowed(_) = count(
        storage,
        &attempt(&format!("user{left}@example.com"), "192.0.2.1"),
        NOW,
    )
    .await
    {
        left += 1;
    }
    assert_eq!(left, 100 - 19);
}

pub(in crate::storage) async fn a_known_network_has_a_count_of_its_own(storage: &SharedStorage) {
    let home = attempt("ada@example.com", "2001:db8:a::1");
    let until = NOW.plus(90 * DAY);
    storage
        .know_network(&cx(NOW), &home.account, &network("2001:db8:a::1"), until)
        .await
        .unwrap();
    assert_eq!(storage.account_counts(&home.account).await.unwrap(), []);

    let stranger = attempt("ada@example.com", "192.0.2.66");
    assert_eq!(exhaust(storage, &stranger).await, 10);
    assert_eq!(
        count(storage, &home, NOW).await,
        Counted::Allowed(Scope::Known)
    );
    settle(storage, &home, Scope::Known, Outcome::Right).await;
    // That the owner has signed in does not help the stranger.
    assert_eq!(wait(count(storage, &stranger, NOW).await).0, Limit::Account);

    // The count of the known network has its own end, which is nobody else's.
    assert_eq!(exhaust(storage, &home).await, 10);
    let counts = storage.account_counts(&home.account).await.unwrap();
    let networks: Vec<_> = counts
        .iter()
        .map(|count| count.network.as_ref().map(Network::as_str))
        .collect();
    assert_eq!(networks, [None, Some("2001:db8:a::/64")]);
    // After its time it is a network like all others.
    assert_eq!(
        count(storage, &home, until).await,
        Counted::Allowed(Scope::Elsewhere)
    );
}

pub(in crate::storage) async fn only_the_latest_networks_stay_known(storage: &SharedStorage) {
    let home = |at: u32| attempt("ada@example.com", &format!("10.0.0.{at}"));
    for at in 0..40 {
        let now = later(at * MINUTE);
        storage
            .settle_try(
                &cx(now),
                &home(at),
                Scope::Elsewhere,
                Outcome::Right,
                &rules(),
            )
            .await
            .unwrap();
    }
    let mut known = Vec::new();
    for at in 0..40 {
        if count(storage, &home(at), NOW).await == Counted::Allowed(Scope::Known) {
            known.push(at);
        }
    }
    assert_eq!(known, Vec::from_iter(8..40));
}

pub(in crate::storage) async fn what_was_not_tried_is_given_back(storage: &SharedStorage) {
    let ada = attempt("ada@example.com", "192.0.2.1");
    for _ in 0..200 {
        let Counted::Allowed(scope) = count(storage, &ada, NOW).await else {
            panic!("refused");
        };
        settle(storage, &ada, scope, Outcome::NotMade).await;
    }
    assert_eq!(exhaust(storage, &ada).await, 10);
    // After a pause too.
    let after = later(MINUTE);
    assert_eq!(
        count(storage, &ada, after).await,
        Counted::Allowed(Scope::Elsewhere)
    );
    storage
        .settle_try(
            &cx(after),
            &ada,
            Scope::Elsewhere,
            Outcome::NotMade,
            &rules(),
        )
        .await
        .unwrap();
    assert_eq!(
        count(storage, &ada, after).await,
        Counted::Allowed(Scope::Elsewhere)
    );
    assert_eq!(
        wait(count(storage, &ada, after).await),
        (Limit::Account, 2 * MINUTE)
    );
}

pub(in crate::storage) async fn failures_can_be_cleared_and_accounts_forgotten(
    storage: &SharedStorage,
) {
    let ada = attempt("ada@example.com", "192.0.2.1");
    let user = UserId::new(NOW, &SystemEntropy);
    let clear = async || {
        storage
            .clear_failures(&cx(NOW), &ada.account, user)
            .await
            .unwrap()
    };
    assert!(!clear().await);
    settle(storage, &ada, Scope::Elsewhere, Outcome::Right).await;
    exhaust(storage, &ada).await;
    exhaust(storage, &attempt("ada@example.com", "192.0.2.2")).await;
    assert_eq!(storage.account_counts(&ada.account).await.unwrap().len(), 2);
    assert!(clear().await);
    assert!(!clear().await);
    assert_eq!(storage.account_counts(&ada.account).await.unwrap(), []);
    assert_eq!(
        count(storage, &ada, NOW).await,
        Counted::Allowed(Scope::Known)
    );
    storage
        .forget_account(&cx(NOW), &ada.account)
        .await
        .unwrap();
    assert_eq!(
        count(storage, &ada, NOW).await,
        Counted::Allowed(Scope::Elsewhere)
    );
}

pub(in crate::storage) async fn of_50_sign_ups_at_once_as_many_are_allowed_as_there_are(
    storage: &SharedStorage,
) {
    let budget = Budget {
        quota: 7,
        window: 7 * MINUTE,
    };
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let (storage, budget) = (storage.clone(), budget.clone());
            tokio::spawn(async move {
                storage
                    .count_sign_up(&cx(NOW), &network("192.0.2.1"), &budget)
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut allowed = 0;
    for outcome in tries {
        match outcome.await.unwrap() {
            None => allowed += 1,
            Some(wait) => assert_eq!(wait, MINUTE),
        }
    }
    assert_eq!(allowed, 7);
    let again = async |from, now| {
        storage
            .count_sign_up(&cx(now), &network(from), &budget)
            .await
            .unwrap()
    };
    assert_eq!(again("192.0.2.1", later(MINUTE)).await, None);
    assert_eq!(again("192.0.2.1", later(MINUTE)).await, Some(MINUTE));
    assert_eq!(again("192.0.2.2", NOW).await, None);
    // Sign-ups and failures are two budgets.
    let ada = attempt("ada@example.com", "192.0.2.1");
    assert_eq!(
        count(storage, &ada, NOW).await,
        Counted::Allowed(Scope::Elsewhere)
    );
}

pub(in crate::storage) async fn a_try_without_a_client_has_no_network(storage: &SharedStorage) {
    let ada = Attempt {
        account: account("ada@example.com"),
        network: None,
    };
    assert_eq!(exhaust(storage, &ada).await, 10);
    storage
        .settle_try(&cx(NOW), &ada, Scope::Elsewhere, Outcome::Right, &rules())
        .await
        .unwrap();
    assert_eq!(exhaust(storage, &ada).await, 10);
}

pub(in crate::storage) async fn housekeeping_forgets_counts_that_say_nothing(
    storage: &SharedStorage,
) {
    let limits = Limits {
        sessions_over_before: NOW,
        rotated_before: NOW,
        audited_before: NOW,
    };
    let housekeep = async |now| storage.housekeep(&cx(now), limits).await.unwrap().counts;
    let ada = attempt("ada@example.com", "192.0.2.1");
    count(storage, &ada, NOW).await;
    let home = attempt("bob@example.com", "192.0.2.2");
    settle(storage, &home, Scope::Elsewhere, Outcome::Right).await;

    let second = Duration::from_secs(1);
    for (now, forgotten) in [
        (NOW, 0),
        (later(second), 0),
        // What the network had spent has come back.
        (later(MINUTE), 1),
        (later(30 * DAY), 0),
        (later(30 * DAY + second), 1),
        (later(90 * DAY), 0),
        (later(90 * DAY + second), 1),
        (later(365 * DAY), 0),
    ] {
        assert_eq!(housekeep(now).await, forgotten, "{now}");
    }
}

pub(in crate::storage) async fn tries_that_are_counted_out_of_order_do_not_wait(
    storage: &SharedStorage,
) {
    let ada = attempt("ada@example.com", "192.0.2.1");
    for earlier in 0..10 {
        let now = NOW.minus(Duration::from_millis(earlier));
        assert_eq!(
            count(storage, &ada, now).await,
            Counted::Allowed(Scope::Elsewhere)
        );
    }
    assert_eq!(wait(count(storage, &ada, NOW).await).0, Limit::Account);
}

pub(in crate::storage) async fn a_clock_that_was_set_back_keeps_nobody_waiting(
    storage: &SharedStorage,
) {
    let ada = attempt("ada@example.com", "192.0.2.1");
    for who in 0..90 {
        let other = attempt(&format!("user{who}@example.com"), "192.0.2.1");
        count(storage, &other, later(2 * HOUR)).await;
    }
    for _ in 0..10 {
        count(storage, &ada, later(2 * HOUR)).await;
    }
    assert_eq!(
        wait(count(storage, &ada, later(2 * HOUR)).await).0,
        Limit::Account
    );
    assert_eq!(
        count(storage, &ada, NOW).await,
        Counted::Allowed(Scope::Elsewhere)
    );
    // Nor does it keep the others behind that address waiting for each other.
    for who in 0..50 {
        let other = attempt(&format!("colleague{who}@example.com"), "192.0.2.1");
        assert_eq!(
            count(storage, &other, NOW).await,
            Counted::Allowed(Scope::Elsewhere)
        );
    }
    let budget = Budget {
        quota: 7,
        window: HOUR,
    };
    let network = network("192.0.2.1");
    for cx in [cx(later(2 * HOUR)), cx(NOW)] {
        for _ in 0..7 {
            let spent = storage.count_sign_up(&cx, &network, &budget).await;
            assert_eq!(spent.unwrap(), None);
        }
    }
}
