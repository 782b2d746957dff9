//! What tests need beside the compiler, and one harness for all that need it.
//!
//! A test that lacks something is reported as *ignored*, with the reason in its line; it never
//! looks like one that passed. Where the needs are promised, `QUORATE_REQUIRE` turns "not run"
//! into a failure:
//!
//! ```text
//!   QUORATE_REQUIRE=host,docker cargo test        those two
//!   QUORATE_REQUIRE=all cargo test                host, etcd, docker, qemu, clients, network
//! ```
//!
//! [`Need::Switch`] is for tests that need not run every day. They stay off until their
//! switch is set, also under `all`; `cargo run -p quorate-needs` lists them with how to run each.
//!
//! What is where: [`need`] has the needs and which [`Resource`] each belongs to; [`probe`] asks this
//! machine; [`require`] reads `$QUORATE_REQUIRE`; [`harness`] has tests and the `main` of their
//! programs; [`switches`] lists the tests that are off.

pub mod harness;
pub mod need;
pub mod probe;
pub mod require;
pub mod switches;

pub use harness::{Test, main, run};
pub use need::{Need, Resource};
pub use require::Required;
