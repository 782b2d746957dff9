//! Authoritative DNS as a pure engine: zones, RFC 2136 UPDATE, TSIG, the answer path.
//!
//! hickory-proto parses and emits; this crate is the only door to it. Zones, prerequisites,
//! update semantics, signatures' verdicts and policy are ours, because the ready-made ones
//! break RFC 2136 (`docs/decisions`).
//!
//! - [`client`]: what those who *send* UPDATEs and queries need
//! - [`tsig`]: keys, signatures and what the server says about bad ones (RFC 8945)

pub mod client;
pub mod tsig;
mod wire;

pub use hickory_proto::op::ResponseCode;
pub use hickory_proto::rr::rdata;
pub use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
