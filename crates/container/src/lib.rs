//! The world `container`: every machine of a story is a container of a Docker engine.
//!
//! The rest is the world [`host`](quorate_host): the same sandbox, servers, switch and watches.
//! Only the [`MachineBackend`](quorate_host::world::backend::MachineBackend) differs.
//!
//! ```text
//!  sandbox, no root                          Docker engine
//!  ┌──────────────────────────┐ control      ┌────────────────────────────┐
//!  │ drive, watches           │◄────────────►│ n1: quorate as PID 1        │
//!  │ servers   switch ════════╪══ cable ═════╪══   └─► agent ─► etcd       │
//!  └──────────────────────────┘              └────────────────────────────┘
//! ```
//!
//! A container starts without any network. Its PID 1 is this same program, under
//! [`HIDDEN_VERB`]: it connects to the runner's Unix socket, the *control socket*, and waits. Power-on is a
//! request there, with the descriptor of the segment's network namespace: PID 1 makes the cable, one end in its own namespace and one in that, and starts the agent. No process of
//! the runner needs a privilege for it. PID 1 stays beside the agent: it makes the machine hang
//! when the story says so, and is not stopped itself.
//!
//! Nothing outlives the runner, not even after kill -9: when its end of a control socket closes, PID 1 ends, the
//! engine removes the container, and one more container, the [`reaper`], removes the disks.
//!
//! - [`engine`]: the Docker engine, and what is swept from it; `container`: one container
//! - [`image`]: what machines are made from; `boot`: this program, shown to a container
//! - [`run_context`]: one run's part of the engine
//! - [`backend`]: its machines; `slot`: one of them
//! - `control`: the control socket between runner and PID 1
//! - [`machine`]: PID 1; [`reaper`]: cleans up after a run
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod backend;
mod boot;
mod container;
mod control;
pub mod engine;
pub mod image;
pub mod machine;
pub mod reaper;
pub mod run_context;
mod slot;

pub use backend::Containers;
pub use engine::{Engine, EngineError};
pub use image::Image;
pub use machine::{HIDDEN_VERB, main};
pub use reaper::Disks;
pub use run_context::RunContext;
