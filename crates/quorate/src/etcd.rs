//! Which etcd a run gets.

use std::path::PathBuf;

use quorate_obtain::version::VersionError;
use quorate_obtain::{Etcd, ObtainError, Progress, Request, VersionReq, obtain};
use thiserror::Error;

/// Why there is no etcd.
#[derive(Debug, Error)]
pub enum EtcdError {
    /// The version that was named is none.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The program that was named does not exist.
    #[error("{}: there is no such program", .0.display())]
    NoProgram(PathBuf),
    /// There is no directory for what is fetched.
    #[error(transparent)]
    NoCache(#[from] quorate_obtain::request::NoCacheDir),
    #[error(transparent)]
    Obtain(#[from] ObtainError),
}

/// Finds or fetches the etcd that `wanted` names, a version or a path; else the one that the story
/// names, else the default.
///
/// # Errors
/// When there is none.
pub fn find(
    wanted: Option<&str>,
    story: Option<&str>,
    progress: &dyn Progress,
) -> Result<Etcd, EtcdError> {
    let is_path = |text: &&str| text.contains('/') || text.parse::<VersionReq>().is_err();
    let path = wanted.filter(is_path).map(PathBuf::from);
    if let Some(path) = path.as_ref().filter(|path| !path.exists()) {
        return Err(EtcdError::NoProgram(path.clone()));
    }
    let version = match (&path, wanted.or(story)) {
        (None, Some(text)) => Some(text.parse::<VersionReq>()?),
        (Some(_), _) | (None, None) => None,
    };
    let request = Request::new(path, version)?;
    Ok(obtain(&request, progress)?)
}
