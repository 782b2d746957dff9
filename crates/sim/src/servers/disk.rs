//! The servers' disk: a log of which a crash leaves what was synced.

use std::convert::Infallible;

use quorate_core::Random;
use quorate_fabric::Chance;
use quorate_scenario::Fate;
use quorate_scenario::decision::SERVERS;
use quorate_server::Journal;

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

    fn append(&mut self, record: &[u8]) -> Result<(), Infallible> {
        self.pending.push(record.to_vec());
        Ok(())
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

    fn disk() -> Disk {
        Disk::new(quorate_core::Seed::new(1).random())
    }

    #[test]
    fn a_disk_that_lies_loses_what_it_said_was_kept() {
        let mut disk = disk();
        disk.set_lies(Chance::ALWAYS);
        let Ok(()) = disk.append(b"promised");
        let Ok(()) = disk.sync();
        assert!(disk.crash().is_empty());
    }

    #[test]
    fn a_crash_leaves_what_was_synced() {
        let mut disk = disk();
        let Ok(()) = disk.append(b"kept");
        let Ok(()) = disk.sync();
        let Ok(()) = disk.append(b"lost");
        assert_eq!(disk.len_bytes(), 8);
        assert_eq!(disk.crash(), [b"kept"]);
        assert_eq!(disk.len_bytes(), 4);
    }
}
