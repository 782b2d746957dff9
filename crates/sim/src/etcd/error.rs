//! Why etcd exits before it serves.

use quorate_etcd::{DiscoveryError, PeerUrlError};
use thiserror::Error;

use super::registry::JoinError;

/// Why the process exits; the text is what etcd prints.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error("flag {0} is not given")]
    FlagMissing(&'static str),
    #[error("invalid value {value:?} for flag {flag}")]
    FlagInvalid { flag: &'static str, value: String },
    #[error("error setting up initial cluster: bad value of --initial-cluster")]
    InitialCluster,
    #[error(transparent)]
    PeerUrl(#[from] PeerUrlError),
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error(transparent)]
    Join(#[from] JoinError),
}
