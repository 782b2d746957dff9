//! Durable records: an append-only log with checksums and torn-tail recovery.
//!
//! A server appends what it is about to promise, calls [`Log::sync`] once for the whole batch,
//! and only then sends its replies. After a crash [`Log::open`] gives every record of every
//! batch whose `sync` returned, in order.
//!
//! - [`frame`]: records to bytes and back; what is a torn tail and what is corruption
//! - [`log`]: the file, its lock, group commit, and how it goes on after an error
//! - [`rewrite`]: the log is replaced by a smaller one, beside everything else
//! - [`mod@salvage`]: what can be read of a damaged log
//! - `mark`: how far the log was durable; `files`: names, modes and errors
//!
//! A record may have any size. A log is read into memory whole when it is opened, so its owner
//! rewrites it before it outgrows what it describes.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod files;
pub mod frame;
pub mod log;
mod mark;
pub mod rewrite;
pub mod salvage;

pub use files::StoreError;
pub use log::{Log, Lost, Records};
pub use rewrite::{Emit, OldLog, Rewriter, Rewritten};
pub use salvage::{Salvaged, salvage};
