//! The daemons: engines on real sockets and disks.
//!
//! One process serves DHCP, DNS with UPDATE, and seeds; each can be switched off, and the
//! registrar can update somebody else's DNS server. The harness starts exactly this.
//!
//! What lies between the doors is [`quorate_server`]: the engines and what they tell.
//!
//! - [`config`]: `quorate.toml`, read; `keys`: TSIG keys, read or made; `check`: both, elsewhere
//! - `run`: the main loop; `disk`: the log
//! - `dhcp_port`, `dns_port`, `seed_port`, `tftp_port`, `stream`, `control`: the doors
//! - `advert_port`: why a machine that boots waits for no IPv6 router

mod advert_port;
mod check;
mod clock;
pub mod config;
mod control;
mod dhcp_port;
mod disk;
mod dns_port;
mod keys;
mod run;
mod seed_port;
mod stream;
mod tftp_port;

pub use check::check;
pub use config::Config;
pub use quorate_server::event::{self, Event, Line};
pub use run::{ServeError, control_path, run};
