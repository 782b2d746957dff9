//! What people and programs read when a story has been told.
//!
//! Values in, text out; nothing here prints. [`human`] is for a terminal or a log, [`json`] for
//! programs, [`artifacts`] for the directory that lets somebody else look into a run later.

pub mod artifacts;
#[cfg(test)]
mod fixture;
pub mod human;
pub mod json;
mod milestones;
mod table;
mod text;
mod waterfall;
