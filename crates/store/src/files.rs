//! The directory, its files, and what went wrong with them.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(crate) const LOG_NAME: &str = "log";
pub(crate) const NEW_NAME: &str = "log.new";
pub(crate) const LOCK_NAME: &str = "lock";

/// Why a log cannot be opened, or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{what} {}: {source}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    #[error("{} is not a log of this version", .0.display())]
    Foreign(PathBuf),
    #[error(
        "{} is damaged at offset {offset}, with records behind it that were acknowledged; \
         restore it from a backup, or keep what can be read with `quorate salvage`",
        path.display()
    )]
    Corrupt { path: PathBuf, offset: u64 },
    /// Another process removed or replaced it. What is written to the open file is lost.
    #[error("{} is not the file that was opened", .0.display())]
    Gone(PathBuf),
    /// What is on the disk is unknown until the log is opened again.
    #[error("an earlier write to {} failed", .0.display())]
    Poisoned(PathBuf),
}

/// Creates a file for its owner alone, in place of any that is there.
pub(crate) fn create(path: &Path) -> Result<File, StoreError> {
    remove_if_present(path)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(io_error("create", path))
}

pub(crate) fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(io_error("open", path))
}

/// Puts a file, which is durable, in the place of the log.
pub(crate) fn put_in_place(dir: &Path, from: &Path) -> Result<(), StoreError> {
    let place = dir.join(LOG_NAME);
    fs::rename(from, &place).map_err(io_error("rename to", &place))
}

pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io_error("sync directory", dir))
}

/// Which file this is, whatever its name.
pub(crate) fn identity(file: &File, path: &Path) -> Result<(u64, u64), StoreError> {
    let meta = file.metadata().map_err(io_error("look at", path))?;
    Ok((meta.dev(), meta.ino()))
}

/// Whether the path still leads to that file.
pub(crate) fn check_present(path: &Path, identity: (u64, u64)) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(meta) if (meta.dev(), meta.ino()) == identity => Ok(()),
        Ok(_) => Err(StoreError::Gone(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::Gone(path.to_owned()))
        }
        Err(error) => Err(io_error("look at", path)(error)),
    }
}

pub(crate) fn create_dir(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(io_error("create directory", dir))?;
    // Leases show which client is where: an existing directory is closed to others as well.
    fs::set_permissions(dir, Permissions::from_mode(0o700))
        .map_err(io_error("set permissions of", dir))
}

pub(crate) fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK_NAME);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(io_error("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(io_error("lock", &path)(source)),
    }
}

pub(crate) fn remove_if_present(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(crate) fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { what, path, source }
}
