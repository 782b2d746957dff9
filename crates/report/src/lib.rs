//! What people and programs read when a story has been told.
//!
//! Values in, text out; nothing here prints. [`human`] is for a terminal or a log, [`html`] for a
//! browser, [`json`] and [`junit`] for programs, [`artifacts`] for the directory that lets
//! somebody else look into a run later, and [`recording`] reads it back.

pub mod artifacts;
#[cfg(test)]
mod fixture;
pub mod html;
pub mod human;
pub mod json;
pub mod junit;
pub mod keys;
pub mod latency;
pub mod leasing;
pub mod marks;
mod milestones;
pub mod rates;
pub mod recording;
mod table;
mod text;
mod tracks;
mod waterfall;
