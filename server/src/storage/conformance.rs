//! What every back end has to do, written once.
//!
//! A back end names itself in a test module of its own:
//!
//! ```text
//! mod my_database {
//!     crate::storage::conformance::suite!(open_my_database);
//! }
//! ```
//!
//! where `open_my_database` is an async function that answers with a [`Fresh`] database.
//! Each case then is a test with the back end in its name.

mod audit;
mod clients;
mod housekeeping;
mod keys;
mod rotation;
mod sessions;
mod status;
mod throttle;
mod transfer;
mod turns;
mod users;

use std::any::Any;
use std::time::Duration;

pub(super) use self::audit::*;
pub(super) use self::clients::*;
pub(super) use self::housekeeping::*;
pub(super) use self::keys::*;
pub(super) use self::rotation::*;
pub(super) use self::sessions::*;
pub(super) use self::status::*;
pub(super) use self::throttle::*;
pub(super) use self::transfer::*;
pub(super) use self::turns::*;
pub(super) use self::users::*;
use super::{SharedStorage, StorageError};
use crate::domain::clock::Timestamp;
use crate::domain::context::WriteContext;
use crate::domain::email::Email;
use crate::domain::entropy::SystemEntropy;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::password_hash::PasswordHash;
use crate::domain::session::{NewSession, TokenHash};
use crate::domain::user::{Age, NewUser, User, UserName};

/// An empty database with the whole schema.
pub(super) struct Fresh {
    pub(super) storage: SharedStorage,
    /// What has to live as long as the database.
    pub(super) _keep: Box<dyn Any + Send + Sync>,
}

/// Every case, for the macro `$then`.
macro_rules! cases {
    ($then:ident, $open:path) => {
        $then!($open:
            a_user_is_found_again_exactly,
            who_is_not_there_is_not_found,
            an_address_has_one_user_in_any_spelling,
            fifty_sign_ups_of_one_address_make_one_user,
            a_failure_undoes_the_whole_unit,
            users_are_listed_by_identifier_in_pages,
            a_profile_changes_only_where_it_is_told_to,
            an_address_can_be_changed_to_a_free_one,
            a_new_password_ends_every_session,
            a_password_change_that_comes_too_late_does_nothing,
            disabling_ends_every_session_and_is_idempotent,
            deleting_frees_the_address_and_ends_the_sessions,
            a_deletion_that_comes_too_late_does_nothing,
            a_session_starts_only_on_what_was_checked,
            an_upgraded_hash_is_stored_silently,
            a_session_is_found_until_it_expires,
            a_session_keeps_where_it_came_from,
            sessions_are_listed_latest_first,
            only_its_user_can_end_a_session_and_only_once,
            ending_every_session_leaves_none_to_any_clock,
            a_rotation_moves_the_session_on,
            a_predecessor_gets_the_same_successor_within_the_grace,
            without_grace_a_predecessor_is_reuse,
            an_older_token_is_reuse_whatever_the_grace,
            an_unknown_token_of_a_session_is_reuse,
            what_has_ended_is_not_rotated,
            refresh_tokens_can_be_looked_at,
            twenty_rotations_at_once_have_one_successor,
            a_list_holds_what_ended_early,
            a_place_has_one_session_until_that_is_forgotten,
            of_twenty_sessions_for_a_place_one_gets_it,
            a_session_without_a_place_gets_one_when_it_is_refreshed,
            lists_are_opened_once,
            clients_are_found_again_exactly,
            of_twenty_clients_of_one_name_one_is_added,
            a_removed_client_is_gone,
            keys_are_found_again_exactly,
            a_key_change_names_its_generation,
            of_two_key_changes_at_once_one_wins,
            housekeeping_deletes_what_is_over,
            housekeeping_deletes_sealed_successors,
            a_used_successor_is_not_kept,
            the_last_refresh_says_how_long_a_session_is_kept,
            what_a_session_is_kept_for_is_not_set_at_every_refresh,
            of_twenty_at_once_one_gets_the_turn,
            a_turn_comes_again_after_its_time,
            of_200_tries_at_once_ten_are_allowed,
            of_300_tries_from_one_network_a_hundred_are_allowed,
            pauses_grow_with_each_failure,
            a_right_password_ends_a_row_of_failures,
            a_known_network_has_a_count_of_its_own,
            only_the_latest_networks_stay_known,
            what_was_not_tried_is_given_back,
            failures_can_be_cleared_and_accounts_forgotten,
            of_50_sign_ups_at_once_as_many_are_allowed_as_there_are,
            a_try_without_a_client_has_no_network,
            housekeeping_forgets_counts_that_say_nothing,
            tries_that_are_counted_out_of_order_do_not_wait,
            a_clock_that_was_set_back_keeps_nobody_waiting,
            imported_users_are_found_again_exactly,
            an_import_that_is_run_again_changes_nothing,
            who_is_in_the_way_of_an_import_stays,
            users_are_exported_by_identifier_in_pages,
            every_change_is_on_record_once,
            what_does_not_happen_is_not_on_record,
            reuse_is_on_record_and_a_rotation_is_not,
            a_record_is_found_again_exactly,
            the_records_of_one_unit_are_in_its_order,
            the_trail_is_read_by_user_word_and_time,
            housekeeping_forgets_old_records,
            a_closed_database_is_unavailable,
        );
    };
}
pub(super) use cases;

