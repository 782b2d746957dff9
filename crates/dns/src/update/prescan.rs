//! The update section read as a list of changes, or refused whole (RFC 2136 §3.4.1).

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::Rejection;
use crate::wire;

/// One record of the update section, understood (RFC 2136 §2.5).
#[derive(Clone, Debug)]
pub(super) enum Change<'a> {
    Add {
        name: &'a Name,
        ttl_secs: u32,
        data: &'a RData,
    },
    DeleteRrset {
        name: &'a Name,
        kind: RecordType,
    },
    DeleteName {
        name: &'a Name,
    },
    DeleteRecord {
        name: &'a Name,
        data: &'a RData,
    },
}

/// # Errors
/// NOTZONE or FORMERR for the first record that RFC 2136 §3.4.1.3 does not let pass.
pub(super) fn scan<'a>(origin: &Name, updates: &'a [Record]) -> Result<Vec<Change<'a>>, Rejection> {
    updates.iter().map(|record| read(origin, record)).collect()
}

fn read<'a>(origin: &Name, record: &'a Record) -> Result<Change<'a>, Rejection> {
    let (name, data) = (&record.name, &record.data);
    let kind = record.record_type();
    let is_bare = matches!(data, RData::Update0(_));
    if !origin.zone_of(name) {
        return Err(Rejection::new(ResponseCode::NotZone, "update out of zone"));
    }
    match record.dns_class {
        DNSClass::IN => {
            if is_meta(kind) || is_bare {
                return Err(Rejection::malformed("added record has no data"));
            }
            if kind == RecordType::DNAME || !wire::carries(data) {
                return Err(Rejection::new(
                    ResponseCode::Refused,
                    "a type that we cannot serve",
                ));
            }
            Ok(Change::Add {
                name,
                ttl_secs: ttl_secs(record.ttl),
                data,
            })
        }
        DNSClass::ANY | DNSClass::NONE if record.ttl != 0 => {
            Err(Rejection::malformed("deletion has a TTL"))
        }
        DNSClass::ANY if !is_bare => Err(Rejection::malformed("deletion of class ANY has data")),
        DNSClass::ANY if kind == RecordType::ANY => Ok(Change::DeleteName { name }),
        DNSClass::ANY | DNSClass::NONE if is_meta(kind) => {
            Err(Rejection::malformed("deletion of a meta type"))
        }
        DNSClass::ANY => Ok(Change::DeleteRrset { name, kind }),
        DNSClass::NONE if is_bare => {
            Err(Rejection::malformed("deletion of class NONE has no data"))
        }
        DNSClass::NONE => Ok(Change::DeleteRecord { name, data }),
        DNSClass::CH | DNSClass::HS | DNSClass::OPT(_) | DNSClass::Unknown(_) => {
            Err(Rejection::malformed("update class"))
        }
    }
}

/// Types that no zone can hold: 128–255 are question and meta types (RFC 6895 §3.1), ANY,
/// AXFR, MAILA, MAILB, TSIG and TKEY among them; OPT and 0 are the strays.
pub(super) fn is_meta(kind: RecordType) -> bool {
    matches!(u16::from(kind), 0 | 41 | 128..=255)
}

/// RFC 2181 §8: a TTL with the top bit set means zero.
fn ttl_secs(wire: u32) -> u32 {
    if wire >> 31 == 0 { wire } else { 0 }
}
