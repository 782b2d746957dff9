//! What all worlds share, so that they differ only in what they are made of.
//!
//! - [`servers`]: the servers of a story, as a configuration of `quorate serve`
//! - [`observe`]: translates the events of servers and machines to observations
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod observe;
pub mod servers;
