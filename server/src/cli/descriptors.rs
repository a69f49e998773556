//! Room for as many open files as the configuration may need.
//!
//! Each connection is a file descriptor. Systems start programs with a low limit, for the
//! sake of old ones, and let them raise it up to a higher one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, DatabaseUrl};

/// Beyond connections: standard streams, the listener, what the runtime needs, and some.
const OTHERS: u64 = 64;

/// Raises the limit as far as it is needed and allowed; says so if that is not enough.
pub(super) fn make_room(config: &Config) {
    let needed = needed(config);
    let limit = getrlimit(Resource::Nofile);
    let Some(raised) = raised(limit, needed) else {
        return;
    };
    let is_set = limit.current == Some(raised)
        || setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(raised),
                ..limit
            },
        )
        .is_ok();
    let allowed = if is_set { Some(raised) } else { limit.current };
    if let Some(allowed) = allowed.filter(|allowed| *allowed < needed) {
        tracing::warn!(
            needed,
            allowed,
            "not enough open files are allowed for server.max_connections: some will wait; \
             raise the limit (LimitNOFILE= of systemd, ulimit -n) or lower the setting"
        );
    }
}

fn needed(config: &Config) -> u64 {
    let pool = u64::from(config.database.pool);
    let database = match &config.database.url {
        // The database and its log for each that reads and the one that writes.
        DatabaseUrl::SqliteFile(_) => 2 * (pool + 1),
        DatabaseUrl::SqliteMemory => 0,
        DatabaseUrl::Postgres(_) => pool + 1,
    };
    u64::from(config.server.max_connections) + database + OTHERS
}

/// What the limit is to become; nothing if it is high enough as it is.
fn raised(limit: Rlimit, needed: u64) -> Option<u64> {
    let current = limit.current.filter(|current| *current < needed)?;
    let highest = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    Some(highest.max(current))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_raised_as_far_as_needed_and_allowed() {
        for (current, maximum, becomes) in [
            (Some(256), Some(4096), Some(600)),
            (Some(256), None, Some(600)),
            (Some(256), Some(300), Some(300)),
            (Some(256), Some(256), Some(256)),
            (Some(600), Some(4096), None),
            (None, None, None),
        ] {
            assert_eq!(raised(Rlimit { current, maximum }, 600), becomes);
        }
    }

    #[test]
    fn the_defaults_fit_into_what_most_systems_start_with() {
        assert!(needed(&Config::default()) <= 1024);
    }
}
