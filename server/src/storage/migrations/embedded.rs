//! The list of the embedded steps, in their order.

use super::{Migration, OnPredecessor};

/// Every step for SQLite.
pub(super) const SQLITE: &[Migration] = &[
    Migration {
        version: 1,
        name: "create_users",
        up: include_str!("../../../../migrations/sqlite/0001_create_users/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0001_create_users/down.sql"),
        loses: Some("every user"),
        predecessor: None,
    },
    Migration {
        version: 2,
        name: "add_timestamps",
        up: include_str!("../../../../migrations/sqlite/0002_add_timestamps/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0002_add_timestamps/down.sql"),
        loses: Some("when users were created and changed"),
        predecessor: None,
    },
    Migration {
        version: 3,
        name: "add_account_state",
        up: include_str!("../../../../migrations/sqlite/0003_add_account_state/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0003_add_account_state/down.sql"),
        loses: Some("which users are disabled"),
        predecessor: None,
    },
    Migration {
        version: 4,
        name: "create_sessions",
        up: include_str!("../../../../migrations/sqlite/0004_create_sessions/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0004_create_sessions/down.sql"),
        loses: Some("every session"),
        predecessor: None,
    },
    Migration {
        version: 5,
        name: "create_signing_keys",
        up: include_str!("../../../../migrations/sqlite/0005_create_signing_keys/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0005_create_signing_keys/down.sql"),
        loses: Some("every signing key"),
        predecessor: None,
    },
    Migration {
        version: 6,
        name: "create_turns",
        up: include_str!("../../../../migrations/sqlite/0006_create_turns/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0006_create_turns/down.sql"),
        loses: Some("when chores were last done"),
        predecessor: None,
    },
    Migration {
        version: 7,
        name: "add_key_token_life",
        up: include_str!("../../../../migrations/sqlite/0007_add_key_token_life/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0007_add_key_token_life/down.sql"),
        loses: Some("how long tokens under each key are good"),
        predecessor: None,
    },
    Migration {
        version: 8,
        name: "create_clients",
        up: include_str!("../../../../migrations/sqlite/0008_create_clients/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0008_create_clients/down.sql"),
        loses: Some("every client of the OAuth endpoints"),
        predecessor: None,
    },
    Migration {
        version: 9,
        name: "create_audit_events",
        up: include_str!("../../../../migrations/sqlite/0009_create_audit_events/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0009_create_audit_events/down.sql"),
        loses: Some("the audit trail"),
        predecessor: None,
    },
    Migration {
        version: 10,
        name: "create_status_lists",
        up: include_str!("../../../../migrations/sqlite/0010_create_status_lists/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0010_create_status_lists/down.sql"),
        loses: Some("the places of sessions in status lists"),
        predecessor: None,
    },
    Migration {
        version: 11,
        name: "create_throttle",
        up: include_str!("../../../../migrations/sqlite/0011_create_throttle/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0011_create_throttle/down.sql"),
        loses: Some("how often passwords were tried"),
        predecessor: None,
    },
    Migration {
        version: 12,
        name: "move_successors",
        up: include_str!("../../../../migrations/sqlite/0012_move_successors/up.sql"),
        down: include_str!("../../../../migrations/sqlite/0012_move_successors/down.sql"),
        loses: Some("for how long sessions that expire are kept"),
        predecessor: None,
    },
];

