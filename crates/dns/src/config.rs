//! What an operator configures: zones, who may change and copy them, how large they may grow.

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::rr::rdata::{NS, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use quorate_core::Mutant;
use serde::{Deserialize, Serialize};

use crate::key::Key as NameKey;
use crate::policy::{Policy, PolicyError, RawGrant, RawPeer, TransferPolicy};
use crate::text::{self, TextError};
use crate::tsig::{Key, KeyError, Keyring};
use crate::update::Limits;
use crate::wire;
use crate::zone::Zone;

/// TTL of records whose configuration names none.
pub const DEFAULT_TTL_SECS: u32 = 60;

/// How long resolvers may believe that something does not exist (RFC 2308 §5 suggests hours;
/// names here appear while people wait for them).
pub const NEGATIVE_TTL_SECS: u32 = 30;

/// The same in a bootstrap zone, where etcd looks once and gives up.
pub const BOOTSTRAP_NEGATIVE_TTL_SECS: u32 = 1;

/// The UDP answer size that needs no fragments anywhere (DNS flag day 2020).
pub const UDP_PAYLOAD_OCTETS: u16 = 1232;

/// SOA refresh, retry and expire: RIPE-203's, secondaries that miss a NOTIFY being rare.
const SOA_TIMERS_SECS: [i32; 3] = [86_400, 7_200, 3_600_000];

/// The configuration as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    #[serde(default)]
    pub zones: Vec<RawZone>,
    /// Who may change what.
    #[serde(default)]
    pub update: Vec<RawGrant>,
    /// Who may transfer zones.
    #[serde(default)]
    pub transfer: Vec<RawPeer>,
    /// BIND key files; the program that embeds this configuration reads them.
    #[serde(default)]
    pub key_files: Vec<std::path::PathBuf>,
    pub rrset_len_max: Option<usize>,
    pub names_max: Option<usize>,
    /// The largest UDP answer, 512 to 1232.
    pub udp_payload_octets: Option<u16>,
}

/// One zone as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawZone {
    pub name: String,
    /// Negative answers live one second at most.
    #[serde(default)]
    pub bootstrap: bool,
    pub default_ttl_secs: Option<u32>,
    /// The name server that the SOA and the apex NS name.
    pub primary_ns: String,
    /// Records as text, relative to the zone: `ns 60 IN A 10.0.0.1`.
    #[serde(default)]
    pub records: Vec<String>,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("zone {0:?}: not a domain name")]
    ZoneName(String),
    #[error("zone {0} is configured twice")]
    DuplicateZone(String),
    #[error("zone {zone}: primary name server: {error}")]
    Primary { zone: String, error: TextError },
    #[error("zone {zone}: record {text:?}: {error}")]
    Record {
        zone: String,
        text: String,
        error: TextError,
    },
    #[error("zone {zone}: record {text:?}: {reason}")]
    Misplaced {
        zone: String,
        text: String,
        reason: &'static str,
    },
    #[error("update policy: {0}")]
    Update(PolicyError),
    #[error("transfer policy: {0}")]
    Transfer(PolicyError),
    #[error("keys: {0}")]
    Keys(#[from] KeyError),
    #[error("udp_payload_octets is {0}, not within 512 to 1232")]
    UdpPayload(u16),
}

/// A configuration that an authority can serve.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) zones: Vec<Zone>,
    pub(crate) policy: Policy,
    pub(crate) transfer: TransferPolicy,
    pub(crate) keys: Keyring,
    pub(crate) limits: Limits,
    pub(crate) udp_payload_octets: u16,
    pub(crate) mutant: Mutant,
}

