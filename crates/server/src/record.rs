//! The lines of the log, and what a lease means for the DNS.

use quorate_ddns::{Binding, OutboxRecord};
use quorate_dhcp::{ClientKey, Lease, LeaseRecord, LeaseState};
use serde::{Deserialize, Serialize};

/// One durable line of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Record {
    Lease(LeaseRecord),
    Zone(quorate_dns::Journal),
    Outbox(OutboxRecord),
}

pub(crate) fn encode(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).expect("records have string keys and no failing parts")
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
