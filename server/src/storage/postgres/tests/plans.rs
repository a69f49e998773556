//! Every query finds its rows by an index: the server says how it went about each.

use super::*;
use crate::domain::audit::Word;
use crate::domain::session::EndReason;
use crate::domain::status::StatusIndex;
use crate::domain::throttle::{
    AccountKey, Attempt, Budget, Counted, Network, Outcome, ThrottleRules,
};

/// Enough rows that reading them all would be the dearer plan.
const FILL: &str = "
    insert into users (user_id, name, email, email_canonical, password)
        select gen_random_uuid(), 'Somebody', n || '@example.org', n || '@example.org', ''
        from generate_series(1, 20000) n;
    insert into sessions (session_id, user_id, refresh_hash, created_at, last_used_at,
            expires_at, kept_until, status_index)
        select gen_random_uuid(), user_id, sha256(''), now(), now(), 'infinity', 'infinity',
            row_number() over () * 50
        from users;
    insert into sealed_successors (rotated_at, session_id, sealed)
        select now() + row_number() over () * interval '1 second', session_id, ''
        from sessions;
    update sessions set ended_at = now(), end_reason = 'logout'
        where status_index % 1000 = 0;
    insert into audit_events (event_id, at, event, outcome, actor, user_id)
        select gen_random_uuid(), now(), 'user.signed_in', 'success', 'user', user_id
        from users;
    insert into account_failures (account, network, failures, failed_at, known_until, forget_at)
        select sha256(n::text::bytea), case n % 2 when 0 then '' else '192.0.2.1' end, 1, now(),
            now(), now() + n * interval '1 minute'
        from generate_series(1, 20000) n;
    insert into network_budgets (network, budget, full_at)
        select '198.51.100.' || n, 'failures', now() + n * interval '1 minute'
        from generate_series(1, 20000) n;
    analyze";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_reads_a_whole_table() {
    let cluster = Cluster::own()
        .config("session_preload_libraries = 'auto_explain'")
        .config("auto_explain.log_min_duration = 0")
        .config("auto_explain.log_nested_statements = on")
        .config("plan_cache_mode = force_generic_plan")
        .config("jit = off")
        .start();
    let database = migrated_on(&cluster).await;
    database.execute(FILL);
    let storage = open(&database.url(), 1).await;
    let before = plans(&cluster).len();
    use_everything(&storage).await;

    let plans = plans(&cluster).split_off(before);
    assert!(plans.matches("Query Text:").count() > 20, "{plans}");
    assert!(
        plans.contains("Index Scan using sessions_user on sessions"),
        "{plans}"
    );
    // A status list is made from an index that has nothing else in it.
    assert!(
        plans.contains("Index Only Scan using sessions_revoked on sessions"),
        "{plans}"
    );
    for table in [
        "users",
        "sessions",
        "sealed_successors",
        "audit_events",
        "account_failures",
        "network_budgets",
    ] {
        for plan in plans.split("Query Text:") {
            // Housekeeping joins a batch of counts with all of them while these are few.
            if plan.contains("DELETE FROM account_failures AS a USING over")
                || plan.contains("DELETE FROM network_budgets AS b USING over")
            {
                let batch = plan.contains("Index Scan using") || plan.contains("Index Only Scan");
                assert!(batch, "{plan}");
                continue;
            }
            assert!(!plan.contains(&format!("Seq Scan on {table}")), "{plan}");
        }
    }
}

fn plans(cluster: &Cluster) -> String {
    std::fs::read_to_string(cluster.directory().join("log")).expect("the server's log")
}

