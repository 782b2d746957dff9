//! The binaries out of the etcd project's container image, without running it.

use std::path::Path;
use std::process::Command;

use crate::error::FetchError;
use crate::provider::{Fetched, Progress, Provider};
use crate::release::ReleaseArchive;
use crate::tool::{find, run};
use crate::version::{Version, VersionReq};

const ENGINES: [&str; 2] = ["podman", "docker"];
const IMAGE: &str = "gcr.io/etcd-development/etcd";

/// An image, through whichever of podman and docker is installed.
#[derive(Clone, Copy, Debug)]
pub struct Container;

impl Provider for Container {
    fn name(&self) -> &'static str {
        "container"
    }

    /// Images are published with the release archives.
    fn offers(&self) -> Vec<Version> {
        ReleaseArchive.offers()
    }

    fn candidate(&self, req: VersionReq) -> Option<Version> {
        ReleaseArchive.candidate(req)
    }

    fn fetch(
        &self,
        version: Version,
        into: &Path,
        progress: &dyn Progress,
    ) -> Result<Fetched, FetchError> {
        let engine = ENGINES
            .iter()
            .copied()
            .find(|engine| find(engine).is_some())
            .ok_or(FetchError::NotInstalled(&ENGINES))?;
        let image = format!("{IMAGE}:v{version}");
        progress.step(&format!(
            "copying the binaries out of {image} with {engine}"
        ));
        let output = run(Command::new(engine).args(["create", &image]), progress)?;
        // A pull prints before it; the identifier is the last line.
        let container = output.last().ok_or(FetchError::NoContainer)?;
        let copied = ["etcd", "etcdctl"].iter().try_for_each(|binary| {
            let mut copy = Command::new(engine);
            copy.arg("cp")
                .arg(format!("{container}:/usr/local/bin/{binary}"))
                .arg(into.join(binary));
            run(&mut copy, progress).map(drop)
        });
        let removed = run(Command::new(engine).args(["rm", container]), progress);
        copied?;
        removed?;
        Ok(Fetched {
            etcd: into.join("etcd"),
            etcdctl: Some(into.join("etcdctl")),
            source: image,
        })
    }
}
