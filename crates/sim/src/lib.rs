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
//! - `world`: [`SimWorld`], which dispatches; [`run`](fn@run): one story from beginning to end
//! - `machine`: its power, clock, node, the step before etcd; machines that hang
//! - `servers`: `quorate serve` without sockets, its disk, what it wants done
//! - `etcd`: a model of the process and its flags, of clusters, of the discovery service
//! - `lan`: the wire, and relays on it
//! - `faults`: what is wrong at this moment; `evidence`: what is there at the end
//! - `chance`: what chance decides, written down and given again; [`decision_log`]
//! - `search`: [`swarm`]: faults from the seed; [`sweep`](mod@sweep): many seeds;
//!   [`interleavings`]: every order of publications and starts; [`shrink`]: ever smaller runs;
//!   [`check_determinism`]: one seed, two runs
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod agenda;
mod chance;
mod etcd;
mod evidence;
mod faults;
mod lan;
mod machine;
mod options;
mod run;
mod search;
mod servers;
mod world;

pub use chance::decision_log::{self, Log};
pub use options::Options;
pub use run::{Recording, record, replay, run, run_mutant};
pub use search::determinism::{Difference, check_determinism};
pub use search::swarm::{self, Swarm};
pub use search::sweep::{self, Failure, merge, sweep};
pub use search::{interleavings, shrink};
pub use world::SimWorld;
