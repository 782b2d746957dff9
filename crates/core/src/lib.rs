//! The contract between engines and worlds.
//!
//! Every protocol of quorate is a pure state machine ([`Engine`]): bytes and a time go in;
//! [`Transmit`]s, durable writes, effects, events and one [`Deadline`] come out. No engine opens a
//! socket, reads a clock, spawns a task or draws from a global random source, so one
//! implementation runs in a simulation, on real sockets, and in a virtual machine alike.
//!
//! - [`time`]: the monotonic [`Instant`], the [`Wall`] clock, and [`Deadline`]s with a reason
//! - [`net`]: [`Datagram`] in, [`Transmit`] out, and where a transmit is meant to go
//! - [`engine`]: the trait itself, with a small engine and the loop of its driver
//! - [`seed`]: one seed, many independent named random streams
//! - [`mutant`]: engines with a seeded bug, in tests only
//! - [`delay`]: random delays that a world may record and replay
//! - [`laws`]: what every engine must obey, as checks that tests run against it
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod delay;
pub mod engine;
pub mod laws;
pub mod mutant;
pub mod net;
pub mod seed;
pub mod time;

pub use delay::{DelayHook, Delays};
pub use engine::{Engine, Output, OutputOf, Queue, Ticket};
pub use mutant::{Bug, Mutant};
pub use net::{Channel, Datagram, Destination, MacAddr, StreamId, Transmit};
pub use seed::{Random, Seed};
pub use time::{Deadline, Instant, Now, Wall};
