//! A file that only its owner may read, there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Read and write for the owner, nothing for anybody else.
const OWNER_ONLY: u32 = 0o600;

/// A file on its way to its name. Without [`PrivateFile::finish`] it never gets there, and
/// what was written is gone.
#[derive(Debug)]
pub(super) struct PrivateFile {
    target: PathBuf,
    scratch: PathBuf,
    file: File,
}

impl PrivateFile {
    /// Begins a file, beside the one that it replaces if there is one.
    ///
    /// # Errors
    /// When there is one and it is not to be replaced, or is no file, or the system
    /// refuses.
    pub(super) fn create(target: &Path, overwrite: bool) -> anyhow::Result<Self> {
        if let Ok(metadata) = fs::symlink_metadata(target) {
            if !metadata.is_file() {
                anyhow::bail!("{} is not a file: name another", target.display());
            }
            if !overwrite {
                anyhow::bail!(
                    "{} exists: name another file, or replace it with --overwrite",
                    target.display()
                );
            }
        }
        let mut scratch = target.to_owned().into_os_string();
        scratch.push(".partial");
        let scratch = PathBuf::from(scratch);
        // Left by a run that was killed.
        let _ = fs::remove_file(&scratch);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(OWNER_ONLY)
            .open(&scratch)
            .with_context(|| format!("cannot make {}", scratch.display()))?;
        Ok(Self {
            target: target.to_owned(),
            scratch,
            file,
        })
    }

    /// Where to write.
    pub(super) fn writer(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its name, once all of it is on disk.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let folder = match self.target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.scratch, &self.target))
            .and_then(|()| File::open(folder)?.sync_all())
            .with_context(|| format!("cannot write {}", self.target.display()))
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        // It is not there any more when it has got its name.
        let _ = fs::remove_file(&self.scratch);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users.jsonl");
        let mut file = PrivateFile::create(&path, false).expect("made");
        file.writer().write_all(b"one").expect("written");
        assert!(!path.exists());
        file.finish().expect("finished");
        assert_eq!(fs::read(&path).expect("read"), b"one");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, OWNER_ONLY);

        let refused = PrivateFile::create(&path, false).expect_err("refused");
        assert!(refused.to_string().contains("--overwrite"), "{refused}");
        let mut given_up = PrivateFile::create(&path, true).expect("made");
        given_up.writer().write_all(b"two").expect("written");
        drop(given_up);
        assert_eq!(fs::read(&path).expect("read"), b"one");
        let mut file = PrivateFile::create(&path, true).expect("made");
        file.writer().write_all(b"three").expect("written");
        file.finish().expect("finished");
        assert_eq!(fs::read(&path).expect("read"), b"three");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        for target in [folder.path(), Path::new("/dev/null")] {
            let refused = PrivateFile::create(target, true).expect_err("refused");
            assert!(refused.to_string().contains("not a file"), "{refused}");
        }
    }
}
