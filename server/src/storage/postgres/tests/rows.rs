//! Rows that other programs have a part in.

use super::*;
use crate::domain::transfer::Given;
use crate::storage::postgres::transaction::Transaction;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_whom_another_table_needs_stays() {
    let database = migrated().await;
    let storage = open(&database.url(), 1).await;
    let (user, session) = signed_in(&storage).await;
    for rule in ["", "on delete restrict", "deferrable initially deferred"] {
        database.execute(&format!(
            "create table expenses (user_id uuid not null references users (user_id) {rule});
             insert into expenses select user_id from users"
        ));
        let outcome = storage.delete_user(&cx(), user.id, None).await;
        assert!(
            matches!(outcome, Err(StorageError::UserReferenced)),
            "{rule}: {outcome:?}"
        );
        let found = storage.session(session, NOW).await.expect("answered");
        assert!(found.is_some(), "nothing has changed");
        database.execute("drop table expenses");
    }
    let outcome = storage.delete_user(&cx(), user.id, None).await;
    assert_eq!(outcome.expect("deleted"), Guarded::Done(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adopted_table_may_lack_what_ours_has() {
    let database = migrated().await;
    let storage = open(&database.url(), 1).await;
    database.execute(
        "alter table users alter column name drop not null, \
             alter column email drop not null, alter column password drop not null, \
             alter column created_at drop not null, alter column updated_at drop not null;
         insert into users (user_id, age, email_canonical, created_at, updated_at) \
             values ('00000000-0000-4000-8000-000000000001', 0, 'ada@example.com', null, null)",
    );
    let found = storage
        .credentials_by_email(&Email::parse("ada@example.com").expect("an address"))
        .await
        .expect("read")
        .expect("found");
    let epoch = Timestamp::from_millis(0);
    assert_eq!(found.password, hash(""));
    assert_eq!(
        found.user,
        User {
            id: "00000000-0000-4000-8000-000000000001"
                .parse()
                .expect("a UUID"),
            name: String::new(),
            email: String::new(),
            age: None,
            created_at: epoch,
            updated_at: epoch,
            disabled_at: None,
        }
    );
    let outcome = storage
        .start_session(&cx(), found.user.id, &found.password, None, new_session())
        .await;
    assert_eq!(outcome.expect("answered"), Guarded::Stale);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_taken_by_whatever_index_says_so() {
    let database = migrated().await;
    let storage = open(&database.url(), 1).await;
    database.execute("alter table users add constraint whatever unique (email)");
    signed_in(&storage).await;
    database.execute("update users set email_canonical = null");
    let outcome = storage
        .create_user(&cx(), new_user("ada@example.com"), None)
        .await;
    assert!(matches!(outcome, Err(StorageError::EmailTaken)));
}

/// Other services read the times as UTC, without a zone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_are_in_utc_whatever_the_servers_zone_is() {
    let database = migrated().await;
    let storage = open(&database.url(), 1).await;
    signed_in(&storage).await;
    assert_eq!(
        database.rows("select created_at, updated_at from users"),
        [["2026-01-01 00:00:00.007", "2026-01-01 00:00:00.007"]]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_of_other_programs_have_a_form_in_rfc_3339() {
    let database = migrated().await;
    let storage = open(&database.url(), 1).await;
    let (ada, _) = signed_in(&storage).await;
    database.execute(
        "update users set created_at = '-infinity', updated_at = 'infinity', \
             disabled_at = '20000-01-01'",
    );
    let found = storage.user(ada.id).await.expect("read").expect("found");
    assert_eq!(found.created_at.to_string(), "0001-01-01T00:00:00.000Z");
    assert_eq!(found.updated_at.to_string(), "9999-12-30T22:00:00.000Z");
    assert_eq!(found.disabled_at, Some(found.updated_at));
    for at in [found.created_at, found.updated_at] {
        assert_eq!(at.to_string().parse(), Ok(at), "an import takes it");
    }
}

fn imported(address: &str) -> ImportedUser {
    let user = new_user(address);
    ImportedUser {
        id: user.id,
        name: user.name,
        email: user.email,
        age: None,
        created_at: NOW,
        updated_at: NOW,
        disabled_at: None,
        password: user.password,
        given: Given {
            id: true,
            created_at: true,
            updated_at: true,
        },
    }
}

/// An index with which an adopted table came knows addresses that ours does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_finds_who_is_in_the_way_by_another_index() {
    for (index, row) in [
        ("(email)", "email = 'byron@example.com'"),
        (
            "(email)",
            "email = 'byron@example.com', email_canonical = null",
        ),
        (
            "(lower(email))",
            "email = 'BYRON@example.com', email_canonical = null",
        ),
        ("(lower(email))", "email = 'BYRON@example.com'"),
    ] {
        let database = migrated().await;
        let storage = open(&database.url(), 1).await;
        let (ada, _) = signed_in(&storage).await;
        database.execute(&format!(
            "create unique index on users {index}; update users set {row}"
        ));
        let users = vec![imported("byron@example.com"), imported("eve@example.com")];
        for dry_run in [true, false] {
            let outcomes = storage.import_users(&cx(), users.clone(), dry_run).await;
            assert_eq!(
                outcomes.expect("answered"),
                [
                    ImportOutcome::EmailTaken(Some(ada.id)),
                    ImportOutcome::Imported
                ],
                "{index} {row} {dry_run}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_goes_on_when_nobody_can_tell_who_is_in_the_way() {
    let database = migrated().await;
    let storage = open(&database.url(), 1).await;
    signed_in(&storage).await;
    database.execute("create unique index on users (name)");
    let outcomes = storage
        .import_users(&cx(), vec![imported("byron@example.com")], false)
        .await;
    assert_eq!(
        outcomes.expect("answered"),
        [ImportOutcome::EmailTaken(None)]
    );
}

/// As where the answer to a change is there before the COMMIT has been sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_fails_at_once_leaves_no_transaction_behind() {
    let database = migrated().await;
    let storage = open(&database.url(), 1).await;
    let outcome = storage
        .write(|db| async move {
            let lock = db.prepared("SELECT 1").await?;
            let change = db.prepared("SELECT 1 / $1::integer").await?;
            let (transaction, _) = Transaction::begin(&db, &lock, &[]).await?;
            let failed = db.query_one(&change, &[&0_i32]).await;
            transaction.commit(std::future::ready(failed)).await
        })
        .await;
    assert!(matches!(outcome, Err(StorageError::Failed(_))));
    let users = storage.users(None, 1).await;
    assert_eq!(users.expect("the connection is at rest"), []);
}
