//! One migration run at a time.
//!
//! The migration library reads the version before its transaction begins, so that two
//! processes could both decide to apply the same step. A file beside the database, locked
//! for the length of a run, keeps the second one waiting until it can see what the first
//! one did. The system takes the lock back when its process ends in whatever way.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Held while a database is being migrated; its file is gone afterwards.
#[derive(Debug)]
pub(super) struct MigrationLock {
    file: File,
    path: PathBuf,
}

impl MigrationLock {
    /// Waits for the lock of the database at `database`.
    pub(super) fn acquire(database: &Path) -> io::Result<Self> {
        let path = beside(database);
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    tracing::info!("waiting for another process that migrates the database");
                    file.lock()?;
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // The one before us has taken the file away: what we locked is no longer what
            // the next one will find.
            if is_still_at(&file, &path)? {
                return Ok(Self { file, path });
            }
        }
    }
}

impl Drop for MigrationLock {
    fn drop(&mut self) {
        // A file that stays does no harm: it is locked again next time.
        let _ = std::fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = OsString::from(database.as_os_str());
    name.push("-migrating");
    PathBuf::from(name)
}

fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(found) => Ok(found.dev() == held.dev() && found.ino() == held.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn one_at_a_time_and_no_file_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("a.db");
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = MigrationLock::acquire(&database).expect("the lock");
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(folder.path()).expect("list").count(), 0);
    }
}
