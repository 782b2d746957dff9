//! The lines of the log, and what a lease means for the DNS.

use quorate_ddns::{Binding, OutboxRecord};
use quorate_dhcp::server::ServerRecord;
use quorate_dhcp::{ClientKey, Lease, LeaseRecord, LeaseState};
use serde::{Deserialize, Serialize};

/// One durable line of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Record {
    Lease(LeaseRecord),
    Clock(ClockSet),
    Zone(quorate_dns::Journal),
    Outbox(OutboxRecord),
}

/// The wall clock was set: dates in earlier lease records are to be read with so much more.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClockSet {
    set_secs: i64,
}

impl From<ServerRecord> for Record {
    fn from(record: ServerRecord) -> Self {
        match record {
            ServerRecord::Lease(record) => Self::Lease(record),
            ServerRecord::ClockSet { secs } => Self::Clock(ClockSet { set_secs: secs }),
        }
    }
}

pub(crate) fn encode(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).expect("records have string keys and no failing parts")
}

impl Record {
    pub(crate) fn into_lease(self) -> Option<ServerRecord> {
        match self {
            Self::Lease(record) => Some(ServerRecord::Lease(record)),
            Self::Clock(set) => Some(ServerRecord::ClockSet { secs: set.set_secs }),
            Self::Zone(_) | Self::Outbox(_) => None,
        }
    }

    pub(crate) fn into_journal(self) -> Option<quorate_dns::Journal> {
        match self {
            Self::Zone(journal) => Some(journal),
            Self::Lease(_) | Self::Clock(_) | Self::Outbox(_) => None,
        }
    }

    pub(crate) fn into_change(self) -> Option<OutboxRecord> {
        match self {
            Self::Outbox(change) => Some(change),
            Self::Lease(_) | Self::Clock(_) | Self::Zone(_) => None,
        }
    }
}

/// The records of each engine, in order, still as they were written. Steps of the clock stand
/// between leases: they change the dates of those before them.
#[derive(Default)]
pub(crate) struct Sorted<'a> {
    pub(crate) leases: Vec<&'a [u8]>,
    pub(crate) zones: Vec<&'a [u8]>,
    pub(crate) outbox: Vec<&'a [u8]>,
}

impl<'a> Sorted<'a> {
    /// # Errors
    /// When a record is of no kind that there is.
    pub(crate) fn new<R: AsRef<[u8]>>(records: &'a [R]) -> Result<Self, serde_json::Error> {
        let mut sorted = Self::default();
        for record in records {
            let record = record.as_ref();
            let records = match record {
                [b'{', b'"', b'l' | b'c', ..] => &mut sorted.leases,
                [b'{', b'"', b'z', ..] => &mut sorted.zones,
                [b'{', b'"', b'o', ..] => &mut sorted.outbox,
                // By hand, then; or the error that says what it is not.
                other => match serde_json::from_slice(other)? {
                    Record::Lease(_) | Record::Clock(_) => &mut sorted.leases,
                    Record::Zone(_) => &mut sorted.zones,
                    Record::Outbox(_) => &mut sorted.outbox,
                },
            };
            records.push(record);
        }
        Ok(sorted)
    }
}

/// Reads records one by one, until one is `broken`.
pub(crate) fn read<'a, T>(
    records: &'a [&[u8]],
    broken: &'a mut Option<serde_json::Error>,
    of_kind: impl Fn(Record) -> Option<T> + 'a,
) -> impl Iterator<Item = T> + 'a {
    let records = records.iter().map_while(move |record| {
        let record = serde_json::from_slice(record).map_err(|error| *broken = Some(error));
        record.ok()
    });
    records.filter_map(of_kind)
}

/// What a lease record means for the DNS.
pub(crate) fn intention(record: &LeaseRecord) -> quorate_ddns::Command {
    match record.state {
        LeaseState::Bound => quorate_ddns::Command::Bound(binding(&record.lease)),
        LeaseState::Released | LeaseState::Expired | LeaseState::Declined | LeaseState::Revoked => {
            quorate_ddns::Command::Ended {
                addr: record.lease.addr,
            }
        }
    }
}

pub(crate) fn binding(lease: &Lease) -> Binding {
    let (dhcid_kind, dhcid_id) = dhcid(&lease.client);
    Binding {
        addr: lease.addr,
        hostname: lease.hostname.clone(),
        class: lease.class.clone(),
        dhcid_kind,
        dhcid_id,
        forward: lease.updates.forward,
        reverse: lease.updates.reverse,
    }
}

/// The identifier type and identifier of a client (RFC 4701 §3.3).
fn dhcid(client: &ClientKey) -> (u16, Vec<u8>) {
    match client {
        ClientKey::Mac(mac) => {
            let mut identifier = vec![HTYPE_ETHERNET];
            identifier.extend(mac.0);
            (0, identifier)
        }
        // RFC 4361 §6.1: type 255, four octets of IAID, then the DUID.
        ClientKey::Id(id) if id.first() == Some(&255) && id.len() > 5 => (2, id[5..].to_vec()),
        ClientKey::Id(id) => (1, id.clone()),
    }
}

const HTYPE_ETHERNET: u8 = 1;
