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
//! A client gets a lease from a server; the example plays the link and the disk:
//!
//! ```
//! use quorate_core::{Channel, Datagram, Engine, Instant, MacAddr, Now, Output, Seed, Wall};
//! use quorate_dhcp::client::{Command, Event};
//! use quorate_dhcp::server::{RawServerConfig, RawSubnet};
//! use quorate_dhcp::{Client, ClientConfig, Server, ServerConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let subnet = RawSubnet::new("10.77.0.0/24".parse()?, "10.77.0.10-10.77.0.99".parse()?);
//! let config = ServerConfig::validate(RawServerConfig::new([10, 77, 0, 1].into(), subnet))?;
//! let mut server = Server::new(config, Seed::new(1));
//! let mac = MacAddr([2, 0, 0x5e, 0x10, 0, 1]);
//! let mut client = Client::new(ClientConfig::new(mac), Seed::new(2));
//! let now = Now::new(Instant::ZERO, Wall::from_unix_secs(1_767_225_600));
//! fn datagram(payload: &[u8]) -> Datagram<'_> {
//!     Datagram {
//!         source: ([10, 77, 0, 1], 67).into(),
//!         destination: ([255, 255, 255, 255], 67).into(),
//!         channel: Channel::Udp,
//!         payload,
//!     }
//! }
//!
//! client.command(Command::Start { previous: None }, now);
//! let configuration = loop {
//!     // DISCOVER, then REQUEST.
//!     match client.poll().expect("each message has a reply") {
//!         Output::Transmit(sent) => server.handle_datagram(datagram(&sent.payload), now),
//!         Output::Event(Event::Configured(configuration)) => break configuration,
//!         _ => {}
//!     }
//!     // OFFER, then ACK: the ACK leaves only after the lease is on disk.
//!     while let Some(output) = server.poll() {
//!         match output {
//!             Output::Write { ticket, .. } => server.handle_written(ticket, now),
//!             Output::Transmit(sent) => client.handle_datagram(datagram(&sent.payload), now),
//!             _ => {}
//!         }
//!     }
//! };
//! assert_eq!(configuration.addr.to_string(), "10.77.0.10");
//! assert_eq!(server.leases().count(), 1);
//! # Ok(())
//! # }
//! ```
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
