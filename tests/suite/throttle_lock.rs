//! How many wrong passwords an account takes at the very most.

use latchkey_tests::{Backend, Home, on_each_backend};

on_each_backend![
    item_19_the_hundredth_failure_in_a_row_locks,
    item_19_nobody_can_ask_for_more_than_a_hundred,
];

const WRONG: &str = "Not-the-password-1";

async fn item_19_the_hundredth_failure_in_a_row_locks(backend: Backend) {
    // Without the pauses before, for which nobody can wait here.
    let home = Home::new(backend)
        .env("LATCHKEY_RATE_LIMITS__ACCOUNT_TRIES", "100")
        .env("LATCHKEY_RATE_LIMITS__ADDRESS_FAILURES", "1000");
    let server = home.start().await;
    let alice = server.account_of("Alice").await.person;
    for _ in 0..99 {
        let _ = server.sign_in(&alice.email, WRONG).await.expect(401);
    }
    // A right one forgets them all.
    let right = server.sign_in(&alice.email, &alice.password).await;
    let _ = right.expect(200);
    for _ in 0..100 {
        let _ = server.sign_in(&alice.email, WRONG).await.expect(401);
    }
    for password in [WRONG, &alice.password] {
        let refused = server.sign_in(&alice.email, password).await.expect(429);
        let wait: u64 = refused.header("retry-after").parse().expect("seconds");
        assert!((86_000..=86_400).contains(&wait), "{wait}");
    }
}

async fn item_19_nobody_can_ask_for_more_than_a_hundred(backend: Backend) {
    for count in ["101", "1000000", "0"] {
        let home = Home::new(backend).env("LATCHKEY_RATE_LIMITS__ACCOUNT_LOCK_AFTER", count);
        let failed = home.fails_to_start().await;
        let named = failed.stderr.contains("rate_limits.account_lock_after");
        assert!(named, "{failed:#?}");
    }
}
