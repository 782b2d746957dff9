//! What an UPDATE leaves on disk: one version of one zone to the next.

use data_encoding::BASE64;
use hickory_proto::rr::{Name, Record};
use serde::{Deserialize, Serialize};

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
