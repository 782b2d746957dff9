//! The daemons: engines on real sockets and disks.
//!
//! One process serves DHCP, DNS with UPDATE, and seeds; each can be switched off, and the
//! registrar can update a foreign DNS server. The harness starts exactly this.
//!
//! The engines between the sockets and their events are in [`quorate_server`].
//!
//! - `config`: `quorate.toml`, read; `keys`: TSIG keys, read or made; `check`: both, elsewhere;
//!   `salvage`: a damaged log
//! - `start`: opens everything; `run`: the main loop; `daemon`: its steps; `disk`: the log;
//!   `dns_request`, `answers`: DNS requests, and those that wait for their answer
//! - `dhcp_socket`, `dns_listener`, `dns_tcp`, `seed_listener`, `tftp_socket`, `stream`, `control`: the sockets
//! - `limits`, `shares`, `accept`: what strangers may hold at once; `boot_files`: what they may read
//! - `exclusive`: a second server is refused; `routed_socket`: replies that wait for ARP stop no others
//! - `privileges`: root and capabilities, given up once the sockets are open
//! - `reporter`: events of sockets that are tasks of their own
//! - `throttle`, `line_queue`, `event_lines`: what is written of events, and that a reader that stops
//!   stops nothing
//! - `advert_socket`: why a machine that boots does not wait for an IPv6 router

mod accept;
mod advert_socket;
mod answers;
mod boot_files;
mod check;
mod clock;
mod config;
mod control;
mod daemon;
mod dhcp_socket;
mod disk;
mod dns_listener;
mod dns_request;
mod dns_tcp;
mod error;
mod event_lines;
mod exclusive;
mod keys;
mod limits;
mod line_queue;
mod privileges;
mod reporter;
mod routed_socket;
mod run;
mod salvage;
mod seed_listener;
mod shares;
mod start;
mod state_dir;
mod stream;
mod tftp_socket;
mod throttle;

pub use check::{Checked, Files, FindingSeverity, Located, Served, check};
pub use config::Config;
pub use control::control_path;
pub use error::{ConfigError, Refused, ServeError};
pub use event_lines::EventLines;
pub use line_queue::LineQueue;
pub use privileges::confine;
pub use quorate_server::event::{self, Event, Line};
pub use quorate_store::Salvaged;
pub use run::run;
pub use salvage::salvage;
