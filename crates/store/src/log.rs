//! The log file: opening and recovery, group commit, and what follows an error.

use std::borrow::Cow;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::files::{self, LOG_NAME, NEW_NAME, StoreError, io_error};
use crate::frame::{self, FILE_HEADER, FILE_HEADER_1};
use crate::mark::{Extent, Mark};
use crate::rewrite::{Complete, Rewriter, Rewritten};

/// An open log. Only one process at a time has a directory's log open.
#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
    file: File,
    /// Device and inode of `file`.
    identity: (u64, u64),
    /// Held for its lock.
    _lock: File,
    mark: Mark,
    /// Encoded records that the next [`sync`](Self::sync) writes.
    pending: Vec<u8>,
    /// The file's length, all of it synced. The thread that rewrites the log reads it.
    durable_bytes: Arc<AtomicU64>,
    live_bytes: u64,
    lost: Option<Lost>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Writable,
    /// What is behind `durable_bytes` is unknown.
    Failed,
    /// The same, and whether the name leads to this file after a crash is unknown as well.
    Misplaced,
}

/// The end of the log that is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Where in the file it began.
    pub offset: u64,
    /// How many bytes it had, at least.
    pub bytes: u64,
}

/// The records of a log as it was opened.
#[derive(Debug)]
pub struct Records {
    bytes: Vec<u8>,
}

impl Records {
    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, [u8]>> {
        let mut records = Vec::new();
        let body = self.bytes.get(FILE_HEADER.len()..).unwrap_or_default();
        frame::decode_run(body, 0, &mut records);
        records.into_iter()
    }
}

impl Log {
    /// Opens the log in `dir`, which is created if it is absent, and gives its records. An end
    /// that is torn, or missing, is [reported](Self::lost).
    ///
    /// # Errors
    /// When another process has it, it is no log, records are damaged that others follow, or the
    /// disk fails.
    pub fn open(dir: &Path) -> Result<(Self, Records), StoreError> {
        files::create_dir(dir)?;
        let lock = files::lock(dir)?;
        let path = dir.join(LOG_NAME);
        // Left by a crash during a rewrite; the log itself is whole.
        files::remove_if_present(&dir.join(NEW_NAME))?;
        if !path.exists() {
            create_empty(dir)?;
        }
        let file = files::open(&path)?;
        let mut bytes = fs::read(&path).map_err(io_error("read", &path))?;
        let whole_bytes = whole_bytes(&path, &bytes)?;
        let identity = files::identity(&file, &path)?;
        let mark = Mark::open(dir);
        let marked = mark.read(&file).unwrap_or_default();
        let end = marked.durable_bytes.max(bytes.len() as u64);
        let lost = (end > whole_bytes).then_some(Lost {
            offset: whole_bytes,
            bytes: end - whole_bytes,
        });
        if lost.is_some() {
            // Until something is written again, every start shall see it.
            let extent = Extent {
                durable_bytes: end,
                ..marked
            };
            mark.write(identity.1, extent);
        }
        repair(&file, &path, &bytes, whole_bytes)?;
        bytes.truncate(whole_bytes as usize);
        let log = Self {
            dir: dir.to_owned(),
            file,
            identity,
            _lock: lock,
            mark,
            pending: Vec::new(),
            durable_bytes: Arc::new(AtomicU64::new(whole_bytes)),
            live_bytes: marked.live_bytes,
            lost,
            state: State::Writable,
        };
        Ok((log, Records { bytes }))
    }

    /// What was missing when the log was opened. Some of it may have been acknowledged.
    pub const fn lost(&self) -> Option<Lost> {
        self.lost
    }

    /// Adds a record to the batch. It is durable when [`sync`](Self::sync) has returned.
    pub fn append(&mut self, record: &[u8]) {
        let starts_batch = self.pending.is_empty();
        frame::encode(record, starts_batch, &mut self.pending);
    }

    /// Writes the batch and waits for the disk: one write and one fdatasync, however many
    /// records. Without records it does nothing.
    ///
    /// # Errors
    /// When the batch may not be durable. It is dropped, and the log accepts nothing until it is
    /// [reopened](Self::reopen): a failed fsync cannot be tried again, since the kernel may have
    /// dropped the pages and then reports success.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let batch = std::mem::take(&mut self.pending);
        if self.state != State::Writable {
            return Err(StoreError::Poisoned(self.path()));
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.state = State::Failed;
        let path = self.path();
        files::check_present(&path, self.identity)?;
        let end = self.durable_bytes();
        self.file
            .write_all_at(&batch, end)
            .map_err(io_error("write", &path))?;
        self.file.sync_data().map_err(io_error("sync", &path))?;
        self.state = State::Writable;
        self.set_durable(end + batch.len() as u64);
        self.pending = batch;
        self.pending.clear();
        Ok(())
    }

