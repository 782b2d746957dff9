//! The world `container`: every machine of a story is a container of a Docker engine.
//!
//! The rest is the world [`host`](quorate_host): the same sandbox, servers, switch and watches.
//! Only the [`Rack`](quorate_host::world::rack::Rack) is another one.
//!
//! ```text
//!  sandbox, no root                          Docker engine
//!  ┌──────────────────────────┐   line       ┌────────────────────────────┐
//!  │ drive, watches           │◄────────────►│ n1: quorate as PID 1        │
//!  │ servers   switch ════════╪══ cable ═════╪══   └─► agent ─► etcd       │
//!  └──────────────────────────┘              └────────────────────────────┘
//! ```
//!
//! A container starts without any network. Its PID 1 is this same program, under
//! [`HIDDEN_VERB`]: it calls the runner on a Unix socket, the *line*, and waits. Power-on is an
//! order on that line, with the descriptor of the segment's network namespace: PID 1 makes the
//! cable, one end in its own namespace and one in that, and starts the agent. No process of
//! the runner needs a privilege for it. PID 1 stays beside the agent: it makes the machine hang
//! when the story says so, and is not stopped itself.
//!
//! Nothing outlives the runner, not even after kill -9: when its line closes, PID 1 ends, the
//! engine removes the container, and one more container, the [`janitor`], removes the disks.
//!
//! - [`engine`]: the Docker engine, and what is swept from it; `container`: one container
//! - [`image`]: what machines are made from; `boot`: this program, shown to a container
//! - [`site`]: one run's part of the engine
//! - [`rack`]: its machines; `bay`: one of them
//! - `line`: what runner and PID 1 say to each other
//! - [`machine`]: PID 1; [`janitor`]: who cleans up
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod bay;
mod boot;
mod container;
pub mod engine;
pub mod image;
pub mod janitor;
mod line;
pub mod machine;
pub mod rack;
pub mod site;

pub use engine::{Engine, EngineError};
pub use image::Image;
pub use janitor::Disks;
pub use machine::{HIDDEN_VERB, main};
pub use rack::Containers;
pub use site::Site;
