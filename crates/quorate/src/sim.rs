//! What the world `sim` needs to know before a run.

use quorate_obtain::VersionReq;
use quorate_obtain::version::VersionError;
use quorate_scenario::Story;
use quorate_sim::Options;
use thiserror::Error;

/// The etcd that was named is no version.
#[derive(Debug, Error)]
#[error("{0}\nthe world `sim` has a model of etcd: name a version")]
pub struct NoVersion(#[from] VersionError);

/// A run without faults, with the etcd that `wanted` names, else the story, else the default one.
///
/// # Errors
/// When that is no version.
pub fn options(
    wanted: Option<&str>,
    story: &Story,
    seed: u64,
) -> Result<(Options, VersionReq), NoVersion> {
    let wanted = wanted.or(story.etcd.version.as_deref());
    let version = wanted.map(str::parse::<VersionReq>).transpose();
    let version = version?.unwrap_or(VersionReq::DEFAULT);
    let options = Options {
        etcd_version: (version.major, version.minor),
        seed,
        steps_max: None,
        swarm: None,
    };
    Ok((options, version))
}
