//! Durable records: an append-only log with checksums and torn-tail recovery.
//!
//! A server appends what it is about to promise, calls [`Log::sync`] once for the whole batch,
//! and only then sends its replies. After a crash [`Log::open`] gives every record of every
//! batch whose `sync` returned, in order.
//!
//! - [`frame`]: records to bytes and back; what is a torn tail and what is corruption
//! - [`log`]: the file, its lock, group commit, and compaction
//!
//! Bounds: a record has at most [`RECORD_BYTES_MAX`] bytes, and a log is read into memory
//! whole when it is opened, so its owner rewrites it before it outgrows what it describes.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod frame;
pub mod log;

pub use frame::RECORD_BYTES_MAX;
pub use log::{Log, StoreError, Torn};
