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
//!
//! One UPDATE: a client of loopback claims a name, and hears NOERROR when the change is on disk.
//!
//! ```
//! use quorate_core::{Channel, Datagram, Engine, Instant, Now, Output, Wall};
//! use quorate_dns::client::{UpdateRequest, read_reply};
//! use quorate_dns::policy::{RawGrant, RawNames};
//! use quorate_dns::{Authority, Config, Name, RawConfig, RawZone, RecordType, ResponseCode, text};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = RawConfig {
//!     zones: vec![RawZone {
//!         name: "lab.example.".to_owned(),
//!         bootstrap: false,
//!         default_ttl_secs: None,
//!         primary_ns: "ns".to_owned(),
//!         records: vec!["ns A 10.77.0.1".to_owned()],
//!     }],
//!     update: vec![RawGrant {
//!         key: None,
//!         sources: vec!["127.0.0.0/8".to_owned()],
//!         names: RawNames::Subdomain("lab.example.".to_owned()),
//!         types: vec!["A".to_owned()],
//!     }],
//!     ..RawConfig::default()
//! };
//! let mut authority = Authority::new(Config::new(&config, Vec::new())?);
//!
//! let zone = text::parse_name("lab.example.", &Name::root())?;
//! let name = text::parse_name("n1", &zone)?;
//! let update = UpdateRequest::new(zone.clone(), 1)
//!     .require_name_absent(name.clone())
//!     .add(text::parse_record("n1 60 A 10.77.0.10", &zone, 60)?)
//!     .encode(None);
//! let now = Now::new(Instant::ZERO, Wall::from_unix_secs(1_767_225_600));
//! let datagram = Datagram {
//!     source: "127.0.0.1:1053".parse()?,
//!     destination: "127.0.0.1:53".parse()?,
//!     channel: Channel::Udp,
//!     payload: &update.bytes,
//! };
//! authority.handle_datagram(datagram, now);
//!
//! // The journal comes first; it is durable before the reply leaves.
//! let Some(Output::Write { ticket, .. }) = authority.poll() else {
//!     panic!("an UPDATE that changes the zone is written down");
//! };
//! assert!(authority.lookup(&name, RecordType::A).is_none());
//! authority.handle_written(ticket, now);
//! let reply = std::iter::from_fn(|| authority.poll()).find_map(|output| match output {
//!     Output::Transmit(transmit) => Some(transmit.payload),
//!     _ => None,
//! });
//! let rcode = read_reply(&reply.expect("a reply"), &update, None)?;
//! assert_eq!(rcode, ResponseCode::NoError);
//! assert!(authority.lookup(&name, RecordType::A).is_some());
//! # Ok(())
//! # }
//! ```

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
pub use journal::{Journal, JournalFold};
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
