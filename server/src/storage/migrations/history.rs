//! What was applied, against what is embedded.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};

use super::{Migration, MigrationError, Step, StepState};
use crate::domain::clock::Timestamp;

/// A step as the database has it on record.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) version: u32,
    pub(super) name: String,
    pub(super) checksum: String,
    pub(super) applied_at: Timestamp,
}

impl Applied {
    fn label(&self) -> String {
        format!("{:04}_{}", self.version, self.name)
    }

    fn state(&self, embedded: &[Migration]) -> StepState {
        match embedded.iter().find(|step| step.version == self.version) {
            None => StepState::Unknown,
            Some(step) if step.name == self.name && step.checksum() == self.checksum => {
                StepState::Applied
            }
            Some(_) => StepState::Edited,
        }
    }
}

/// SHA-256 of a step's text in hexadecimal, the same whatever line endings a checkout has.
pub(super) fn checksum(sql: &str) -> String {
    let text = sql.replace("\r\n", "\n").replace('\r', "\n");
    let mut hex = String::with_capacity(64);
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// How many steps are applied, if all of them are known and unchanged.
pub(super) fn check(applied: &[Applied], embedded: &[Migration]) -> Result<u32, MigrationError> {
    for step in applied {
        match step.state(embedded) {
            StepState::Unknown => {
                return Err(MigrationError::Newer {
                    found: step.label(),
                    known: count(embedded),
                });
            }
            StepState::Edited => return Err(MigrationError::Edited(step.label())),
            StepState::Applied | StepState::Pending => {}
        }
    }
    Ok(count(applied))
}

/// The applied steps, and after them the pending ones.
pub(super) fn steps(applied: &[Applied], embedded: &[Migration]) -> Vec<Step> {
    let on_record = applied.iter().map(|step| Step {
        version: step.version,
        name: step.name.clone(),
        state: step.state(embedded),
        applied_at: Some(step.applied_at),
        adoption: None,
    });
    let pending = embedded.iter().skip(applied.len()).map(pending);
    on_record.chain(pending).collect()
}

/// A step that is not applied.
pub(super) fn pending(step: &Migration) -> Step {
    Step {
        version: step.version,
        name: step.name.to_owned(),
        state: StepState::Pending,
        applied_at: None,
        adoption: None,
    }
}

/// What differs between the record and this binary, for a person.
pub(super) fn differences(applied: &[Applied], embedded: &[Migration]) -> Vec<String> {
    let on_record = applied.iter().filter_map(|step| {
        let label = step.label();
        match step.state(embedded) {
            StepState::Unknown => Some(format!("migration {label} is not known to this binary")),
            StepState::Edited => Some(format!(
                "migration {label} was applied with another text (SHA-256 {})",
                step.checksum
            )),
            StepState::Applied | StepState::Pending => None,
        }
    });
    let pending = embedded
        .iter()
        .skip(applied.len())
        .map(|step| format!("migration {} is not applied", step.label()));
    on_record.chain(pending).collect()
}

/// How many steps these are. There are never more than fit.
pub(super) fn count<T>(steps: &[T]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_endings_do_not_count_and_everything_else_does() {
        let unix = checksum("CREATE TABLE a (b);\nDROP TABLE a;\n");
        assert_eq!(unix, checksum("CREATE TABLE a (b);\r\nDROP TABLE a;\r\n"));
        assert_ne!(unix, checksum("CREATE TABLE a (b);\nDROP TABLE a;"));
        assert_eq!(
            checksum("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
