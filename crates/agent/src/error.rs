//! Why an agent ends.

use std::io;

/// The agent cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("interface {interface}: {source}")]
    Interface {
        interface: String,
        #[source]
        source: io::Error,
    },
    #[error("signals cannot be received: {0}")]
    Signals(#[source] io::Error),
    #[error("fetches cannot be waited for: {0}")]
    Fetches(#[source] io::Error),
    #[error("events cannot be written: {0}")]
    Events(#[source] io::Error),
    #[error("poll: {0}")]
    Poll(#[source] io::Error),
}