async fn use_everything(storage: &PostgresStorage) {
    let (user, session) = signed_in(storage).await;
    let id = user.id;
    read_the_trail(storage, id).await;
    let email = Email::parse("ada@example.com").expect("an address");
    storage.user(id).await.expect("answered");
    storage.credentials(id).await.expect("answered");
    storage
        .credentials_by_email(&email)
        .await
        .expect("answered");
    storage.users(None, 10).await.expect("answered");
    storage.users(Some(id), 10).await.expect("answered");
    let change = ProfileChange {
        name: None,
        age: Some(None),
    };
    storage
        .update_profile(&cx(), id, change)
        .await
        .expect("answered");
    storage
        .change_email(&cx(), id, email)
        .await
        .expect("answered");
    storage.session(session, NOW).await.expect("answered");
    storage.revoked_places(0, NOW).await.expect("answered");
    let places: Vec<_> = (0..512).map(|at| StatusIndex::new(0, at)).collect();
    storage.taken_places(&places).await.expect("answered");
    storage.sessions(id, NOW).await.expect("answered");
    let rotation = Rotation {
        session,
        presented: TokenHash([1; 32]),
        successor: TokenHash([2; 32]),
        sealed_successor: vec![2; 40],
        expires_at: NOW.plus(Duration::from_secs(900)),
        grace: Duration::ZERO,
        status: None,
    };
    for _ in ["good", "used again"] {
        let rotation = rotation.clone();
        storage
            .rotate_refresh(&cx(), rotation)
            .await
            .expect("answered");
    }
    for upgraded in [None, Some(hash("first"))] {
        storage
            .start_session(&cx(), id, &hash("first"), upgraded, new_session())
            .await
            .expect("answered");
    }
    storage
        .end_session(&cx(), id, session, EndReason::Logout)
        .await
        .expect("answered");
    storage
        .end_sessions(&cx(), id, EndReason::Logout)
        .await
        .expect("answered");
    storage
        .change_password(&cx(), id, None, hash("second"), Some(new_session()))
        .await
        .expect("answered");
    for disabled in [true, false] {
        storage
            .set_disabled(&cx(), id, disabled)
            .await
            .expect("answered");
    }
    storage
        .delete_user(&cx(), id, None)
        .await
        .expect("answered");
    let limits = Limits {
        sessions_over_before: NOW,
        rotated_before: NOW,
        audited_before: NOW,
    };
    storage.housekeep(&cx(), limits).await.expect("answered");
    count_tries(storage, id).await;
}

async fn count_tries(storage: &PostgresStorage, user: UserId) {
    let cx = cx();
    let rules = ThrottleRules {
        failures: Budget {
            quota: 2,
            window: Duration::from_secs(60),
        },
        ..ThrottleRules::default()
    };
    let email = Email::parse("ada@example.com").expect("an address");
    let account = AccountKey::of(&email);
    let network = Network::of("203.0.113.1".parse().expect("an address"));
    let attempt = Attempt {
        account,
        network: Some(network.clone()),
    };
    for outcome in [
        None,
        Some(Outcome::NotMade),
        Some(Outcome::Right),
        None,
        None,
    ] {
        let counted = storage.count_try(&cx, &attempt, &rules).await;
        if let (Ok(Counted::Allowed { scope, .. }), Some(outcome)) = (counted, outcome) {
            let settled = storage.settle_try(&cx, &attempt, scope, outcome, &rules);
            settled.await.expect("answered");
        }
    }
    let until = NOW.plus(Duration::from_secs(900));
    let known = storage.know_network(&cx, &account, &network, until);
    known.await.expect("answered");
    for _ in 0..3 {
        let spent = storage.count_sign_up(&cx, &network, &rules.failures);
        spent.await.expect("answered");
    }
    storage.account_counts(&account).await.expect("answered");
    let cleared = storage.clear_failures(&cx, &account, user);
    cleared.await.expect("answered");
    storage
        .forget_account(&cx, &account)
        .await
        .expect("answered");
}

async fn read_the_trail(storage: &PostgresStorage, user: UserId) {
    let event = Event::of(Word::SignInFailed, user);
    storage.record(&cx(), event).await.expect("answered");
    for user in [None, Some(user)] {
        for words in [vec![], vec![Word::SignInFailed, Word::SignedUp]] {
            let filter = AuditFilter {
                user,
                words,
                since: Some(NOW),
                until: None,
            };
            for page in [AuditPage::After(None), AuditPage::Latest] {
                storage.audit(&filter, page, 10).await.expect("answered");
            }
        }
    }
}
