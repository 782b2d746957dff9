//! The servers' disk: a log of which a crash leaves what was synced.

use std::convert::Infallible;

use quorate_services::Journal;

/// A log in memory.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    durable: Vec<Vec<u8>>,
    durable_bytes: u64,
    /// Appended and not synced.
    pending: Vec<Vec<u8>>,
}

impl Disk {
    /// The power goes: whatever was not synced is lost. Answers what is left.
    pub(crate) fn crash(&mut self) -> Vec<Vec<u8>> {
        self.pending.clear();
        self.durable.clone()
    }
}

impl Journal for Disk {
    type Error = Infallible;

    fn append(&mut self, record: &[u8]) -> Result<(), Infallible> {
        self.pending.push(record.to_vec());
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Infallible> {
        self.durable_bytes += bytes(&self.pending);
        self.durable.append(&mut self.pending);
        Ok(())
    }

    fn len_bytes(&self) -> u64 {
        self.durable_bytes + bytes(&self.pending)
    }

    fn rewrite(&mut self, records: &[Vec<u8>]) -> Result<(), Infallible> {
        self.durable_bytes = bytes(records);
        self.durable = records.to_vec();
        self.pending.clear();
        Ok(())
    }
}

fn bytes(records: &[Vec<u8>]) -> u64 {
    records.iter().map(|record| record.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_leaves_what_was_synced() {
        let mut disk = Disk::default();
        let Ok(()) = disk.append(b"kept");
        let Ok(()) = disk.sync();
        let Ok(()) = disk.append(b"lost");
        assert_eq!(disk.len_bytes(), 8);
        assert_eq!(disk.crash(), [b"kept"]);
        assert_eq!(disk.len_bytes(), 4);
    }
}