    /// Makes a log writable that failed: whatever the failed batch left is cut off. What was
    /// appended since the last [`sync`](Self::sync) stays in the batch.
    ///
    /// # Errors
    /// When that fails too, or another file is in its place.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        let path = self.path();
        files::check_present(&path, self.identity)?;
        let file = files::open(&path)?;
        file.set_len(self.durable_bytes())
            .map_err(io_error("truncate", &path))?;
        file.sync_all().map_err(io_error("sync", &path))?;
        if self.state == State::Misplaced {
            files::sync_dir(&self.dir)?;
        }
        self.file = file;
        self.state = State::Writable;
        Ok(())
    }

    /// What rewrites the log, to be run on a thread of its own.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn rewriter(&self) -> Result<Rewriter, StoreError> {
        let path = self.path();
        let old = self.file.try_clone().map_err(io_error("open", &path))?;
        let durable_bytes = Arc::clone(&self.durable_bytes);
        Ok(Rewriter::new(self.dir.clone(), old, durable_bytes))
    }

    /// Goes on in the new log, to which what was synced meanwhile is added. Call it between a
    /// sync and the next append.
    ///
    /// # Errors
    /// When the new log is not whole, or not in its place. The log goes on in the old one, except
    /// where the new one is in its place and might not be after a crash: then it has to be
    /// [reopened](Self::reopen).
    pub fn adopt(&mut self, new: Rewritten) -> Result<(), StoreError> {
        assert!(self.pending.is_empty(), "a batch is never cut in two");
        if self.state != State::Writable {
            return Err(StoreError::Poisoned(self.path()));
        }
        let new = self.put_in_place(new).inspect_err(|_| {
            // The next start would remove it as well.
            let _ = files::remove_if_present(&self.dir.join(NEW_NAME));
        })?;
        (self.file, self.identity, self.live_bytes) = (new.file, new.identity, new.live_bytes);
        // A rewriter of the old log may still look at its length.
        self.durable_bytes = Arc::default();
        self.set_durable(new.durable_bytes);
        self.state = State::Misplaced;
        files::sync_dir(&self.dir)?;
        self.state = State::Writable;
        Ok(())
    }

    fn put_in_place(&self, new: Rewritten) -> Result<Complete, StoreError> {
        let path = self.path();
        files::check_present(&path, self.identity)?;
        let new = new.complete(self.durable_bytes())?;
        files::put_in_place(&self.dir, &self.dir.join(NEW_NAME))?;
        Ok(new)
    }

    /// How large the file is, or will be after the next sync.
    pub fn len_bytes(&self) -> u64 {
        self.durable_bytes() + self.pending.len() as u64
    }

    /// How large it was after its last rewrite, also when that was before it was opened.
    pub const fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    fn durable_bytes(&self) -> u64 {
        self.durable_bytes.load(Ordering::Acquire)
    }

    fn set_durable(&self, durable_bytes: u64) {
        self.durable_bytes.store(durable_bytes, Ordering::Release);
        let live_bytes = self.live_bytes;
        let extent = Extent {
            durable_bytes,
            live_bytes,
        };
        self.mark.write(self.identity.1, extent);
    }

    fn path(&self) -> PathBuf {
        self.dir.join(LOG_NAME)
    }
}

/// How many bytes of the file are whole records.
fn whole_bytes(path: &Path, bytes: &[u8]) -> Result<u64, StoreError> {
    let header_bytes = FILE_HEADER.len();
    let body = body(bytes).ok_or_else(|| StoreError::Foreign(path.to_owned()))?;
    let read = frame::decode(body).map_err(|corrupt| StoreError::Corrupt {
        path: path.to_owned(),
        offset: (header_bytes + corrupt.offset) as u64,
    })?;
    Ok((header_bytes + read.whole_bytes) as u64)
}

/// What follows the header of a log that this program reads.
pub(crate) fn body(bytes: &[u8]) -> Option<&[u8]> {
    bytes
        .strip_prefix(&FILE_HEADER)
        .or_else(|| bytes.strip_prefix(&FILE_HEADER_1))
}

/// Cuts off what is not whole and makes the rest durable.
fn repair(file: &File, path: &Path, bytes: &[u8], whole_bytes: u64) -> Result<(), StoreError> {
    if bytes.len() as u64 > whole_bytes {
        file.set_len(whole_bytes)
            .map_err(io_error("truncate", path))?;
    }
    if !bytes.starts_with(&FILE_HEADER) {
        // One sector: a crash leaves the one version or the other, and both are read.
        file.write_all_at(&FILE_HEADER, 0)
            .map_err(io_error("write", path))?;
    }
    // The records may have been read from the cache of a process that was killed before
    // its sync: what is given out here must be durable too.
    file.sync_data().map_err(io_error("sync", path))
}

/// Makes a log without records, under another name first: half a header would be a foreign file.
fn create_empty(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(NEW_NAME);
    let file = files::create(&path)?;
    file.write_all_at(&FILE_HEADER, 0)
        .map_err(io_error("write", &path))?;
    file.sync_all().map_err(io_error("sync", &path))?;
    files::put_in_place(dir, &path)?;
    files::sync_dir(dir)
}

#[cfg(test)]
mod tests;
