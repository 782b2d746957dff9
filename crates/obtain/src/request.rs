//! What is asked for, and the order in which it is looked for.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::cache::{self, Cached, Locked};
use crate::container::Container;
use crate::debian::Debian;
use crate::error::FetchError;
use crate::provider::{Progress, Provider};
use crate::pypi::PyPi;
use crate::release::ReleaseArchive;
use crate::tool::{etcd_version, find_in};
use crate::version::{Version, VersionReq};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// `--etcd PATH`: this binary and no other.
    pub path: Option<PathBuf>,
    /// `--etcd VERSION`; [`VersionReq::DEFAULT`] and any `$QUORATE_ETCD` when absent.
    pub version: Option<VersionReq>,
    /// `$QUORATE_ETCD`
    pub environment: Option<PathBuf>,
    /// `$PATH`
    pub search_path: Option<OsString>,
    pub cache: PathBuf,
    /// Whether providers may be asked when nothing suitable is here.
    pub download: bool,
}

/// The home directory is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no directory for the cache: set $QUORATE_CACHE to one that you can write to")]
pub struct NoCacheDir;

impl Request {
    /// A request with everything else taken from the environment.
    pub fn new(path: Option<PathBuf>, version: Option<VersionReq>) -> Result<Self, NoCacheDir> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Ok(Self {
            path,
            version,
            environment: variable("QUORATE_ETCD").map(PathBuf::from),
            search_path: variable("PATH"),
            cache: cache::default_dir().ok_or(NoCacheDir)?,
            download: true,
        })
    }
}

/// A binary that was run, and said that it is etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etcd {
    pub etcd: PathBuf,
    pub etcdctl: Option<PathBuf>,
    pub version: Version,
    pub origin: Origin,
}

/// Where a binary was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Argument,
    Environment,
    Path,
    /// The cache, and who had provided it.
    Cache(String),
    /// Just fetched from this provider.
    Fetched(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument => f.write_str("given"),
            Self::Environment => f.write_str("$QUORATE_ETCD"),
            Self::Path => f.write_str("$PATH"),
            Self::Cache(provider) => write!(f, "cache, from {provider}"),
            Self::Fetched(provider) => write!(f, "fetched from {provider}"),
        }
    }
}

/// One place that was tried, and why it was of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub place: String,
    pub reason: String,
}

/// Why there is no etcd.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObtainError {
    #[error("{} cannot be used as etcd: {reason}", path.display())]
    Unusable { path: PathBuf, reason: String },
    #[error(
        "no etcd {wanted} could be obtained:{}\ngive one with --etcd PATH or $QUORATE_ETCD, or \
         install one into $PATH",
        attempts(tried)
    )]
    NothingWorked {
        wanted: VersionReq,
        tried: Vec<Attempt>,
    },
}

fn attempts(tried: &[Attempt]) -> String {
    let line = |attempt: &Attempt| format!("\n  {}: {}", attempt.place, attempt.reason);
    tried.iter().map(line).collect()
}

/// Every provider, in the order in which they are asked.
pub fn providers() -> Vec<Box<dyn Provider>> {
    vec![
        Box::new(Debian),
        Box::new(ReleaseArchive),
        Box::new(PyPi),
        Box::new(Container),
    ]
}

/// Finds or fetches etcd, from every [`providers`] in turn.
pub fn obtain(request: &Request, progress: &dyn Progress) -> Result<Etcd, ObtainError> {
    obtain_from(&providers(), request, progress)
}

