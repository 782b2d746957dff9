//! The daemons: engines on real sockets and disks.
//!
//! One process serves DHCP, DNS with UPDATE, and seeds; each can be switched off, and the
//! registrar can update somebody else's DNS server. The harness starts exactly this.
//!
//! - [`config`] is `quorate.toml`; `setup` validates it
//! - `run`: the main loop; `engines`: the engines and the one log behind them
//! - `dhcp_port`, `dns_port`, `seed_port`, `stream`, `control`: the doors
//! - [`event`]: what the daemons tell

mod clock;
pub mod config;
mod control;
mod dhcp_port;
mod dns_port;
mod engines;
pub mod event;
mod run;
mod seed_port;
mod setup;
mod stream;
mod translate;

pub use config::Config;
pub use event::{Event, Line};
pub use run::{ServeError, control_path, run};
