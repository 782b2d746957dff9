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
//!               Ended    last block acknowledged, ERROR, or nobody answers
//! ```
//!
//! Firmware reads its boot loader this way; everything larger goes over HTTP. Each transfer has a
//! port of its own, its *transfer identifier*: the driver binds one and gives its datagrams to one
//! [`Transfer`]. Nobody can write.
//!
//! - [`wire`]: octets ↔ packets
//! - [`transfer`]: the machine

pub mod transfer;
pub mod wire;

pub use transfer::{Event, Transfer};
pub use wire::{ErrorCode, Malformed, Mode, Request};

/// Where requests are sent to (RFC 1350 §4).
pub const PORT: u16 = 69;
