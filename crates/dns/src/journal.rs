//! What an UPDATE leaves on disk: one version of one zone to the next.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use data_encoding::BASE64;
use hickory_proto::rr::{Name, Record, RecordType};
use serde::{Deserialize, Serialize};

use crate::key::Key;
use crate::serial::Serial;
use crate::zone::Diff;
use crate::{text, wire};

/// One durable change. Records travel as wire-format octets in base64, so that what is read
/// back is what was written, spelling included.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    #[serde(with = "name")]
    pub zone: Name,
    pub serial_from: Serial,
    pub serial_to: Serial,
    /// Taken away before anything is added; the old SOA is among them.
    #[serde(with = "records")]
    pub removed: Vec<Record>,
    /// The new SOA is among them.
    #[serde(with = "records")]
    pub added: Vec<Record>,
}

impl Journal {
    pub(crate) fn new(zone: Name, serial_from: Serial, serial_to: Serial, diff: Diff) -> Self {
        Self {
            zone,
            serial_from,
            serial_to,
            removed: diff.removed,
            added: diff.added,
        }
    }

    pub(crate) fn diff(self) -> Diff {
        Diff {
            removed: self.removed,
            added: self.added,
        }
    }
}

/// Sees every journal of a log, and makes few of them that lead to the same zones. It knows no
/// configuration: zones that are not configured today keep their records and their serial.
#[derive(Debug, Default)]
pub struct JournalFold {
    zones: BTreeMap<Key, ZoneFold>,
}

/// What all journals of one zone come to.
#[derive(Debug)]
struct ZoneFold {
    zone: Name,
    serial_from: Serial,
    serial_to: Serial,
    soa: Option<Record>,
    /// By owner, type and data.
    records: BTreeMap<Box<[u8]>, Net>,
}

/// What became of one record, as octets of the wire.
#[derive(Debug, Default)]
struct Net {
    /// The configuration has it: no journal before had added what was removed.
    removed: Option<Box<[u8]>>,
    added: Option<Box<[u8]>>,
}

impl JournalFold {
    /// The next journal.
    pub fn push(&mut self, journal: Journal) {
        let fold = self.zones.entry(Key::of(&journal.zone));
        let fold = fold.or_insert_with(|| ZoneFold {
            zone: journal.zone,
            serial_from: journal.serial_from,
            serial_to: journal.serial_to,
            soa: None,
            records: BTreeMap::new(),
        });
        fold.serial_to = journal.serial_to;
        for record in journal.removed {
            fold.remove(&record);
        }
        for record in journal.added {
            fold.add(record);
        }
    }

    /// What to write instead of all that were seen, each of a moderate size.
    pub fn into_journals(self) -> impl Iterator<Item = Journal> {
        self.zones.into_values().flat_map(ZoneFold::into_journals)
    }
}

impl ZoneFold {
    fn remove(&mut self, record: &Record) {
        // Whatever SOA is there gives way to a new one.
        if record.record_type() == RecordType::SOA {
            return;
        }
        let Some(place) = place(record) else { return };
        match self.records.entry(place) {
            Entry::Vacant(entry) => {
                entry.insert(Net {
                    removed: octets(record),
                    added: None,
                });
            }
            Entry::Occupied(mut entry) => {
                entry.get_mut().added = None;
                if entry.get().removed.is_none() {
                    entry.remove();
                }
            }
        }
    }

    fn add(&mut self, record: Record) {
        if record.record_type() == RecordType::SOA {
            self.soa = Some(record);
        } else if let Some(place) = place(&record) {
            self.records.entry(place).or_default().added = octets(&record);
        }
    }

    fn into_journals(self) -> impl Iterator<Item = Journal> {
        let mut nets = self.records.into_values().peekable();
        let (mut soa, mut is_over) = (self.soa, false);
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let mut diff = Diff::default();
            for net in nets.by_ref().take(NETS_PER_JOURNAL) {
                let read = |octets: Option<Box<[u8]>>| wire::record_from_octets(&octets?);
                diff.removed.extend(read(net.removed));
                diff.added.extend(read(net.added));
            }
            is_over = nets.peek().is_none();
            if is_over {
                diff.added.extend(soa.take());
            }
            let zone = self.zone.clone();
            Some(Journal::new(zone, self.serial_from, self.serial_to, diff))
        })
    }
}

/// Identifies a record in its zone; in any case of letters it is the same (RFC 2136 §1.1.1).
fn place(record: &Record) -> Option<Box<[u8]>> {
    let key = Key::of(&record.name);
    let mut place = key.octets().to_vec();
    let key_octets = place.len() as u16;
    place.extend(u16::from(record.record_type()).to_be_bytes());
    place.extend(wire::canonical_rdata(&record.data)?);
    // Behind the rest, so that records stay in the order of names.
    place.extend(key_octets.to_be_bytes());
    Some(place.into())
}

fn octets(record: &Record) -> Option<Box<[u8]>> {
    wire::record_to_octets(record).map(Vec::into_boxed_slice)
}

/// Records in one journal of a fold: a hundred kilobytes or so.
const NETS_PER_JOURNAL: usize = 1024;

mod name {
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    use super::{Deserialize, Name, text};

    pub(super) fn serialize<S: Serializer>(name: &Name, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&text::name(name))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Name, D::Error> {
        let name = String::deserialize(from)?;
        text::parse_name(&name, &Name::root()).map_err(D::Error::custom)
    }
}

mod records {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserializer, Serializer};

    use super::{BASE64, Deserialize, Record, wire};

    pub(super) fn serialize<S: Serializer>(records: &[Record], to: S) -> Result<S::Ok, S::Error> {
        let octets = records.iter().map(wire::record_to_octets);
        let texts: Vec<String> = octets
            .map(|octets| octets.map(|octets| BASE64.encode(&octets)))
            .collect::<Option<_>>()
            .ok_or_else(|| S::Error::custom("a record that has no wire format"))?;
        to.collect_seq(texts)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Record>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let records = texts.iter().map(|text| {
            let octets = BASE64.decode(text.as_bytes()).ok()?;
            wire::record_from_octets(&octets)
        });
        records
            .collect::<Option<_>>()
            .ok_or_else(|| D::Error::custom("not a record in wire format"))
    }
}
