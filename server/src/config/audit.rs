//! `[audit]`: for how long the audit trail is kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// The `[audit]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// For how long a record is kept; older ones are deleted.
    #[serde(with = "duration")]
    pub keep: Duration,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            // A year, and a month to look back upon it.
            keep: Duration::from_secs(400 * 24 * 60 * 60),
        }
    }
}
