//! A TFTP server's side of one read (RFC 1350), with its options (RFC 2347–2349, 7440).
//!
//! ```text
//!                 RRQ ──► Request::parse ──► Transfer::new
//!                                               │
//!      no options ┌─────────────────────────────┴──────┐ options
//!                 ▼                                    ▼
//!              Sending ◄────────── ACK 0 ────────── Offering
//!                 │  ACK: the next window; silence: the same window again
//!                 ▼
//!               Ended    last block acknowledged, ERROR, or no answer
//! ```
//!
//! Firmware reads its boot loader by TFTP; everything larger goes over HTTP. Each transfer has a
//! port of its own, its *transfer identifier*: the driver binds one and gives its datagrams to one
//! [`Transfer`]. Clients cannot write.
//!
//! - [`wire`]: octets ↔ packets
//! - [`transfer`]: the machine

pub mod transfer;
pub mod wire;

pub use transfer::{Content, Event, Transfer};
pub use wire::{ErrorCode, Malformed, Mode, Request};

/// Where requests are sent to (RFC 1350 §4).
pub const PORT: u16 = 69;
