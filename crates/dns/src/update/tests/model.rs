//! The same UPDATEs on a list of records, transcribed from the pseudocode of RFC 2136 §3.2.5
//! and §3.4.2.7: no maps, no copies of nodes, no cleverness.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordData;
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use proptest::prelude::*;

use crate::fixture::{Bench, name, record, script};
use crate::text;

const START: &[&str] = &["n1 A 10.0.0.1", "n2 CNAME n1", "n3 NS n1", "n3 NS n2"];

#[derive(Clone)]
struct Model {
    zone: Name,
    records: Vec<Record>,
}

impl Model {
    fn rrset(&self, name: &Name, kind: RecordType) -> Vec<&Record> {
        let matches = |r: &&Record| r.name == *name && r.record_type() == kind;
        self.records.iter().filter(matches).collect()
    }

    fn is_in_use(&self, name: &Name) -> bool {
        self.records.iter().any(|r| r.name == *name)
    }

    fn prerequisites(&self, message: &Message) -> ResponseCode {
        let mut temp: Vec<&Record> = Vec::new();
        for rr in &message.answers {
            let exists = !self.rrset(&rr.name, rr.record_type()).is_empty();
            match (rr.dns_class, rr.record_type()) {
                (DNSClass::ANY, RecordType::ANY) if !self.is_in_use(&rr.name) => {
                    return ResponseCode::NXDomain;
                }
                (DNSClass::NONE, RecordType::ANY) if self.is_in_use(&rr.name) => {
                    return ResponseCode::YXDomain;
                }
                (DNSClass::ANY | DNSClass::NONE, RecordType::ANY) => {}
                (DNSClass::ANY, _) if !exists => return ResponseCode::NXRRSet,
                (DNSClass::NONE, _) if exists => return ResponseCode::YXRRSet,
                (DNSClass::IN, _) => temp.push(rr),
                _ => {}
            }
        }
        for rr in &temp {
            let owned = self.rrset(&rr.name, rr.record_type());
            let same_set = |t: &&&Record| t.name == rr.name && t.record_type() == rr.record_type();
            let wanted: Vec<&&Record> = temp.iter().filter(same_set).collect();
            let covers = owned
                .iter()
                .all(|o| wanted.iter().any(|w| w.data == o.data));
            let covered = wanted
                .iter()
                .all(|w| owned.iter().any(|o| w.data == o.data));
            if !(covers && covered) {
                return ResponseCode::NXRRSet;
            }
        }
        ResponseCode::NoError
    }

    fn update(&mut self, rr: &Record) {
        let kind = rr.record_type();
        let is_apex = rr.name == self.zone;
        match rr.dns_class {
            DNSClass::IN => self.add(rr),
            DNSClass::ANY if kind == RecordType::ANY => self.records.retain(|z| {
                let kept = is_apex && matches!(z.record_type(), RecordType::SOA | RecordType::NS);
                z.name != rr.name || kept
            }),
            DNSClass::ANY if is_apex && matches!(kind, RecordType::SOA | RecordType::NS) => {}
            DNSClass::ANY => self
                .records
                .retain(|z| z.name != rr.name || z.record_type() != kind),
            _ if kind == RecordType::SOA => {}
            _ if kind == RecordType::NS && is_apex && self.rrset(&rr.name, kind).len() == 1 => {}
            DNSClass::NONE
            | DNSClass::CH
            | DNSClass::HS
            | DNSClass::OPT(_)
            | DNSClass::Unknown(_) => self
                .records
                .retain(|z| z.name != rr.name || z.data != rr.data),
        }
    }

