//! Many runs: under many seeds, in every order, ever smaller, or one seed twice.

pub(crate) mod determinism;
pub mod interleavings;
pub mod shrink;
pub mod swarm;
pub mod sweep;
