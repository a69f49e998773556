//! Putting a run on record in the audit trail, as far as there is one by then.

use crate::domain::audit::{Event, Record, Word};
use crate::domain::context::WriteContext;
use crate::domain::entropy::SystemEntropy;

use super::Migration;

/// The table of the audit trail, which one of the steps makes.
pub(super) const TABLE: &str = "audit_events";

/// The record of a run that applies `steps` to a database that had `before`. Making a
/// database is no change to one.
pub(super) fn of_applying(cx: &WriteContext, before: usize, steps: &[Migration]) -> Option<Record> {
    (before > 0).then(|| record(cx, Word::SchemaMigrated, steps))
}

/// The record of a run that takes `steps` back.
pub(super) fn of_taking_back(cx: &WriteContext, steps: &[Migration]) -> Record {
    record(cx, Word::SchemaReverted, steps)
}

fn record(cx: &WriteContext, word: Word, steps: &[Migration]) -> Record {
    let labels: Vec<String> = steps.iter().map(Migration::label).collect();
    let event = Event::new(word).about(labels.join(", "));
    Record::new(cx, event, 0, &SystemEntropy)
}
