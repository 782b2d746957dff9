//! The log on the disk, as the engines' journal.

use std::path::Path;

use quorate_server::Journal;
use quorate_store::{Log, StoreError};

/// A [`Log`] that engines write to.
#[derive(Debug)]
pub(crate) struct Disk(Log);

impl Disk {
    /// Opens the log in `dir`, and gives its records.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Vec<Vec<u8>>), StoreError> {
        let (log, records) = Log::open(dir)?;
        Ok((Self(log), records))
    }
}

impl Journal for Disk {
    type Error = StoreError;

    fn append(&mut self, record: &[u8]) -> Result<(), StoreError> {
        self.0.append(record)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.0.sync()
    }

    fn len_bytes(&self) -> u64 {
        self.0.len_bytes()
    }

    fn rewrite(&mut self, records: &[Vec<u8>]) -> Result<(), StoreError> {
        self.0.rewrite(records)
    }
}
