//! How far the log was durable, kept beside it: a log that was cut at the end of a batch looks
//! whole, and only this says that it is not.
//!
//! The mark is written after each sync and never synced itself, so that it costs nothing. It
//! survives the process; after a power cut it may be old, and then it says too little, never too
//! much. It names its log by the inode: a copy of the directory has no mark.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

const MARK_NAME: &str = "log.mark";
const MARK_BYTES: usize = 24;

/// What the mark says of one log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// So long it was, durably.
    pub(crate) durable_bytes: u64,
    /// So long it was when it had been rewritten: what was live then.
    pub(crate) live_bytes: u64,
}

/// The file. Without one there is no mark, and nothing else is different.
#[derive(Debug)]
pub(crate) struct Mark(Option<File>);

impl Mark {
    pub(crate) fn open(dir: &Path) -> Self {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(dir.join(MARK_NAME));
        Self(file.ok())
    }

    /// What was marked for this very file.
    pub(crate) fn read(&self, log: &File) -> Option<Extent> {
        let mut bytes = [0; MARK_BYTES];
        self.0.as_ref()?.read_exact_at(&mut bytes, 0).ok()?;
        let word = |at: usize| {
            let bytes = bytes[at..].first_chunk().copied().unwrap_or_default();
            u64::from_le_bytes(bytes)
        };
        (word(0) == log.metadata().ok()?.ino()).then(|| Extent {
            durable_bytes: word(8),
            live_bytes: word(16),
        })
    }

    pub(crate) fn write(&self, inode: u64, extent: Extent) {
        let words = [inode, extent.durable_bytes, extent.live_bytes];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        if let Some(file) = &self.0 {
            // An old mark says less; that is all.
            let _ = file.write_all_at(&bytes, 0);
        }
    }
}
