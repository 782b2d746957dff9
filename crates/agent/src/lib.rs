//! The node agent: drives one machine's life on a real kernel.
//!
//! [`run`] is the driver of a [`quorate_node::Node`] in one network namespace, as PID 1 of a
//! machine or as an ordinary process. One thread waits in `poll(2)` for frames, signals, ended
//! fetches and the engine's deadline; HTTP alone happens on helper threads.
//!
//! - `driver`: the loop, and what each of the engine's effects means
//! - `config`, `line`, `error`, `clock`: what an agent is given, prints, fails with, and reads
//! - `link`: the interface: frames in and out, address, routes
//! - `frame`: DHCP and ARP frames, and the filter that lets DHCP in
//! - `fetch`: HTTP
//! - `processes`: units' processes, and reaping; `unit_log`: what they say, which has bounds
//! - `peers`: the wait for etcd's peers, a step of its unit
//! - `system_files`: names and name servers
//!
//! Every effect and every event is written as a JSON line, a [`Line`].
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod clock;
mod config;
mod driver;
mod error;
mod fetch;
mod frame;
mod line;
mod link;
mod peers;
mod processes;
mod system_files;
mod unit_log;

pub use quorate_node::Datasource;

pub use config::Config;
pub use driver::run;
pub use error::AgentError;
pub use line::{Line, Report};
pub use peers::{AwaitPeers, Awaited, await_peers};
