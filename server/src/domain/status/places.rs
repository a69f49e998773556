//! How many lists there are, and choosing a place in them.
//!
//! A new session takes a place by chance, and the unique index of the database says whether
//! it was free; if not, another is tried. So nothing has to be locked or counted, and a
//! place says nothing about when a session began or how many there are. For that to be
//! cheap most places must be free: housekeeping looks at some of them, and where too many
//! are taken it opens another list.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::StatusIndex;
use crate::domain::clock::Timestamp;
use crate::domain::context::WriteContext;
use crate::domain::entropy::Entropy;
use crate::storage::{Result, SharedStorage};

/// How many places are looked at to find out how full the lists are.
const SAMPLE: usize = 512;

/// One place in four taken is enough: a session then needs 1.3 tries.
const FULL: usize = SAMPLE / 4;

/// The lists that sessions get their places in.
pub struct Places {
    storage: SharedStorage,
    entropy: Arc<dyn Entropy>,
    /// How many lists there are, as far as this instance knows. Fewer than there are does no
    /// harm.
    lists: AtomicU32,
}

impl Places {
    /// The lists of `storage`, of which the first is always there.
    #[must_use]
    pub fn new(storage: SharedStorage, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            storage,
            entropy,
            lists: AtomicU32::new(1),
        }
    }

    /// A place that may be free.
    #[must_use]
    pub fn choose(&self) -> StatusIndex {
        StatusIndex::random(self.lists.load(Ordering::Relaxed), &*self.entropy)
    }

    /// Finds out how many lists there are.
    ///
    /// # Errors
    ///
    /// What storage answers; the number of before stays.
    pub async fn refresh(&self) -> Result<()> {
        let lists = self.storage.status_lists().await?;
        self.lists.store(lists.max(1), Ordering::Relaxed);
        Ok(())
    }

    /// Opens another list if too many places are taken; says whether it has.
    ///
    /// # Errors
    ///
    /// What storage answers.
    pub async fn make_room(&self, now: Timestamp) -> Result<bool> {
        self.refresh().await?;
        let sample: Vec<StatusIndex> = (0..SAMPLE).map(|_| self.choose()).collect();
        if self.storage.taken_places(&sample).await? <= FULL {
            return Ok(false);
        }
        let next = self.lists.load(Ordering::Relaxed);
        let cx = WriteContext::service(now);
        self.storage.open_status_list(&cx, next).await?;
        self.refresh().await?;
        Ok(true)
    }
}
