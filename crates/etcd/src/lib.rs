//! How etcd turns SRV answers into a cluster.
//!
//! etcd looks up its peers once, at its first start, and the set that it sees then decides its
//! cluster ID for ever. Nothing here talks to a network or starts a process; it is arithmetic
//! and reading, so that a harness can say *before* a run which ID is right, and *after* it
//! which records a node with another ID must have seen.
//!
//! - [`id`]: member and cluster IDs
//! - [`discovery`]: `--discovery-srv` as etcd 3.4 and as 3.5 and later perform it
//! - [`given`]: `--initial-cluster`, and `--discovery` with etcd's discovery service
//! - [`invert`](mod@invert): a cluster ID back to the set of peers it was made from
//! - [`log`]: what an etcd process says, in either of its two log formats
//! - [`diagnose`](mod@diagnose): all of that to one verdict a node, with its cause and its remedy
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod diagnose;
pub mod discovery;
pub mod given;
pub mod id;
pub mod invert;
pub mod log;
pub mod url;

pub use diagnose::{Diagnosis, Evidence, Verdict, diagnose};
pub use discovery::{
    Bootstrap, Discovery, DiscoveryError, LookupError, Release, Skip, Skipped, SrvRecord, View,
    service_name,
};
pub use id::{ClusterId, MemberId, TOKEN_DEFAULT, cluster_id, expected_cluster_id, member_id};
pub use invert::{TooManyCandidates, invert};
pub use log::LogEvent;
pub use url::{PeerUrl, PeerUrlError, Scheme};
