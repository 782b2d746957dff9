//! Machines that are no more than what others see of them on the wire.
//!
//! A [`Row`] is hundreds or thousands of machines behind one port of a switch: frames and a time
//! go in, frames and one deadline come out. Each machine is the same [`quorate_node::Node`] that
//! runs on real kernels, around it the little that a kernel does for it: ARP, IPv4, UDP, and TCP
//! for one short connection at a time. It leases an address, gets a name, and is then a client
//! of an etcd cluster: it looks its members up and asks one of them for its version, again and
//! again.
//!
//! - `row`: all machines, and which of them a frame concerns
//! - `machine`: one of them
//! - `client`: what it does once it has an address
//! - `call`: one TCP connection
//!
//! What a hollow machine does not do: fetch a seed, run a unit, answer pings, reassemble
//! fragments, talk to its neighbours in the row, or ask a name server by TCP.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod call;
mod client;
mod event;
mod machine;
mod row;

pub use client::Services;
pub use event::Event;
pub use row::Row;