    fn add(&mut self, rr: &Record) {
        let kind = rr.record_type();
        let at_name = |z: &&Record| z.name == rr.name;
        let mut others = self.records.iter().filter(at_name);
        let blocked = if kind == RecordType::CNAME {
            others.any(|z| z.record_type() != RecordType::CNAME)
        } else {
            others.any(|z| z.record_type() == RecordType::CNAME)
        };
        if blocked {
            return;
        }
        if let RData::SOA(new) = &rr.data {
            let set = self.rrset(&rr.name, kind);
            let Some(RData::SOA(old)) = set.first().map(|z| &z.data) else {
                return;
            };
            if new.serial.wrapping_sub(old.serial).wrapping_sub(1) >= (1 << 31) - 1 {
                return;
            }
        }
        // RFC 2181 §5.2.
        for z in &mut self.records {
            if z.name == rr.name && z.record_type() == kind {
                z.ttl = rr.ttl;
            }
        }
        let replaces = |z: &&mut Record| {
            let single = matches!(kind, RecordType::CNAME | RecordType::SOA);
            z.name == rr.name && z.record_type() == kind && (single || z.data == rr.data)
        };
        match self.records.iter_mut().find(replaces) {
            Some(z) => z.data = rr.data.clone(),
            None => self.records.push(rr.clone()),
        }
    }

    fn serial(&self) -> u32 {
        let soa = self.rrset(&self.zone, RecordType::SOA);
        SOA::try_borrow(&soa[0].data).unwrap().serial
    }

    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .records
            .iter()
            .map(|r| text::record(r).to_lowercase())
            .collect();
        lines.sort();
        lines
    }

    /// The whole message: prerequisites, changes, the serial.
    fn apply(&mut self, message: &Message) -> ResponseCode {
        let rcode = self.prerequisites(message);
        if rcode != ResponseCode::NoError {
            return rcode;
        }
        let (before, serial) = (self.lines(), self.serial());
        for rr in &message.authorities {
            self.update(rr);
        }
        if self.lines() != before && self.serial() == serial {
            for z in &mut self.records {
                if let RData::SOA(soa) = &mut z.data {
                    soa.serial = serial.wrapping_add(1);
                }
            }
        }
        rcode
    }
}

fn any_data() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (1..4u8).prop_map(|n| format!("A 10.0.0.{n}")),
        2 => (1..4u8).prop_map(|n| format!("CNAME N{n}")),
        2 => (1..3u8).prop_map(|n| format!("NS n{n}")),
        2 => (1..4u8).prop_map(|n| format!("SRV 0 0 2380 n{n}")),
        1 => (0..6u8).prop_map(|n| format!("SOA ns h {n} 1 1 1 1")),
        1 => Just("DHCID AAIBY2/A".to_owned()),
    ]
}

fn any_line() -> impl Strategy<Value = String> {
    let owner = prop::sample::select(vec!["@", "n1", "N2", "n3", "a.n4", "n4"]);
    let ttl = prop::sample::select(vec![30u32, 60]);
    let kind = prop::sample::select(vec!["A", "CNAME", "NS", "SRV", "SOA"]);
    (owner, ttl, kind, any_data(), 0..20u8).prop_map(|(owner, ttl, kind, data, form)| match form {
        0..=7 => format!("add {owner} {ttl} {data}"),
        8..=11 => format!("delete {owner} {data}"),
        12..=13 => format!("delete {owner} {kind}"),
        14 => format!("delete {owner}"),
        15 => format!("yxrrset {owner} {data}"),
        16 => format!("yxrrset {owner} {kind}"),
        17 => format!("nxrrset {owner} {kind}"),
        18 => format!("yxdomain {owner}"),
        _ => format!("nxdomain {owner}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn updates_do_what_the_pseudocode_does(
        updates in prop::collection::vec(prop::collection::vec(any_line(), 1..6), 1..12)
    ) {
        let mut bench = Bench::new(START);
        let mut model = Model {
            zone: name("lab.example."),
            records: bench.authority.zones().last().unwrap().records().collect(),
        };
        for lines in &updates {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let message = crate::fixture::message(script(&lines));
            let expected = model.apply(&message);
            prop_assert_eq!(bench.update(&lines), expected, "{:?}", lines);
            let mut found: Vec<String> = bench.lines().iter().map(|l| l.to_lowercase()).collect();
            found.sort();
            prop_assert_eq!(found, model.lines(), "after {:?}", lines);
        }
    }
}

#[test]
fn the_model_itself_tells_a_subset_from_a_set() {
    let model = Model {
        zone: name("lab.example."),
        records: vec![record("n1 A 10.0.0.1"), record("n1 A 10.0.0.2")],
    };
    let message = crate::fixture::message(script(&["yxrrset n1 A 10.0.0.1"]));
    assert_eq!(model.prerequisites(&message), ResponseCode::NXRRSet);
}
