//! DHCPv4 (RFC 2131) as two pure state machines: [`Server`] and [`Client`].
//!
//! Neither owns a socket, a clock or a disk; both implement [`quorate_core::Engine`]. The
//! server answers a lease only after the record that keeps the promise is durable, so a
//! server rebuilt by [`Server::restore`] never contradicts what it put on the wire.
//!
//! - [`wire`]: bytes ↔ [`Message`], for any bytes without a panic; the only user of dhcproto
//! - [`fqdn`], [`relay`]: options 81 and 82
//! - [`name`]: host labels and the templates of classes
//! - [`net`]: subnets and address ranges as configuration writes them
//! - [`server`]: configuration, lease database, allocation, replies
//! - [`client`]: one enum variant for each state of RFC 2131 figure 5
//!
//! Not done, on purpose: BOOTP without option 53, link layers other than Ethernet, probing an
//! address by ICMP before offering it (clients probe by ARP and DECLINE), option overload in
//! replies, and several subnets on one link.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod client;
pub mod fqdn;
pub mod name;
pub mod net;
pub mod relay;
pub mod server;
pub mod wire;

#[cfg(test)]
mod pair_tests;

pub use client::{Client, ClientConfig, Configuration};
pub use fqdn::{ClientFqdn, FqdnFlags};
pub use server::{ClientKey, ConfigError, Lease, LeaseRecord, LeaseState, Server, ServerConfig};
pub use wire::{Malformed, Message, MessageType};

/// The UDP port servers and relay agents listen on (RFC 2131 §4.1).
pub const SERVER_PORT: u16 = 67;
/// The UDP port clients listen on (RFC 2131 §4.1).
pub const CLIENT_PORT: u16 = 68;