impl Config {
    /// Checks what was written; `keys` are those of its key files.
    ///
    /// # Errors
    /// The first thing that is wrong, with the zone and the text it stands in.
    pub fn new(raw: &RawConfig, keys: Vec<Key>) -> Result<Self, ConfigError> {
        let mut zones: Vec<Zone> = Vec::new();
        let mut origins = BTreeSet::new();
        for raw in &raw.zones {
            let zone = zone(raw)?;
            if !origins.insert(NameKey::of(zone.origin())) {
                return Err(ConfigError::DuplicateZone(raw.name.clone()));
            }
            zones.push(zone);
        }
        let udp_payload_octets = raw.udp_payload_octets.unwrap_or(UDP_PAYLOAD_OCTETS);
        if !(512..=UDP_PAYLOAD_OCTETS).contains(&udp_payload_octets) {
            return Err(ConfigError::UdpPayload(udp_payload_octets));
        }
        let limits = Limits::default();
        Ok(Self {
            zones,
            policy: Policy::new(&raw.update).map_err(ConfigError::Update)?,
            transfer: TransferPolicy::new(&raw.transfer).map_err(ConfigError::Transfer)?,
            keys: Keyring::new(keys)?,
            limits: Limits {
                rrset_len_max: raw.rrset_len_max.unwrap_or(limits.rrset_len_max),
                names_max: raw.names_max.unwrap_or(limits.names_max),
            },
            udp_payload_octets,
            mutant: Mutant::default(),
        })
    }

    /// See [`quorate_core::mutant`].
    #[doc(hidden)]
    pub const fn set_mutant(&mut self, mutant: Mutant) {
        self.mutant = mutant;
    }
}

fn zone(raw: &RawZone) -> Result<Zone, ConfigError> {
    let origin = text::parse_name(&raw.name, &Name::root())
        .map_err(|_| ConfigError::ZoneName(raw.name.clone()))?
        .to_lowercase();
    let ttl_secs = raw.default_ttl_secs.unwrap_or(DEFAULT_TTL_SECS);
    let primary = text::parse_name(&raw.primary_ns, &origin).map_err(|error| {
        let zone = raw.name.clone();
        ConfigError::Primary { zone, error }
    })?;
    let mut records = apex(&origin, primary, ttl_secs, raw.bootstrap);
    let mut owners = Owners::default();
    for record in &records {
        owners.push(record);
    }
    for text in &raw.records {
        let record = text::parse_record(text, &origin, ttl_secs).map_err(|error| {
            let (zone, text) = (raw.name.clone(), text.clone());
            ConfigError::Record { zone, text, error }
        })?;
        if let Some(reason) = misplaced(&record, &origin, &owners) {
            let (zone, text) = (raw.name.clone(), text.clone());
            return Err(ConfigError::Misplaced { zone, text, reason });
        }
        owners.push(&record);
        records.push(record);
    }
    Ok(Zone::new(&origin, raw.bootstrap, records))
}

/// The SOA and NS that every zone has.
fn apex(origin: &Name, primary: Name, ttl_secs: u32, is_bootstrap: bool) -> Vec<Record> {
    let mailbox = origin
        .prepend_label("hostmaster")
        .unwrap_or_else(|_| origin.clone());
    let minimum = if is_bootstrap {
        BOOTSTRAP_NEGATIVE_TTL_SECS
    } else {
        NEGATIVE_TTL_SECS
    };
    let [refresh, retry, expire] = SOA_TIMERS_SECS;
    let soa = SOA::new(primary.clone(), mailbox, 1, refresh, retry, expire, minimum);
    vec![
        Record::from_rdata(origin.clone(), ttl_secs, RData::SOA(soa)),
        Record::from_rdata(origin.clone(), ttl_secs, RData::NS(NS(primary))),
    ]
}

/// The names that have records so far, and whether each is an alias.
#[derive(Default)]
struct Owners(BTreeMap<NameKey, bool>);

impl Owners {
    fn push(&mut self, record: &Record) {
        let is_alias = record.record_type() == RecordType::CNAME;
        self.0.insert(NameKey::of(&record.name), is_alias);
    }

    /// An alias and other data never share a name.
    fn clash(&self, record: &Record) -> bool {
        let is_alias = record.record_type() == RecordType::CNAME;
        let other = self.0.get(&NameKey::of(&record.name));
        other.is_some_and(|other_is_alias| is_alias || *other_is_alias)
    }
}