/// Makes a test of every case, on databases that `$open` makes.
macro_rules! suite {
    ($open:path) => {
        use $crate::storage::conformance::suite as tests_of;
        $crate::storage::conformance::cases!(tests_of, $open);
    };
    ($open:path: $($case:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let fresh: $crate::storage::conformance::Fresh = $open().await;
                $crate::storage::conformance::$case(&fresh.storage).await;
                fresh.storage.close().await;
            }
        )*
    };
}
pub(super) use suite;

/// A time that has milliseconds.
const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_007);

const MINUTE: Duration = Duration::from_secs(60);

fn later(by: Duration) -> Timestamp {
    NOW.plus(by)
}

/// Somebody at an IPv6 address.
fn cx(now: Timestamp) -> WriteContext {
    WriteContext {
        address: Some("2001:db8::7".parse().unwrap()),
        user_agent: Some("Tests/1.0 (\u{1F980})".to_owned()),
        request_id: Some("request".to_owned()),
        ..WriteContext::service(now)
    }
}

fn email(address: &str) -> Email {
    Email::parse(address).unwrap()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(text)
}

fn token(byte: u8) -> TokenHash {
    TokenHash([byte; 32])
}

fn new_user(address: &str) -> NewUser {
    NewUser {
        id: UserId::new(NOW, &SystemEntropy),
        name: UserName::parse("Ada Lovelace").unwrap(),
        email: email(address),
        age: Some(Age::new(36).unwrap()),
        password: hash("first"),
    }
}

/// A session for a quarter of an hour whose refresh token is `token(1)`.
fn new_session() -> NewSession {
    NewSession {
        id: SessionId::new(NOW, &SystemEntropy),
        refresh: token(1),
        expires_at: later(15 * MINUTE),
        status: None,
    }
}

async fn signed_up(storage: &SharedStorage, address: &str) -> User {
    storage
        .create_user(&cx(NOW), new_user(address), None)
        .await
        .unwrap()
}

/// A user with a session that has `token(1)`.
async fn signed_in(storage: &SharedStorage) -> (User, SessionId) {
    let session = new_session();
    let id = session.id;
    let user = storage
        .create_user(&cx(NOW), new_user("ada@example.com"), Some(session))
        .await
        .unwrap();
    (user, id)
}

async fn is_alive(storage: &SharedStorage, session: SessionId) -> bool {
    storage.session(session, NOW).await.unwrap().is_some()
}

pub(super) async fn a_closed_database_is_unavailable(storage: &SharedStorage) {
    storage.ping().await.unwrap();
    signed_up(storage, "ada@example.com").await;
    storage.close().await;
    assert!(matches!(
        storage.ping().await,
        Err(StorageError::Unavailable(_))
    ));
    assert!(matches!(
        storage
            .create_user(&cx(NOW), new_user("bob@example.com"), None)
            .await,
        Err(StorageError::Unavailable(_))
    ));
}
