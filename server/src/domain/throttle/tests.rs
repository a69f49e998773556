use std::net::IpAddr;
use std::task::Poll;

use super::*;
use crate::domain::clock::Timestamp;
use crate::domain::email::Email;
use crate::storage::sqlite::SqliteStorage;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn storage() -> SharedStorage {
    Arc::new(SqliteStorage::in_memory(NOW).expect("a database"))
}

fn ada() -> AccountKey {
    AccountKey::of(&Email::parse("ada@example.com").expect("an address"))
}

fn from(address: &str) -> WriteContext {
    WriteContext {
        address: Some(address.parse::<IpAddr>().expect("an address")),
        ..WriteContext::service(NOW)
    }
}

fn failed() -> Event {
    Event::new(Word::SignInFailed)
}

/// Tries until it is refused; says how often it was not.
async fn exhaust(throttle: &Throttle, cx: &WriteContext) -> (u32, Refusal) {
    for tries in 0.. {
        match throttle.attempt(cx, ada(), failed()).await {
            Ok(permit) => {
                let _: Option<Event> = permit.wrong(&failed());
                permit.failed().await;
            }
            Err(Error::Throttled(refusal)) => return (tries, refusal),
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("there are more tries than numbers");
}

#[tokio::test]
async fn a_permit_counts_as_a_failure_unless_it_is_said_to_be_none() {
    let throttle = Throttle::new(storage(), Some(ThrottleRules::default()));
    let cx = from("192.0.2.1");
    for _ in 0..4 {
        // Whoever goes away has tried.
        drop(
            throttle
                .attempt(&cx, ada(), failed())
                .await
                .expect("allowed"),
        );
    }
    for _ in 0..50 {
        let permit = throttle
            .attempt(&cx, ada(), failed())
            .await
            .expect("allowed");
        permit.failed().await;
    }
    let (tries, refusal) = exhaust(&throttle, &cx).await;
    assert_eq!(tries, 6);
    assert_eq!((refusal.limit, refusal.seconds()), (Limit::Account, 60));
}

#[tokio::test]
async fn who_leaves_while_a_try_is_counted_is_on_record() {
    use crate::domain::audit::{AuditFilter, AuditPage};

    let storage = storage();
    let throttle = Throttle::new(Arc::clone(&storage), Some(ThrottleRules::default()));
    let cx = from("192.0.2.1");
    {
        let mut asking = std::pin::pin!(throttle.attempt(&cx, ada(), failed()));
        let asked = std::future::poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx)));
        assert!(asked.await.is_pending(), "it has been asked for");
    }
    let filter = AuditFilter::default();
    let records = loop {
        let records = storage.audit(&filter, AuditPage::Latest, 10).await;
        match records.expect("an answer") {
            none if none.is_empty() => tokio::task::yield_now().await,
            records => break records,
        }
    };
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].reason.as_deref(), Some(Reason::HungUp.as_str()));
    let counts = storage.account_counts(&ada()).await.expect("an answer");
    assert_eq!(counts[0].failures.count, 1);
}

#[tokio::test]
async fn where_somebody_has_signed_up_strangers_lock_nobody_out() {
    let throttle = Throttle::new(storage(), Some(ThrottleRules::default()));
    let home = from("2001:db8::1");
    throttle.is_home(&home, ada()).await;
    assert_eq!(exhaust(&throttle, &from("192.0.2.1")).await.0, 10);
    // Another address of the same /64.
    let next_door = from("2001:db8::2");
    let permit = throttle.attempt(&next_door, ada(), failed()).await;
    permit.expect("allowed").right().await;
    throttle.forget(&home, ada()).await;
    assert_eq!(exhaust(&throttle, &home).await.0, 10);
}

#[tokio::test]
async fn without_rules_nothing_is_counted() {
    let storage = storage();
    let throttle = Throttle::new(Arc::clone(&storage), None);
    for _ in 0..1000 {
        let cx = from("192.0.2.1");
        throttle.sign_up(&cx).await.expect("allowed");
        let permit = throttle
            .attempt(&cx, ada(), failed())
            .await
            .expect("allowed");
        let _: Option<Event> = permit.wrong(&failed());
        permit.failed().await;
    }
    let counts = storage.account_counts(&ada()).await;
    assert_eq!(counts.expect("an answer"), []);
}

