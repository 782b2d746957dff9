//! The servers' disk: a log of which a crash leaves what was synced.

use std::borrow::Cow;
use std::convert::Infallible;

use quorate_core::Random;
use quorate_fabric::Chance;
use quorate_scenario::Fate;
use quorate_scenario::decision::SERVERS;
use quorate_server::{Journal, compact};

use crate::chance::choice_log::ChoiceLog;

/// A log in memory.
#[derive(Debug)]
pub(crate) struct Disk {
    /// A sync is said to be done and is not.
    lies: Chance,
    random: Random,
    choices: Option<ChoiceLog>,
    durable: Vec<Vec<u8>>,
    durable_bytes: u64,
    live_bytes: u64,
    is_compacting: bool,
    /// Appended and not synced.
    pending: Vec<Vec<u8>>,
}

impl Disk {
    /// An empty disk; when it lies is drawn from `random`.
    pub(crate) const fn new(random: Random) -> Self {
        Self {
            lies: Chance::NEVER,
            random,
            choices: None,
            durable: Vec::new(),
            durable_bytes: 0,
            live_bytes: 0,
            is_compacting: false,
            pending: Vec::new(),
        }
    }

    pub(crate) const fn set_lies(&mut self, lies: Chance) {
        self.lies = lies;
    }

    pub(crate) fn set_choices(&mut self, choices: ChoiceLog) {
        self.choices = Some(choices);
    }

    /// The power goes: what was not synced is lost. Answers what is left.
    pub(crate) fn crash(&mut self) -> Vec<Vec<u8>> {
        self.pending.clear();
        self.durable.clone()
    }
}

impl Journal for Disk {
    type Error = Infallible;

    fn append(&mut self, record: &[u8]) {
        self.pending.push(record.to_vec());
    }

    fn sync(&mut self) -> Result<(), Infallible> {
        // What stays in the drive's cache is written with the next sync that is done.
        let drawn = self.lies.strikes(&mut self.random);
        let lies = match &self.choices {
            Some(choices) => {
                choices.strikes(SERVERS, "truth of a sync".to_owned(), &Fate::Lie, drawn)
            }
            None => drawn,
        };
        if lies {
            return Ok(());
        }
        self.durable_bytes += bytes(&self.pending);
        self.durable.append(&mut self.pending);
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn len_bytes(&self) -> u64 {
        self.durable_bytes + bytes(&self.pending)
    }

    fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    fn lost_bytes(&self) -> u64 {
        0
    }

    fn start_compaction(&mut self) -> Result<(), Infallible> {
        self.is_compacting = true;
        Ok(())
    }

    /// All in no time: a world of virtual time has no other thread.
    fn poll_compaction(&mut self) -> Option<Result<(), Infallible>> {
        if !std::mem::take(&mut self.is_compacting) {
            return None;
        }
        let mut kept = Vec::new();
        let old = &self.durable;
        let Ok(()) = compact(|| old.iter().map(Cow::from), &mut |record| -> Result<
            (),
            Infallible,
        > {
            kept.push(record.to_vec());
            Ok(())
        });
        self.live_bytes = bytes(&kept);
        self.durable_bytes = self.live_bytes;
        self.durable = kept;
        Some(Ok(()))
    }
}

fn bytes(records: &[Vec<u8>]) -> u64 {
    records.iter().map(|record| record.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Disk {
        Disk::new(quorate_core::Seed::new(1).random())
    }

    #[test]
    fn a_disk_that_lies_loses_what_it_said_was_kept() {
        let mut disk = disk();
        disk.set_lies(Chance::ALWAYS);
        disk.append(b"promised");
        let Ok(()) = disk.sync();
        assert!(disk.crash().is_empty());
    }

    #[test]
    fn a_crash_leaves_what_was_synced() {
        let mut disk = disk();
        disk.append(b"kept");
        let Ok(()) = disk.sync();
        disk.append(b"lost");
        assert_eq!(disk.len_bytes(), 8);
        assert_eq!(disk.crash(), [b"kept"]);
        assert_eq!(disk.len_bytes(), 4);
    }
}
