//! What a restart makes of what a crash left, and what a disk that fails leaves.

mod faults;

use std::borrow::Cow;
use std::net::Ipv4Addr;

use quorate_core::{Destination, Instant, Wall};
use quorate_ddns::OutboxRecord;
use serde_json::json;

use super::*;
use crate::config::Config;
use crate::journal::compact;
use crate::setup::Keys;

/// A log in memory, and what is wrong with its disk.
#[derive(Debug, Default)]
struct Memory {
    durable: Vec<Vec<u8>>,
    pending: Vec<Vec<u8>>,
    live_bytes: u64,
    lost_bytes: u64,
    /// Calls that reach the disk so far, and which of them fails.
    calls: usize,
    failing: Option<usize>,
    /// Every call fails.
    is_full: bool,
    has_failed: bool,
    compaction: Option<Vec<Vec<u8>>>,
    /// How many records the compaction has seen.
    covered: usize,
}

impl Memory {
    fn call(&mut self, what: &'static str) -> Result<(), String> {
        self.calls += 1;
        if self.is_full || self.failing == Some(self.calls) {
            return Err(format!("{what}: no space left on device"));
        }
        Ok(())
    }
}

impl Journal for Memory {
    type Error = String;

    fn append(&mut self, record: &[u8]) {
        self.pending.push(record.to_vec());
    }

    fn sync(&mut self) -> Result<(), String> {
        let batch = std::mem::take(&mut self.pending);
        if self.has_failed {
            return Err("an earlier write failed".to_owned());
        }
        self.has_failed = true;
        self.call("write")?;
        self.call("sync")?;
        self.has_failed = false;
        self.durable.extend(batch);
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), String> {
        self.call("open")?;
        self.call("truncate")?;
        self.has_failed = false;
        Ok(())
    }

    fn compaction_bytes_min(&self) -> u64 {
        4 << 10
    }

    fn len_bytes(&self) -> u64 {
        let records = self.durable.iter().chain(&self.pending);
        records.map(|record| record.len() as u64).sum()
    }

    fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    fn lost_bytes(&self) -> u64 {
        self.lost_bytes
    }

    fn start_compaction(&mut self) -> Result<(), String> {
        self.call("create")?;
        let mut kept = Vec::new();
        self.covered = self.durable.len();
        let old = &self.durable;
        compact(|| old.iter().map(Cow::from), &mut |record| {
            kept.push(record.to_vec());
            Ok::<(), String>(())
        })?;
        self.compaction = Some(kept);
        Ok(())
    }

    fn poll_compaction(&mut self) -> Option<Result<(), String>> {
        assert!(self.pending.is_empty(), "a batch is never cut in two");
        let mut kept = self.compaction.take()?;
        Some(self.call("rename").map(|()| {
            kept.extend(self.durable[self.covered..].iter().cloned());
            self.durable = kept;
            self.live_bytes = self.len_bytes();
        }))
    }
}

fn setup() -> Setup {
    let config: Config = serde_json::from_value(json!({
        "state_dir": "unused",
        "dhcp": {
            "interface": "eth0",
            "server_id": "10.77.0.2",
            "subnets": [{ "net": "10.77.0.0/24", "pools": ["10.77.0.10-10.77.0.20"] }],
        },
        "ddns": { "server": "10.77.0.2:53", "forward_zone": "lab.test" },
    }))
    .unwrap();
    Setup::new(&config, Keys::default()).unwrap()
}

#[test]
fn a_name_whose_lease_is_gone_is_taken_back_after_a_restart() {
    let addr = Ipv4Addr::new(10, 77, 0, 10);
    let wanted = json!({ "outbox": OutboxRecord::Wanted {
        change: 1,
        binding: quorate_ddns::Binding {
            addr,
            hostname: "n1".to_owned(),
            class: None,
            dhcid_kind: 0,
            dhcid_id: vec![1, 2, 0, 0, 0, 0, 1],
            forward: true,
            reverse: false,
        },
    }});
    let records = vec![serde_json::to_vec(&wanted).unwrap()];
    let now = Now::new(Instant::ZERO, Wall::from_unix_secs(1_767_225_600));
    let log = (Memory::default(), records);
    let mut engines =
        Engines::restore(setup(), log, Seed::new(1), Directory::default(), now).unwrap();
    engines.tick(now);
    engines.commit(now);

    let written = engines.into_journal().durable;
    let withdrawn = written.iter().any(|record| {
        let record: Record = serde_json::from_slice(record).unwrap();
        matches!(record, Record::Outbox(OutboxRecord::Unwanted { .. }))
    });
    assert!(withdrawn, "no record says that {addr} is no longer leased");
}
