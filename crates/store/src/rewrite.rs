//! A log is replaced by a smaller one while it is written on.
//!
//! ```text
//!   old log   ████████████████████▒▒▒▒▒▒▒▒▒░░░     ─► appended meanwhile
//!                     │               │     │
//!                     │ what is live  │ copied as it is
//!                     ▼               ▼     ▼
//!   log.new   ██████████████████████▒▒▒▒▒▒▒▒▒░░░   renamed over the old one
//!             └─── a thread of its own ────┘ └ [`Log::adopt`](crate::Log::adopt)
//! ```
//!
//! Nothing here waits for whoever appends, and nothing is promised by what is in the new log
//! before it is in the old one's place.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::files::{self, NEW_NAME, StoreError, io_error};
use crate::frame::{self, FILE_HEADER};

/// Reads the log and writes its successor.
#[derive(Debug)]
pub struct Rewriter {
    dir: PathBuf,
    old: File,
    /// How much of the old log is durable by now.
    durable_bytes: Arc<AtomicU64>,
}

/// The log that is replaced, as far as it was durable when that began.
#[derive(Debug)]
pub struct OldLog {
    file: File,
    end: u64,
    /// Why not all of it could be read.
    failed: RefCell<Option<io::Error>>,
}

impl OldLog {
    /// Its records in order, read piece by piece: it may be far larger than what is live in it.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'static, [u8]>> + '_ {
        let mut at = FILE_HEADER.len() as u64;
        let mut buffer = Vec::new();
        let mut records = VecDeque::new();
        std::iter::from_fn(move || {
            while records.is_empty() && (at < self.end) {
                let more = read_range(&self.file, at, self.end.min(at + CHUNK_BYTES));
                let more = more.map_err(|error| *self.failed.borrow_mut() = Some(error));
                let more = more.ok()?;
                at += more.len() as u64;
                buffer.extend(more);
                let mut whole = Vec::new();
                let used = frame::decode_run(&buffer, 0, &mut whole);
                records.extend(whole.into_iter().map(Cow::into_owned));
                buffer.drain(..used);
            }
            let record = records.pop_front();
            if record.is_none() && !buffer.is_empty() {
                let damaged = io::Error::other("a record is damaged");
                *self.failed.borrow_mut() = Some(damaged);
            }
            record.map(Cow::Owned)
        })
    }
}

/// Gives each record that the new log needs to a function that writes it.
pub trait Fold<E>: FnOnce(&OldLog, &mut Emit<'_>) -> Result<(), E> {}

impl<E, F: FnOnce(&OldLog, &mut Emit<'_>) -> Result<(), E>> Fold<E> for F {}

/// Writes a record to the new log.
pub type Emit<'a> = dyn FnMut(&[u8]) -> Result<(), StoreError> + 'a;

/// A log that can take the place of the old one.
#[derive(Debug)]
pub struct Rewritten {
    old: File,
    /// How much of the old one it covers.
    covered_bytes: u64,
    new: Writer,
    live_bytes: u64,
}

impl Rewriter {
    pub(crate) const fn new(dir: PathBuf, old: File, durable_bytes: Arc<AtomicU64>) -> Self {
        Self {
            dir,
            old,
            durable_bytes,
        }
    }

    /// Writes what `fold` makes of the records, and then what was appended meanwhile.
    ///
    /// # Errors
    /// When the disk fails. The old log knows nothing of that.
    pub fn run<E: From<StoreError>>(self, fold: impl Fold<E>) -> Result<Rewritten, E> {
        let new = self.dir.join(NEW_NAME);
        self.write(fold).inspect_err(|_| {
            // The next start would remove it as well.
            let _ = files::remove_if_present(&new);
        })
    }

    fn write<E: From<StoreError>>(self, fold: impl Fold<E>) -> Result<Rewritten, E> {
        let path = self.dir.join(NEW_NAME);
        let covered_bytes = self.durable_bytes.load(Ordering::Acquire);
        let old = OldLog {
            file: self.old,
            end: covered_bytes,
            failed: RefCell::default(),
        };
        let mut new = Writer::create(path)?;
        fold(&old, &mut |record| new.append(record))?;
        if let Some(source) = old.failed.take() {
            return Err(io_error("read the log in", &self.dir)(source).into());
        }
        new.flush()?;
        let mut rewritten = Rewritten {
            old: old.file,
            covered_bytes,
            live_bytes: new.len_bytes,
            new,
        };
        // Again and again, until what is left is little.
        loop {
            let durable_bytes = self.durable_bytes.load(Ordering::Acquire);
            if durable_bytes - rewritten.covered_bytes < TAIL_BYTES_MAX {
                break;
            }
            rewritten.copy_until(durable_bytes)?;
        }
        rewritten.new.sync()?;
        Ok(rewritten)
    }
}

impl Rewritten {
    /// Adds what is left of the old log.
    pub(crate) fn complete(mut self, durable_bytes: u64) -> Result<Complete, StoreError> {
        self.copy_until(durable_bytes)?;
        self.new.sync()?;
        Ok(Complete {
            identity: files::identity(&self.new.file, &self.new.path)?,
            durable_bytes: self.new.len_bytes,
            live_bytes: self.live_bytes,
            file: self.new.file,
        })
    }

    /// The new file cannot be written to any more.
    #[cfg(test)]
    pub(crate) fn spoil(&mut self, dir: &std::path::Path) {
        self.new.file = File::open(dir.join(NEW_NAME)).expect("it was written");
    }

    /// Copies whole batches: frames are the same in both.
    fn copy_until(&mut self, durable_bytes: u64) -> Result<(), StoreError> {
        while self.covered_bytes < durable_bytes {
            let end = durable_bytes.min(self.covered_bytes + CHUNK_BYTES);
            let bytes = read_range(&self.old, self.covered_bytes, end)
                .map_err(io_error("read the log for", &self.new.path))?;
            self.new.buffer.extend(bytes);
            self.new.flush()?;
            self.covered_bytes = end;
        }
        Ok(())
    }
}

/// A new log with all that the old one has.
#[derive(Debug)]
pub(crate) struct Complete {
    pub(crate) file: File,
    /// Device and inode.
    pub(crate) identity: (u64, u64),
    pub(crate) durable_bytes: u64,
    pub(crate) live_bytes: u64,
}

/// The new log in the making.
#[derive(Debug)]
struct Writer {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    len_bytes: u64,
    unsynced_bytes: u64,
}

impl Writer {
    fn create(path: PathBuf) -> Result<Self, StoreError> {
        let file = files::create(&path)?;
        Ok(Self {
            path,
            file,
            buffer: FILE_HEADER.to_vec(),
            len_bytes: 0,
            unsynced_bytes: 0,
        })
    }

    fn append(&mut self, record: &[u8]) -> Result<(), StoreError> {
        // Each is a batch: damage to one is damage, whatever follows.
        frame::encode(record, true, &mut self.buffer);
        if self.buffer.len() as u64 >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.file
            .write_all_at(&self.buffer, self.len_bytes)
            .map_err(io_error("write", &self.path))?;
        self.len_bytes += self.buffer.len() as u64;
        self.unsynced_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        // Not all at the end: a sync of the old log waits in the same queue of the disk.
        if self.unsynced_bytes >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.unsynced_bytes = 0;
        self.file.sync_all().map_err(io_error("sync", &self.path))
    }
}

fn read_range(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; (to - from) as usize];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// How much may be left to whoever appends when it adopts the new log.
const TAIL_BYTES_MAX: u64 = 256 << 10;
const CHUNK_BYTES: u64 = 256 << 10;
const SYNC_BYTES: u64 = 4 << 20;
