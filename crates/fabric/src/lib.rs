//! The wire: Ethernet frames, links with faults, a learning switch, capture to pcapng.
//!
//! Nothing here touches a network. The [`Switch`] is a pure state machine: frames and a time
//! go in, frames and one deadline come out, so the same switch carries real frames between
//! namespaces and simulated ones on virtual time. Every fault that a frame can meet is decided
//! here, from one seed:
//!
//! ```text
//!  port A ──▶ link A, towards the switch ──▶ learn, look up
//!                                                │
//!  port B ◀── link B, away from it  ◀── rules for A → B
//! ```
//!
//! - [`frame`]: Ethernet, ARP, IPv4 and UDP, built and read
//! - [`link`]: the faults of one direction of a link: delay, loss, rate, …
//! - [`rule`]: which pairs of ports are cut off from each other, or impaired
//! - [`switch`]: the switch itself
//! - [`relay`]: a rack's router and DHCP relay agent
//! - [`pcapng`]: what a capture file is made of

pub mod frame;
pub mod link;
pub mod pcapng;
mod port;
pub mod relay;
pub mod rule;
pub mod switch;

pub use frame::{ArpFrame, Checksums, UdpFrame};
pub use link::{Chance, Faults, Transit};
pub use port::{Direction, PortId, SegmentId};
pub use relay::Relay;
pub use rule::{Action, Ports, Rule, RuleId, Traffic, Verdict};
pub use switch::{Counters, DropReason, FatePolicy, Passage, Switch};
