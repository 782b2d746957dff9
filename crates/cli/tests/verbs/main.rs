//! The command line as people meet it: one file for each verb, and one for what all have.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod check;
mod output;
mod program;
mod run;
