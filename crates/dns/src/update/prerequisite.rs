//! Prerequisites: the five questions an UPDATE may ask first (RFC 2136 §2.4, §3.2).
//!
//! They are about what names *own*: wildcards, aliases and empty non-terminals, which a query
//! would be answered from, do not exist here (RFC 2136 §2.4, §7.16).

use std::collections::BTreeMap;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::{Rejection, prescan};
use crate::rrset::Rrset;
use crate::zone::Zone;

/// # Errors
/// The rcode of the first prerequisite that is malformed or not met.
pub(super) fn check(zone: &Zone, prerequisites: &[Record]) -> Result<(), Rejection> {
    let mut wanted: BTreeMap<(&Name, RecordType), Rrset> = BTreeMap::new();
    for record in prerequisites {
        if record.ttl != 0 {
            return Err(Rejection::malformed("prerequisite TTL is not 0"));
        }
        if !zone.origin().zone_of(&record.name) {
            return Err(Rejection::new(
                ResponseCode::NotZone,
                "prerequisite out of zone",
            ));
        }
        if record.dns_class == DNSClass::IN {
            let kind = record.record_type();
            if matches!(record.data, RData::Update0(_)) || prescan::is_meta(kind) {
                // Among them the ANY that killed BIND once (CVE-2009-0696).
                return Err(Rejection::malformed("prerequisite of class IN has no data"));
            }
            wanted
                .entry((&record.name, kind))
                .or_default()
                .insert(0, record.data.clone());
        } else {
            check_existence(zone, record)?;
        }
    }
    // §3.2.3: whole RRsets, compared as sets.
    let empty = Rrset::default();
    let is_met = wanted.iter().all(|((name, kind), wanted)| {
        let owned = zone.rrset(name, *kind).unwrap_or(&empty);
        owned.has_same_data(wanted)
    });
    if is_met {
        Ok(())
    } else {
        Err(Rejection::new(
            ResponseCode::NXRRSet,
            "prerequisite: RRset does not equal",
        ))
    }
}

fn check_existence(zone: &Zone, record: &Record) -> Result<(), Rejection> {
    let expects = match record.dns_class {
        DNSClass::ANY => true,
        DNSClass::NONE => false,
        DNSClass::IN | DNSClass::CH | DNSClass::HS | DNSClass::OPT(_) | DNSClass::Unknown(_) => {
            return Err(Rejection::malformed("prerequisite class"));
        }
    };
    if !matches!(record.data, RData::Update0(_)) {
        return Err(Rejection::malformed(
            "prerequisite of class ANY or NONE has data",
        ));
    }
    let name = &record.name;
    let kind = record.record_type();
    if kind == RecordType::ANY {
        return match (expects, zone.node(name).is_some()) {
            (true, false) => Err(Rejection::new(
                ResponseCode::NXDomain,
                "prerequisite: name is not in use",
            )),
            (false, true) => Err(Rejection::new(
                ResponseCode::YXDomain,
                "prerequisite: name is in use",
            )),
            (true, true) | (false, false) => Ok(()),
        };
    }
    match (expects, zone.rrset(name, kind).is_some()) {
        (true, false) => Err(Rejection::new(
            ResponseCode::NXRRSet,
            "prerequisite: RRset does not exist",
        )),
        (false, true) => Err(Rejection::new(
            ResponseCode::YXRRSet,
            "prerequisite: RRset exists",
        )),
        (true, true) | (false, false) => Ok(()),
    }
}