#[tokio::test]
async fn what_cannot_be_counted_is_not_tried() {
    let storage = storage();
    let throttle = Throttle::new(Arc::clone(&storage), Some(ThrottleRules::default()));
    storage.close().await;
    let cx = from("192.0.2.1");
    let refused = throttle.attempt(&cx, ada(), failed()).await;
    assert!(matches!(refused, Err(Error::Storage(_))));
    let refused = throttle.sign_up(&cx).await;
    assert!(matches!(refused, Err(Error::Storage(_))));
}

/// A try whose password turns out to be right or wrong only when others have begun.
async fn slow_try(
    throttle: &Throttle,
    cx: &WriteContext,
    account: AccountKey,
    right: bool,
) -> bool {
    let Ok(permit) = throttle.attempt(cx, account, failed()).await else {
        return false;
    };
    tokio::time::sleep(Duration::from_millis(5)).await;
    if right {
        permit.right().await;
    } else {
        let _: Option<Event> = permit.wrong(&failed());
        permit.failed().await;
    }
    true
}

/// How many of these tries at once were made; none is left under way.
async fn made(throttle: &Throttle, cx: &WriteContext, tries: &[(AccountKey, bool)]) -> usize {
    let tries = tries
        .iter()
        .map(|(account, right)| slow_try(throttle, cx, *account, *right));
    let made = futures_util::future::join_all(tries).await;
    assert!(throttle.under_way.is_empty());
    made.into_iter().filter(|made| *made).count()
}

#[tokio::test]
async fn right_ones_at_once_wait_for_each_other_and_wrong_ones_are_refused() {
    let throttle = Throttle::new(storage(), Some(ThrottleRules::default()));
    let cx = from("192.0.2.1");
    assert_eq!(made(&throttle, &cx, &[(ada(), true); 100]).await, 100);
    assert_eq!(made(&throttle, &cx, &[(ada(), false); 50]).await, 10);
    let refused = throttle.attempt(&cx, ada(), failed()).await;
    assert!(matches!(refused, Err(Error::Throttled(_))));
}

/// The first of ten is right, which forgets the failures; each after that is one.
#[tokio::test]
async fn what_waited_for_a_right_one_is_counted_anew() {
    let throttle = Throttle::new(storage(), Some(ThrottleRules::default()));
    let cx = from("192.0.2.1");
    let mut tries = vec![(ada(), true)];
    tries.extend([(ada(), false); 40]);
    // Nine with it, and ten after it.
    let made = made(&throttle, &cx, &tries).await;
    assert!((11..=20).contains(&made), "{made}");
}

#[tokio::test]
async fn a_crowd_behind_one_address_waits_for_each_other_too() {
    let throttle = Throttle::new(storage(), Some(ThrottleRules::default()));
    let cx = from("192.0.2.1");
    let crowd: Vec<_> = (0..150)
        .map(|who| {
            let email = Email::parse(&format!("user{who}@example.com"));
            (AccountKey::of(&email.expect("an address")), true)
        })
        .collect();
    assert_eq!(made(&throttle, &cx, &crowd).await, 150);
}

#[tokio::test]
async fn who_goes_away_keeps_nobody_waiting() {
    let throttle = Throttle::new(storage(), Some(ThrottleRules::default()));
    let cx = from("192.0.2.1");
    let mut permits = Vec::new();
    for _ in 0..10 {
        permits.push(
            throttle
                .attempt(&cx, ada(), failed())
                .await
                .expect("allowed"),
        );
    }
    let waits = throttle.attempt(&cx, ada(), failed());
    let leaves = async {
        tokio::task::yield_now().await;
        drop(permits);
    };
    let (refused, ()) = tokio::join!(waits, leaves);
    assert!(matches!(refused, Err(Error::Throttled(_))));
    assert!(throttle.under_way.is_empty());
}
