//! Gets an etcd binary, and other packages of Debian's.
//!
//! In this order: an explicit path, `$QUORATE_ETCD`, the right version in `$PATH`, the cache,
//! and then one package [`Provider`] after another. Nothing needs root, and nothing but the
//! cache directory is written to.
//!
//! - [`version`]: versions, and what is asked for
//! - [`cache`]: installed binaries, each with a manifest of where it came from
//! - [`error`]: why something could not be had
//! - [`provider`]: the trait; [`debian`], [`release`], [`pypi`], [`container`] implement it
//! - [`tool`]: running the tools that they need
//!
//! Every binary is run once with `--version` before it is believed.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod cache;
pub mod container;
pub mod debian;
pub mod error;
pub mod provider;
pub mod pypi;
pub mod release;
pub mod request;
pub mod tool;
pub mod version;

pub use cache::{Cached, list};
pub use error::FetchError;
pub use provider::{Fetched, Progress, Provider, Silent};
pub use request::{Attempt, Etcd, ObtainError, Origin, Request, obtain, obtain_from, providers};
pub use version::{Version, VersionReq};
