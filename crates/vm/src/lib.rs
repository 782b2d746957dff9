//! The world `vm`: machines with firmware, a boot loader and a kernel of their own, under QEMU.
//!
//! The rest is the world [`host`](quorate_host): the same sandbox, servers, switch and watches.
//! Only the [`MachineBackend`](quorate_host::world::backend::MachineBackend) differs, and it may hold both kinds.
//!
//! ```text
//!  sandbox, no root                                    QEMU, a process in it
//!  ┌────────────────────────┐  wire: frames       ┌────────────────────────────┐
//!  │ servers    switch ═════╪═════════════════════╪═ virtio-net: ROM ─► kernel │
//!  │ drive ─► backend       │  QMP                │                    │       │
//!  │                   ─────┼─────────────────────┤ link, freeze       ▼       │
//!  │ console, events, log ◄─┼─────────────────────┤ ttyS0–2 ◄── init ─► agent  │
//!  └────────────────────────┘  five socketpairs   └────────────────────────────┘
//! ```
//!
//! No socket of a machine has a name in the file system; its disk is a sparse file. QEMU is a child
//! of the runner in the sandbox's PID namespace: whatever ends the runner ends it.
//!
//! - [`accel`]: what executes their instructions; [`kvm_probe`]: whether KVM does
//! - [`files`]: what they boot; [`firmware`]: what of it must be on this host
//! - `qemu`: one machine that is on; `qmp`: its monitor
//! - `console`: what comes on its serial ports; `disk`: what it keeps
//! - [`backend`]: all machines of a story
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod accel;
pub mod backend;
mod console;
mod disk;
pub mod files;
pub mod firmware;
pub mod kvm_probe;
mod qemu;
mod qmp;

pub use accel::Accelerator;
pub use backend::VirtualMachines;
pub use files::Files;
pub use firmware::{Firmware, Missing, Thing};
pub use kvm_probe::find_accelerator;
