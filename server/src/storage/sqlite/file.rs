//! The database's files: there, ours, and nobody else's to read.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Read and write for the owner, nothing for anybody else.
const OWNER_ONLY: u32 = 0o600;

/// Why a database file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::storage) enum FileError {
    /// The folder that it is to lie in is not there.
    #[error("the folder {0} of the database does not exist: make it, or change database.url")]
    NoFolder(PathBuf),
    /// There is something, and it is not a file.
    #[error("{0} is not a file: change database.url")]
    NotAFile(PathBuf),
    /// The system refuses.
    #[error("cannot use the database file {path}: {problem}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// What the system says.
        problem: io::Error,
    },
}

/// Makes the file with mode 0600 if it is not there.
///
/// SQLite gives the write-ahead log and its index the mode of the database, so that they
/// are private from the moment they are made. The file is never opened when it exists:
/// closing it would drop the locks that SQLite holds on it in this process.
pub(in crate::storage) fn ensure(path: &Path) -> Result<(), FileError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder
        && !folder.is_dir()
    {
        return Err(FileError::NoFolder(folder.to_owned()));
    }
    match create(path).and_then(|()| sync_folder(path)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        outcome => return outcome.map_err(|problem| refused(path, problem)),
    }
    let metadata = fs::metadata(path).map_err(|problem| refused(path, problem))?;
    if metadata.is_file() {
        Ok(())
    } else {
        Err(FileError::NotAFile(path.to_owned()))
    }
}

/// Takes away the rights that others have to the database's files, if they have any.
pub(in crate::storage) fn make_private(path: &Path) -> Result<(), FileError> {
    for file in family(path) {
        tighten(&file).map_err(|problem| refused(&file, problem))?;
    }
    Ok(())
}

/// Makes an empty file with mode 0600; fails if there is one.
pub(in crate::storage) fn create(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(path)?;
    Ok(())
}

/// Puts the file's name on disk, which syncing the file does not.
pub(in crate::storage) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

/// The database file, its write-ahead log and the index of that.
pub(in crate::storage) fn family(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

fn refused(path: &Path, problem: io::Error) -> FileError {
    FileError::Refused {
        path: path.to_owned(),
        problem,
    }
}

fn tighten(path: &Path) -> io::Result<()> {
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))?;
    tracing::warn!(
        file = %path.display(),
        was = format_args!("{:03o}", mode & 0o777),
        "others could read the database file: its mode is 0600 now"
    );
    Ok(())
}
