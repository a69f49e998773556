//! A disk that can be given faults while a server runs on it, and that keeps a record from
//! which comes what a power cut would have left.
//!
//! `faults.c` stands between the server and the system. The server is the real one and
//! knows nothing of it.

mod power_cut;

use std::fs;
use std::path::Path;
use std::process::Command;

use power_cut::Record;
pub use power_cut::{Image, Survival};

use crate::home::Home;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/support/disk/faults.c");

/// The files that it needs, in the test's directory.
const LIBRARY: &str = "disk-faults.so";
const CONTROL: &str = "disk-control";
const JOURNAL: &str = "disk-journal";

/// What `faults.c` reads of the control file.
const CONTROL_SIZE: usize = 64;

/// What can be wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// No file can grow.
    Full,
    /// Every sync fails, and what was written since the last one is perhaps lost.
    SyncFails,
    /// Only that of the database file does; that of its log works.
    DatabaseSyncFails,
    /// Nothing can be written, as after an error that had the system remount it.
    ReadOnly,
    /// Every write fails.
    WriteFails,
    /// Only those to the database file do; those to its log work.
    DatabaseWritesFail,
    /// Every write is carried out in part.
    ShortWrites,
    /// The server is killed while it writes to the database file.
    Dies,
}

impl DiskFault {
    fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::SyncFails => "no-sync",
            Self::DatabaseSyncFails => "no-db-sync",
            Self::ReadOnly => "read-only",
            Self::WriteFails => "bad-write",
            Self::DatabaseWritesFail => "bad-db-write",
            Self::ShortWrites => "short",
            Self::Dies => "die",
        }
    }
}

/// On SQLite.
impl Home {
    /// Puts the database on a disk that can be given faults.
    ///
    /// # Panics
    ///
    /// When there is no C compiler.
    #[must_use]
    pub fn on_faulty_disk(self) -> Self {
        let library = self.path(LIBRARY);
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-pthread"])
            .arg("-o")
            .arg(&library)
            .arg(SOURCE)
            .output()
            .expect("a C compiler");
        assert!(compiled.status.success(), "{compiled:?}");
        let text = |path: &Path| path.to_str().expect("a path of text").to_owned();
        let folder = self.database().file().parent().map(text);
        let control = text(&self.path(CONTROL));
        self.set_disk_fault(None);
        self.env("LD_PRELOAD", text(&library))
            .env("DISK_FOLDER", folder.expect("a folder"))
            .env("DISK_CONTROL", control)
    }

    /// The same, and keeps a record of what is done to the disk.
    ///
    /// # Panics
    ///
    /// When there is no C compiler.
    #[must_use]
    pub fn on_recorded_disk(self) -> Self {
        let journal = self.path(JOURNAL);
        fs::write(&journal, "").expect("a file in the test's directory");
        self.on_faulty_disk()
            .env("DISK_JOURNAL", journal.display().to_string())
    }

    /// Gives the disk this fault alone, or takes it away.
    ///
    /// # Panics
    ///
    /// When the test's directory cannot be written.
    pub fn set_disk_fault(&self, fault: Option<DiskFault>) {
        let mut control = fault.map_or("", DiskFault::word).as_bytes().to_vec();
        control.resize(CONTROL_SIZE, 0);
        // In place: the server has the file mapped.
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path(CONTROL))
            .and_then(|file| std::os::unix::fs::FileExt::write_all_at(&file, &control, 0))
            .expect("the control file");
    }

    /// What the power cut at the end of the record leaves of the database's files.
    ///
    /// # Panics
    ///
    /// When there is no record.
    #[must_use]
    pub fn after_power_cut(&self, survival: Survival) -> Image {
        let journal = fs::read(self.path(JOURNAL)).expect("a record");
        Record::read(&journal).cut(survival)
    }

    /// Puts these files in the place of the database's, for a server that starts on a disk
    /// without faults.
    ///
    /// # Panics
    ///
    /// When a file cannot be written.
    #[must_use]
    pub fn with_image(self, image: &Image) -> Self {
        for file in self.database().files() {
            fs::remove_file(file).expect("a file to remove");
        }
        for (name, bytes) in image {
            fs::write(self.database().file().with_file_name(name), bytes).expect("a file");
        }
        self.set_disk_fault(None);
        // Still without syncing: nothing is cut a second time.
        self.env("DISK_JOURNAL", "/dev/null")
    }
}
