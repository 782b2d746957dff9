//! Where records become durable, and which of them stay when the log is rewritten.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use quorate_ddns::{OutboxFold, OutboxRecord};
use quorate_dns::JournalFold;
use serde::Deserialize;

use crate::record::{Record, encode};

/// A log on a disk, or a simulated one.
pub trait Journal {
    type Error: fmt::Display;

    /// Adds a record, of any size, to the batch.
    fn append(&mut self, record: &[u8]);

    /// Makes the batch durable.
    ///
    /// # Errors
    /// When it may not be durable. The batch is dropped, and so is every later one until the log
    /// is [reopened](Self::reopen).
    fn sync(&mut self) -> Result<(), Self::Error>;

    /// Makes a log that failed writable again, with what was durable before the failed batch.
    ///
    /// # Errors
    /// When the disk is not back.
    fn reopen(&mut self) -> Result<(), Self::Error>;

    /// How large the log is, with the batch.
    fn len_bytes(&self) -> u64;

    /// How large it was when it had been rewritten last, be it before a restart; 0 when that
    /// is not known.
    fn live_bytes(&self) -> u64;

    /// A log smaller than this is not worth rewriting.
    fn compaction_bytes_min(&self) -> u64 {
        COMPACTION_BYTES_MIN
    }

    /// How much of its end the log has lost since it was written.
    fn lost_bytes(&self) -> u64;

    /// Begins to replace the log by what [`compact`] makes of it. Returns at once.
    ///
    /// # Errors
    /// When that cannot begin.
    fn start_compaction(&mut self) -> Result<(), Self::Error>;

    /// Ends a compaction that is done; `None` while it goes on. Called between a sync and the
    /// next append.
    ///
    /// # Errors
    /// When it failed: the log is as it was, or it accepts nothing until it is reopened.
    fn poll_compaction(&mut self) -> Option<Result<(), Self::Error>>;
}

/// Gives `emit` what a log must hold that says the same as `records`: those that are not
/// superseded, and few journals for the many of each zone. It knows no configuration, so that what
/// belongs to a section that is switched off today, or to a zone that is gone, stays.
///
/// # Errors
/// The first of `emit`.
pub fn compact<'a, I, E>(
    records: impl Fn() -> I,
    emit: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E>
where
    I: Iterator<Item = Cow<'a, [u8]>>,
{
    let mut fold = Fold::default();
    for (place, record) in records().enumerate() {
        fold.push(&record, place as u64);
    }
    let (places, journals) = fold.into_parts();
    // In their order: the last record of an address holds, and who left first is forgotten first.
    let mut places = places.into_iter().peekable();
    for (place, record) in records().enumerate() {
        if places.next_if_eq(&(place as u64)).is_some() {
            emit(&record)?;
        }
    }
    for journal in journals.into_journals() {
        emit(&encode(&Record::Zone(journal)))?;
    }
    Ok(())
}

/// What is known of the records so far.
#[derive(Default)]
struct Fold {
    leases: BTreeMap<Ipv4Addr, u64>,
    zones: JournalFold,
    outbox: OutboxFold,
    /// Not understood, so not known to be dead.
    others: Vec<u64>,
}

/// As much of a record as decides about it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Peeked {
    Lease(PeekedLease),
    Zone(quorate_dns::Journal),
    Outbox(OutboxRecord),
}

#[derive(Deserialize)]
struct PeekedLease {
    lease: PeekedAddr,
}

#[derive(Deserialize)]
struct PeekedAddr {
    addr: Ipv4Addr,
}

impl Fold {
    fn push(&mut self, record: &[u8], place: u64) {
        match serde_json::from_slice(record) {
            Ok(Peeked::Lease(record)) => {
                self.leases.insert(record.lease.addr, place);
            }
            Ok(Peeked::Zone(journal)) => self.zones.push(journal),
            Ok(Peeked::Outbox(change)) => self.outbox.push(&change, place),
            Err(_) => self.others.push(place),
        }
    }

    /// The places of the records to keep, in order, and what replaces those of zones.
    fn into_parts(self) -> (Vec<u64>, JournalFold) {
        let mut places = self.outbox.into_places();
        places.extend(self.leases.into_values());
        places.extend(self.others);
        places.sort_unstable();
        (places, self.zones)
    }
}

/// What [`Journal::compaction_bytes_min`] is on a real disk.
pub const COMPACTION_BYTES_MIN: u64 = 16 << 20;

#[cfg(test)]
mod tests;