/// Every step for PostgreSQL.
pub(super) const POSTGRES: &[Migration] = &[
    Migration {
        version: 1,
        name: "create_users",
        up: include_str!("../../../../migrations/postgres/0001_create_users/up.sql"),
        down: include_str!("../../../../migrations/postgres/0001_create_users/down.sql"),
        loses: Some("every user"),
        predecessor: Some(OnPredecessor {
            adopt: include_str!("../../../../migrations/postgres/0001_create_users/adopt.sql"),
            hand_back: include_str!(
                "../../../../migrations/postgres/0001_create_users/hand_back.sql"
            ),
        }),
    },
    Migration {
        version: 2,
        name: "add_timestamps",
        up: include_str!("../../../../migrations/postgres/0002_add_timestamps/up.sql"),
        down: include_str!("../../../../migrations/postgres/0002_add_timestamps/down.sql"),
        loses: Some("when users were created and changed"),
        predecessor: Some(OnPredecessor {
            adopt: include_str!("../../../../migrations/postgres/0002_add_timestamps/adopt.sql"),
            hand_back: include_str!(
                "../../../../migrations/postgres/0002_add_timestamps/hand_back.sql"
            ),
        }),
    },
    Migration {
        version: 3,
        name: "add_account_state",
        up: include_str!("../../../../migrations/postgres/0003_add_account_state/up.sql"),
        down: include_str!("../../../../migrations/postgres/0003_add_account_state/down.sql"),
        loses: Some("which users are disabled"),
        predecessor: None,
    },
    Migration {
        version: 4,
        name: "create_sessions",
        up: include_str!("../../../../migrations/postgres/0004_create_sessions/up.sql"),
        down: include_str!("../../../../migrations/postgres/0004_create_sessions/down.sql"),
        loses: Some("every session"),
        predecessor: None,
    },
    Migration {
        version: 5,
        name: "create_signing_keys",
        up: include_str!("../../../../migrations/postgres/0005_create_signing_keys/up.sql"),
        down: include_str!("../../../../migrations/postgres/0005_create_signing_keys/down.sql"),
        loses: Some("every signing key"),
        predecessor: None,
    },
    Migration {
        version: 6,
        name: "create_turns",
        up: include_str!("../../../../migrations/postgres/0006_create_turns/up.sql"),
        down: include_str!("../../../../migrations/postgres/0006_create_turns/down.sql"),
        loses: Some("when chores were last done"),
        predecessor: None,
    },
    Migration {
        version: 7,
        name: "add_key_token_life",
        up: include_str!("../../../../migrations/postgres/0007_add_key_token_life/up.sql"),
        down: include_str!("../../../../migrations/postgres/0007_add_key_token_life/down.sql"),
        loses: Some("how long tokens under each key are good"),
        predecessor: None,
    },
    Migration {
        version: 8,
        name: "create_clients",
        up: include_str!("../../../../migrations/postgres/0008_create_clients/up.sql"),
        down: include_str!("../../../../migrations/postgres/0008_create_clients/down.sql"),
        loses: Some("every client of the OAuth endpoints"),
        predecessor: None,
    },
    Migration {
        version: 9,
        name: "create_audit_events",
        up: include_str!("../../../../migrations/postgres/0009_create_audit_events/up.sql"),
        down: include_str!("../../../../migrations/postgres/0009_create_audit_events/down.sql"),
        loses: Some("the audit trail"),
        predecessor: None,
    },
    Migration {
        version: 10,
        name: "create_status_lists",
        up: include_str!("../../../../migrations/postgres/0010_create_status_lists/up.sql"),
        down: include_str!("../../../../migrations/postgres/0010_create_status_lists/down.sql"),
        loses: Some("the places of sessions in status lists"),
        predecessor: None,
    },
    Migration {
        version: 11,
        name: "create_throttle",
        up: include_str!("../../../../migrations/postgres/0011_create_throttle/up.sql"),
        down: include_str!("../../../../migrations/postgres/0011_create_throttle/down.sql"),
        loses: Some("how often passwords were tried"),
        predecessor: None,
    },
    Migration {
        version: 12,
        name: "move_successors",
        up: include_str!("../../../../migrations/postgres/0012_move_successors/up.sql"),
        down: include_str!("../../../../migrations/postgres/0012_move_successors/down.sql"),
        loses: Some("for how long sessions that expire are kept"),
        predecessor: None,
    },
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn folders(back_end: &str) -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../migrations")
            .join(back_end);
        let mut folders: Vec<String> = std::fs::read_dir(root)
            .expect("the folder is there")
            .map(|entry| {
                let name = entry.expect("an entry").file_name();
                name.into_string().expect("a plain name")
            })
            .collect();
        folders.sort();
        folders
    }

    #[test]
    fn the_list_is_the_folders() {
        for (back_end, steps) in [("sqlite", SQLITE), ("postgres", POSTGRES)] {
            let listed: Vec<String> = steps.iter().map(Migration::label).collect();
            assert_eq!(listed, folders(back_end));
        }
    }

    #[test]
    fn every_database_has_the_same_steps() {
        assert_eq!(folders("postgres"), folders("sqlite"));
        for (one, other) in SQLITE.iter().zip(POSTGRES) {
            assert_eq!(one.loses, other.loses, "{}", one.label());
        }
    }

    #[test]
    fn versions_count_from_one() {
        for steps in [SQLITE, POSTGRES] {
            for (version, migration) in (1..).zip(steps) {
                assert_eq!(migration.version, version);
            }
        }
    }

    #[test]
    fn what_drops_data_says_so() {
        for migration in SQLITE.iter().chain(POSTGRES) {
            let drops = ["DROP TABLE", "DROP COLUMN", "DELETE FROM"]
                .iter()
                .any(|word| migration.down.to_uppercase().contains(word));
            assert_eq!(migration.loses.is_some(), drops, "{}", migration.label());
        }
    }
}
