//! The services of one server: DHCP, DDNS, DNS, seeds and network boot, behind one log.
//!
//! `quorate serve` gives them sockets and a disk, the simulator virtual ones; everything else is
//! this crate, so that both behave the same. Nothing here opens a socket or a file.
//!
//! - [`config`]: the sections of `quorate.toml`; [`setup`]: validated, with what they need of
//!   each other
//! - [`check`]: what a configuration would not do, with the places that disagree
//! - [`engines`]: the engines; [`journal`]: the [`Journal`] that makes their promises durable, and
//!   which records it keeps
//! - [`seeds`]: what an HTTP request for a seed is answered
//! - `boot`: what each kind of firmware loads
//! - [`event`]: what happened
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod boot;
pub mod check;
pub mod config;
pub mod directory;
mod engines;
pub mod event;
pub mod journal;
mod record;
pub mod seeds;
pub mod setup;
mod translate;

pub use boot::BootError;
pub use config::Config;
pub use directory::Directory;
pub use engines::{Engines, Service};
pub use event::{Event, Line};
pub use journal::{Journal, compact};
pub use seeds::{SeedAnswer, Seeds};
pub use setup::{Keys, Setup, SetupError};
