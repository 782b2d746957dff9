//! The log file: opening and recovery, group commit, compaction.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::frame::{self, FILE_HEADER, RECORD_BYTES_MAX};

const LOG_NAME: &str = "log";
const NEW_NAME: &str = "log.new";
const LOCK_NAME: &str = "lock";

/// An open log. Only one process at a time has a directory's log open.
#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
    file: File,
    /// Held for its lock.
    _lock: File,
    /// Encoded records that the next [`sync`](Self::sync) writes.
    pending: Vec<u8>,
    /// The file's length, all of it synced.
    durable_bytes: u64,
    torn: Option<Torn>,
    poisoned: bool,
}

/// A batch that a crash cut short, and that was cut off when the log was opened. It was
/// never reported as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Where in the file it began.
    pub offset: u64,
    /// How many bytes were dropped.
    pub bytes: u64,
}

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
         restore it from a backup, or truncate it there to lose them",
        path.display()
    )]
    Corrupt { path: PathBuf, offset: u64 },
    #[error("a record of {0} bytes is larger than {RECORD_BYTES_MAX}")]
    TooLarge(usize),
    /// What is on the disk is unknown; open the log again to find out.
    #[error("an earlier write to {} failed, so no more is written to it", .0.display())]
    Poisoned(PathBuf),
}

impl Log {
    /// Opens the log in `dir`, which is created if it is absent, and gives its records in
    /// order. A torn tail is cut off and [reported](Self::torn).
    pub fn open(dir: &Path) -> Result<(Self, Vec<Vec<u8>>), StoreError> {
        create_dir(dir)?;
        let lock = lock(dir)?;
        let path = dir.join(LOG_NAME);
        // Left by a crash during compaction; the log itself is whole.
        remove_if_present(&dir.join(NEW_NAME))?;
        if !path.exists() {
            write_new::<&[u8]>(dir, [])?;
        }

        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(io_error("open", &path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(io_error("read", &path))?;
        let body = bytes
            .strip_prefix(&FILE_HEADER)
            .ok_or_else(|| StoreError::Foreign(path.clone()))?;
        let header_bytes = FILE_HEADER.len() as u64;
        let read = frame::decode(body).map_err(|corrupt| StoreError::Corrupt {
            path: path.clone(),
            offset: header_bytes + corrupt.offset as u64,
        })?;

        let durable_bytes = header_bytes + read.whole_bytes as u64;
        let torn = (body.len() > read.whole_bytes).then(|| Torn {
            offset: durable_bytes,
            bytes: (body.len() - read.whole_bytes) as u64,
        });
        if torn.is_some() {
            file.set_len(durable_bytes)
                .map_err(io_error("truncate", &path))?;
        }
        // The records may have been read from the cache of a process that was killed before
        // its sync: what is given out here must be durable too.
        file.sync_data().map_err(io_error("sync", &path))?;
        file.seek(SeekFrom::Start(durable_bytes))
            .map_err(io_error("seek in", &path))?;
        let log = Self {
            dir: dir.to_owned(),
            file,
            _lock: lock,
            pending: Vec::new(),
            durable_bytes,
            torn,
            poisoned: false,
        };
        Ok((log, read.records))
    }

    /// What was cut off when the log was opened.
    pub const fn torn(&self) -> Option<Torn> {
        self.torn
    }

    /// Adds a record to the batch. It is durable when [`sync`](Self::sync) has returned.
    pub fn append(&mut self, record: &[u8]) -> Result<(), StoreError> {
        self.refuse_if_poisoned()?;
        if record.len() > RECORD_BYTES_MAX {
            return Err(StoreError::TooLarge(record.len()));
        }
        let starts_batch = self.pending.is_empty();
        frame::encode(record, starts_batch, &mut self.pending);
        Ok(())
    }

    /// Writes the batch and waits for the disk: one write and one fdatasync, however many
    /// records. Without records it does nothing.
    ///
    /// After an error the log accepts nothing more. A failed fsync cannot be tried again: the
    /// kernel may have dropped the pages and then reports success.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.refuse_if_poisoned()?;
        if self.pending.is_empty() {
            return Ok(());
        }
        self.poisoned = true;
        let path = self.dir.join(LOG_NAME);
        self.file
            .write_all(&self.pending)
            .map_err(io_error("write", &path))?;
        self.file.sync_data().map_err(io_error("sync", &path))?;
        self.poisoned = false;
        self.durable_bytes += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Replaces the whole log by `records`, durably and atomically: after a crash there is
    /// either the old log or the new one. Records that were appended and not yet synced are
    /// dropped, so `records` must include them.
    ///
    /// An error before the new file replaces the old one leaves the log as it was.
    pub fn rewrite<R: AsRef<[u8]>>(
        &mut self,
        records: impl IntoIterator<Item = R>,
    ) -> Result<(), StoreError> {
        self.refuse_if_poisoned()?;
        let (file, bytes) = write_new(&self.dir, records).inspect_err(|error| {
            // Past the rename, the directory's state is unknown.
            self.poisoned = matches!(error, StoreError::Io { what, .. } if *what == SYNC_DIR);
        })?;
        self.file = file;
        self.durable_bytes = bytes;
        self.pending.clear();
        Ok(())
    }

    /// How large the file is, or will be after the next sync.
    pub const fn len_bytes(&self) -> u64 {
        self.durable_bytes + self.pending.len() as u64
    }

    fn refuse_if_poisoned(&self) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned(self.dir.join(LOG_NAME)));
        }
        Ok(())
    }
}

const SYNC_DIR: &str = "sync directory";

/// Writes a log beside the present one, syncs it, and puts it in its place.
fn write_new<R: AsRef<[u8]>>(
    dir: &Path,
    records: impl IntoIterator<Item = R>,
) -> Result<(File, u64), StoreError> {
    let mut bytes = FILE_HEADER.to_vec();
    for (index, record) in records.into_iter().enumerate() {
        let record = record.as_ref();
        if record.len() > RECORD_BYTES_MAX {
            return Err(StoreError::TooLarge(record.len()));
        }
        frame::encode(record, index == 0, &mut bytes);
    }
    let path = dir.join(NEW_NAME);
    remove_if_present(&path)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(io_error("create", &path))?;
    file.write_all(&bytes).map_err(io_error("write", &path))?;
    file.sync_all().map_err(io_error("sync", &path))?;
    let place = dir.join(LOG_NAME);
    fs::rename(&path, &place).map_err(io_error("rename to", &place))?;
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io_error(SYNC_DIR, dir))?;
    Ok((file, bytes.len() as u64))
}

fn create_dir(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(io_error("create directory", dir))?;
    // Leases show which client is where: an existing directory is closed to others as well.
    fs::set_permissions(dir, Permissions::from_mode(0o700))
        .map_err(io_error("set permissions of", dir))
}

fn lock(dir: &Path) -> Result<File, StoreError> {
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

fn remove_if_present(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { what, path, source }
}

#[cfg(test)]
mod tests;
