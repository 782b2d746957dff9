//! What an etcd member waits for before it starts.
//!
//! etcd looks its peers up once. A record whose target does not resolve at that moment is left
//! out without a word, and the member bootstraps a cluster of its own for good. And members that
//! look at the same moment hold each other up: each has its peer port open, asks the others for
//! their members before it serves that question itself, and waits a second for each of them.
//!
//! [`PeerWait`] is an engine that runs before etcd does (`quorate await-peers`, an
//! `ExecStartPre=` of the unit). It goes on when
//!
//! 1. the SRV set is there and lists this member,
//! 2. every target of the set has an address, which came with the set (RFC 2782) or is asked for
//!    until one answers,
//! 3. it is this member's turn: one of those before it serves, or has had its time.
//!
//! The addresses go with its [`Verdict`]: pinned in `/etc/hosts` they are what etcd will find,
//! whatever becomes of its own questions.
//!
//! - `peer_wait`: the state machine; `event`: its commands, effects and events
//! - `resolver`: questions, asked until they are answered
//! - `turn`: which members a member lets go first, and for how long
//! - `hosts`: the lines of `/etc/hosts`
//!
//! Only IPv4 addresses are asked for, as everywhere in quorate.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod event;
pub mod hosts;
mod peer_wait;
mod resolver;
mod turn;

pub use event::{Command, Effect, Event, NoData, Ready, Reason, Verdict};
pub use peer_wait::{Config, PeerWait};
pub use turn::Probe;
