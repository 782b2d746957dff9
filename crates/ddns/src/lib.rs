//! Lease events to DNS UPDATEs, service registration and the cohort gate, as a pure engine.
//!
//! Whoever hands out leases says [`Command::Bound`] and [`Command::Ended`]; the [`Registrar`]
//! makes the zones say the same, however often servers, wires and it itself fail: every wish
//! is written down before the first UPDATE of it leaves, and tried until it is acknowledged.
//!
//! - `registrar`: the engine; `restore`: from records and back
//! - `step`: the UPDATEs of each change and where their replies lead
//! - `change`, `lanes`, `flights`: one change under way, what must wait for what, whose reply
//! - `cohort`: the gate that holds a service's SRV set back until it is whole
//! - `binding`, `config`, `event`, `record`: what goes in and out

mod binding;
mod change;
mod cohort;
mod config;
mod event;
mod flights;
mod lanes;
mod record;
mod registrar;
mod restore;
mod roster;
mod step;
#[cfg(test)]
mod tests;

pub use binding::Binding;
pub use config::{
    Config, ConfigError, DEFAULT_CLIENT_PORT, DEFAULT_PEER_PORT, DEFAULT_TTL_SECS, RawConfig,
    RawService, RawSet,
};
pub use event::{Command, Event};
pub use record::{OutboxRecord, Outcome};
pub use registrar::{Registrar, UDP_PAYLOAD_OCTETS};
