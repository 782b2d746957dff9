//! Where binaries come from.

use std::path::{Path, PathBuf};

use crate::error::FetchError;
use crate::version::{Version, VersionReq};

/// A packager of etcd.
pub trait Provider {
    /// A short name for messages and for directories in the cache.
    fn name(&self) -> &'static str;

    /// The versions that it is known to have, newest first.
    fn offers(&self) -> Vec<Version>;

    /// Which version it would fetch for this request, if it has one.
    fn candidate(&self, req: VersionReq) -> Option<Version> {
        self.offers().into_iter().find(|offer| req.matches(*offer))
    }

    /// Puts binaries of this version somewhere below `into`, an empty directory that it may
    /// also use for what it needs on the way.
    fn fetch(
        &self,
        version: Version,
        into: &Path,
        progress: &dyn Progress,
    ) -> Result<Fetched, FetchError>;
}

/// What a provider left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub etcd: PathBuf,
    pub etcdctl: Option<PathBuf>,
    /// The package, archive or image, as its provider names it.
    pub source: String,
}

/// Follows what a provider does.
pub trait Progress {
    /// A new step begins.
    fn step(&self, what: &str);
    /// A program that the step runs printed this.
    fn line(&self, line: &str);
}

/// Follows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _what: &str) {}
    fn line(&self, _line: &str) {}
}

/// How Debian, the release archives and container images name this machine's architecture.
pub(crate) fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        other => other,
    }
}
