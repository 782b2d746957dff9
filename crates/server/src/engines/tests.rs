//! What a restart makes of what a crash left.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use quorate_core::{Instant, Wall};
use quorate_ddns::OutboxRecord;
use serde_json::json;

use super::*;
use crate::config::Config;
use crate::setup::Keys;

/// A log in memory.
#[derive(Debug, Default)]
struct Memory(Vec<Vec<u8>>);

impl Journal for Memory {
    type Error = Infallible;

    fn append(&mut self, record: &[u8]) -> Result<(), Infallible> {
        self.0.push(record.to_vec());
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn len_bytes(&self) -> u64 {
        0
    }

    fn rewrite(&mut self, records: &[Vec<u8>]) -> Result<(), Infallible> {
        self.0 = records.to_vec();
        Ok(())
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
    engines.tick(now).unwrap();
    engines.commit(now).unwrap();

    let written = engines.into_journal().0;
    let withdrawn = written.iter().any(|record| {
        let record: Record = serde_json::from_slice(record).unwrap();
        matches!(record, Record::Outbox(OutboxRecord::Unwanted { .. }))
    });
    assert!(withdrawn, "no record says that {addr} is no longer leased");
}
