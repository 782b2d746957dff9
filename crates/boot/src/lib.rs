//! What a machine boots from: a boot loader by TFTP, a script for iPXE, a NoCloud seed.
//!
//! A machine that boots knowing nothing but its own MAC address fetches a *seed* over HTTP: the
//! files `meta-data`, `user-data`, `vendor-data` and `network-config` of the cloud-init NoCloud
//! datasource. This crate renders them; it opens no socket and reads no file.
//!
//! Everything in a seed that came from a machine or an operator stays data: the files are JSON,
//! which every YAML reader accepts, written so that YAML 1.1 and 1.2 readers agree on each
//! character; and the etcd unit quotes each word as systemd unquotes it.
//!
//! - [`facts`]: what is known of one machine
//! - [`seed`](mod@seed): the four files
//! - [`etcd_unit`]: the systemd unit that runs etcd with `--discovery-srv`
//! - [`quote`](mod@quote): words of an `ExecStart=` line
//! - [`route`](mod@route): which HTTP path asks for which file of which machine
//! - [`ipxe`]: the script that says which kernel
//! - [`tftp`]: how firmware reads its boot loader
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod etcd_unit;
pub mod facts;
pub mod ipxe;
mod json;
pub mod quote;
pub mod route;
pub mod seed;
pub mod tftp;

pub use etcd_unit::{EtcdUnit, PeerScheme, UnitError};
pub use facts::Facts;
pub use ipxe::{Script, ScriptError};
pub use quote::{QuoteError, quote};
pub use route::{File, route, script_route, seed_path};
pub use seed::{Seed, seed, seed_file};
