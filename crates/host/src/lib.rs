//! Namespaces, processes and the userspace switch: the world of real machines.
//!
//! Works without root. The whole world lives in one [`sandbox`]: a user, network, mount and PID
//! namespace that dies with its runner. In it each machine has a network namespace of its own
//! ([`netns`]), a cable to the userspace switch ([`lan`]), and, while it is powered on, a PID 1
//! with its own root file system ([`machine`]).
//!
//! ```text
//!  outer ── waits, passes signals on
//!    └ middle ── made the namespaces
//!        └ PID 1 ── reaps
//!            └ runner ── sandbox::enter returns here; owns the switch
//!                ├ machine n0: namespace holder ── PID 1 ── …
//!                └ machine n1: namespace holder ── PID 1 ── …
//! ```
//!
//! Nothing here outlives any of the first four, not even after kill -9.

pub mod lan;
pub mod machine;
pub mod netns;
pub mod process;
pub mod sandbox;
pub mod world;
