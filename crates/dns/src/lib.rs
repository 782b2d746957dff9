//! Authoritative DNS as a pure engine: zones, RFC 2136 UPDATE, TSIG, the answer path.
//!
//! hickory-proto parses and emits; no other crate uses it. Zones, prerequisites,
//! update semantics, signatures' verdicts and policy are ours, because the ready-made ones
//! break seven rules of RFC 2136 (`update/tests.rs` lists them). No recursion, no DNSSEC
//! signing, no NOTIFY; a zone transfer is one message, and REFUSED beyond 64 KiB.
//!
//! - [`authority`]: the engine, which puts the rest together
//! - `zone`, `rrset`: what is served; `answer`: what it answers; `request`, `reply`, `encode`: the bytes
//! - [`update`]: what an UPDATE changes; [`policy`]: whether it may; `journal`: what is written
//! - [`client`]: what those who *send* UPDATEs and queries need
//! - [`tsig`]: keys, signatures and the errors for bad ones (RFC 8945)

mod answer;
pub mod authority;
pub mod client;
mod config;
mod emit;
mod encode;
#[cfg(test)]
mod fixture;
mod journal;
mod key;
pub mod policy;
mod reply;
mod request;
mod rrset;
mod serial;
pub mod text;
pub mod tsig;
pub mod update;
mod wire;
mod zone;
mod zones;

pub use authority::{Authority, Event};
pub use config::{
    BOOTSTRAP_NEGATIVE_TTL_SECS, Config, ConfigError, DEFAULT_TTL_SECS, NEGATIVE_TTL_SECS,
    RawConfig, RawZone, UDP_PAYLOAD_OCTETS,
};
pub use journal::Journal;
pub use rrset::Rrset;
pub use serial::Serial;
pub use zone::{Diff, Found, Node, Zone};

pub use hickory_proto::op::ResponseCode;
pub use hickory_proto::rr::rdata;
pub use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

/// DHCID (RFC 4701), which hickory has no name for.
pub const DHCID: RecordType = RecordType::Unknown(49);

/// The data of a DHCID record from its octets.
pub fn dhcid(octets: Vec<u8>) -> RData {
    RData::Unknown {
        code: DHCID,
        rdata: rdata::NULL::with(octets),
    }
}
