//! A DNS message on its way from a socket to the main loop.

use std::net::SocketAddr;

use quorate_core::Channel;
use tokio::sync::oneshot;

/// One message for the engine, and where its answer goes. Dropping `reply` answers nothing.
#[derive(Debug)]
pub(crate) struct DnsRequest {
    pub(crate) source: SocketAddr,
    pub(crate) channel: Channel,
    pub(crate) payload: Vec<u8>,
    pub(crate) reply: oneshot::Sender<Vec<u8>>,
}
