//! What people read of a run. Values in, text out; nothing here prints.
//!
//! - [`human`]: verdict and waterfall for a terminal
//! - [`json`]: the same for programs
//! - [`artifacts`]: the directory with everything

pub mod artifacts;
pub mod human;
pub mod json;
mod waterfall;
