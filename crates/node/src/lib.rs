//! One machine's life: lease, name, seed, service, member
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]
pub mod cloud_config;
pub mod event;
pub mod supervisor;
pub mod unit;

pub use event::*;
