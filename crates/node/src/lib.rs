//! One machine's life as one state machine: power, lease, name, seed, units.
//!
//! A [`Node`] is what a computer with firmware, an operating system, cloud-init and systemd does
//! between power-on and its services, cut down to the links that quorate is about. It implements
//! [`quorate_core::Engine`] around the DHCP client's engine and touches nothing: interfaces,
//! files, HTTP and processes are [`Effect`]s that a driver carries out and answers by [`Command`]s. One
//! implementation lives in simulations, as a hollow machine on a switch, and on real kernels.
//!
//! - [`event`]: commands and events; [`effect`]: what a driver does
//! - [`machine`]: the state machine
//! - [`cloud_config`]: what a NoCloud seed asks for
//! - [`unit`](mod@unit): the systemd units that it installs
//! - [`supervisor`]: their processes' lives
//!
//! Firmware is not modelled: where a PXE machine would load a boot file that leads to a kernel
//! and from there to a seed, a node takes a boot file name (DHCP option 67) that begins with
//! `http://` as the address of its NoCloud seed.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod cloud_config;
pub mod effect;
pub mod event;
pub mod machine;
pub mod supervisor;
pub mod unit;

pub use effect::{Effect, StopSignal};
pub use event::{Command, Event, ExitStatus, Lease, Step};
pub use machine::{Config, Datasource, Node, State};
pub use supervisor::{Supervisor, UnitState};
