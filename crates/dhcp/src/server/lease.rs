//! What a client was promised, and the record that keeps the promise over a restart.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use quorate_core::{MacAddr, Wall};
use serde::{Deserialize, Serialize};

use crate::FqdnFlags;

/// One address and everything that goes with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub addr: Ipv4Addr,
    pub client: ClientKey,
    pub mac: MacAddr,
    /// One LDH label, unique among active leases.
    pub hostname: String,
    /// The domain of the subnet, without a final dot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The ordinal within the class, from 1; kept while the client stays in the class and the
    /// server remembers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The flags of option 81 as the client sent them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<FqdnFlags>,
    /// Which records the server is to keep in the DNS.
    pub updates: NameUpdates,
    /// When this client first got this address.
    pub start: Wall,
    /// When the promise ends.
    pub end: Wall,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayRecord>,
}

/// Which records the server keeps for a lease (RFC 4702 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameUpdates {
    /// Name → address.
    pub forward: bool,
    /// Address → name.
    pub reverse: bool,
}

/// The relay agent that a client was last heard through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayRecord {
    pub giaddr: Ipv4Addr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit_id: Option<Vec<u8>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<Vec<u8>>,
}

/// One durable line of the lease database. The last one of an address holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    pub state: LeaseState,
    pub lease: Lease,
}

/// What the server has written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerRecord {
    Lease(LeaseRecord),
    /// The wall clock was set by so many seconds: every date in the records before this one is to be
    /// read with that much more. One record, however many leases there are.
    ClockSet {
        secs: i64,
    },
}

impl From<LeaseRecord> for ServerRecord {
    fn from(record: LeaseRecord) -> Self {
        Self::Lease(record)
    }
}

/// What became of an address. An offer is no promise and is never recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseState {
    Bound,
    /// Given back by its client, or ended because its client moved to another address.
    Released,
    Expired,
    /// Another host uses the address; `lease.end` is the end of its quarantine.
    Declined,
    /// Revoked by [`Command::Revoke`](super::Command::Revoke).
    Revoked,
}

/// What identifies a client (RFC 2131 §2, RFC 4361): the client identifier, else the hardware
/// address. Written `id:ff0001…` or `mac:02:00:5e:10:00:01`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ClientKey {
    /// Option 61, all of it.
    Id(Vec<u8>),
    /// `htype` 1 and `chaddr`.
    Mac(MacAddr),
}

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => {
                f.write_str("id:")?;
                id.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
            Self::Mac(mac) => write!(f, "mac:{mac}"),
        }
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text names no client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a client key: write id:<hex> or mac:<address>")]
pub struct ClientKeyError;

impl FromStr for ClientKey {
    type Err = ClientKeyError;

    fn from_str(text: &str) -> Result<Self, ClientKeyError> {
        match text.split_once(':') {
            Some(("id", id)) => octets(id).map(Self::Id).ok_or(ClientKeyError),
            Some(("mac", mac)) => mac.parse().map(Self::Mac).map_err(|_| ClientKeyError),
            _ => Err(ClientKeyError),
        }
    }
}

impl TryFrom<String> for ClientKey {
    type Error = ClientKeyError;

    fn try_from(text: String) -> Result<Self, ClientKeyError> {
        text.parse()
    }
}

impl From<ClientKey> for String {
    fn from(key: ClientKey) -> Self {
        key.to_string()
    }
}

/// Octets from hexadecimal digits, with or without colons between the pairs.
pub(super) fn octets(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let whole = digits.len().is_multiple_of(2) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    whole.then(|| {
        (0..digits.len())
            .step_by(2)
            .filter_map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_what_it_writes() {
        for text in ["id:ff000102", "mac:02:00:5e:10:00:01"] {
            assert_eq!(text.parse::<ClientKey>().unwrap().to_string(), text);
        }
        for text in ["", "id", "id:f", "id:é", "mac:1", "duid:00"] {
            assert_eq!(text.parse::<ClientKey>(), Err(ClientKeyError), "{text:?}");
        }
    }

    #[test]
    fn a_record_is_one_readable_line() {
        let lease = Lease {
            addr: [10, 77, 0, 12].into(),
            client: ClientKey::Mac(MacAddr([2, 0, 0, 0, 0, 1])),
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            hostname: "n1".to_owned(),
            domain: None,
            class: None,
            index: None,
            fqdn: None,
            updates: NameUpdates {
                forward: true,
                reverse: true,
            },
            start: Wall::from_unix_secs(7),
            end: Wall::from_unix_secs(9),
            relay: None,
        };
        let state = LeaseState::Bound;
        let record = LeaseRecord { state, lease };
        let line = serde_json::to_string(&record).unwrap();
        insta::assert_snapshot!(line, @r#"{"state":"bound","lease":{"addr":"10.77.0.12","client":"mac:02:00:00:00:00:01","mac":"02:00:00:00:00:01","hostname":"n1","updates":{"forward":true,"reverse":true},"start":7,"end":9}}"#);
        assert_eq!(serde_json::from_str::<LeaseRecord>(&line).unwrap(), record);
    }
}