/// Like [`obtain`], from these providers.
pub fn obtain_from(
    providers: &[Box<dyn Provider>],
    request: &Request,
    progress: &dyn Progress,
) -> Result<Etcd, ObtainError> {
    if let Some(path) = &request.path {
        return given(path, Origin::Argument);
    }
    let wanted = request.version.unwrap_or(VersionReq::DEFAULT);
    let mut tried = Vec::new();
    if let Some(path) = &request.environment {
        let etcd = given(path, Origin::Environment)?;
        if request.version.is_none_or(|req| req.matches(etcd.version)) {
            return Ok(etcd);
        }
        tried.push(Attempt {
            place: "$QUORATE_ETCD".to_owned(),
            reason: format!("is {}", etcd.version),
        });
    }
    match on_path(request, wanted) {
        Ok(etcd) => return Ok(etcd),
        Err(error) => tried.push(Attempt {
            place: "$PATH".to_owned(),
            reason: error.to_string(),
        }),
    }
    if let Some(cached) = cache::find(&request.cache, wanted) {
        return Ok(from_cache(cached, Origin::Cache));
    }
    tried.push(Attempt {
        place: "cache".to_owned(),
        reason: format!("nothing of it in {}", request.cache.display()),
    });
    if request.download {
        match fetch(providers, request, wanted, progress) {
            Ok(etcd) => return Ok(etcd),
            Err(attempts) => tried.extend(attempts),
        }
    }
    Err(ObtainError::NothingWorked { wanted, tried })
}

/// A binary that the user pointed at: it must work.
fn given(path: &Path, origin: Origin) -> Result<Etcd, ObtainError> {
    let version = etcd_version(path).map_err(|error| ObtainError::Unusable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let beside = path.with_file_name("etcdctl");
    Ok(Etcd {
        etcd: path.to_owned(),
        etcdctl: beside.is_file().then_some(beside),
        version,
        origin,
    })
}

fn on_path(request: &Request, wanted: VersionReq) -> Result<Etcd, FetchError> {
    let search_path = request.search_path.as_deref().unwrap_or_default();
    let path = find_in("etcd", search_path).ok_or(FetchError::NotOnPath)?;
    let version = etcd_version(&path)?;
    if !wanted.matches(version) {
        return Err(FetchError::OtherVersion { path, version });
    }
    Ok(Etcd {
        etcd: path,
        etcdctl: find_in("etcdctl", search_path),
        version,
        origin: Origin::Path,
    })
}

fn from_cache(cached: Cached, origin: impl FnOnce(String) -> Origin) -> Etcd {
    Etcd {
        etcd: cached.etcd,
        etcdctl: cached.etcdctl,
        version: cached.manifest.version,
        origin: origin(cached.manifest.provider),
    }
}

/// Asks one provider after another, and installs what the first good one has.
fn fetch(
    providers: &[Box<dyn Provider>],
    request: &Request,
    wanted: VersionReq,
    progress: &dyn Progress,
) -> Result<Etcd, Vec<Attempt>> {
    let cache = Locked::new(&request.cache).map_err(|error| {
        vec![Attempt {
            place: request.cache.display().to_string(),
            reason: error.to_string(),
        }]
    })?;
    // Another process may have installed it while this one waited for the lock.
    if let Some(cached) = cache::find(&request.cache, wanted) {
        return Ok(from_cache(cached, Origin::Cache));
    }
    let mut tried = Vec::new();
    for provider in providers {
        let Some(version) = provider.candidate(wanted) else {
            let offers: Vec<String> = provider.offers().iter().map(ToString::to_string).collect();
            tried.push(Attempt {
                place: provider.name().to_owned(),
                reason: format!("has only {}", offers.join(", ")),
            });
            continue;
        };
        match fetch_one(provider.as_ref(), &cache, version, progress) {
            Ok(cached) => return Ok(from_cache(cached, Origin::Fetched)),
            Err(error) => {
                cache.discard();
                tried.push(Attempt {
                    place: provider.name().to_owned(),
                    reason: error.to_string(),
                });
            }
        }
    }
    Err(tried)
}

fn fetch_one(
    provider: &dyn Provider,
    cache: &Locked,
    version: Version,
    progress: &dyn Progress,
) -> Result<Cached, FetchError> {
    progress.step(&format!("etcd {version} from {}", provider.name()));
    let staging = cache.staging().map_err(FetchError::file("the cache"))?;
    let fetched = provider.fetch(version, &staging, progress)?;
    // Archives of some providers do not keep the executable bit.
    make_executable(&fetched.etcd).map_err(FetchError::file(fetched.etcd.display()))?;
    let actual = etcd_version(&fetched.etcd)?;
    if actual != version {
        return Err(FetchError::WrongVersion {
            archive: fetched.source,
            actual,
            version,
        });
    }
    cache
        .install(&fetched, version, provider.name())
        .map_err(FetchError::file("the cache"))
}

fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests;
