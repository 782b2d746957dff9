//! Lease events to DNS UPDATEs, service registration and the cohort gate, as a pure engine.
//!
//! The owner of the leases gives the commands [`Command::Bound`] and [`Command::Ended`]; the
//! [`Registrar`] makes the zones agree, however often servers, networks and it itself fail: it
//! writes every change down before it sends the first UPDATE for it, and tries until the server
//! acknowledges it.
//!
//! - `registrar`: the engine; `restore`: from records and back; `fold`: which records a log must keep
//! - `step`: the UPDATEs of each change and where their replies lead
//! - `registrations`: leases that want names, with their indexes
//! - `change`: one change; `key_queues`: which changes must wait for which; `in_flight`: which
//!   change a reply belongs to
//! - `cohort`: the gate that holds a service's SRV set back until it is whole
//! - `binding`, `config`, `event`, `record`: what goes in and out

mod binding;
mod change;
mod cohort;
mod config;
mod event;
mod fold;
mod in_flight;
mod key_queues;
mod record;
mod registrar;
mod registrations;
mod restore;
mod step;
#[cfg(test)]
mod tests;

pub use binding::Binding;
pub use config::{
    Config, ConfigError, DEFAULT_CLIENT_PORT, DEFAULT_PEER_PORT, DEFAULT_TTL_SECS, RawConfig,
    RawService, RawSet,
};
pub use event::{Command, Event};
pub use fold::OutboxFold;
pub use record::{OutboxRecord, Outcome};
pub use registrar::{Registrar, UDP_PAYLOAD_OCTETS};
