//! The process of the step before etcd.

use quorate_await_peers::PeerWait;
use quorate_etcd::Scheme;

/// One `quorate await-peers`.
#[derive(Debug)]
pub(super) struct AwaitPeers {
    pub(super) unit: String,
    pub(super) scheme: Scheme,
    pub(super) engine: PeerWait,
    /// Its UDP socket.
    pub(super) port: u16,
}
