//! A model of etcd: its process on a machine, its clusters, its discovery service.

mod clusters;
mod error;
mod flags;
mod lookup;
mod process;
mod registry;

pub(crate) use clusters::{ClusterEffect, Clusters, NoLeader, Timeouts};
pub(crate) use error::StartError;
pub(crate) use flags::{DiscoveryMethod, Flags};
pub(crate) use lookup::Query;
pub(crate) use process::{Asking, DataDir, PeerPort, Process};
pub(crate) use registry::{Registration, Registry};
