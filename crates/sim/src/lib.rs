//! The world on virtual time.
//!
//! The same stories, engines and bytes as in the world `host`; no process, no socket, no clock.
//! Every frame runs through [`quorate_fabric::Switch`], every DNS question and UPDATE is a message
//! in bytes, every seed is rendered by `boot` and read by `node`; what `quorate serve` does
//! between its doors is [`quorate_server`], here as there.
//!
//! ```text
//!   agenda: one queue, ordered by (instant, sequence)
//!     │ pops a wake
//!     ▼
//!   world ──► servers: Engines on a simulated disk ──┐
//!     │                                              ├──► lan: one switch ──► next wakes
//!     └─────► machines: Node, and etcd's model ──────┘
//! ```
//!
//! All that is drawn comes from the seed, in streams of their own for each machine and each
//! part, so that one story and one seed are one run, to the byte.
//!
//! What this world models and does not run: TCP (requests for seeds and large DNS messages take
//! a drawn time and are never cut short), ARP (everybody knows everybody's hardware address), and
//! etcd itself. etcd's [`Discovery`](quorate_etcd::Discovery) and its IDs are arithmetic that is
//! checked against real etcd; its elections here are times drawn within its timeouts.
//!
//! - `agenda`: the queue, the step budget
//! - `world`: [`SimWorld`]; `orders`: what a node's orders mean here
//! - `servers`, `disk`: `quorate serve` without sockets; `errands`: what it wants done
//! - `lan`: the wire; `racks`: relays on it
//! - `waiting`: the step before etcd; `machine`, `flags`, `etcd`, `bootstrap`: a machine and its
//!   member; `registry`: etcd's discovery service; `cluster`: who leads and what is replicated
//! - `collect`: the evidence; [`run`](fn@run): one story from beginning to end
//! - `frost`: machines that hang; `trouble`: what is wrong at this moment; `clock`: each host's own
//! - [`log`], `tape`, `framing`, `naming`: what chance decides, written down and given again
//! - [`interleavings`]: every order of publications and starts
//! - [`swarm`]: faults from the seed; [`sweep`](mod@sweep): many seeds;
//!   [`twice`](fn@twice): one seed, two runs
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod agenda;
mod bootstrap;
mod clock;
mod cluster;
mod collect;
mod disk;
mod errands;
mod etcd;
mod flags;
mod framing;
mod frost;
pub mod interleavings;
mod lan;
pub mod log;
mod machine;
mod members;
mod naming;
mod orders;
mod racks;
mod registry;
mod run;
mod servers;
pub mod shrink;
pub mod swarm;
pub mod sweep;
mod tape;
mod trouble;
mod twice;
mod waiting;
mod world;

pub use log::Log;
pub use run::{Told, record, replay, run, run_planted};
pub use swarm::Swarm;
pub use sweep::{Failure, merge, sweep};
pub use twice::{Difference, twice};
pub use world::{Options, SimWorld};
