//! What one unit of work puts on record.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use crate::domain::audit::{Event, Record};
use crate::domain::context::WriteContext;
use crate::domain::entropy::SystemEntropy;

/// The cause of a unit of work, and the records that it has written.
///
/// The unit makes a record with [`draft`](Self::draft), writes it in its transaction, and
/// says so with [`wrote`](Self::wrote). After the commit the back end tells the log.
pub(in crate::storage) struct Journal {
    cx: WriteContext,
    written: Mutex<Vec<Record>>,
}

/// The cause.
impl Deref for Journal {
    type Target = WriteContext;

    fn deref(&self) -> &WriteContext {
        &self.cx
    }
}

impl Journal {
    pub(in crate::storage) fn new(cx: &WriteContext) -> Self {
        Self {
            cx: cx.clone(),
            written: Mutex::new(Vec::new()),
        }
    }

    /// The record of an event, to be written if it happens.
    pub(in crate::storage) fn draft(&self, event: Event) -> Record {
        self.draft_nth(event, 0)
    }

    /// The same for one of several, which are put in order by `nth`.
    pub(in crate::storage) fn draft_nth(&self, event: Event, nth: u16) -> Record {
        Record::new(&self.cx, event, nth, &SystemEntropy)
    }

    /// The record is in the transaction.
    pub(in crate::storage) fn wrote(&self, record: Record) {
        self.lock().push(record);
    }

    /// Tells the log what was written. For after the commit.
    pub(in crate::storage) fn log(&self) {
        for record in self.lock().drain(..) {
            record.log();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Record>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