fn misplaced(record: &Record, origin: &Name, others: &Owners) -> Option<&'static str> {
    let kind = record.record_type();
    if !origin.zone_of(&record.name) {
        Some("not in the zone")
    } else if kind == RecordType::SOA {
        Some("the SOA is made from the zone's settings")
    } else if kind == RecordType::DNAME || !wire::carries(&record.data) {
        Some("a type that we cannot serve")
    } else if others.clash(record) {
        Some("an alias and other records cannot share a name")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: impl FnOnce(&mut RawConfig)) -> Result<Config, ConfigError> {
        let mut raw = crate::fixture::raw_config(&["n1 A 10.0.0.1"]);
        change(&mut raw);
        Config::new(&raw, vec![crate::fixture::key()])
    }

    #[test]
    fn a_configuration_reads_and_unknown_words_are_refused() {
        let text = r#"{
            "zones": [{"name": "lab.example", "primary_ns": "ns", "records": ["ns A 10.0.0.1"]}],
            "update": [
                {"key": "ddns.", "names": {"subdomain": "lab.example"}, "types": ["A"]},
                {"key": "n1.lab.example.", "names": "self", "types": ["ANY"]}
            ]
        }"#;
        let raw: RawConfig = serde_json::from_str(text).unwrap();
        let config = Config::new(&raw, vec![]).unwrap();
        assert_eq!(config.zones[0].serial().0, 1);
        assert_eq!(config.zones[0].records().count(), 3);
        for (word, wrong) in [
            ("primary_ns", "primary"),
            ("zones", "zone"),
            ("types", "type"),
        ] {
            let text = text.replacen(word, wrong, 1);
            assert!(serde_json::from_str::<RawConfig>(&text).is_err(), "{wrong}");
        }
    }

    /// Each record is looked up among those before it, not compared with all of them: quadratic,
    /// this would take minutes.
    #[test]
    fn a_zone_of_many_records_loads_in_time() {
        const RECORDS: u32 = 20_000;
        let host = |n: u32| std::net::Ipv4Addr::from_bits(0x0a00_0000 + n);
        let records = (0..RECORDS)
            .map(|n| format!("h{n} A {}", host(n)))
            .collect();
        let config = config(|raw| raw.zones[0].records = records).unwrap();
        assert_eq!(config.zones[0].name_count(), RECORDS as usize + 1);
    }

    #[test]
    fn what_cannot_be_served_is_refused_with_its_text() {
        let misplaced =
            |record: &'static str| match config(|raw| raw.zones[0].records.push(record.to_owned()))
            {
                Err(ConfigError::Misplaced { text, .. }) => assert_eq!(text, record),
                other => panic!("{record}: {other:?}"),
            };
        for record in [
            "n1.other. A 10.0.0.1",
            "@ SOA ns h 1 1 1 1 1",
            "n1 CNAME x",
            "x TYPE39 \\# 1 00",
        ] {
            misplaced(record);
        }
        let error = config(|raw| raw.zones[0].records[0] = "n1 A 10".to_owned()).unwrap_err();
        assert!(matches!(error, ConfigError::Record { ref text, .. } if text == "n1 A 10"));
        let error = config(|raw| raw.zones[1].name = "LAB.example".to_owned()).unwrap_err();
        assert!(matches!(error, ConfigError::DuplicateZone(_)));
        let error = config(|raw| raw.zones[1].name = "a..b".to_owned()).unwrap_err();
        assert!(matches!(error, ConfigError::ZoneName(_)));
        for octets in [511, 1233] {
            let error = config(|raw| raw.udp_payload_octets = Some(octets)).unwrap_err();
            assert_eq!(error, ConfigError::UdpPayload(octets));
        }
        let raw = crate::fixture::raw_config(&[]);
        let duplicate = Config::new(&raw, vec![crate::fixture::key(), crate::fixture::key()]);
        assert!(matches!(
            duplicate,
            Err(ConfigError::Keys(KeyError::Duplicate(_)))
        ));
    }
}
