//! What people and programs read when a scenario has run.
//!
//! Values in, text out; nothing here prints. [`human`] is for a terminal or a log, [`html`] for a
//! browser, [`json`] and [`junit`] for programs, [`artifacts`] for the directory of a
//! run, and [`recording`] reads it back.

pub mod artifacts;
mod axis;
#[cfg(test)]
mod fixture;
pub mod html;
pub mod human;
pub mod json;
pub mod junit;
pub mod latency;
pub mod lease_times;
mod letters;
pub mod marks;
mod milestones;
pub mod rates;
pub mod recording;
pub mod schema_page;
mod stage;
mod style;
mod table;
mod text;
mod waterfall;
